"""Split Lean 4 source into the few kinds of tokens needed to find brackets and comments."""

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
    """Split the whole source: (kind, piece).

    Kinds are `comment`, `unclosed` (an unterminated block comment), `text` (a string or character), `word` and `sign`
    (everything else; brackets are single characters).
    """
    position = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        assert match is not None and match.lastgroup is not None
        kind, end = match.lastgroup, match.end()
        if match[0] == "/-":
            closed = _end_of_block(source, end)
            kind, end = ("comment", closed) if closed else ("unclosed", len(source))
        yield kind, source[position:end]
        position = end


def _end_of_block(source: str, position: int) -> int | None:
    """End of the (possibly nested) block comment opened before `position`; None if it is unterminated."""
    depth = 1
    for mark in _COMMENT_MARK.finditer(source, position):
        depth += 1 if mark[0] == "/-" else -1
        if not depth:
            return mark.end()
    return None


def blank_comment(kind: str, piece: str) -> str:
    """Replace a comment by white space of the same shape, since Lean is column-sensitive; keep other tokens."""
    return re.sub(r"[^\n]", " ", piece) if kind == "comment" else piece


def without_comments(source: str) -> str:
    """Source with comments blanked and tidied (see `tidy`)."""
    return tidy("".join(blank_comment(kind, piece) for kind, piece in tokens(source)))


def tidy(source: str) -> str:
    """Source without trailing white space and empty lines."""
    return "\n".join(line for line in map(str.rstrip, source.split("\n")) if line)
