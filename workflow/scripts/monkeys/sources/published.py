"""Samples that others published, in the layout of the paper's release."""

from collections.abc import Iterator

from monkeys.settings import Json, Settings, Text
from monkeys.sources.imported import Imported, Record
from monkeys.sources.paths import files_below, is_path, missing_dataset


class Release(Settings):
    """Published samples, a dataset in the layout of ScalingIntelligence/monkey_business."""

    dataset: Text
    """A Hugging Face dataset id, or a folder that datasets.load_dataset understands."""
    revision: str | None = None
    """Commit of the hub dataset, to pin it; null for a folder."""
    subsets: dict[str, str]
    """Configuration name of the dataset, by task."""
    split: str = "test"
    """Split with the samples."""
    verify: bool = False
    """Verify the samples with the task's verifier and report the agreement; if false, the published verdicts count."""


class Published(Imported):
    """Published samples, a dataset in the layout of ScalingIntelligence/monkey_business."""

    Settings = Release

    @property
    def verified(self) -> bool:
        return self.settings.verify

    @property
    def origin(self) -> str:
        return self.settings.dataset

    def files(self, task: str) -> list[str]:
        return files_below(self.settings.dataset)

    def records(self, task: str, results: str) -> Iterator[Record]:
        from monkeys import hub
        from monkeys.sampling.published import fetch, read_release

        release = self.settings
        commit = hub.commit_of("dataset", release.dataset, release.revision, results)
        yield from read_release(fetch(release.dataset, commit, release.subsets[task], release.split))

    def distribution(self, task: str, sampling: Json) -> Json:
        release = self.settings
        source = {"dataset": release.dataset, "revision": release.revision, "split": release.split}
        return {"published": source | {"subset": release.subsets[task]}}

    def mistakes(self, where: str) -> Iterator[str]:
        release = self.settings
        yield from missing_dataset(f"{where}.published.dataset", release.dataset)
        if not is_path(release.dataset) and release.revision is None:
            key = f"{where}.published.revision"
            yield f"{key}: a dataset from the hub needs one, so that all shards come from one release"
        for task in self.model.tasks:
            if task not in release.subsets:
                yield f"{where}.published.subsets: none for task {task}"
