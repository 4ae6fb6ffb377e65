"""Draw the samples of a shard with vLLM in this process's own engine."""

import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from monkeys.sampling import engine_arguments, weights
from monkeys.sampling.shard import Progress, Request, Sample
from monkeys.sampling.tokens import encoded, refuse_overlong
from monkeys.study.study import SourcedModel

PER_REQUEST = 16
"""Samples per request: enough to share the prompt's work, few enough for fine progress."""

QUEUE_FACTOR = 4
"""Requests handed to the engine ahead of time, in multiples of the sequences it runs at once.

The engine never runs dry, and memory does not grow with the number of samples.
"""

Item = TypeVar("Item")


def sample(progress: Progress, model: SourcedModel, sampling: dict[str, Any], commit: str | None = None) -> None:
    """Draw everything that is missing from a shard into its journal.

    Args:
        progress: The shard's journal and prompts.
        model: A model whose source is weights.
        sampling: temperature, top_p, top_k, min_p, max_tokens, stop, include_stop.
        commit: Commit of the hub model; None for a folder.

    Raises:
        ValueError: an argument that the engine does not know; a chat without a template; a prompt that leaves no room
            for `max_tokens` in the model's context. The model's weights are not even loaded then.
        RuntimeError: the engine ended a request in another way than a sample ends, or died.
    """
    if not progress.missing:
        return
    engine = model.engine
    os.environ["HF_HUB_OFFLINE"] = "1"  # everything was fetched before; a node of a cluster may not even reach the hub
    folder = weights.local_folder(model.source.settings, commit, engine.trust_remote_code)
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    # these two only count where the CPU samples
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")  # jobs side by side must not share one core
    if "kv_cache_memory_bytes" not in engine.arguments:  # it would be overruled
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB
    if engine.enforce_eager:
        # some functions would be compiled even so, which takes a C++ compiler, and longer than it saves
        os.environ.setdefault("TORCH_COMPILE_DISABLE", "1")
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = str(int(engine.separate_process))
    for mistake in engine_arguments.mistakes(engine.model_dump()):
        raise ValueError(f"models.{progress.shard.model}.engine.arguments: {mistake}")
    with _objects_kept():
        from vllm import LLM, EngineArgs, __version__
        from vllm.tokenizers import cached_tokenizer_from_config
        from vllm.v1.engine.exceptions import EngineDeadError

    seed = progress.shard.engine_seed(progress.samples)
    settings = {
        **engine_arguments.of(engine.model_dump()),
        **({"quantization": q} if (q := model.quantization) else {}),
    }
    everything = {
        "model": str(folder),
        "seed": seed,
        "generation_config": "vllm",  # the model's own sampling defaults are not the study's; its stop tokens hold
        "disable_log_stats": True,
        **settings,
    }
    about = EngineArgs(**everything).create_model_config()
    tokenizer = cached_tokenizer_from_config(about)
    shard = progress.shard
    prompts = encoded(tokenizer, progress.prompts, model.chat, shard.model)
    if model.on_context_overflow == "error":
        lengths = {problem: len(tokens) for problem, tokens in prompts.items()}
        refuse_overlong(lengths, about.max_model_len, shard.task, shard.model, sampling["max_tokens"])
    try:
        llm = LLM(**everything)
        version = {"version": __version__, "commit": commit}
        ends = stop_tokens(about, tokenizer)
        progress.begin({"engine": "vllm", **version, "seed": seed, "settings": settings, "stop_token_ids": ends})
        with _watched():
            run(llm, progress, prompts, sampling)
    except (EngineDeadError, ChildProcessError) as error:
        raise RuntimeError(
            f"the engine died ({error}); {progress.samples} samples are in the journal, run again to go on. "
            "Its own words are in the log; if it was out of memory, lower engine.max_num_seqs or "
            "engine.gpu_memory_utilization, or give the job more"
        ) from None


def stop_tokens(about: Any, tokenizer: Any) -> list[int]:
    """The tokens that end a sample: the tokenizer's, and those that the model's generation_config.json adds.

    Args:
        about: The engine's config of the model.
        tokenizer: The model's.
    """
    theirs = about.try_get_generation_config().get("eos_token_id")
    several = theirs if isinstance(theirs, list) else [theirs]
    return sorted({token for token in [tokenizer.eos_token_id, *several] if token is not None})


@contextmanager
def _objects_kept() -> Iterator[None]:
    """Spare the collector of garbage what is made here for the whole life of the process.

    vLLM's imports make hundreds of thousands of objects. Several collections while they are made, and some that vLLM
    asks for when it starts an engine, would look through all of them.
    """
    if "vllm" in sys.modules:  # what is garbage by now, such as an earlier engine, shall be found
        yield
        return
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


@contextmanager
def _watched() -> Iterator[None]:
    """Raise ChildProcessError as soon as the engine's process is gone.

    A killed engine (e.g. out of memory) sends nothing, and vLLM would block until the job's time limit.
    """
    engines = multiprocessing.active_children()

    def ended(engine: multiprocessing.process.BaseProcess) -> bool:
        assert engine.pid is not None
        try:
            return os.waitid(os.P_PID, engine.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True  # one of vLLM's threads was quicker to learn of it; `is_alive` may not know that yet

    def look(*_: object) -> None:
        if gone := [engine.name for engine in engines if ended(engine)]:
            raise ChildProcessError(f"no process {', '.join(gone)} any more")

    previous = signal.signal(signal.SIGCHLD, look)
    try:
        look()
        yield
    finally:
        signal.signal(signal.SIGCHLD, previous)


def run(llm: Any, progress: Progress, prompts: dict[str, list[int]], sampling: dict[str, Any]) -> None:
    """Draw what is missing with an engine that is already there; see `sample`.

    Finished requests go into the journal in the order in which they were started. Recorded as they finish, short
    samples would be ahead of long ones whenever a job is killed, and what is drawn again would favour short ones.
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
        logprobs=0,  # of the sampled token alone, for the cumulative log-probability
        flat_logprobs=True,
        # Without stop strings nobody reads a text before its end: turned into text once, here, it costs less.
        detokenize=bool(sampling["stop"]),
        output_kind=RequestOutputKind.FINAL_ONLY,
    )

    def samples_of(request: Request, output: Any) -> list[Sample]:
        if output is None:
            return [Sample(text="", tokens=0, finish_reason="length", logprob=0.0)] * request.count
        prompt = prompts[request.problem_id]
        return [
            Sample(
                text=o.text if sampling["stop"] else decoded(tokenizer, prompt, o.token_ids),
                tokens=len(o.token_ids),
                finish_reason=o.finish_reason,
                logprob=o.cumulative_logprob,
            )
            for o in sorted(output.outputs, key=lambda o: o.index)
        ]

    settings = llm.llm_engine.vllm_config
    queue = QUEUE_FACTOR * settings.scheduler_config.max_num_seqs
    started = progress.requests(PER_REQUEST)
    finished = _finished(llm.llm_engine, started, prompts, parameters, settings.model_config.max_model_len, queue)
    for request, samples in _in_order((n, (request, samples_of(request, o))) for n, request, o in finished):
        progress.add(request, len(prompts[request.problem_id]), samples)


def decoded(tokenizer: Any, prompt: list[int], tokens: Sequence[int]) -> str:
    """The text that the tokens add behind the prompt.

    Some tokenizers drop a space at the start of a text; decoded behind the end of its prompt, a sample keeps it.
    """
    before = prompt[-8:]
    whole = tokenizer.decode([*before, *tokens], skip_special_tokens=True)
    return whole[len(tokenizer.decode(before, skip_special_tokens=True)) :]


def _finished(
    core: Any, waiting: Iterator[Request], prompts: dict[str, list[int]], parameters: Any, context: int, queue: int
) -> Iterator[tuple[int, Request, Any]]:
    """Feed the engine so that about `queue` sequences are in it; yield requests as they finish, with their number.

    A sample ends where the context does; the output is None where a prompt leaves no room for any.
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
            counted = parameters.clone()
            counted.n = request.count
            counted.max_tokens = min(parameters.max_tokens, context - len(prompt))
            core.add_request(str(started), tokens_input(prompt), counted)
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
    """What comes numbered 0, 1, 2 … in any order, in the order of the numbers."""
    held: dict[int, Item] = {}
    due = 0
    for number, item in numbered:
        held[number] = item
        while due in held:
            yield held.pop(due)
            due += 1
