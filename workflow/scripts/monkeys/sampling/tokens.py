"""Tokenize prompts and check that they leave room for a sample."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jinja2

from monkeys.sampling.engines.engine import Messages
from monkeys.study.model import Chat

REMEMBERED = 10_000
"""Prompts whose tokens are remembered."""


class ChatTemplateError(ValueError):
    """The config asks for a chat, but the tokenizer has no chat template, or it cannot be rendered."""


class PromptEncoder:
    """Tokenizes prompts for one model; the ids of the last thousands are remembered.

    Args:
        tokenizer: The model's tokenizer.
        chat: Conversation that each prompt is put into, by the tokenizer's chat template; None continues raw text.
        model: The model's name, for the error.

    Raises:
        ChatTemplateError: a chat is asked for, and there is no template.
    """

    def __init__(self, tokenizer: Any, chat: Chat | None, model: str) -> None:
        if chat is not None and not tokenizer.chat_template:
            raise ChatTemplateError(f"models.{model}.chat: is set, but its tokenizer has no chat template")
        self.tokenizer = tokenizer
        self._chat = chat
        self._model = model
        self._of_text = lru_cache(REMEMBERED)(self._encode)

    def __call__(self, prompt: str | Messages) -> list[int]:
        """Token ids of a prompt, or of the turns of a conversation.

        Raises:
            ChatTemplateError: the chat template cannot be rendered.
            ValueError: turns are given for a model that continues raw text.
        """
        return self._of_text(prompt) if isinstance(prompt, str) else self._encode(prompt)

    def _encode(self, prompt: str | Messages) -> list[int]:
        chat = self._chat
        if chat is None:
            if not isinstance(prompt, str):
                raise ValueError(f"models.{self._model}.chat: the strategy asks in turns, so set it to true")
            return self.tokenizer.encode(prompt)
        turn = {"continue_final_message": True} if chat.prefill is not None else {"add_generation_prompt": True}
        try:
            return self.tokenizer.apply_chat_template(chat.messages(prompt), return_dict=False, **turn, **chat.template)
        except (jinja2.TemplateError, ValueError, TypeError) as error:
            raise ChatTemplateError(
                f"models.{self._model}.chat: its chat template cannot be rendered: {error}"
            ) from error


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
