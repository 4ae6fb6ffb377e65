"""What a config says about a model, whatever its samples come from."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from monkeys.sampling.engines.engine import Messages
from monkeys.sampling.settings import OwnSampling
from monkeys.sampling.thinking import Thinking
from monkeys.settings import AsWritten, Count, Distinct, Dollars, Json, Megabytes, PositiveInt, Settings, Text


class Price(Settings):
    """Price of sampling the model, in dollars; null if unknown."""

    sample: Dollars | None = None
    """Dollars per sample."""
    prompt: Dollars | None = None
    """Dollars per million prompt tokens. Servers bill a prompt once per request, so the endpoint's samples_per_request
    share it; without an endpoint, every sample is billed for its prompt."""
    generated: Dollars | None = None
    """Dollars per million generated tokens."""


class Facts(Settings):
    """Facts about the model for cost formulas; null reads them from the model's own files."""

    parameters: PositiveInt | None = None
    """Number of parameters."""
    layers: PositiveInt | None = None
    """Number of transformer layers."""
    hidden_size: PositiveInt | None = None
    """Width of the residual stream."""
    context: PositiveInt | None = None
    """Maximum sequence length, tokens."""


class Resources(Settings):
    """Resources of a sampling job besides its GPUs; a second attempt requests 1.5 times as much, a third twice as much.
    Changing them never triggers resampling.
    """

    mem_mb: Megabytes = 32000
    """Host memory, MiB."""
    runtime: PositiveInt | None = None
    """Time limit, minutes; a job that exceeds it resumes from its journal. null gives half an hour plus the time of the
    longest samples at 5,000 tokens per second."""


class Engine(Settings):
    """Execution settings; changing them never triggers resampling."""

    tensor_parallel_size: PositiveInt = 1
    """GPUs per sampling job."""
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    """Number format for the computation."""
    max_model_len: PositiveInt | None = None
    """Context length, prompt and sample together, tokens; null uses the model's own."""
    max_num_seqs: PositiveInt | None = None
    """Maximum number of concurrent sequences in the engine; null uses the engine's default."""
    block_size: PositiveInt | None = None
    """Tokens per block of the KV cache; samples share the full blocks of their prompt. null uses the engine's
    default."""
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1), AsWritten] = 0.9
    """Fraction of the GPU's memory that the engine may use, in (0, 1]."""
    enforce_eager: bool = False
    """Run without compiled graphs; starts faster but samples slower, for small runs."""
    separate_process: bool = True
    """Run the engine in a process of its own; if false, it starts faster and needs one core."""
    trust_remote_code: bool = False
    """Execute code shipped with the model."""
    arguments: Json = {}
    """Further arguments of vLLM's engine, by vLLM's names, such as speculative_config."""


RESERVED = ("add_generation_prompt", "continue_final_message", "conversation", "messages", "tokenize")
"""Arguments of a chat template that the workflow sets itself."""


class Chat(Settings):
    """The conversation that a prompt is put into."""

    system: Text | None = None
    """System message before the prompt; null for none."""
    template: Json = {}
    """Arguments of the model's chat template, such as enable_thinking: false."""
    prefill: Text | None = None
    """Beginning of the model's answer, which it continues; it is not part of the samples."""

    def messages(self, prompt: str | Messages) -> list[Mapping[str, str]]:
        """The conversation so far, around a prompt or around other turns."""
        turns: Messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        system = [] if self.system is None else [{"role": "system", "content": self.system}]
        prefill = [] if self.prefill is None else [{"role": "assistant", "content": self.prefill}]
        return [*system, *turns, *prefill]


class Model(Settings):
    """A model: the keys that do not depend on its source. `monkeys.sources` adds one key for each source."""

    tasks: Annotated[Distinct, Field(min_length=1)]
    """Names of the tasks on which the model is measured."""
    samples: dict[str, Count] = {}
    """Samples per problem, by task, where they differ from the task's: a positive multiple of the model's shard
    size."""
    shard_size: dict[str, Count] = {}
    """Samples per problem and shard, by task, where they differ from the task's."""
    revision: str | None = None
    """Commit, tag or branch of the hub model; a tag or branch is resolved once, and the study stays pinned to that
    commit. null for a folder."""
    quantization: Text | None = None
    """Quantization that vLLM applies to the weights (fp8, bitsandbytes …); null keeps their own format. It makes
    another model, so changing it triggers resampling."""
    chat: Annotated[
        Annotated[bool, Tag("<switch>")] | Annotated[Chat, Tag("<chat>")],
        Discriminator(lambda value: "<chat>" if isinstance(value, dict | Chat) else "<switch>"),
    ] = False
    """Put the prompt as the user's turn into the model's chat template, with the defaults of the keys below (true) or
    with those given; if false, the model continues it as raw text."""
    thinking: Annotated[
        Annotated[bool, Tag("<switch>")] | Annotated[Thinking, Tag("<thinking>")],
        Discriminator(lambda value: "<thinking>" if isinstance(value, dict | Thinking) else "<switch>"),
    ] = False
    """The model thinks before it answers: its thinking, between the markers below, is kept apart from the text that
    verifiers see. true stands for the defaults. Samples depend on it, so set it before sampling."""
    on_context_overflow: Literal["error", "truncate"] = "error"
    """If a prompt and max_tokens exceed the model's context: error stops before sampling; truncate generates only up to
    the context limit (finish_reason length), nothing if the prompt fills it."""
    family: str | None = None
    """Family of the model; models of one family are compared with each other."""
    price: Price = Price()
    """Price of sampling the model, in dollars; null if unknown."""
    facts: Facts = Facts()
    """Facts about the model for cost formulas; null reads them from the model's own files."""
    sampling: OwnSampling = OwnSampling()
    """Sampling settings that override those of the tasks."""
    resources: Resources = Resources()
    """Resources of a sampling job besides its GPUs; a second attempt requests 1.5 times as much, a third twice as much.
    Changing them never triggers resampling."""
    engine: Engine = Engine()
    """Execution settings; changing them never triggers resampling."""

    @property
    def conversation(self) -> Chat | None:
        """The conversation that prompts are put into; None if the model continues them as raw text."""
        return self.chat if isinstance(self.chat, Chat) else Chat() if self.chat else None

    @property
    def chat_key(self) -> Any:
        """What samples depend on of the conversation."""
        return self.chat.model_dump(exclude_defaults=True) or True if isinstance(self.chat, Chat) else self.chat

    @property
    def thinks(self) -> Thinking | None:
        """How the model's thinking is marked; None if it does not think."""
        return self.thinking if isinstance(self.thinking, Thinking) else Thinking() if self.thinking else None

    @property
    def thinking_key(self) -> Json:
        """What samples depend on of the thinking, by key; empty if the model does not think."""
        thinks = self.thinks
        return {} if thinks is None else {"thinking": thinks.model_dump(exclude={"keep"}, exclude_none=True)}
