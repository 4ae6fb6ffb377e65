r"""Find the proof in a sample that continues a prompt ending in `:=\nby (\n`."""

import re

from monkeys.verification.lean import lexer

_END = re.compile(r"```|Write a lean4")
"""What ends a sample at the latest: its fence, and the stop string of the prompt."""


def proof(text: str) -> str | None:
    """The proof up to the `)` that closes the prompt's `by (`, its fence or stop string; None if it is empty.

    Comments, white space at line ends and empty lines are left out, so that equal proofs look equal. Columns are kept,
    and so is a block comment that never ends.
    """
    pieces = []
    depth = 0
    for kind, piece in lexer.tokens(_END.split(text, maxsplit=1)[0]):
        if kind == "sign":
            depth += (piece == "(") - (piece == ")")
        if depth < 0:
            break
        pieces.append(lexer.blanked(kind, piece))
    return lexer.tidy("".join(pieces)) or None
