"""Datasets and models of the Hugging Face hub: every study holds to one commit of each.

A revision may be a branch such as `main`. Which commit it stood for at first is written into the study's results and
holds from then on, until the config gives another revision.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import urlsplit

from monkeys.storage import write_text

Kind = Literal["dataset", "model"]

CARD = "README.md"
"""Says which files belong to which configuration of a dataset."""

CARDS = (CARD, ".huggingface.yaml")
"""The files that the library `datasets` asks for that."""

ATTEMPTS = 4
"""How often the hub is asked before it counts as out of reach; with growing pauses, some seconds in all."""


class NotThere(RuntimeError):
    """A dataset or model cannot be had; the message says which one and what to do."""


class OutOfReach(NotThere):
    """The hub does not answer."""


def is_folder(name: str) -> bool:
    """Whether a dataset or model is a folder and not an id of the hub."""
    return Path(name).is_dir()


def commit_of(kind: Kind, name: str, revision: str | None, results: str | Path) -> str | None:
    """The commit that a revision stands for in this study; None for a folder.

    Args:
        kind: What `name` is.
        name: Hub id, or a folder.
        revision: Commit, tag or branch of the id; None for `main`.
        results: The study's folder; under `revisions/`, in no file that Snakemake would delete, is what it holds to.

    Raises:
        NotThere: no such id or revision, no access to it, or no network at its first use.
    """
    revision = revision or "main"
    if is_folder(name):
        return None
    if re.fullmatch("[0-9a-f]{40}", revision):
        return revision
    entry = Path(results) / "revisions" / kind / f"{name.replace('/', '--')}@{revision.replace('/', '--')}"
    if not entry.is_file():
        import huggingface_hub

        with asking(kind, name, revision):
            info = _patiently(huggingface_hub.HfApi().repo_info, name, repo_type=kind, revision=revision)
        write_text(entry, f"{info.sha}\n")
    return entry.read_text().strip()


def fetch(kind: Kind, name: str, commit: str, **which: Any) -> Path:
    """The folder of a commit's files, downloaded into the Hugging Face cache if they are not there yet.

    Args:
        kind: What `name` is.
        name: Hub id.
        commit: Which of its commits.
        which: `allow_patterns` and `ignore_patterns`, as `huggingface_hub.snapshot_download` takes them.

    Raises:
        NotThere: as for `commit_of`.
    """
    import huggingface_hub

    with asking(kind, name, commit):
        return Path(_patiently(huggingface_hub.snapshot_download, name, repo_type=kind, revision=commit, **which))


def cached(kind: Kind, name: str, commit: str, **which: Any) -> Path | None:
    """The folder of a commit's files as far as they were fetched before; the network is not touched."""
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = huggingface_hub.snapshot_download(
            name, repo_type=kind, revision=commit, local_files_only=True, **which
        )
    except LocalEntryNotFoundError:
        return None
    return Path(folder)


def dataset(name: str, commit: str | None, subsets: Sequence[str | None]) -> Path:
    """The folder of a dataset, as far as these configurations need it.

    Args:
        name: Hub id, or a folder, which is returned as it is.
        commit: Which commit of the id; None for a folder.
        subsets: Names of configurations; None stands for the only one.

    Raises:
        NotThere: as for `commit_of`.
        ValueError: its card names files that are not its own.
    """
    if commit is None:
        folder = Path(name)
    else:
        card = fetch("dataset", name, commit, allow_patterns=[CARD]) / CARD
        folder = fetch("dataset", name, commit, allow_patterns=_files_of_subsets(card, subsets))
    _refuse_files_of_others(name, folder)
    return folder


def _refuse_files_of_others(name: str, folder: Path) -> None:
    """See that a dataset's card names files of its own folder: others, on this machine or anywhere, would be read."""
    for card in CARDS:
        for entry in _configurations(folder / card):
            for path in _texts([entry.get("data_files"), entry.get("data_dir")]):
                if urlsplit(path).scheme or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
                    raise ValueError(f"dataset {name}: its {card} names {path}, which is no file of its folder")


def _configurations(card: Path) -> list[dict[str, Any]]:
    """What a card says of a dataset's configurations."""
    if not card.is_file():
        return []
    import huggingface_hub
    import yaml

    if card.suffix == ".yaml":
        about = yaml.safe_load(card.read_text()) or {}
    else:
        about = huggingface_hub.DatasetCard.load(card, ignore_metadata_errors=True).data.to_dict()
    found = about.get("configs") or []
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _texts(value: Any) -> Iterator[str]:
    """All texts in lists and mappings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _files_of_subsets(card: Path, subsets: Sequence[str | None]) -> list[str] | None:
    """Patterns of the files of these configurations; None, for all files, if the card does not tell."""
    patterns = [CARD]
    for entry in _configurations(card):
        if list(subsets) == [None] or entry.get("config_name") in subsets:
            files = entry.get("data_files") or []
            for one in [files] if isinstance(files, str) else files:
                path = one if isinstance(one, str) else one["path"]
                patterns += [path] if isinstance(path, str) else path
    return patterns if len(patterns) > 1 else None


def files_of(kind: Kind, name: str, commit: str) -> list[str]:
    """The names of all files of a commit, as the hub lists them.

    Raises:
        NotThere: as for `commit_of`.
    """
    import huggingface_hub

    with asking(kind, name, commit):
        return _patiently(huggingface_hub.HfApi().list_repo_files, name, repo_type=kind, revision=commit)


def _patiently(ask: Any, *arguments: Any, **more: Any) -> Any:
    """The answer to a request, which is sent again when it is the network that fails."""
    import tenacity
    from huggingface_hub import constants, errors

    def passing(error: BaseException) -> bool:
        status = getattr(getattr(error, "response", None), "status_code", None)
        known = isinstance(error, errors.RepositoryNotFoundError | errors.RevisionNotFoundError)
        return not known and not constants.HF_HUB_OFFLINE and (status is None or status == 429 or status >= 500)

    for attempt in tenacity.Retrying(
        retry=tenacity.retry_if_exception(passing),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_exponential_jitter(0.5, 10),
        reraise=True,
    ):
        with attempt:
            return ask(*arguments, **more)
    raise AssertionError("unreachable")


@contextmanager
def asking(kind: Kind, name: str, revision: str) -> Iterator[None]:
    """Say in plain words why the hub did not give what was asked for."""
    from huggingface_hub import errors

    which = f"{name} at revision {revision}"
    page = f"https://huggingface.co/{'datasets/' if kind == 'dataset' else ''}{name}"
    try:
        yield
    except errors.GatedRepoError:
        raise NotThere(
            f"{which} is gated: accept its licence on {page}, then log in with "
            "`hf auth login` or set HF_TOKEN to a token of that account"
        ) from None
    except errors.RevisionNotFoundError:
        raise NotThere(f"{name} has no revision {revision}; {page}/commits/main lists them") from None
    except errors.RepositoryNotFoundError:
        raise NotThere(
            f"{which}: there is no such {kind} on the hub, or it is private; check the name, or log in with "
            "`hf auth login` or set HF_TOKEN"
        ) from None
    except Exception as error:  # no network, in any of the ways that the hub's client and its transports have to say so
        raise OutOfReach(f"{which} is not in the Hugging Face cache, and the hub cannot be reached: {error}") from None
