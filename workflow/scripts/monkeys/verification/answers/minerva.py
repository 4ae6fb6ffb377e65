r"""Final answers in the form of the Minerva prompt (Lewkowycz et al. 2022, arXiv 2206.14858, app. D).

`answer_in` and `gold_in` extract an answer, `normalised` normalises it. All take time linear in the length of any text,
and agree with EleutherAI's lm-evaluation-harness 0.4.13 (task `minerva_math`).
"""

import re

_BEFORE = "Final Answer: The final answer is"
_AFTER = " I hope it is correct"
_END = "I hope it is correct."

_SUBSTITUTIONS = (
    ("an ", ""),
    ("a ", ""),
    (".$", "$"),
    ("\\$", ""),
    (r"\ ", ""),
    (" ", ""),
    ("mbox", "text"),
    (",\\text{and}", ","),
    ("\\text{and}", ","),
    ("\\text{m}", "\\text{}"),
)
# fmt: off
_REMOVED = (
    "square", "ways", "integers", "dollars", "mph", "inches", "ft", "hours", "km", "units", "\\ldots", "sue", "points",
    "feet", "minutes", "digits", "cents", "degrees", "cm", "gm", "pounds", "meters", "meals", "edges", "students",
    "childrentickets", "multiples", "\\text{s}", "\\text{.}", "\\text{\ns}", "\\text{}^2", "\\text{}^3", "\\text{\n}",
    "\\text{}", r"\mathrm{th}", r"^\circ", r"^{\circ}", r"\;", r",\!", "{,}", '"', "\\dots",
)
# fmt: on
_WORDS = {word: re.compile(rf"(?<!\\)\b{word}\b") for word in _REMOVED if word.isalpha()}
_COMMAND = re.compile(r"(\\[a-zA-Z]+)")
_SHORT_FRACTION = re.compile(r"(frac)([^{])(.)")
_SHORT_ROOT = re.compile(r"(sqrt)(?!\[)([^{])")
_THOUSANDS = re.compile(r"-?\d{1,3}(,\d{3})+")
_BOLD = re.compile(r"(?<![\w)}])\*\*(.+?)\.?\*\*")  # after a number or bracket, ** means a power
_DISPLAY = re.compile(r"\${2,}")


def answer_in(text: str) -> str | None:
    """The final answer in a sample; None if there is none.

    It is the text between "Final Answer: The final answer is" and ". I hope it is correct.", on the first line with
    both. A sample may stop before the last sentence, but not before the space that precedes it.
    """
    text += _END
    start = text.find(_BEFORE)
    while start >= 0:
        start += len(_BEFORE)
        end = text.find("\n", start)
        if end < 0:
            end = len(text)
        # any one character before (the period) and one after: the original regular expression has a dot for each
        after = text.find(_AFTER, start + 1, end - 1)
        if after >= 0:
            return text[start : after - 1].strip()
        start = text.find(_BEFORE, end)
    return None


def gold_in(solution: str) -> str | None:
    r"""Content of the last `\boxed{…}` (or `\boxed …` up to a dollar sign) in a solution; None if there is none."""
    start = solution.rfind("\\boxed")
    if start < 0:
        return None
    start += len("\\boxed")
    if solution.startswith(" ", start):
        return solution[start + 1 :].partition("$")[0]
    if not solution.startswith("{", start):
        return None
    depth = 0
    for position in range(start, len(solution)):
        if solution[position] == "{":
            depth += 1
        elif solution[position] == "}":
            depth -= 1
            if depth == 0:
                return solution[start + 1 : position]
    return None


def without_markup(answer: str) -> str:
    r"""An answer in plain TeX, without display markup such as `**42**`, `$$42$$`, `74°`."""
    return _DISPLAY.sub("$", _BOLD.sub(r"\1", answer)).replace("°", r"^\circ")


def normalised(answer: str) -> str:
    """An answer without units and decoration, in the form used for comparison."""
    answer = answer.rpartition("=")[2]
    for word, pattern in _WORDS.items():
        if word in answer:
            answer = pattern.sub("", answer)
    for before, after in _SUBSTITUTIONS:
        answer = answer.replace(before, after)
    for removed in _REMOVED:
        if removed in answer:
            answer = _without_word(answer, removed) if removed in _WORDS else answer.replace(removed, "")
    answer = "\n".join(_unwrapped(line) for line in answer.split("\n"))
    answer = _SHORT_FRACTION.sub(r"frac{\2}{\3}", answer)
    answer = _SHORT_ROOT.sub(r"sqrt{\2}", _with_braced_radicands(answer))
    answer = answer.replace("$", "")
    if _THOUSANDS.fullmatch(answer):
        answer = answer.replace(",", "")
    return answer


def _without_word(answer: str, word: str) -> str:
    r"""Remove a unit even inside longer words, but not from command names (`\left` contains "ft")."""
    parts = _COMMAND.split(answer)
    parts[::2] = [part.replace(word, "") for part in parts[::2]]
    return "".join(parts)


def _unwrapped(line: str) -> str:
    r"""Content of the first pair of dollar signs, if any, with `\text{…}`, `\boxed{…}` and the like unwrapped."""
    parts = line.split("$", 2)
    if len(parts) == 3:
        line = f"${parts[1]}$"
    for command in ("\\text{", "\\textbf{", "\\overline{"):
        line = _without_command(line, command)
    start, end = line.find("\\boxed{"), line.rfind("}")
    if 0 <= start < end:
        line = line[:start] + line[start + len("\\boxed{") : end] + line[end + 1 :]
    return line


def _without_command(line: str, command: str) -> str:
    """Remove each `command` (which ends in an opening brace) and the next closing brace."""
    if command not in line:
        return line
    parts: list[str] = []
    position = 0
    while (start := line.find(command, position)) >= 0 and (end := line.find("}", start)) >= 0:
        parts += line[position:start], line[start + len(command) : end]
        position = end + 1
    return "".join(parts) + line[position:]


def _with_braced_radicands(answer: str) -> str:
    r"""Write `\sqrt[3]a` as `\sqrt[3]{a}`."""
    if "sqrt[" not in answer:
        return answer
    parts: list[str] = []
    position = 0
    while (end := answer.find("]", position)) >= 0:
        radicand = answer[end + 1 : end + 2]
        if (radicand.isalnum() or radicand == "_") and answer.find("sqrt[", position, end) >= 0:
            parts.append(f"{answer[position : end + 1]}{{{radicand}}}")
            position = end + 2
        else:
            parts.append(answer[position : end + 1])
            position = end + 1
    return "".join(parts) + answer[position:]
