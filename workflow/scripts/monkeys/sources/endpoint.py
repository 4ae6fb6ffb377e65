"""A server that speaks OpenAI's HTTP interface."""

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field

from monkeys.settings import AsWritten, Json, Settings, Text
from monkeys.sources.source import Source


class Server(Settings):
    """Server with an OpenAI-compatible HTTP API, sampled by requests."""

    base_url: Annotated[str, Field(pattern="^https?://")]
    """Base URL of the API, such as http://localhost:8000/v1; may change without resampling."""
    model: Text
    """Name of the model on the server."""
    api_key_env: Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """Name of the environment variable with the API key; null for a server that needs none."""
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 32
    """Concurrent requests per shard."""
    samples_per_request: Annotated[int, Field(ge=1, le=10_000)] = 16
    """Samples per request, if the server supports n; they share the price of their prompt."""
    timeout: Annotated[float, Field(gt=0, le=86_400), AsWritten] = 600
    """Timeout of one request, seconds."""
    patience: Annotated[float, Field(ge=0, le=10_000_000), AsWritten] = 900
    """Time for which a failing request is retried before the job fails, seconds."""
    max_tokens_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The server's name for the limit of a sample's length."""
    parameters: Json = {}
    """Further parameters of every request, passed to the server; samples depend on them."""


class Endpoint(Source):
    """Server with an OpenAI-compatible HTTP API, sampled by requests."""

    Settings = Server
    rule = "request_samples"
    counts_tokens = True

    @property
    def origin(self) -> str:
        return self.settings.model

    @property
    def samples_per_request(self) -> int:
        return self.settings.samples_per_request

    def distribution(self, task: str, sampling: Json) -> Json:
        server = {"model": self.settings.model, "parameters": self.settings.parameters}
        return {"endpoint": server, "chat": self.model.chat_key, "sampling": sampling}

    def mistakes(self, where: str) -> Iterator[str]:
        if self.model.thinks is not None and self.model.thinks.max_tokens is not None:
            yield (
                f"{where}.thinking.max_tokens: servers limit thinking by parameters of their own; name it in "
                f"{where}.endpoint.parameters, for vLLM thinking_token_budget"
            )
        address = self.settings.base_url
        if "@" in address.partition("://")[2].partition("/")[0]:
            yield (
                f"{where}.endpoint.base_url: contains a user name or password; put the key into an environment "
                f"variable and name that in {where}.endpoint.api_key_env"
            )
            return
        try:
            parts = urlsplit(address)
            usable = parts.hostname and parts.port != 0 and address.isprintable() and " " not in address
        except ValueError:
            usable = False
        if not usable:
            yield f"{where}.endpoint.base_url: {address!r} is not a URL such as http://localhost:8000/v1"
