"""Samples that others published, in the layout of the paper's release."""

from collections.abc import Iterator
from typing import Any

from monkeys.sources.paths import is_path, missing_dataset
from monkeys.sources.source import Source
from monkeys.study.settings import Settings, Text


class Release(Settings):
    """Samples that others published, a dataset in the layout of ScalingIntelligence/monkey_business."""

    dataset: Text
    """A Hugging Face dataset id, or a folder that datasets.load_dataset understands."""
    revision: str | None = None
    """Commit of the hub dataset, to pin it; null for a folder."""
    subsets: dict[str, str]
    """Configuration name of the dataset, by task."""
    split: str = "test"
    """Split that holds the samples."""
    verify: bool = False
    """Verify the samples with the task's verifier and report the agreement; without, the published verdicts count."""


class Published(Source):
    """Samples that others published."""

    Settings = Release
    rule = "import_samples"

    @property
    def needs(self) -> tuple[str, ...]:  # noqa: D102
        return super().needs if self.settings.verify else ("samples", "shard_size")

    @property
    def judged(self) -> str:  # noqa: D102
        return "with published samples, " + ("verified again" if self.settings.verify else "verified by others")

    @property
    def verified(self) -> bool:  # noqa: D102
        return self.settings.verify

    @property
    def origin(self) -> str:  # noqa: D102
        return self.settings.dataset

    def distribution(self, task: str, sampling: dict[str, Any]) -> dict[str, Any]:  # noqa: D102
        release = self.settings
        source = {"dataset": release.dataset, "revision": release.revision, "split": release.split}
        return {"published": source | {"subset": release.subsets[task]}}

    def mistakes(self, where: str) -> Iterator[str]:  # noqa: D102
        release = self.settings
        yield from missing_dataset(f"{where}.published.dataset", release.dataset)
        if not is_path(release.dataset) and release.revision is None:
            yield f"{where}.published.revision: a dataset of the hub needs one, so that all shards come from one release"
        for task in self.model.tasks:
            if task not in release.subsets:
                yield f"{where}.published.subsets: none for task {task}"
