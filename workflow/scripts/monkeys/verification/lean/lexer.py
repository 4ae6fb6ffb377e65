"""Cut Lean 4 source into the few kinds of tokens that matter for brackets and comments."""

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/-)
    |(?P<text>r(?P<hashes>\#+)".*?"(?P=hashes)|r"[^"]*"|"(?:\\.|[^"\\])*"|'(?:\\(?:x..|u....|.)|[^\\'\n])')
    |(?P<word>«[^»\n]*»|[^\W\d][\w'!?]*)
    |(?P<sign>⁻¹'|''|\d+|\s+|.)""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT_MARK = re.compile(r"/-|-/")


def tokens(source: str) -> Iterator[tuple[str, str]]:
    """All of the source in pieces: (kind, piece).

    Kinds are `comment`, `unclosed` (a block comment that never ends), `text` (a string or character), `word` and `sign`
    (the rest, one character at a time where it is a bracket).
    """
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        assert match is not None and match.lastgroup is not None
        kind, end = match.lastgroup, match.end()
        if match[0] == "/-":
            closed = _end_of_block(source, end)
            kind, end = ("comment", closed) if closed else ("unclosed", len(source))
        yield kind, source[at:end]
        at = end


def _end_of_block(source: str, at: int) -> int | None:
    """Where a block comment ends, with those inside it; None if it does not."""
    depth = 1
    for mark in _COMMENT_MARK.finditer(source, at):
        depth += 1 if mark[0] == "/-" else -1
        if not depth:
            return mark.end()
    return None


def blanked(kind: str, piece: str) -> str:
    """A token as it is, or a comment as white space of its shape: Lean minds columns."""
    return re.sub(r"[^\n]", " ", piece) if kind == "comment" else piece


def without_comments(source: str) -> str:
    """Source with white space for comments, and without white space at line ends and empty lines."""
    return tidy("".join(blanked(kind, piece) for kind, piece in tokens(source)))


def tidy(source: str) -> str:
    """Source without white space at line ends and without empty lines."""
    return "\n".join(line for line in map(str.rstrip, source.split("\n")) if line)
