r"""Extract the proof from a sample that continues a prompt ending in `:=\nby (\n`."""

import re

from monkeys.verification.lean import lexer

_END = re.compile(r"```|Write a lean4")
"""Terminators of a sample: its closing fence, and the prompt's stop string."""


def extract_proof(text: str) -> str | None:
    """The proof up to the `)` that closes the prompt's `by (`, the fence or the stop string; None if it is empty.

    Comments, trailing white space and empty lines are removed, so that equal proofs become identical. Columns and
    unterminated block comments are kept.
    """
    pieces = []
    depth = 0
    for kind, piece in lexer.tokens(_END.split(text, maxsplit=1)[0]):
        if kind == "sign":
            depth += (piece == "(") - (piece == ")")
        if depth < 0:
            break
        pieces.append(lexer.blank_comment(kind, piece))
    return lexer.tidy("".join(pieces)) or None
