"""A server that speaks OpenAI's HTTP interface."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from monkeys.settings import AsWritten, Settings, Text
from monkeys.sources.source import Source


class Server(Settings):
    """A server that speaks OpenAI's HTTP interface, sampled by requests."""

    base_url: Annotated[str, Field(pattern="^https?://")]
    """Address of the interface, such as http://localhost:8000/v1; may change without resampling."""
    model: Text
    """The server's name of the model."""
    api_key_env: Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """Name of the environment variable that holds the key; null for a server that wants none."""
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 32
    """Concurrent requests of one shard."""
    samples_per_request: Annotated[int, Field(ge=1, le=10_000)] = 16
    """Samples requested at once, where the server supports n; they share what their prompt costs."""
    timeout: Annotated[float, Field(gt=0, le=86_400), AsWritten] = 600
    """Time limit of one request, seconds."""
    patience: Annotated[float, Field(ge=0, le=10_000_000), AsWritten] = 900
    """Time for which a failing request is retried before the job gives up, seconds."""
    max_tokens_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls the maximum length of a sample."""
    parameters: dict[str, Any] = {}
    """More parameters of every request, as the server wants them; samples depend on them."""


class Endpoint(Source):
    """A server that speaks OpenAI's HTTP interface, sampled by requests."""

    Settings = Server
    rule = "request_samples"
    counts_tokens = True

    @property
    def origin(self) -> str:
        return self.settings.model

    @property
    def samples_per_request(self) -> int:
        return self.settings.samples_per_request

    def distribution(self, task: str, sampling: dict[str, Any]) -> dict[str, Any]:
        server = {"model": self.settings.model, "parameters": self.settings.parameters}
        return {"endpoint": server, "chat": self.model.chat, "sampling": sampling}

    def mistakes(self, where: str) -> Iterator[str]:
        address = self.settings.base_url
        if "@" in address.partition("://")[2].partition("/")[0]:
            yield (
                f"{where}.endpoint.base_url: holds a user or password; put the key into an environment variable "
                f"and name that in {where}.endpoint.api_key_env"
            )
            return
        try:
            parts = urlsplit(address)
            usable = parts.hostname and parts.port != 0 and address.isprintable() and " " not in address
        except ValueError:
            usable = False
        if not usable:
            yield f"{where}.endpoint.base_url: {address!r} is no address, such as http://localhost:8000/v1"
