r"""Answers that chat models state: in `\boxed{…}`, or in prose and Markdown such as "**Answer:** 42"."""

import re

_BRACES = re.compile(r"\\f?box(?:ed)?\s*\{|(?<!\\)[{}]")
_STATED = re.compile(r"\banswer\b[\s*_]*(?:is|are|:|=)[\s*_:=]*(?P<answer>\S.*)", re.IGNORECASE)
_MARKUP = re.compile(r"^(?:\*\*|__|`|\$|\\\(|\\\[)+|(?:\*\*|__|`|\$|\\\)|\\\])+$")


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
    """The answer on the last line that states one; None if no line does."""
    for line in reversed(text.splitlines()):
        if matches := list(_STATED.finditer(line)):
            return without_emphasis(matches[-1]["answer"]) or None
    return None


def without_emphasis(text: str) -> str:
    """A short text without Markdown's emphasis, dollar signs and a final period around it."""
    before = None
    while text != before:
        before, text = text, _MARKUP.sub("", text.strip().removesuffix(".").strip())
    return text
