"""Tokenize prompts and check that they leave room for a sample."""

from collections.abc import Mapping
from typing import Any


class MissingTemplate(ValueError):
    """The config asks for a chat, but the model's tokenizer has no chat template."""


def encode_prompts(tokenizer: Any, prompts: Mapping[str, str], chat: bool, model: str) -> dict[str, list[int]]:
    """Token ids of every prompt.

    Args:
        tokenizer: The model's tokenizer.
        prompts: By problem id.
        chat: Put each prompt into the tokenizer's chat template, as the user's turn; otherwise the model continues it.
        model: The model's name, for the error.

    Raises:
        MissingTemplate: chat is asked for, and the tokenizer has no template.
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
    """Check that every prompt leaves room for a sample of maximum length.

    Args:
        lengths: Tokens of each prompt, by problem id.
        context: Maximum tokens of prompt and sample together.
        task: The task's name, for the error.
        model: The model's name, for the error.
        max_tokens: Maximum length of a sample.

    Raises:
        ValueError: a prompt is too long.
    """
    overlong = [problem for problem, length in lengths.items() if length + max_tokens > context]
    if overlong:
        longest = max(overlong, key=lambda problem: lengths[problem])
        others = f" (and those of {len(overlong) - 1} others)" if len(overlong) > 1 else ""
        raise ValueError(
            f"task {task}, problem {longest}: its prompt of {lengths[longest]} tokens{others} and max_tokens "
            f"({max_tokens}) exceed the context of {model} ({context}); lower sampling.max_tokens "
            "or few_shot, leave the problem out (problems:), raise engine.max_model_len, or let samples end at "
            f"the context limit (models.{model}.on_context_overflow: truncate)"
        )
