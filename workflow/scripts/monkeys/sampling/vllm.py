"""Draw the samples of a shard with a vLLM engine started by this process."""

import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from monkeys.sampling import engine_arguments, weights
from monkeys.sampling.shard import Request, Sample, ShardProgress
from monkeys.sampling.tokens import encode_prompts, refuse_overlong
from monkeys.study.study import SourcedModel

PER_REQUEST = 16
"""Samples per request: enough to share the prefill of a prompt, few enough for frequent journal entries."""

QUEUE_FACTOR = 4
"""Size of the engine's queue, in multiples of the sequences that it runs at once.

The engine never runs dry, and memory does not grow with the number of samples.
"""

Item = TypeVar("Item")


def sample(progress: ShardProgress, model: SourcedModel, sampling: dict[str, Any], commit: str | None = None) -> None:
    """Draw the missing samples of a shard into its journal.

    Args:
        progress: The shard's journal and prompts.
        model: The model's config: weights, revision (a commit; None for a folder), quantization, chat,
            on_context_overflow, engine.
        sampling: temperature, top_p, top_k, min_p, max_tokens, stop, include_stop.

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
    for mistake in engine_arguments.mistakes(engine.model_dump()):
        raise ValueError(f"models.{progress.shard.model}.engine.arguments: {mistake}")
    with _imports_frozen():
        from vllm import LLM, EngineArgs, __version__
        from vllm.tokenizers import cached_tokenizer_from_config
        from vllm.v1.engine.exceptions import EngineDeadError

    seed = progress.shard.engine_seed(progress.num_samples)
    quantization = {"quantization": model.quantization} if model.quantization else {}
    settings = {**engine_arguments.llm_arguments(engine.model_dump()), **quantization}
    arguments = {
        "model": str(folder),
        "seed": seed,
        "generation_config": "vllm",  # ignore the model's own sampling defaults; its stop tokens still apply
        "disable_log_stats": True,
        **settings,
    }
    model_config = EngineArgs(**arguments).create_model_config()
    tokenizer = cached_tokenizer_from_config(model_config)
    shard = progress.shard
    prompts = encode_prompts(tokenizer, progress.prompts, model.conversation, shard.model)
    if model.on_context_overflow == "error":
        lengths = {problem: len(tokens) for problem, tokens in prompts.items()}
        refuse_overlong(lengths, model_config.max_model_len, shard.task, shard.model, sampling["max_tokens"])
    try:
        llm = LLM(**arguments)
        version = {"version": __version__, "commit": commit}
        stop_ids = stop_tokens(model_config, tokenizer)
        progress.begin({"engine": "vllm", **version, "seed": seed, "settings": settings, "stop_token_ids": stop_ids})
        with _engine_watched():
            run(llm, progress, prompts, sampling)
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
def _engine_watched() -> Iterator[None]:
    """Raise ChildProcessError as soon as the engine's process is gone.

    A killed engine (e.g. by the OOM killer) sends nothing; vLLM would block until the job's time limit.
    """
    engines = multiprocessing.active_children()

    def has_ended(engine: multiprocessing.process.BaseProcess) -> bool:
        assert engine.pid is not None
        try:
            return os.waitid(os.P_PID, engine.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True  # one of vLLM's threads reaped it first; `is_alive` may not know yet

    def check(*_: object) -> None:
        if gone := [engine.name for engine in engines if has_ended(engine)]:
            raise ChildProcessError(f"process {', '.join(gone)} is gone")

    previous = signal.signal(signal.SIGCHLD, check)
    try:
        check()
        yield
    finally:
        signal.signal(signal.SIGCHLD, previous)


def run(llm: Any, progress: ShardProgress, prompts: dict[str, list[int]], sampling: dict[str, Any]) -> None:
    """Draw the missing samples with a running engine; see `sample`.

    Requests are recorded in the order in which they were started. If they were recorded as they finish, short samples
    would be ahead of long ones whenever a job is killed, and resuming would bias the results towards short samples.
    """
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    tokenizer = llm.get_tokenizer()
    parameters = SamplingParams(
        temperature=sampling["temperature"],
        top_p=sampling["top_p"],
        top_k=sampling["top_k"],
        min_p=sampling["min_p"],
        max_tokens=sampling["max_tokens"],
        stop=sampling["stop"],
        include_stop_str_in_output=sampling["include_stop"],
        logprobs=0,  # of the sampled token only, for the cumulative log-probability
        flat_logprobs=True,
        # without stop strings, detokenizing once at the end costs less
        detokenize=bool(sampling["stop"]),
        output_kind=RequestOutputKind.FINAL_ONLY,
    )

    def samples_of(request: Request, output: Any) -> list[Sample]:
        if output is None:
            return [Sample(text="", tokens=0, finish_reason="length", logprob=0.0)] * request.count
        prompt = prompts[request.problem_id]
        return [
            Sample(
                text=o.text if sampling["stop"] else decode_continuation(tokenizer, prompt, o.token_ids),
                tokens=len(o.token_ids),
                finish_reason=o.finish_reason,
                logprob=o.cumulative_logprob,
            )
            for o in sorted(output.outputs, key=lambda o: o.index)
        ]

    settings = llm.llm_engine.vllm_config
    queue = QUEUE_FACTOR * settings.scheduler_config.max_num_seqs
    requests = progress.requests(PER_REQUEST)
    max_model_len = settings.model_config.max_model_len
    finished = _finished_requests(llm.llm_engine, requests, prompts, parameters, max_model_len, queue)
    for request, samples in _in_order((n, (request, samples_of(request, o))) for n, request, o in finished):
        progress.add(request, len(prompts[request.problem_id]), samples)


def decode_continuation(tokenizer: Any, prompt: list[int], tokens: Sequence[int]) -> str:
    """Text that the tokens add to the prompt.

    Some tokenizers drop a space at the start of a text; decoded after the end of the prompt, a sample keeps it.
    """
    before = prompt[-8:]
    text = tokenizer.decode([*before, *tokens], skip_special_tokens=True)
    return text[len(tokenizer.decode(before, skip_special_tokens=True)) :]


def _finished_requests(
    core: Any, waiting: Iterator[Request], prompts: dict[str, list[int]], parameters: Any, context: int, queue: int
) -> Iterator[tuple[int, Request, Any]]:
    """Keep about `queue` sequences in the engine; yield number, request and output of each request as it finishes.

    Samples end at the context limit; the output is None if a prompt leaves no room for a sample.
    """
    from vllm.inputs import tokens_input

    running: dict[str, Request] = {}
    sequences, started = 0, -1
    while True:
        while sequences < queue:
            request = next(waiting, None)
            if request is None:
                break
            prompt = prompts[request.problem_id]
            started += 1
            if len(prompt) >= context:
                yield started, request, None
                continue
            own_parameters = parameters.clone()
            own_parameters.n = request.count
            own_parameters.max_tokens = min(parameters.max_tokens, context - len(prompt))
            core.add_request(str(started), tokens_input(prompt), own_parameters)
            running[str(started)] = request
            sequences += request.count
        if not running:
            return
        for output in core.step():
            if output.finished:
                request = running.pop(output.request_id)
                sequences -= request.count
                yield int(output.request_id), request, output


def _in_order(numbered: Iterable[tuple[int, Item]]) -> Iterator[Item]:
    """Reorder items numbered 0, 1, 2 … by their numbers."""
    held: dict[int, Item] = {}
    due = 0
    for number, item in numbered:
        held[number] = item
        while due in held:
            yield held.pop(due)
            due += 1
