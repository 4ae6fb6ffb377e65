"""What a config says about a reward model."""

from typing import Annotated, Literal

from pydantic import Field

from monkeys.settings import Distinct, Megabytes, PositiveInt, Settings, Text


class ScoringResources(Settings):
    """What a scoring job requests at first, as with models; it runs on one GPU."""

    mem_mb: Megabytes = 32000
    """Memory of the host, MiB."""
    runtime: PositiveInt = 240
    """Longest run, minutes."""


class Reward(Settings):
    """A reward model, what it is shown, and how it is executed."""

    weights: Text
    """Hugging Face id or folder of a sequence-classification model with one output."""
    revision: str | None = None
    """Commit, tag or branch of the hub model; it is resolved once, and the study stays pinned to that commit. null for
    a folder."""
    tasks: Annotated[Distinct, Field(min_length=1)]
    """Tasks whose samples it scores."""
    models: Annotated[Distinct, Field(min_length=1)] | None = None
    """Models whose samples it scores; null takes all that have samples."""
    chat: bool = True
    """Put question and sample into the reward model's chat template; without, it reads prompt and sample as one
    text."""
    context: Literal["question", "prompt"] = "question"
    """What the reward model sees before the sample: the question or the whole prompt."""
    logistic: bool = False
    """Weight votes by the logistic function of the rewards, which is never negative; for models trained to tell right
    from wrong."""
    max_length: PositiveInt | None = None
    """Longest text, tokens; what precedes the sample is cut from the left. null takes the model's context."""
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    """Number format of the computation."""
    batch_tokens: PositiveInt = 32768
    """Tokens per forward pass, padding included."""
    trust_remote_code: bool = False
    """Execute code that comes with the model."""
    resources: ScoringResources = ScoringResources()
    """What a scoring job requests at first, as with models; it runs on one GPU."""
