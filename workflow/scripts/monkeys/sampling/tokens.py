"""Prompts as tokens, and whether they leave room for a sample."""

from collections.abc import Mapping
from typing import Any


class MissingTemplate(ValueError):
    """A model is to chat, and its tokenizer has no chat template."""


def encoded(tokenizer: Any, prompts: Mapping[str, str], chat: bool, model: str) -> dict[str, list[int]]:
    """Token ids of every prompt.

    Args:
        tokenizer: The model's.
        prompts: By problem id.
        chat: Put each prompt into the tokenizer's chat template, as the user's turn; else it is continued as it is.
        model: The model's name, for the error.

    Raises:
        MissingTemplate: a chat without a template.
    """
    if chat and not tokenizer.chat_template:
        raise MissingTemplate(f"models.{model}.chat: is true, but its tokenizer has no chat template")

    def tokens_of(prompt: str) -> list[int]:
        if chat:
            turn = [{"role": "user", "content": prompt}]
            return tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_dict=False)
        return tokenizer.encode(prompt)

    return {problem: tokens_of(prompt) for problem, prompt in prompts.items()}


def refuse_overlong(lengths: Mapping[str, int], context: int, task: str, model: str, max_tokens: int) -> None:
    """See that every prompt leaves room for a whole sample.

    Args:
        lengths: Tokens of each prompt, by problem id.
        context: Tokens that prompt and sample may have together.
        task: The task's name, for the error.
        model: The model's name, for the error.
        max_tokens: Longest sample.

    Raises:
        ValueError: one does not.
    """
    overlong = [problem for problem, length in lengths.items() if length + max_tokens > context]
    if overlong:
        longest = max(overlong, key=lambda problem: lengths[problem])
        others = f" (and those of {len(overlong) - 1} others)" if len(overlong) > 1 else ""
        raise ValueError(
            f"task {task}, problem {longest}: its prompt of {lengths[longest]} tokens{others} and max_tokens "
            f"({max_tokens}) exceed the context of {model} ({context}); lower sampling.max_tokens "
            "or few_shot, leave the problem out (problems:), raise engine.max_model_len, or have samples end where "
            f"the context does (models.{model}.on_context_overflow: truncate)"
        )
