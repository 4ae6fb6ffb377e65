"""Draw the samples of a shard with a vLLM engine started by this process."""

import asyncio
import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from monkeys.sampling import signals, weights
from monkeys.sampling.engines import arguments as engine_arguments
from monkeys.sampling.engines.engine import Completion, Reply, Request
from monkeys.sampling.loop import draw
from monkeys.sampling.settings import Sampling
from monkeys.sampling.shard import ShardProgress
from monkeys.sampling.strategies import Strategy
from monkeys.sampling.thinking import Thinking, begins_thinking, end_of, split
from monkeys.sampling.tokens import PromptEncoder, refuse_overlong
from monkeys.study.study import SourcedModel

PER_REQUEST = 16
"""Samples per request: enough to share the prefill of a prompt, few enough for frequent journal entries."""

QUEUE_FACTOR = 4
"""Size of the engine's queue, in multiples of the sequences that it runs at once.

The engine never runs dry, and memory does not grow with the number of samples.
"""


def sample(
    progress: ShardProgress, model: SourcedModel, sampling: Sampling, strategy: Strategy, commit: str | None = None
) -> None:
    """Draw the missing samples of a shard into its journal.

    Args:
        progress: The shard's journal and prompts.
        model: The model's config: weights, revision (a commit; None for a folder), quantization, chat, thinking,
            on_context_overflow, engine.
        sampling: Sampling settings; log-probabilities are stored if `logprobs` is true.
        strategy: How a sample is made.
        commit: Commit of the weights; None for a folder.

    Raises:
        ValueError: unknown engine argument, chat without a template, or a prompt that leaves no room for `max_tokens`
            in the model's context; raised before the weights are loaded.
        RuntimeError: a request ended with an invalid finish reason, or the engine died.
    """
    if not progress.missing:
        return
    engine = model.engine
    os.environ["HF_HUB_OFFLINE"] = "1"  # all files are in the cache; cluster nodes may not reach the hub
    folder = weights.local_folder(model.source.settings, commit, engine.trust_remote_code)
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    # the next two matter only for sampling on a CPU
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")  # concurrent jobs must not share one core
    if "kv_cache_memory_bytes" not in engine.arguments:  # the variable would override it
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB
    if engine.enforce_eager:
        # some functions would be compiled nevertheless, which needs a C++ compiler and takes longer than it saves
        os.environ.setdefault("TORCH_COMPILE_DISABLE", "1")
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = str(int(engine.separate_process))
    for mistake in engine_arguments.mistakes(engine):
        raise ValueError(f"models.{progress.shard.model}.engine.arguments: {mistake}")
    with _imports_frozen():
        from vllm import LLM, EngineArgs, __version__
        from vllm.config import ReasoningConfig
        from vllm.tokenizers import cached_tokenizer_from_config
        from vllm.v1.engine.exceptions import EngineDeadError

    seed = progress.shard.engine_seed(progress.num_samples)
    quantization = {"quantization": model.quantization} if model.quantization else {}
    settings = {**engine_arguments.llm_arguments(engine), **quantization}
    arguments = {
        "model": str(folder),
        "seed": seed,
        "generation_config": "vllm",  # ignore the model's own sampling defaults; its stop tokens still apply
        "disable_log_stats": True,
        **settings,
    }
    thinking = model.thinks
    if thinking is not None and thinking.max_tokens is not None:
        arguments["reasoning_config"] = ReasoningConfig(
            reasoning_start_str=thinking.start, reasoning_end_str=thinking.end
        )
    model_config = EngineArgs(**arguments).create_model_config()
    shard = progress.shard
    encode = PromptEncoder(cached_tokenizer_from_config(model_config), model.conversation, shard.model)
    lengths = {problem: len(encode(prompt)) for problem, prompt in progress.prompts.items()}
    if model.on_context_overflow == "error":
        refuse_overlong(lengths, model_config.max_model_len, shard.task, shard.model, sampling.max_tokens)
    try:
        llm = LLM(**arguments)
        version = {"version": __version__, "commit": commit}
        stop_ids = stop_tokens(model_config, encode.tokenizer)
        progress.begin({"engine": "vllm", **version, "seed": seed, "settings": settings, "stop_token_ids": stop_ids})
        with _engine_watched() as check:
            signals.run(draw(progress, Engine(llm, encode, thinking, check), strategy, sampling))
    except (EngineDeadError, ChildProcessError) as error:
        raise RuntimeError(
            f"the engine died ({error}); {progress.num_samples} samples are in the journal, run again to resume. "
            "Its own messages are in the log; if it ran out of memory, lower engine.max_num_seqs or "
            "engine.gpu_memory_utilization, or request more memory for the job"
        ) from None


def stop_tokens(model_config: Any, tokenizer: Any) -> list[int]:
    """Tokens that end a sample: the tokenizer's EOS and those that the model's generation_config.json adds.

    Args:
        model_config: The engine's `ModelConfig`.
        tokenizer: The model's tokenizer.
    """
    added = model_config.try_get_generation_config().get("eos_token_id")
    added = added if isinstance(added, list) else [added]
    return sorted({token for token in [tokenizer.eos_token_id, *added] if token is not None})


@contextmanager
def _imports_frozen() -> Iterator[None]:
    """Exclude objects made in the block from garbage collection, since they live as long as the process.

    vLLM's imports make hundreds of thousands of objects. Several collections during the imports, and some that vLLM
    triggers when it starts an engine, would traverse all of them.
    """
    if "vllm" in sys.modules:  # existing garbage, such as an earlier engine, must still be collected
        yield
        return
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


@contextmanager
def _engine_watched() -> Iterator[Callable[[], None]]:
    """Yield a check that raises ChildProcessError if the engine's process is gone; raise it in a blocking call at once.

    A killed engine (e.g. by the OOM killer) sends nothing; vLLM would block until the job's time limit.
    """
    engines = multiprocessing.active_children()

    def has_ended(engine: multiprocessing.process.BaseProcess) -> bool:
        assert engine.pid is not None
        try:
            return os.waitid(os.P_PID, engine.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True  # one of vLLM's threads reaped it first; `is_alive` may not know yet

    def check() -> None:
        if gone := [engine.name for engine in engines if has_ended(engine)]:
            raise ChildProcessError(f"process {', '.join(gone)} is gone")

    def on_signal(*_: object) -> None:
        if signals.Blocking.active:  # elsewhere, the event loop could swallow the exception
            check()

    previous = signal.signal(signal.SIGCHLD, on_signal)
    try:
        yield check
    finally:
        signal.signal(signal.SIGCHLD, previous)


class Engine:
    """A running vLLM engine.

    Args:
        llm: vLLM's `LLM`.
        encode: Tokenizes prompts.
        thinking: The model's thinking; None if it does not think.
        check: Raises if the engine's process is gone.
    """

    in_order = True
    samples_per_request = PER_REQUEST

    def __init__(
        self,
        llm: Any,
        encode: PromptEncoder,
        thinking: Thinking | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        settings = llm.llm_engine.vllm_config
        self.capacity = QUEUE_FACTOR * settings.scheduler_config.max_num_seqs
        self._core = llm.llm_engine
        self._context: int = settings.model_config.max_model_len
        self._encode = encode
        self._thinking = thinking
        self._check = check
        self._parameters: dict[str, Any] = {}
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._requests = 0
        self._steps: asyncio.Task[None] | None = None

    def load(self, samples: int) -> int:
        """Sequences in the engine."""
        return samples

    async def complete(self, request: Request) -> Reply:
        """Complete a prompt. Completions end at the context limit; they are empty if the prompt fills it."""
        from vllm.inputs import tokens_input

        prompt = self._encode(request.prompt)
        room = self._context - len(prompt)
        if room <= 0:
            empty = Completion(text="", tokens=0, finish_reason="length", logprob=0.0)
            return Reply([empty] * request.count, len(prompt), {})
        parameters = self._parameters_of(request.sampling).clone()
        parameters.n = request.count
        parameters.max_tokens = min(request.sampling.max_tokens, room)
        number = str(self._requests)
        self._requests += 1
        output_of = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._core.add_request(number, tokens_input(prompt), parameters)
        if self._steps is None or self._steps.done():
            self._steps = asyncio.create_task(self._run())
            # that a signal ended it is reported elsewhere
            self._steps.add_done_callback(lambda steps: steps.cancelled() or steps.exception())
        output = await output_of
        outputs = sorted(output.outputs, key=lambda output: output.index)
        return Reply([self._completion(request, prompt, output) for output in outputs], len(prompt), {})

    async def _run(self) -> None:
        """Run the engine until no request waits; other work goes on between its steps."""
        try:
            while self._waiting:
                with signals.Blocking():
                    self._check()
                    outputs = self._core.step()
                for output in outputs:
                    if output.finished and not (waiting := self._waiting.pop(output.request_id)).done():
                        waiting.set_result(output)
                await asyncio.sleep(0)
        except Exception as error:
            while self._waiting:
                _, waiting = self._waiting.popitem()
                if not waiting.done():
                    waiting.set_exception(error)

    def _parameters_of(self, sampling: Sampling) -> Any:
        """VLLM's sampling parameters."""
        key = sampling.model_dump_json()
        if key not in self._parameters:
            from vllm import SamplingParams
            from vllm.sampling_params import RequestOutputKind

            self._parameters[key] = SamplingParams(
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                top_k=sampling.top_k,
                min_p=sampling.min_p,
                max_tokens=sampling.max_tokens,
                stop=sampling.stop,
                include_stop_str_in_output=sampling.include_stop,
                logprobs=0 if sampling.logprobs else None,  # of the sampled token only
                flat_logprobs=bool(sampling.logprobs),
                # without stop strings, detokenizing once at the end costs less
                detokenize=bool(sampling.stop),
                thinking_token_budget=None if self._thinking is None else self._thinking.max_tokens,
                output_kind=RequestOutputKind.FINAL_ONLY,
            )
        return self._parameters[key]

    def _completion(self, request: Request, prompt: list[int], output: Any) -> Completion:
        sampling, tokenizer = request.sampling, self._encode.tokenizer
        made = {
            "tokens": len(output.token_ids),
            "finish_reason": output.finish_reason,
            "logprob": output.cumulative_logprob if sampling.logprobs else None,
        }
        if self._thinking is None:
            text = output.text if sampling.stop else decode_continuation(tokenizer, prompt, output.token_ids)
            return Completion(text=text, **made)
        ids = list(output.token_ids)
        begun = begins_thinking(tokenizer.decode(prompt), self._thinking)
        reasoning, text, length = split_tokens(tokenizer, prompt, ids, self._thinking, begun)
        if isinstance(output.stop_reason, str) and output.stop_reason in text:
            text = text[: text.index(output.stop_reason) + sampling.include_stop * len(output.stop_reason)]
        kept = reasoning if self._thinking.keep else None
        return Completion(text=text, reasoning=kept, reasoning_tokens=length, **made)


def split_tokens(
    tokenizer: Any, prompt: list[int], tokens: list[int], thinking: Thinking, begun: bool
) -> tuple[str, str, int]:
    """Thinking, answer, and number of tokens of the thinking with its markers.

    Args:
        tokenizer: The model's tokenizer.
        prompt: Tokens of the prompt.
        tokens: Tokens of the sample.
        thinking: The markers.
        begun: The prompt ends within the thinking.
    """
    start, end = (tokenizer.encode(marker, add_special_tokens=False) for marker in (thinking.start, thinking.end))
    length = end_of(thinking.end, end, tokens, lambda ids: decode_continuation(tokenizer, prompt, ids))
    before = decode_continuation(tokenizer, prompt, tokens if length is None else tokens[:length])
    if length is not None and thinking.end not in before:
        before += thinking.end  # a special token, which has no text
    begun = begun or tokens[: len(start)] == start
    reasoning, text = split(before, thinking, begun)
    if length is None:
        return reasoning, text, len(tokens) if not text else 0
    return reasoning, text + decode_continuation(tokenizer, prompt + tokens[:length], tokens[length:]), length


def decode_continuation(tokenizer: Any, prompt: list[int], tokens: Sequence[int]) -> str:
    """Text that the tokens add to the prompt.

    Some tokenizers drop a space at the start of a text; decoded after the end of the prompt, a sample keeps it.
    """
    before = prompt[-8:]
    text = tokenizer.decode([*before, *tokens], skip_special_tokens=True)
    return text[len(tokenizer.decode(before, skip_special_tokens=True)) :]
