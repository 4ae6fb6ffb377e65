"""Draw the samples of a shard from any server that speaks OpenAI's HTTP interface.

Servers support different parameters. A few probe requests detect which before sampling begins, and the provenance lists
only those seen to work.
"""

import asyncio
import json
import math
import os
import re
import signal
import threading
import time
from collections.abc import Coroutine, Iterable
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, TextIO

import httpx
import tenacity
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from monkeys.sampling.journal import ENDING
from monkeys.sampling.shard import MOST_TOKENS, Progress, Request, Sample

RETRIED = (408, 409, 425, 429)
"""Refusals that may pass, besides every error of the server itself (500 and above)."""

BROKEN_OFF = {None, "abort", "error"}
"""Reasons for the end of a completion that say that the server failed, not that the model was done."""

LONGEST_PAUSE = 60.0
"""Seconds between two attempts at most, where the server does not ask for more."""

PROBE_TOKENS = 24
"""Length of the samples from which it is seen whether a server takes seeds."""

ANSWER_BYTES, TOKEN_BYTES = 1_000_000, 1000
"""How long an answer may be, and how much longer with every token asked for: log-probabilities take some 100 to 400."""


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
        signals: list[int] = []
        try:
            asyncio.run(_unless_signalled(_sample(progress, model, sampling), signals))
        except asyncio.CancelledError:
            for number in signals[:1]:
                signal.raise_signal(number)
            raise


async def _unless_signalled(work: Coroutine[Any, Any, None], signals: list[int]) -> None:
    """Cancel the work at a signal that asks the job to end; which it was is put into `signals`.

    A handler that raises does so wherever the program happens to be. In the midst of a coroutine the HTTP client may
    lose the exception and raise one of its own.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def cancel(number: int, _: object) -> None:
        signals.append(number)
        loop.call_soon_threadsafe(task.cancel)

    here = threading.current_thread() is threading.main_thread()  # no other gets signals
    previous = {number: signal.signal(number, cancel) for number in ENDING} if here else {}
    try:
        await work
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


async def _sample(progress: Progress, model: dict[str, Any], sampling: dict[str, Any]) -> None:
    endpoint = model["endpoint"]
    shard = progress.shard
    async with Server(endpoint, key_of(endpoint, shard.model), sampling, model["chat"], progress.console) as server:
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
        together = endpoint["samples_per_request"] if "n" in server.takes else 1
        if together != endpoint["samples_per_request"]:
            print(
                f"NOTE {shard.model}: the server draws one sample a request, so each pays for its prompt; say so with "
                "endpoint.samples_per_request: 1, from which dollars are counted",
                file=progress.console,
            )
        requests = progress.requests(together)
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


def check_server(endpoint: dict[str, Any], key: str | None) -> str | None:
    """What is wrong with a server as it answers now; None if nothing is known to be.

    Args:
        endpoint: base_url and model.
        key: Sent as bearer token; None for none.
    """
    url = f"{endpoint['base_url'].rstrip('/')}/models"
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        answer = httpx.get(url, headers=headers, timeout=10)
    except httpx.HTTPError as error:
        return f"no answer from {url}: {error or type(error).__name__}"
    if answer.status_code in (401, 403):
        where = "its key (endpoint.api_key_env)" if key else "requests without a key; name it by endpoint.api_key_env"
        return f"{url} refuses {where}: status {answer.status_code}"
    try:
        served = [entry["id"] for entry in answer.raise_for_status().json()["data"]]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None  # not every server lists its models
    if served and endpoint["model"] not in served:
        return f"{url} lists no model {endpoint['model']}, but {', '.join(map(str, served[:5]))}"
    return None


def key_of(endpoint: dict[str, Any], model: str) -> str | None:
    """The server's key from the environment variable that the config names.

    Raises:
        ValueError: there is none, or none that can be sent.
    """
    name = endpoint["api_key_env"]
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    where = f"models.{model}.endpoint.api_key_env: the environment variable {name}"
    if not key:
        raise ValueError(f"{where} is not set; export it")
    if not (key.isascii() and key.isprintable()):
        raise ValueError(f"{where} holds letters that no key has; export it anew")
    return key


def _whole(text: Any) -> Any:
    """A text without half characters, which cannot be stored."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(text, str) else text


Text = Annotated[str, BeforeValidator(_whole)]
Tokens = Annotated[int, Field(ge=0, le=MOST_TOKENS)]
LogProbability = Annotated[float, Field(ge=-1e5, le=1e-3, allow_inf_nan=False)]
"""Natural logarithm of a probability; above 0 by rounding alone."""


class _Told(BaseModel):
    """A part of what a server tells: types as they should be; what is not named here is not looked at."""

    model_config = ConfigDict(strict=True)


class _Message(_Told):
    content: Text | None = None


class _Token(_Told):
    logprob: LogProbability


class _LogProbabilities(_Told):
    content: list[_Token] | None = None
    """Of a chat."""
    token_logprobs: list[LogProbability | None] | None = None
    """Of a continuation."""


class _Choice(_Told):
    index: int = 0
    finish_reason: str | None
    text: Text | None = None
    message: _Message | None = None
    logprobs: _LogProbabilities | None = None

    def log_probabilities(self) -> list[float] | None:
        """Of every token of the sample; None where the server does not tell them."""
        told = self.logprobs or _LogProbabilities()
        values = [token.logprob for token in told.content] if told.content else told.token_logprobs
        return [value for value in values if value is not None] if values and None not in values else None


class _Usage(_Told):
    prompt_tokens: Tokens | None = None
    completion_tokens: Tokens | None = None


class _Answer(_Told):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None

    @field_validator("choices")
    @classmethod
    def _numbered(cls, choices: list[_Choice]) -> list[_Choice]:
        """The choices in their order."""
        choices = sorted(choices, key=lambda choice: choice.index)
        if (numbers := [choice.index for choice in choices]) != list(range(len(choices))):
            raise ValueError(f"the choices have the numbers {numbers[:10]}")
        return choices

    def billed(self) -> dict[str, int]:
        """The tokens of the prompt and of all its completions together, as far as the server tells."""
        return self.usage.model_dump(exclude_none=True) if self.usage else {}


class Server:
    """A connection to one server, for one way of sampling.

    Args:
        endpoint: base_url, model, samples_per_request, timeout, patience, parameters.
        key: Sent as bearer token, and kept out of every message; None for none.
        sampling: How is sampled, see `sample`.
        chat: Ask for chat completions, the prompt being the user's turn, rather than for continuations of the prompt.
        console: Where it is said that the server does not answer, and that it does again.
    """

    def __init__(
        self,
        endpoint: dict[str, Any],
        key: str | None,
        sampling: dict[str, Any],
        chat: bool,
        console: TextIO | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._key = _spellings(key) if key else None
        self._sampling = sampling
        self._chat = chat
        self._console = console
        self._away = False
        self._longest = ANSWER_BYTES + TOKEN_BYTES * max(2, endpoint["samples_per_request"]) * sampling["max_tokens"]
        self._client = httpx.AsyncClient(
            # a compressed answer has no length that could be bounded before it is unpacked
            headers={"Accept-Encoding": "identity", **({"Authorization": f"Bearer {key}"} if key else {})},
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
        if "n" in takes and len(takes["n"].choices) < 2:
            del takes["n"]
        if "logprobs" in takes and takes["logprobs"].choices[0].log_probabilities() is None:
            del takes["logprobs"]
        if "seed" in takes:
            answers = [await self._post(base | {"seed": seed}) for seed in (1, 1, 2, 3)]
            first, again, *others = [self._text(answer.choices[0]) for answer in answers]
            if first != again or {first} == set(others):
                del takes["seed"]
        self.takes = set(takes)
        alone = "n" not in takes or self._endpoint["samples_per_request"] == 1
        self.counts_tokens = "logprobs" in takes or (alone and "completion_tokens" in plain.billed())

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
        usage = answer.billed()
        alone = usage.get("completion_tokens") if request.count == 1 else None
        return usage.get("prompt_tokens"), [self._as_sample(choice, alone) for choice in answer.choices], usage

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

    def _text(self, choice: _Choice) -> str:
        return (choice.message.content if self._chat and choice.message else choice.text) or ""

    def _as_sample(self, choice: _Choice, billed: int | None) -> Sample:
        logprobs = choice.log_probabilities()
        return Sample(
            text=self._text(choice),
            tokens=billed if logprobs is None else len(logprobs),
            finish_reason=choice.finish_reason or "",
            logprob=None if logprobs is None else min(0.0, math.fsum(logprobs)),
        )

    async def _post(self, body: dict[str, Any]) -> _Answer:
        """The server's answer; asked again, less and less often, for as long as patience lasts."""
        backoff = tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_PAUSE)

        def pause(state: tenacity.RetryCallState) -> float:
            failure = state.outcome.exception() if state.outcome else None
            return max(backoff(state), failure.retry_after if isinstance(failure, Unavailable) else 0.0)

        def say(state: tenacity.RetryCallState) -> None:
            if not self._away and state.outcome:
                patience = self._endpoint["patience"]
                until = time.time() + patience - (state.seconds_since_start or 0)
                clock = time.strftime("%H:%M" if patience < 12 * 3600 else "%Y-%m-%d %H:%M", time.localtime(until))
                print(
                    f"{state.outcome.exception()}; trying again until {clock} (endpoint.patience: {patience})",
                    file=self._console,
                )
            self._away = True

        again = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(Unavailable),
            wait=pause,
            stop=tenacity.stop_before_delay(self._endpoint["patience"]),
            before_sleep=say,
            reraise=True,
        )
        answer: _Answer = await again(self._post_once, body)
        if self._away:
            print(f"{self._endpoint['base_url']} answers again", file=self._console)
            self._away = False
        return answer

    async def _post_once(self, body: dict[str, Any]) -> _Answer:
        url = self._endpoint["base_url"].rstrip("/")
        try:
            # httpx bounds the time between two pieces of an answer, and there may be many pieces
            async with asyncio.timeout(self._endpoint["timeout"]):
                response, said = await self._exchanged(url, body)
        except TimeoutError:
            timeout = self._endpoint["timeout"]
            raise Unavailable(f"{url} gives no whole answer within {timeout} seconds (endpoint.timeout)") from None
        except httpx.TransportError as error:
            raise Unavailable(f"{url} does not answer: {type(error).__name__} {error}".strip()) from None
        if response.status_code != 200:
            message, code = _complaint(said)
            message = f"{url} answers {response.status_code}: {message}"
            passing = response.status_code in RETRIED or response.status_code >= 500
            if passing and code != "insufficient_quota":
                raise Unavailable(message, _retry_after(response))
            if response.status_code == 404 and not url.endswith("/v1"):
                message += " (the address of most servers ends in /v1)"
            raise Refused(message)
        try:
            answer = _Answer.model_validate(json.loads(said))
            if any((choice.message if self._chat else choice.text) is None for choice in answer.choices):
                raise ValueError(f"a choice without {'message' if self._chat else 'text'}")
        except (ValueError, RecursionError) as error:
            raise Unavailable(f"{url} gives no completion ({_reason(error)}): {said[:200]!r}") from None
        if broken := {choice.finish_reason for choice in answer.choices} & BROKEN_OFF:
            raise Unavailable(f"{url} broke off the request ({broken})")
        return answer

    async def _exchanged(self, url: str, body: dict[str, Any]) -> tuple[httpx.Response, str]:
        """A request's response and what it says, in bounded memory and without the key.

        It is cleaned before anything is read or cut from it: whatever is said of the answer, the key is not in it.
        """
        said = bytearray()
        path = f"{url}/{'chat/completions' if self._chat else 'completions'}"
        async with self._client.stream("POST", path, json=body) as response:
            if response.headers.get("content-encoding", "identity") != "identity":
                return response, "compressed, which was not asked for"
            async for part in response.aiter_raw():
                said += part
                if len(said) > self._longest:
                    raise Unavailable(f"{url} gives more than {self._longest:,} bytes, more than the samples can be")
        text = said.decode(errors="replace").removeprefix("\ufeff")
        return response, self._key.sub("[key]", text) if self._key else text


def _merged(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {key: value for part in parts for key, value in part.items()}


def _spellings(key: str) -> re.Pattern[str]:
    """The key as it may stand in an answer, also where JSON writes letters as numbers or behind a backslash."""
    slashes = r"\\{0,9}"
    return re.compile("".join(f"{slashes}(?:{re.escape(letter)}|u(?i:{ord(letter):04x}))" for letter in key))


def _reason(error: Exception) -> str:
    """What is wrong with an answer, in one line."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the answer'}: {first['msg']}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _complaint(said: str) -> tuple[str, str | None]:
    """The server's message and its code for it, in one of the usual forms, else the text as it is."""
    try:
        error = json.loads(said)
        error = error.get("error", error)
        return _whole(str(error["message"])[:2000]), error.get("code")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
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
    except (ValueError, OverflowError):
        return 0.0
