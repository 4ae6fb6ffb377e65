"""Words that cheating needs and honest proofs do not; a proof with one of them is rejected before Lean sees it."""

import re

_WORDS = {
    "leaves the proof open": "sorry sorryAx admit stop",
    "trusts compiled code": "native native_decide ofReduceBool ofReduceNat reduceBool reduceNat trustCompiler",
    "searches for a proof": "exact? apply? rw? rewrite? have? observe? try? hint rw_search polyrith",
    "declares": "axiom theorem lemma def example abbrev instance structure inductive coinductive class opaque "
    "mutual deriving alias irreducible_def proof_wanted",
    "changes how code is read": "macro macro_rules syntax declare_syntax_cat elab elab_rules notation notation3 infix "
    "infixl infixr prefix postfix binder_predicate attribute local scoped hiding renaming simproc dsimproc "
    "grind_pattern unif_hint seal unseal",
    "is a command": "import export include omit namespace section end variable universe private protected public "
    "noncomputable initialize builtin_initialize suppress_compilation add_decl_doc",
    "runs code": "unsafe partial implemented_by extern csimp by_elab include_str include_bytes dbg_trace",
}
_REASONS = {word: reason for reason, words in _WORDS.items() for word in words.split()}

# Strings are searched too, so nothing can hide where Lean and our lexer disagree about string boundaries.
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_'!?\u2080-\u209c\u1d62-\u1d6a\u2c7c]*")
_PATTERNS = (
    ("runs code", re.compile(r"\brun_\w+|\beval%|\belab_stx%")),
    ("is a command", re.compile(r"#[A-Za-z]\w+")),
    ("declares", re.compile(r"@\[")),
    ("sets an option", re.compile(r"\bset_option\b(?!\s+(?:maxHeartbeats|maxRecDepth)\s)")),
    ("is an unterminated comment", re.compile(r"/-")),
)


def find_banned(source: str) -> str | None:
    """The first banned word or construct in comment-free Lean source, with the reason; None if there is none."""
    for match in _WORD.finditer(source):
        if match[0] in _REASONS:
            return f"`{match[0]}` {_REASONS[match[0]]}"
    for reason, pattern in _PATTERNS:
        if found := pattern.search(source):
            return f"`{found[0]}` {reason}"
    return None
