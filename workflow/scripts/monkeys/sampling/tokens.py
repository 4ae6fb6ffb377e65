"""Tokenize prompts and check that they leave room for a sample."""

from collections.abc import Mapping
from typing import Any

import jinja2

from monkeys.study.model import Chat


class ChatTemplateError(ValueError):
    """The config asks for a chat, but the tokenizer has no chat template, or it cannot be rendered."""


def encode_prompts(tokenizer: Any, prompts: Mapping[str, str], chat: Chat | None, model: str) -> dict[str, list[int]]:
    """Token ids of every prompt.

    Args:
        tokenizer: The model's tokenizer.
        prompts: By problem id.
        chat: Conversation that each prompt is put into, by the tokenizer's chat template; None continues raw text.
        model: The model's name, for the error.

    Raises:
        ChatTemplateError: a chat is asked for, and there is no template, or it cannot be rendered.
    """
    if chat is not None and not tokenizer.chat_template:
        raise ChatTemplateError(f"models.{model}.chat: is set, but its tokenizer has no chat template")

    def tokens_of(prompt: str) -> list[int]:
        if chat is None:
            return tokenizer.encode(prompt)
        turn = {"continue_final_message": True} if chat.prefill is not None else {"add_generation_prompt": True}
        try:
            return tokenizer.apply_chat_template(chat.messages(prompt), return_dict=False, **turn, **chat.template)
        except (jinja2.TemplateError, ValueError, TypeError) as error:
            raise ChatTemplateError(f"models.{model}.chat: its chat template cannot be rendered: {error}") from error

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
