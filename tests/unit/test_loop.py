"""The shard loop with an engine of the test's own, which completes prompts in any order."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monkeys.sampling.engines.engine import Completion, EngineError, Reply
from monkeys.sampling.journal import Journal, read_entries
from monkeys.sampling.loop import draw
from monkeys.sampling.settings import Sampling
from monkeys.sampling.shard import Shard, ShardProgress
from monkeys.sampling.strategies import Strategy, iid

PROMPTS = {"a": "prompt a", "b": "prompt b", "c": "prompt c"}
SAMPLING = Sampling(max_tokens=64)


class Engine:
    """Answers after a number of turns of the event loop that depends on the request."""

    samples_per_request = 2

    def __init__(self, in_order=True, capacity=6, delays=(), fails=lambda request: False):
        self.in_order, self.capacity = in_order, capacity
        self.delays, self.fails = list(delays), fails
        self.requests, self.running, self.most = [], 0, 0

    def load(self, samples):
        return samples

    async def complete(self, request):
        number = len(self.requests)
        self.requests.append(request)
        self.running += request.count
        self.most = max(self.most, self.running)
        for _ in range(self.delays[number % len(self.delays)] if self.delays else 0):
            await asyncio.sleep(0)
        self.running -= request.count
        if self.fails(request):
            raise EngineError("out of order")
        text = f"{request.prompt[-8:]}, seed {request.seed}"
        completions = [Completion(text, 3, "stop", -0.5)] * request.count
        return Reply(completions, len(request.prompt), {"prompt_tokens": 7, "completion_tokens": 3 * request.count})


class Twice(Strategy):
    """Asks again, with another temperature and the first answer."""

    async def attempt(self, problem, ask):
        draft = await ask(problem.prompt)
        return await ask(draft.text, temperature=0.2)


def run(folder, engine, strategy=None, size=4, sampling=SAMPLING):
    """Draw a shard; return the entries of its journal, which has them also after a failure."""
    shard = Shard("s", 0, "t", "m", 0, size, {})
    with Journal(folder / "0.jsonl", "settings") as journal:
        progress = ShardProgress(shard, PROMPTS, journal)
        asyncio.run(draw(progress, engine, strategy or iid.Strategy(), sampling))
    return entries(folder)


def entries(folder):
    return [entry for entry in read_entries(folder / "0.jsonl") if "samples" in entry]


def places(found):
    return [(entry["problem_id"], entry["first"]) for entry in found]


ALL = [(problem, first) for problem in PROMPTS for first in (0, 2)]


@settings(max_examples=25, deadline=None)
@given(delays=st.lists(st.integers(0, 9), min_size=6, max_size=6))
def test_samples_are_recorded_in_the_order_in_which_they_were_begun(tmp_path_factory, delays):
    assert places(run(tmp_path_factory.mktemp("shard"), Engine(delays=delays))) == ALL


def test_samples_that_were_paid_for_are_recorded_as_they_finish(tmp_path):
    found = places(run(tmp_path, Engine(in_order=False, delays=[20, 0, 0])))
    assert found[0] != ("a", 0)
    assert sorted(found) == ALL


def test_the_engine_is_filled_to_its_capacity_and_not_beyond(tmp_path):
    engine = Engine(capacity=5, delays=[3])
    run(tmp_path, engine)
    assert engine.most == 6  # three requests of two samples: the third exceeds what was left


def test_a_failed_request_ends_the_job_with_an_error_that_names_the_problem(tmp_path):
    engine = Engine(fails=lambda request: request.prompt == "prompt b", delays=[1])
    with pytest.raises(RuntimeError, match=r"problem b, samples from 0: out of order; earlier samples are kept"):
        run(tmp_path, engine)
    assert places(entries(tmp_path)) == [("a", 0), ("a", 2)]
    assert places(run(tmp_path, Engine())) == ALL


def test_after_a_failure_requests_in_progress_are_finished_and_no_new_ones_begin(tmp_path):
    engine = Engine(in_order=False, capacity=6, delays=[0, 5, 9], fails=lambda request: request.prompt == "prompt a")
    with pytest.raises(RuntimeError, match="problem a, samples from 0"):
        run(tmp_path, engine)
    assert places(entries(tmp_path)) == [("b", 0)]
    assert len(engine.requests) == 3


def test_a_mistake_in_a_strategy_is_raised_with_the_problem(tmp_path):
    class Broken(Strategy):
        async def attempt(self, problem, ask):
            return {}[problem.problem_id]

    with pytest.raises(KeyError) as error:
        run(tmp_path, Engine(), Broken())
    assert error.value.__notes__ == ["problem a, samples from 0"]


def test_all_calls_of_an_attempt_are_counted_and_kept(tmp_path):
    engine = Engine()
    found = run(tmp_path, engine, Twice(), size=2)
    assert len(found) == 6 and len(engine.requests) == 12
    for entry in found:
        (sample,) = entry["samples"]
        first, second = json.loads(sample["trace"])
        assert second["prompt"] == first["completions"][0]["text"]
        assert sample["text"] == second["completions"][0]["text"]
        assert (sample["tokens"], sample["logprob"], sample["calls"]) == (6, -1.0, 2)
        assert entry["prompt_tokens"] == first["prompt_tokens"] + second["prompt_tokens"]
        assert entry["usage"] == {"prompt_tokens": 14, "completion_tokens": 6}
    assert {request.sampling.temperature for request in engine.requests} == {1.0, 0.2}
    assert len({(request.prompt, request.seed) for request in engine.requests}) == 12


def test_only_independent_samples_share_a_request(tmp_path):
    engine = Engine()
    run(tmp_path / "iid", engine)
    assert {request.count for request in engine.requests} == {2}
    engine = Engine()
    run(tmp_path / "twice", engine, Twice())
    assert {request.count for request in engine.requests} == {1}
    assert not any({"calls", "trace"} & set(s) for e in entries(tmp_path / "iid") for s in e["samples"])


def test_settings_of_a_call_are_checked(tmp_path):
    class Cold(Strategy):
        async def attempt(self, problem, ask):
            return await ask(problem.prompt, temperature=0)

    with pytest.raises(ValueError, match="temperature"):
        run(tmp_path, Engine(), Cold())
