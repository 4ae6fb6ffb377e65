"""What a config says about a model, whatever its samples come from."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from monkeys.settings import (
    AsWritten,
    Count,
    Distinct,
    Dollars,
    MaxTokens,
    Megabytes,
    MinP,
    PositiveInt,
    Settings,
    Temperature,
    Text,
    TopK,
    TopP,
)


class Price(Settings):
    """What sampling the model costs, in dollars; null where it is not known."""

    sample: Dollars | None = None
    """Dollars per sample."""
    prompt: Dollars | None = None
    """Dollars per million prompt tokens. Servers bill a prompt once a request, so the endpoint's samples_per_request
    share it; without one every sample pays."""
    generated: Dollars | None = None
    """Dollars per million generated tokens."""


class Facts(Settings):
    """What cost formulas need to know of the model; null reads it from the model's own files."""

    parameters: PositiveInt | None = None
    """Number of parameters."""
    layers: PositiveInt | None = None
    """Number of transformer layers."""
    hidden_size: PositiveInt | None = None
    """Width of the residual stream."""
    context: PositiveInt | None = None
    """Longest sequence, tokens."""


class OwnSampling(Settings):
    """Settings that differ from those of the tasks."""

    temperature: Temperature | None = None
    """Sampling temperature, above 0 (repeated samples of a deterministic model are all the same)."""
    top_p: TopP | None = None
    """Nucleus sampling: probability mass in (0, 1]."""
    top_k: TopK | None = None
    """Sample from this many most likely tokens; 0 samples from all."""
    min_p: MinP | None = None
    """Smallest probability relative to the most likely token, in [0, 1]."""
    max_tokens: MaxTokens | None = None
    """Maximum length of a sample, tokens."""
    stop: list[Text] | None = None
    """Strings that end a sample."""
    include_stop: bool | None = None
    """Keep the stop string in the text."""


class Resources(Settings):
    """What a sampling job requests besides its GPUs; a second attempt asks for 1.5 times as much, a third for twice as
    much. Nothing here triggers resampling.
    """

    mem_mb: Megabytes = 32000
    """Memory of the host, MiB."""
    runtime: PositiveInt | None = None
    """Longest run, minutes; a job that is ended resumes from its journal. null gives half an hour and the time of the
    longest samples at 5,000 tokens per second."""


class Engine(Settings):
    """Execution settings; changing them never triggers resampling."""

    tensor_parallel_size: PositiveInt = 1
    """GPUs per sampling job."""
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    """Number format of the computation."""
    max_model_len: PositiveInt | None = None
    """Context in tokens, prompt and sample together; null takes the model's own."""
    max_num_seqs: PositiveInt | None = None
    """Sequences that the engine runs at once; null takes the engine's default."""
    block_size: PositiveInt | None = None
    """Tokens per block of the KV cache, whole blocks of a prompt are shared by its samples; null takes the engine's
    default."""
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1), AsWritten] = 0.9
    """Fraction of the GPU's memory that the engine may use, in (0, 1]."""
    enforce_eager: bool = False
    """Run without compiled graphs; starts faster and samples slower, for small runs."""
    separate_process: bool = True
    """Run the engine in a process of its own; without, it starts faster and needs one core."""
    trust_remote_code: bool = False
    """Execute code that comes with the model."""
    arguments: dict[str, Any] = {}
    """More arguments of vLLM's engine, by its own names, such as speculative_config."""


class Model(Settings):
    """A model: the keys that do not depend on its source. `monkeys.sources` adds one key for each source."""

    tasks: Annotated[Distinct, Field(min_length=1)]
    """Names of the tasks that this model is measured on."""
    samples: dict[str, Count] = {}
    """Samples per problem, by task, where they are not the task's: a positive multiple of the model's shard size."""
    shard_size: dict[str, Count] = {}
    """Samples per problem and shard, by task, where they are not the task's."""
    revision: str | None = None
    """Commit, tag or branch of the hub model; it is resolved once, and the study stays pinned to that commit. null for
    a folder."""
    quantization: Text | None = None
    """Number format that vLLM turns the weights into (fp8, bitsandbytes …); null keeps theirs. Makes another model of
    it: changing it triggers resampling."""
    chat: bool = False
    """Put the prompt as the user's turn into the model's chat template; without, the model continues it as raw text."""
    on_context_overflow: Literal["error", "truncate"] = "error"
    """If a prompt and max_tokens exceed the model's context: error stops before sampling; truncate generates only up to
    the context limit (finish_reason length), and nothing where the prompt fills it."""
    family: str | None = None
    """Name of the model's family, whose models are compared with each other."""
    price: Price = Price()
    """What sampling the model costs, in dollars; null where it is not known."""
    facts: Facts = Facts()
    """What cost formulas need to know of the model; null reads it from the model's own files."""
    sampling: OwnSampling = OwnSampling()
    """Settings that differ from those of the tasks."""
    resources: Resources = Resources()
    """What a sampling job requests besides its GPUs; a second attempt asks for 1.5 times as much, a third for twice as
    much. Nothing here triggers resampling."""
    engine: Engine = Engine()
    """Execution settings; changing them never triggers resampling."""

    OWN_NUMBERS: ClassVar = ("samples", "shard_size")
    """Keys of a task for which a model may have a number of its own."""
