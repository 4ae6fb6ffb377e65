"""Draw the samples of a shard from any server that speaks OpenAI's HTTP interface.

Such servers differ in what they take. What this one takes is found out by a few small requests before sampling begins,
and written into the provenance; nothing that a server ignores is claimed there.
"""

import asyncio
import json
import math
import os
import time
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import tenacity

from monkeys.sampling.shard import Progress, Request, Sample

RETRIED = (408, 409, 425, 429)
"""Refusals that may pass, besides every error of the server itself (500 and above)."""

BROKEN_OFF = {None, "abort", "error"}
"""Reasons for the end of a completion that say that the server failed, not that the model was done."""

LONGEST_PAUSE = 60.0
"""Seconds between two attempts at most, where the server does not ask for more."""

PROBE_TOKENS = 24
"""Length of the samples from which it is seen whether a server takes seeds."""


class Refused(RuntimeError):
    """The server will not answer this request, however often it is sent."""


class Unavailable(Exception):
    """The server did not answer this time."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds that the server asks to wait."""


def sample(progress: Progress, model: dict[str, Any], sampling: dict[str, Any]) -> None:
    """Draw everything that is missing from a shard into its journal; the arguments are those of `vllm.sample`.

    Raises:
        ValueError: the environment variable with the key is not set.
        RuntimeError: the server refuses a request for good, or could not be reached for too long. What was sampled is
            in the journal.
    """
    if progress.missing:
        asyncio.run(_sample(progress, model, sampling))


async def _sample(progress: Progress, model: dict[str, Any], sampling: dict[str, Any]) -> None:
    endpoint = model["endpoint"]
    shard = progress.shard
    async with Server(endpoint, _key(endpoint, shard.model), sampling, model["chat"]) as server:
        await server.learn(next(iter(progress.prompts.values())))
        progress.begin(
            {
                "engine": "endpoint",
                "base_url": endpoint["base_url"],
                "model": endpoint["model"],
                "takes": sorted(server.takes),
                "seeds": "one a sample, counted up from a hash of study, task, model and problem"
                if "seed" in server.takes
                else None,
            }
        )
        if not server.counts_tokens:
            print(
                f"NOTE {shard.model}: the server tells no tokens per sample, so counts of tokens stay unknown; "
                "endpoint.samples_per_request: 1 would make them known",
                file=progress.console,
            )
        requests = progress.requests(endpoint["samples_per_request"] if "n" in server.takes else 1)
        failures: list[Exception] = []

        async def work() -> None:
            for request in requests:
                try:
                    prompt_tokens, samples, usage = await server.samples(
                        request, shard.request_seed(request.problem_id, request.first)
                    )
                    progress.add(request, prompt_tokens, samples, usage)
                except Exception as error:
                    # those under way may end and be recorded, no new ones begin
                    failures.append(_of_request(error, request))
                    return
                if failures:
                    return

        await asyncio.gather(*(work() for _ in range(endpoint["concurrency"])))
    if failures:
        raise failures[0]


def _of_request(error: Exception, request: Request) -> Exception:
    """The error with the request that met it; errors that are not the server's stay what they are."""
    if not isinstance(error, Refused | Unavailable):
        return error
    return RuntimeError(
        f"problem {request.problem_id}, samples from {request.first}: {error}; what was sampled before is kept, "
        "run again to go on"
    )


def _key(endpoint: dict[str, Any], model: str) -> str | None:
    """The server's key from the environment variable that the config names."""
    name = endpoint["api_key_env"]
    if name is None:
        return None
    if not os.environ.get(name):
        raise ValueError(f"models.{model}.endpoint.api_key_env: the environment variable {name} is not set; export it")
    return os.environ[name]


class Server:
    """A connection to one server, for one way of sampling.

    Args:
        endpoint: base_url, model, samples_per_request, timeout, patience, parameters.
        key: Sent as bearer token, and kept out of every message; None for none.
        sampling: How is sampled, see `sample`.
        chat: Ask for chat completions, the prompt being the user's turn, rather than for continuations of the prompt.
    """

    def __init__(self, endpoint: dict[str, Any], key: str | None, sampling: dict[str, Any], chat: bool) -> None:
        self._endpoint = endpoint
        self._key = key
        self._sampling = sampling
        self._chat = chat
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(endpoint["timeout"], connect=30),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
        )
        self.takes: set[str] = set()
        """Of n, seed, logprobs, top_k, min_p, include_stop what the server takes; the first three were seen to work."""
        self.counts_tokens = False
        """Whether the server tells how many tokens each sample has."""

    async def __aenter__(self) -> "Server":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def learn(self, prompt: str) -> None:
        """Find out what the server takes, by small requests whose samples are thrown away.

        Raises:
            Refused: it refuses what the study needs.
            Unavailable: it could not be reached for as long as it is waited for.
        """
        length = min(PROBE_TOKENS, self._sampling["max_tokens"])
        base = self._body(prompt, length) | {"temperature": max(1.0, self._sampling["temperature"])}
        plain = await self._post(base)
        optional = {**self._optional(), "n": {"n": 2}, "seed": {"seed": 1}}
        takes = {}
        try:
            takes = dict.fromkeys(optional, await self._post(base | _merged(optional.values())))
        except Refused:
            for name, part in optional.items():
                try:
                    takes[name] = await self._post(base | part)
                except Refused as refusal:
                    if self._sampling.get(name):
                        raise Refused(f"the study needs sampling.{name}, but {refusal}") from None
        if "n" in takes and len(takes["n"]["choices"]) < 2:
            del takes["n"]
        if "logprobs" in takes and _logprobs(takes["logprobs"]["choices"][0]) is None:
            del takes["logprobs"]
        if "seed" in takes:
            answers = [await self._post(base | {"seed": seed}) for seed in (1, 1, 2, 3)]
            first, again, *others = [self._text(answer["choices"][0]) for answer in answers]
            if first != again or {first} == set(others):
                del takes["seed"]
        self.takes = set(takes)
        alone = "n" not in takes or self._endpoint["samples_per_request"] == 1
        self.counts_tokens = "logprobs" in takes or (alone and "completion_tokens" in _usage(plain))

    async def samples(self, request: Request, seed: int) -> tuple[int | None, list[Sample], dict[str, int]]:
        """Draw the samples of one request: length of the prompt in tokens, samples, and the tokens that are billed.

        Args:
            request: What to draw.
            seed: Of its first sample; is not sent where the server takes none.

        Raises:
            Refused: the server will not answer.
            Unavailable: it did not answer for as long as it is waited for.
        """
        body = self._body(request.prompt, self._sampling["max_tokens"])
        body |= _merged(part for name, part in self._optional().items() if name in self.takes)
        body |= {"n": request.count} if request.count > 1 else {}
        body |= {"seed": seed} if "seed" in self.takes else {}
        answer = await self._post(body)
        usage = _usage(answer)
        alone = usage.get("completion_tokens") if request.count == 1 else None
        choices = sorted(answer["choices"], key=lambda choice: choice.get("index", 0))
        return usage.get("prompt_tokens"), [self._as_sample(choice, alone) for choice in choices], usage

    def _body(self, prompt: str, max_tokens: int) -> dict[str, Any]:
        """What every server understands of a request."""
        said = {"messages": [{"role": "user", "content": prompt}]} if self._chat else {"prompt": prompt}
        stop = {"stop": self._sampling["stop"]} if self._sampling["stop"] else {}
        usual = {key: self._sampling[key] for key in ("temperature", "top_p")}
        limit = {self._endpoint["max_tokens_name"]: max_tokens}
        return {"model": self._endpoint["model"], **said, **usual, **limit, **stop, **self._endpoint["parameters"]}

    def _optional(self) -> dict[str, dict[str, Any]]:
        """What some servers understand, by the names of the settings.

        Those of the sampling are sent also at their neutral values: a server may have others as its own defaults.
        """
        return {
            "logprobs": {"logprobs": True if self._chat else 0},
            "top_k": {"top_k": self._sampling["top_k"]},
            "min_p": {"min_p": self._sampling["min_p"]},
            "include_stop": {"include_stop_str_in_output": self._sampling["include_stop"]},
        }

    def _text(self, choice: dict[str, Any]) -> str:
        text = (choice["message"].get("content") if self._chat else choice["text"]) or ""
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # half characters cannot be stored

    def _as_sample(self, choice: dict[str, Any], billed: int | None) -> Sample:
        logprobs = _logprobs(choice)
        return Sample(
            text=self._text(choice),
            tokens=billed if logprobs is None else len(logprobs),
            finish_reason=choice["finish_reason"],
            logprob=None if logprobs is None else math.fsum(logprobs),
        )

    async def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        """The server's answer; asked again, less and less often, for as long as patience lasts."""
        backoff = tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_PAUSE)

        def pause(state: tenacity.RetryCallState) -> float:
            failure = state.outcome.exception() if state.outcome else None
            return max(backoff(state), failure.retry_after if isinstance(failure, Unavailable) else 0.0)

        again = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(Unavailable),
            wait=pause,
            stop=tenacity.stop_before_delay(self._endpoint["patience"]),
            reraise=True,
        )
        return await again(self._post_once, body)

    async def _post_once(self, body: dict[str, Any]) -> dict[str, Any]:
        path = "chat/completions" if self._chat else "completions"
        try:
            response = await self._client.post(f"{self._endpoint['base_url'].rstrip('/')}/{path}", json=body)
        except httpx.TransportError as error:
            raise Unavailable(f"{self._endpoint['base_url']}: {type(error).__name__} {error}".strip()) from None
        # cleaned before anything is read or cut from it: whatever is said of the answer, the key is not in it
        said = response.text.replace(self._key, "[key]") if self._key else response.text
        if response.status_code != 200:
            message, code = _complaint(said)
            message = f"{self._endpoint['base_url']} answers {response.status_code}: {message}"
            passing = response.status_code in RETRIED or response.status_code >= 500
            if passing and code != "insufficient_quota":
                raise Unavailable(message, _retry_after(response))
            raise Refused(message)
        try:
            answer = json.loads(said)
            reasons = {choice["finish_reason"] for choice in answer["choices"]}
        except (ValueError, KeyError, TypeError):
            raise Unavailable(f"{self._endpoint['base_url']} gives no completion: {said[:200]!r}") from None
        if reasons & BROKEN_OFF:
            raise Unavailable(f"{self._endpoint['base_url']} broke off the request ({reasons & BROKEN_OFF})")
        return answer


def _merged(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {key: value for part in parts for key, value in part.items()}


def _usage(answer: dict[str, Any]) -> dict[str, int]:
    """The tokens of the prompt and of all its completions together, as far as the server tells."""
    usage = answer.get("usage") or {}
    return {kind: usage[kind] for kind in ("prompt_tokens", "completion_tokens") if usage.get(kind) is not None}


def _logprobs(choice: dict[str, Any]) -> list[float] | None:
    """Natural logarithms of the tokens' probabilities, of a continuation or of a chat; None where there are none."""
    told = choice.get("logprobs") or {}
    values = [token["logprob"] for token in told["content"]] if told.get("content") else told.get("token_logprobs")
    return values if values and None not in values else None


def _complaint(said: str) -> tuple[str, str | None]:
    """The server's message and its code for it, in one of the usual forms, else the text as it is."""
    try:
        error = json.loads(said)
        error = error.get("error", error)
        return str(error["message"]), error.get("code")
    except (ValueError, KeyError, TypeError, AttributeError):
        return said[:500], None


def _retry_after(response: httpx.Response) -> float:
    """Seconds that the server asks to wait: the header is a number or a date."""
    value = response.headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0
