"""A reward model, run with transformers."""

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from monkeys.rewards.reward import RewardModelConfig


class RewardModel:
    """A model with one output, on the GPU if available.

    Args:
        reward: Its config.
        folder: The folder with its files.

    Raises:
        ValueError: it is not a reward model, or only with its own code.
    """

    def __init__(self, reward: RewardModelConfig, folder: Path) -> None:
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
            raise reward.config_error(
                "weights",
                f"{reward.weights} has no {', '.join(missing)}, so its rewards would be random; use a reward model, "
                "or, if it comes with its own code and you trust it, set trust_remote_code: true",
            )
        self.model = model.to(self.device).eval()
        self.model.config.use_cache = False
        self._pad = self.model.config.pad_token_id
        self._takes_positions = "position_ids" in inspect.signature(self.model.forward).parameters

    @property
    def token_limit(self) -> int:
        """Maximum length of its input in tokens; see `RewardModelConfig.token_limit`."""
        return self.reward.token_limit(getattr(self.model.config, "max_position_embeddings", None))

    def numerics(self) -> dict[str, object]:
        """Settings, hardware and versions that affect rounding."""
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
        """Yield batches of texts of similar length: indices of the texts and their rewards.

        Args:
            texts: Token ids of each text, at least one per text.
        """
        order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
        while order:
            rows = max(1, self.reward.batch_tokens // len(texts[order[0]]))
            batch, order = order[:rows], order[rows:]
            yield batch, self._forward([texts[index] for index in batch])

    def _forward(self, texts: list[list[int]]) -> list[float]:
        """Rewards of one batch, padded on the tokenizer's padding side."""
        import torch

        pad = self._padding(texts)
        self.model.config.pad_token_id = pad  # the model uses it to find the last token of a text
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
        return self._one_per_text(output, len(texts)).float().tolist()

    def _padding(self, texts: list[list[int]]) -> int:
        """The padding token.

        A model without a padding token scores at the last position. With one, it scores at the last token that is not
        padding, which is the same for any padding token that no text ends with.
        """
        if self._pad is not None:
            return self._pad
        last_tokens = {text[-1] for text in texts}
        return next(token for token in range(len(self.tokenizer)) if token not in last_tokens)

    def _one_per_text(self, output: Any, count: int) -> Any:
        """One number per text from a model's output, shape (count,)."""
        name = "score" if getattr(output, "score", None) is not None else "logits"
        numbers = getattr(output, name, None)
        if numbers is None or tuple(numbers.shape) not in ((count,), (count, 1)):
            got = f"{name} of shape {tuple(numbers.shape)}" if numbers is not None else "neither score nor logits"
            raise self.reward.config_error(
                "weights", f"{self.reward.weights} is not a model with one output: for {count} texts it returns {got}"
            )
        return numbers.reshape(count)


def _keep_old_imports_working() -> None:
    """Make code importable that was written for transformers 4, such as ArmoRM's, which imports a docstring from it."""
    from transformers.models.llama import modeling_llama

    vars(modeling_llama).setdefault("LLAMA_INPUTS_DOCSTRING", "")
