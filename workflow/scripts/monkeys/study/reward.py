"""What a config says about a reward model."""

from typing import Annotated, Literal

from pydantic import Field

from monkeys.settings import Distinct, Megabytes, PositiveInt, Settings, Text


class ScoringResources(Settings):
    """Resources of the first attempt of a scoring job, scaled as for models; it runs on one GPU."""

    mem_mb: Megabytes = 32000
    """Host memory, MiB."""
    runtime: PositiveInt = 240
    """Time limit, minutes."""


class Reward(Settings):
    """A reward model, what it is shown, and how it is executed."""

    weights: Text
    """Hugging Face id or folder of a sequence-classification model with one output."""
    revision: str | None = None
    """Commit, tag or branch of the hub model; a tag or branch is resolved once, and the study stays pinned to that
    commit. null for a folder."""
    tasks: Annotated[Distinct, Field(min_length=1)]
    """Tasks whose samples it scores."""
    models: Annotated[Distinct, Field(min_length=1)] | None = None
    """Models whose samples it scores; null for all models with samples."""
    chat: bool = True
    """Put question and sample into the reward model's chat template; if false, it reads prompt and sample as one
    text."""
    context: Literal["question", "prompt"] = "question"
    """Text that the reward model sees before the sample: the question or the whole prompt."""
    logistic: bool = False
    """Weight votes by the logistic function of the rewards, which is never negative; for models trained to classify
    answers as right or wrong."""
    max_length: PositiveInt | None = None
    """Maximum length of the text, tokens; the part before the sample is truncated from the left. null uses the model's
    context length."""
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    """Number format for the computation."""
    batch_tokens: PositiveInt = 32768
    """Tokens per forward pass, including padding."""
    trust_remote_code: bool = False
    """Execute code shipped with the model."""
    resources: ScoringResources = ScoringResources()
    """Resources of the first attempt of a scoring job, scaled as for models; it runs on one GPU."""
