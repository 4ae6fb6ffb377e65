"""Draw the samples of a shard with vLLM in this process's own engine."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from monkeys.logs import progress_bar
from monkeys.sampling.shard import Progress, Request, Sample

PER_REQUEST = 16
"""Samples per request: enough to share the prompt's work, few enough for fine progress."""

QUEUE_FACTOR = 4
"""Requests handed to the engine ahead of time, in multiples of the sequences it runs at once.

The engine never runs dry, and memory does not grow with the number of samples.
"""


def sample(
    progress: Progress,
    weights: str,
    revision: str | None,
    sampling: dict[str, Any],
    engine: dict[str, Any],
    console: TextIO | None = None,
) -> None:
    """Draw everything that is missing from a shard into its journal.

    Args:
        progress: The shard's journal and prompts (raw text; no chat template is applied).
        weights: Hugging Face id or folder of the model.
        revision: Revision of the id; None for a folder.
        sampling: temperature, top_p, top_k, min_p, max_tokens, stop, include_stop.
        engine: Arguments of vLLM's `LLM` that change how, not what is sampled (None: vLLM's default), and
            separate_process.
        console: Where the progress bar goes; None for none.

    Raises:
        ValueError: a prompt leaves no room for `max_tokens` in the model's context; nothing is sampled then.
        RuntimeError: the engine ended a request in another way than a sample ends.
    """
    if not progress.missing:
        return
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB; these two only count where the CPU samples
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")  # jobs side by side must not share one core
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = str(int(engine["separate_process"]))
    if Path(weights).is_dir():
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import vllm

    seed = progress.shard.engine_seed(progress.samples)
    llm = vllm.LLM(
        weights,
        revision=revision,
        seed=seed,
        generation_config="vllm",  # the model's own sampling defaults and extra stop tokens would not be the study's
        disable_log_stats=True,
        **arguments(engine),
    )
    progress.begin({"engine": "vllm", "version": vllm.__version__, "seed": seed})
    run(llm, progress, sampling, console)


def arguments(engine: dict[str, Any]) -> dict[str, Any]:
    """The arguments of vLLM's `LLM` among a model's engine settings; what is None is left to vLLM."""
    return {key: value for key, value in engine.items() if key != "separate_process" and value is not None}


def run(llm: Any, progress: Progress, sampling: dict[str, Any], console: TextIO | None = None) -> None:
    """Draw what is missing with an engine that is already there; see `sample`."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    tokenizer = llm.get_tokenizer()
    prompts = _encoded(tokenizer, llm.llm_engine.model_config.max_model_len, progress, sampling["max_tokens"])

    def text_of(request: Request, output: Any) -> str:
        return output.text if sampling["stop"] else _decoded(tokenizer, prompts[request.problem_id], output.token_ids)

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
    at_once = llm.llm_engine.vllm_config.scheduler_config.max_num_seqs
    waiting = progress.requests(PER_REQUEST)
    title = f"{progress.shard.task} {progress.shard.model} shard {progress.shard.index}"
    with progress_bar(console, progress.missing, title, "samples") as bar:
        for request, output in _finished(llm.llm_engine, waiting, prompts, parameters, QUEUE_FACTOR * at_once):
            progress.add(
                request,
                len(prompts[request.problem_id]),
                (
                    Sample(text_of(request, o), len(o.token_ids), o.finish_reason, o.cumulative_logprob)
                    for o in sorted(output.outputs, key=lambda o: o.index)
                ),
            )
            bar.update(request.count)


def _decoded(tokenizer: Any, prompt: list[int], tokens: Sequence[int]) -> str:
    """The text that the tokens add behind the prompt.

    Some tokenizers drop a space at the start of a text; decoded behind the end of its prompt, a sample keeps it.
    """
    before = prompt[-8:]
    whole = tokenizer.decode([*before, *tokens], skip_special_tokens=True)
    return whole[len(tokenizer.decode(before, skip_special_tokens=True)) :]


def _encoded(tokenizer: Any, context: int, progress: Progress, max_tokens: int) -> dict[str, list[int]]:
    """Token ids of every prompt, checked against the model's context."""
    prompts = {problem: tokenizer.encode(prompt) for problem, prompt in progress.prompts.items()}
    for problem, tokens in prompts.items():
        if len(tokens) + max_tokens > context:
            raise ValueError(
                f"task {progress.shard.task}, problem {problem}: its prompt of {len(tokens)} tokens and max_tokens "
                f"({max_tokens}) exceed the context of {progress.shard.model} ({context}); lower sampling.max_tokens "
                "or few_shot, leave the problem out (problems:), or raise engine.max_model_len"
            )
    return prompts


def _finished(
    core: Any, waiting: Iterator[Request], prompts: dict[str, list[int]], parameters: Any, queue: int
) -> Iterator[tuple[Request, Any]]:
    """Feed the engine so that about `queue` sequences are in it, and yield requests as they finish."""
    running: dict[str, Request] = {}
    sequences = 0
    while True:
        while sequences < queue:
            request = next(waiting, None)
            if request is None:
                break
            counted = parameters.clone()
            counted.n = request.count
            key = f"{request.problem_id}/{request.first}"
            core.add_request(key, {"prompt_token_ids": prompts[request.problem_id]}, counted)
            running[key] = request
            sequences += request.count
        if not running:
            return
        for output in core.step():
            if output.finished:
                request = running.pop(output.request_id)
                sequences -= request.count
                yield request, output
