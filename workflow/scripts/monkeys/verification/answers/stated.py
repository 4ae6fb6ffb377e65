r"""Answers that chat models state: in `\boxed{…}`, or in prose and Markdown such as "**Answer:** 42"."""

import re
from collections.abc import Iterator

_BRACES = re.compile(r"\\f?box(?:ed)?\s*\{|(?<!\\)[{}]")
_HEADING = re.compile(r"[\W\d_]*(?:the\s+)?(?:(?:final|correct)\s+)?answer(?:\s+is)?[\W_]*", re.IGNORECASE)
"""A line that announces the answer below it, such as "## Final answer" or "The answer is:"."""
_ROW = re.compile(
    r"^[ \t]*\|([^|\n]*\banswer[ \t*_:]*)\|([^|\n]*)\|.*$(?!\n[ \t]*\|[ \t:|-]+$)", re.IGNORECASE | re.MULTILINE
)
"""A row of a table whose first cell is "answer", unless it is the table's header."""
_BULLET = re.compile(r"\s*[-*+•]\s+")
_BOLD = re.compile(r"\*\*([^*]+)\*\*[^*]*")
"""A text whose beginning alone is bold."""
_NEXT_SENTENCE = re.compile(r"\.\s+(?=[A-Z])")
_NOTHING = re.compile(r"[\s*_`$\\()\[\].:=#>|~-]*")
_DELIMITERS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"))


def after_thinking(text: str) -> str:
    """The text behind the model's thinking; empty if the thinking does not end."""
    if "</think>" in text:
        return text.rpartition("</think>")[2]
    return "" if "<think>" in text else text


def boxed_answer(text: str) -> str | None:
    r"""Content of the last complete `\boxed{…}` or `\fbox{…}`, outside of any other; None if there is none."""
    opened: list[int | None] = []  # for every open brace, where the content of its box begins
    last = None
    for token in _BRACES.finditer(text):
        if token[0] == "}":
            if opened and (start := opened.pop()) is not None:
                last = text[start : token.start()]
        else:
            opened.append(token.end() if len(token[0]) > 1 else None)
    return None if last is None else last.strip()


def stated_answer(text: str) -> str | None:
    """The answer on the last line that states one, or below it; None if no line does."""
    return next(stated_answers(text), None)


def stated_answers(text: str, words: str = "answer") -> Iterator[str]:
    """Answers that lines of a text state, the last one first.

    Args:
        text: Prose or Markdown.
        words: Regular expression of the words for an answer.
    """
    stated = re.compile(rf"\b(?:{words})\b[\s*_]*(?:is\b|are\b|[:=])[*_]*[\s:=]*", re.IGNORECASE)
    below = ""
    for line in reversed(_ROW.sub(r"\1: \2", text).splitlines()):
        end = len(line)
        for match in reversed(list(stated.finditer(line))):
            answer = _NEXT_SENTENCE.split(line[match.end() : end], maxsplit=1)[0]
            if not _NOTHING.fullmatch(answer):
                yield without_emphasis(answer)
            end = match.start()
        if below and _HEADING.fullmatch(line):
            yield without_emphasis(_BULLET.sub("", below, count=1))
        if not _NOTHING.fullmatch(line):
            below = line


def without_emphasis(text: str) -> str:
    """A short text without Markdown's emphasis, TeX's delimiters and final periods around it."""
    if bold := _BOLD.fullmatch(text.strip()):
        text = bold[1]
    for _ in range(4):  # more are not nested
        text = text.strip().rstrip(".").strip("*_` \t")
        for opening, closing in _DELIMITERS:
            inside = text[len(opening) : -len(closing)]
            if text == f"{opening}{inside}{closing}" and opening not in inside:
                text = inside
    return text.strip()
