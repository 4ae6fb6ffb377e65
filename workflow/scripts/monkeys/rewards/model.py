"""A reward model, loaded and asked through transformers."""

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from monkeys.rewards.reward import Reward


class RewardModel:
    """A model with one output, on the GPU if there is one.

    Args:
        reward: Its config.
        folder: Its files.

    Raises:
        ValueError: the files are not those of a reward model, or not without code of their own.
    """

    def __init__(self, reward: Reward, folder: Path) -> None:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        if reward.trust_remote_code:
            _keep_old_imports_working()
        self.reward = reward
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=reward.trust_remote_code)
        model, found = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=reward.dtype, trust_remote_code=reward.trust_remote_code, output_loading_info=True
        )
        if missing := sorted(found["missing_keys"]):
            raise reward.mistake(
                "weights",
                f"{reward.weights} holds no {', '.join(missing)}, so its rewards would be random; name a reward model, "
                "or, if it comes with code of its own that you trust, set trust_remote_code: true",
            )
        self.model = model.to(self.device).eval()
        self.model.config.use_cache = False
        self._pad = self.model.config.pad_token_id
        self._takes_positions = "position_ids" in inspect.signature(self.model.forward).parameters

    @property
    def longest(self) -> int:
        """Tokens that it may be shown at once; see `Reward.longest`."""
        return self.reward.longest(getattr(self.model.config, "max_position_embeddings", None))

    def facts(self) -> dict[str, Any]:
        """What rounding depends on."""
        import torch
        import transformers

        return {
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "batch_tokens": self.reward.batch_tokens,
            "device": torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu",
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        }

    def rewards(self, texts: Sequence[list[int]]) -> Iterator[tuple[list[int], list[float]]]:
        """Batch by batch, the numbers of the texts in it and their rewards; texts of similar length go together.

        Args:
            texts: Token ids of each text, at least one token each.
        """
        order = sorted(range(len(texts)), key=lambda number: -len(texts[number]))
        while order:
            rows = max(1, self.reward.batch_tokens // len(texts[order[0]]))
            batch, order = order[:rows], order[rows:]
            yield batch, self._forward([texts[number] for number in batch])

    def _forward(self, texts: list[list[int]]) -> list[float]:
        """Rewards of texts that go through the model together, padded on the side that its tokenizer names."""
        import torch

        pad = self._padding(texts)
        self.model.config.pad_token_id = pad  # there the model looks for it, to find the last token of a text
        shape = len(texts), max(map(len, texts))
        tokens = torch.full(shape, pad)
        mask = torch.zeros(shape, dtype=torch.long)
        left = self.tokenizer.padding_side == "left"
        for row, text in enumerate(texts):
            where = slice(-len(text), None) if left else slice(len(text))
            tokens[row, where] = torch.tensor(text)
            mask[row, where] = 1
        inputs = {"input_ids": tokens, "attention_mask": mask}
        if left and self._takes_positions:
            inputs["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)
        with torch.inference_mode():
            output = self.model(**{name: tensor.to(self.device) for name, tensor in inputs.items()})
        return self._one_each(output, len(texts)).float().tolist()

    def _padding(self, texts: list[list[int]]) -> int:
        """The padding token.

        A model without one takes the last token of a text, whatever it is. With padding it takes the last token that
        is none, which is the same for any padding token that no text ends with.
        """
        if self._pad is not None:
            return self._pad
        ends = {text[-1] for text in texts}
        return next(token for token in range(len(self.tokenizer)) if token not in ends)

    def _one_each(self, output: Any, count: int) -> Any:
        """The output's one number per text, shape (count,)."""
        name = "score" if getattr(output, "score", None) is not None else "logits"
        numbers = getattr(output, name, None)
        if numbers is None or tuple(numbers.shape) not in ((count,), (count, 1)):
            got = f"{name} of shape {tuple(numbers.shape)}" if numbers is not None else "neither score nor logits"
            raise self.reward.mistake(
                "weights", f"{self.reward.weights} is no model with one output: for {count} texts it gives {got}"
            )
        return numbers.reshape(count)


def _keep_old_imports_working() -> None:
    """Let code load that was written for transformers 4, such as ArmoRM's, and imports a docstring from it."""
    from transformers.models.llama import modeling_llama

    vars(modeling_llama).setdefault("LLAMA_INPUTS_DOCSTRING", "")
