"""Draw the samples of a shard from any server that speaks OpenAI's HTTP interface.

Servers support different parameters. A few probe requests detect which before sampling begins, and the provenance lists
only those seen to work.
"""

import asyncio
import json
import math
import os
import re
import time
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, TextIO

import httpx
import tenacity
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from monkeys.sampling import signals
from monkeys.sampling.engines.engine import Completion, EngineError, Messages, Reply, Request
from monkeys.sampling.loop import draw
from monkeys.sampling.settings import Sampling
from monkeys.sampling.shard import MAX_TOKENS, ShardProgress
from monkeys.sampling.strategies import Strategy
from monkeys.sampling.thinking import Thinking, split
from monkeys.sources.endpoint import Server as ServerSettings
from monkeys.study.model import Chat
from monkeys.study.study import SourcedModel

RETRIED = (408, 409, 425, 429)
"""Transient client errors; like server errors (500 and above), they are retried."""

ABORTED = {None, "abort", "error"}
"""Finish reasons of a completion that the server did not complete."""

MAX_PAUSE = 60.0
"""Maximum time between two attempts, s, unless the server asks for more."""

PROBE_TOKENS = 24
"""Length of the probe samples that show whether a server supports seeds."""

ANSWER_BYTES, TOKEN_BYTES = 1_000_000, 1000
"""Size limit of an answer: a constant, and per requested token, whose log-probability takes about 100 to 400 bytes."""


Body = dict[str, Any]
"""Body of a request, or a part of it."""


class Refused(EngineError):
    """The server rejects the request; retrying does not help."""


class Unavailable(EngineError):
    """The server did not answer; a retry may succeed."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds that the server asks to wait."""


def sample(progress: ShardProgress, model: SourcedModel, sampling: Sampling, strategy: Strategy) -> None:
    """Draw the missing samples of a shard into its journal; arguments as for `vllm.sample`.

    Raises:
        ValueError: the environment variable with the key is not set.
        RuntimeError: the server rejects a request, or was unavailable for too long. Samples so far are in the journal.
    """
    if progress.missing:
        signals.run(_sample(progress, model, sampling, strategy))


async def _sample(progress: ShardProgress, model: SourcedModel, sampling: Sampling, strategy: Strategy) -> None:
    endpoint = model.source.settings
    shard = progress.shard
    server = Server(
        endpoint, key_of(endpoint, shard.model), sampling, model.conversation, model.thinks, progress.console
    )
    async with server:
        await server.probe(next(iter(progress.prompts.values())))
        progress.begin(
            {
                "engine": "endpoint",
                "base_url": endpoint.base_url,
                "model": endpoint.model,
                "takes": sorted(server.supported),
                "seeds": "one per sample, counted up from a hash of study, task, model and problem"
                if "seed" in server.supported
                else None,
            }
        )
        if not server.counts_tokens:
            print(
                f"NOTE {shard.model}: the server does not report tokens per sample, so token counts stay unknown; "
                "with endpoint.samples_per_request: 1 they would be known",
                file=progress.console,
            )
        if strategy.shares_prompt and server.samples_per_request != endpoint.samples_per_request:
            print(
                f"NOTE {shard.model}: the server draws one sample per request, so each sample pays for its prompt; set "
                "endpoint.samples_per_request: 1, so that costs are computed correctly",
                file=progress.console,
            )
        await draw(progress, server, strategy, sampling)


def check_server(endpoint: ServerSettings, key: str | None) -> str | None:
    """Problem with a server as it answers now; None if no problem is found.

    Args:
        endpoint: base_url and model.
        key: Sent as bearer token; None for none.
    """
    url = f"{endpoint.base_url.rstrip('/')}/models"
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
    if served and endpoint.model not in served:
        return f"{url} does not list the model {endpoint.model}, but {', '.join(map(str, served[:5]))}"
    return None


def key_of(endpoint: ServerSettings, model: str) -> str | None:
    """The server's key, from the environment variable that the config names.

    Raises:
        ValueError: the variable is not set or cannot be sent in a header.
    """
    name = endpoint.api_key_env
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    where = f"models.{model}.endpoint.api_key_env: the environment variable {name}"
    if not key:
        raise ValueError(f"{where} is not set; export it")
    if not (key.isascii() and key.isprintable()):
        raise ValueError(f"{where} contains characters that a key cannot have; export it again")
    return key


def _without_surrogates(text: Any) -> Any:
    """Replace lone surrogates, which cannot be stored."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(text, str) else text


Text = Annotated[str, BeforeValidator(_without_surrogates)]
Tokens = Annotated[int, Field(ge=0, le=MAX_TOKENS)]
LogProbability = Annotated[float, Field(ge=-1e5, le=1e-3, allow_inf_nan=False)]
"""Natural logarithm of a probability; above 0 only by rounding."""


class _AnswerPart(BaseModel):
    """Part of a server's answer, with strict types; other fields are ignored."""

    model_config = ConfigDict(strict=True)


class _Message(_AnswerPart):
    content: Text | None = None
    reasoning_content: Text | None = None
    reasoning: Text | None = None
    """A newer name of the same."""


class _Token(_AnswerPart):
    logprob: LogProbability


class _LogProbabilities(_AnswerPart):
    content: list[_Token] | None = None
    """Of chat completions."""
    token_logprobs: list[LogProbability | None] | None = None
    """Of text completions."""


class _Choice(_AnswerPart):
    index: int = 0
    finish_reason: str | None
    text: Text | None = None
    message: _Message | None = None
    logprobs: _LogProbabilities | None = None

    def log_probabilities(self) -> list[float] | None:
        """Log-probability of every token of the sample; None if the server does not report them."""
        logprobs = self.logprobs or _LogProbabilities()
        values = [token.logprob for token in logprobs.content] if logprobs.content else logprobs.token_logprobs
        return [value for value in values if value is not None] if values and None not in values else None


class _PromptDetails(_AnswerPart):
    cached_tokens: Tokens | None = None


class _CompletionDetails(_AnswerPart):
    reasoning_tokens: Tokens | None = None


class _Usage(_AnswerPart):
    prompt_tokens: Tokens | None = None
    completion_tokens: Tokens | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Answer(_AnswerPart):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None

    @field_validator("choices")
    @classmethod
    def _numbered(cls, choices: list[_Choice]) -> list[_Choice]:
        """Sort the choices by their numbers."""
        choices = sorted(choices, key=lambda choice: choice.index)
        if (numbers := [choice.index for choice in choices]) != list(range(len(choices))):
            raise ValueError(f"the choices have the numbers {numbers[:10]}")
        return choices

    def billed(self) -> dict[str, int]:
        """Tokens of the prompt and of all completions together, and how many of them were cached or thinking, as far as
        the server reports them.
        """
        if self.usage is None:
            return {}
        counts = self.usage.model_dump(exclude_none=True)
        details = [counts.pop(f"{kind}_tokens_details", {}) for kind in ("prompt", "completion")]
        return counts | details[0] | details[1]


class Server:
    """A connection to one server.

    Args:
        endpoint: base_url, model, samples_per_request, timeout, patience, parameters.
        key: Sent as bearer token, and kept out of every message; None for none.
        sampling: Sampling settings of most requests; those of probes.
        chat: Conversation that prompts are put into; None requests completions of raw text.
        thinking: How thinking is marked in texts, if the server does not report it apart; None if it is not.
        console: Where it is reported that the server stopped answering, and that it answers again.
    """

    in_order = False

    def __init__(
        self,
        endpoint: ServerSettings,
        key: str | None,
        sampling: Sampling,
        chat: Chat | None,
        thinking: Thinking | None = None,
        console: TextIO | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._key = _key_pattern(key) if key else None
        self._sampling = sampling
        self._chat = chat
        self._thinking = thinking
        self._console = console
        self.capacity = endpoint.concurrency
        self._free = asyncio.Semaphore(endpoint.concurrency)
        self._is_unavailable = False
        self._max_bytes = ANSWER_BYTES + TOKEN_BYTES * max(2, endpoint.samples_per_request) * sampling.max_tokens
        self._client = httpx.AsyncClient(
            # the size of a compressed answer could not be bounded before unpacking it
            headers={"Accept-Encoding": "identity", **({"Authorization": f"Bearer {key}"} if key else {})},
            timeout=httpx.Timeout(endpoint.timeout, connect=30),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
        )
        self.supported: set[str] = set()
        """Those of n, seed, logprobs, top_k, min_p, include_stop that the server accepts; the first three were seen to
        work."""
        self.counts_tokens = False
        """Whether the server reports the number of tokens of each sample."""

    @property
    def samples_per_request(self) -> int:
        """Samples of one request."""
        return self._endpoint.samples_per_request if "n" in self.supported else 1

    def load(self, samples: int) -> int:
        """Requests."""
        return 1

    async def __aenter__(self) -> "Server":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def probe(self, prompt: str) -> None:
        """Detect what the server supports, by small requests whose samples are discarded.

        Raises:
            Refused: it rejects a parameter that the study needs.
            Unavailable: it did not answer until the end of `patience`.
        """
        sampling = self._sampling
        base = self._body(prompt, sampling, min(PROBE_TOKENS, sampling.max_tokens))
        base |= {"temperature": max(1.0, sampling.temperature)}
        plain = await self._post(base)
        optional = {**self._optional(sampling), "n": {"n": 2}, "seed": {"seed": 1}}
        supported = {}
        try:
            supported = dict.fromkeys(optional, await self._post(base | _merged(optional.values())))
        except Refused:
            for name, part in optional.items():
                try:
                    supported[name] = await self._post(base | part)
                except Refused as refusal:
                    if name != "logprobs" and getattr(sampling, name, None):
                        raise Refused(f"the study needs sampling.{name}, but {refusal}") from None
        if "n" in supported and len(supported["n"].choices) < 2:
            del supported["n"]
        if "logprobs" in supported and supported["logprobs"].choices[0].log_probabilities() is None:
            del supported["logprobs"]
        if "seed" in supported:
            answers = [await self._post(base | {"seed": seed}) for seed in (1, 1, 2, 3)]
            first, repeated, *others = [self._text(answer.choices[0]) for answer in answers]
            if first != repeated or {first} == set(others):
                del supported["seed"]
        self.supported = set(supported)
        alone = "n" not in supported or self._endpoint.samples_per_request == 1
        self.counts_tokens = "logprobs" in supported or (alone and "completion_tokens" in plain.billed())

    async def complete(self, request: Request) -> Reply:
        """Complete a prompt, with the seed of the request if the server takes one.

        Raises:
            Refused: the server rejects the request.
            Unavailable: it did not answer until the end of `patience`.
        """
        sampling = request.sampling
        body = self._body(request.prompt, sampling, sampling.max_tokens)
        body |= _merged(part for name, part in self._optional(sampling).items() if name in self.supported)
        body |= {"n": request.count} if request.count > 1 else {}
        body |= {"seed": request.seed} if "seed" in self.supported else {}
        async with self._free:
            answer = await self._post(body)
        usage = answer.billed()
        alone = usage if request.count == 1 else {}
        completions = [self._completion(choice, alone) for choice in answer.choices]
        return Reply(completions, usage.get("prompt_tokens"), usage)

    def _body(self, prompt: str | Messages, sampling: Sampling, max_tokens: int) -> Body:
        """The part of a request that every server supports."""
        content: Body = {"prompt": prompt}
        if self._chat is not None:
            content = {"messages": self._chat.messages(prompt)}
            # beyond OpenAI's interface, as vLLM and SGLang have it
            if self._chat.template:
                content["chat_template_kwargs"] = self._chat.template
            if self._chat.prefill is not None:
                content |= {"continue_final_message": True, "add_generation_prompt": False}
        elif not isinstance(prompt, str):
            raise ValueError("the strategy asks in turns, so set the model's key `chat` to true")
        stop = {"stop": sampling.stop} if sampling.stop else {}
        common = {"temperature": sampling.temperature, "top_p": sampling.top_p}
        limit: Body = {self._endpoint.max_tokens_name: max_tokens}
        return {"model": self._endpoint.model, **content, **common, **limit, **stop, **self._endpoint.parameters}

    def _optional(self, sampling: Sampling) -> dict[str, Body]:
        """Parts of a request that only some servers support, by the names of the settings.

        Sampling settings are sent even at their neutral values, since a server may have other defaults.
        Log-probabilities also show how many tokens each of several samples has.
        """
        wanted = sampling.logprobs or self._endpoint.samples_per_request > 1
        return {
            **({"logprobs": {"logprobs": 0 if self._chat is None else True}} if wanted else {}),
            "top_k": {"top_k": sampling.top_k},
            "min_p": {"min_p": sampling.min_p},
            "include_stop": {"include_stop_str_in_output": sampling.include_stop},
        }

    def _text(self, choice: _Choice) -> str:
        return (choice.message.content if self._chat is not None and choice.message else choice.text) or ""

    def _completion(self, choice: _Choice, billed: dict[str, int]) -> Completion:
        """A completion; `billed` are its own tokens, if it was requested alone."""
        logprobs = choice.log_probabilities()
        reason = choice.finish_reason or ""
        text, message = self._text(choice), choice.message or _Message()
        reasoning = message.reasoning if message.reasoning_content is None else message.reasoning_content
        if self._thinking is not None and reasoning is None:
            # most templates begin the thinking, so a text that was cut before its end is all thinking
            reasoning, text = split(text, self._thinking, begun=reason == "length")
        return Completion(
            text=text,
            tokens=billed.get("completion_tokens") if logprobs is None else len(logprobs),
            finish_reason=reason,
            logprob=None if logprobs is None else min(0.0, math.fsum(logprobs)),
            reasoning=reasoning if self._thinking is None or self._thinking.keep else None,
            reasoning_tokens=billed.get("reasoning_tokens"),
        )

    async def _post(self, body: Body) -> _Answer:
        """Post a request until the server answers, with growing pauses, at most for `patience` seconds."""
        backoff = tenacity.wait_random_exponential(multiplier=0.5, max=MAX_PAUSE)

        def pause(state: tenacity.RetryCallState) -> float:
            failure = state.outcome.exception() if state.outcome else None
            return max(backoff(state), failure.retry_after if isinstance(failure, Unavailable) else 0.0)

        def report(state: tenacity.RetryCallState) -> None:
            if not self._is_unavailable and state.outcome:
                patience = self._endpoint.patience
                until = time.time() + patience - (state.seconds_since_start or 0)
                clock = time.strftime("%H:%M" if patience < 12 * 3600 else "%Y-%m-%d %H:%M", time.localtime(until))
                print(
                    f"{state.outcome.exception()}; trying again until {clock} (endpoint.patience: {patience})",
                    file=self._console,
                )
            self._is_unavailable = True

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(Unavailable),
            wait=pause,
            stop=tenacity.stop_before_delay(self._endpoint.patience),
            before_sleep=report,
            reraise=True,
        )
        answer: _Answer = await retrying(self._post_once, body)
        if self._is_unavailable:
            print(f"{self._endpoint.base_url} answers again", file=self._console)
            self._is_unavailable = False
        return answer

    async def _post_once(self, body: Body) -> _Answer:
        url = self._endpoint.base_url.rstrip("/")
        try:
            # httpx limits only the time between two pieces of an answer
            async with asyncio.timeout(self._endpoint.timeout):
                response, text = await self._exchange(url, body)
        except TimeoutError:
            timeout = self._endpoint.timeout
            raise Unavailable(f"{url} sent no complete answer within {timeout} seconds (endpoint.timeout)") from None
        except httpx.TransportError as error:
            raise Unavailable(f"{url} does not answer: {type(error).__name__} {error}".strip()) from None
        if response.status_code != 200:
            message, code = _error_message(text)
            message = f"{url} answers {response.status_code}: {message}"
            is_transient = response.status_code in RETRIED or response.status_code >= 500
            if is_transient and code != "insufficient_quota":
                raise Unavailable(message, _retry_after(response))
            if response.status_code == 404 and not url.endswith("/v1"):
                message += " (the address of most servers ends in /v1)"
            raise Refused(message)
        try:
            answer = _Answer.model_validate(json.loads(text))
            if any((choice.text if self._chat is None else choice.message) is None for choice in answer.choices):
                raise ValueError(f"a choice without {'text' if self._chat is None else 'message'}")
        except (ValueError, RecursionError) as error:
            raise Unavailable(f"{url} sent no valid completion ({_reason(error)}): {text[:200]!r}") from None
        if aborted := {choice.finish_reason for choice in answer.choices} & ABORTED:
            raise Unavailable(f"{url} aborted the request ({aborted})")
        return answer

    async def _exchange(self, url: str, body: Body) -> tuple[httpx.Response, str]:
        """Post a request; returns the response and its text, of bounded size and without the key.

        The key is removed before the text is parsed or cut, so that no message can contain it.
        """
        received = bytearray()
        path = f"{url}/{'completions' if self._chat is None else 'chat/completions'}"
        async with self._client.stream("POST", path, json=body) as response:
            if response.headers.get("content-encoding", "identity") != "identity":
                return response, "compressed, which was not requested"
            async for part in response.aiter_raw():
                received += part
                if len(received) > self._max_bytes:
                    raise Unavailable(f"{url} sent more than {self._max_bytes:,} bytes, more than the samples can have")
        text = received.decode(errors="replace").removeprefix("\ufeff")
        return response, self._key.sub("[key]", text) if self._key else text


def _merged(parts: Iterable[Body]) -> Body:
    return {key: value for part in parts for key, value in part.items()}


def _key_pattern(key: str) -> re.Pattern[str]:
    """Pattern of the key in an answer, including JSON escapes of its characters."""
    slashes = r"\\{0,9}"
    return re.compile("".join(f"{slashes}(?:{re.escape(letter)}|u(?i:{ord(letter):04x}))" for letter in key))


def _reason(error: Exception) -> str:
    """One line on what is wrong with an answer."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the answer'}: {first['msg']}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _error_message(text: str) -> tuple[str, str | None]:
    """The server's error message and code, if in one of the usual forms, else the start of the text."""
    try:
        error = json.loads(text)
        error = error.get("error", error)
        return _without_surrogates(str(error["message"])[:2000]), error.get("code")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return text[:500], None


def _retry_after(response: httpx.Response) -> float:
    """Seconds that the server asks to wait; the header is a number or a date."""
    value = response.headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
