"""A model's weights, sampled by vLLM in the job."""

from collections.abc import Iterator

from monkeys.sampling.engines import arguments as engine_arguments
from monkeys.settings import Json, Text
from monkeys.sources.paths import missing_model
from monkeys.sources.source import Source


class Weights(Source):
    """Hugging Face id or folder of the model, sampled by vLLM in the job."""

    Settings = Text
    rule = "sample"
    counts_tokens = True

    @property
    def origin(self) -> str:
        return self.settings

    def distribution(self, task: str, sampling: Json) -> Json:
        model = self.model
        own = {"weights": self.settings, "revision": model.revision, "quantization": model.quantization}
        own["chat"] = model.chat_key
        if model.on_context_overflow == "truncate":
            own["overlong_prompts"] = "cut"
        return {**own, "sampling": sampling}

    def mistakes(self, where: str) -> Iterator[str]:
        yield from missing_model(where, self.settings, self.model.revision)
        for mistake in engine_arguments.mistakes(self.model.engine):
            yield f"{where}.engine.arguments: {mistake}"
