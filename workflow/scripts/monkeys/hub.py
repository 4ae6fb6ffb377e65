"""Datasets and models of the Hugging Face hub; a study is pinned to one commit of each.

A revision may be a branch such as `main`. It is resolved once: the commit is written to the study's results and used
from then on, until the config gives another revision.
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
"""File that lists which files belong to which configuration of a dataset."""

CARDS = (CARD, ".huggingface.yaml")
"""Files in which the library `datasets` looks for these lists."""

MAX_ATTEMPTS = 4
"""Requests before the hub counts as unreachable; with growing pauses, a few seconds in total."""


class NotAvailable(RuntimeError):
    """A dataset or model cannot be obtained; the message names it and the remedy."""


class HubUnreachable(NotAvailable):
    """The hub does not answer."""


def is_folder(name: str) -> bool:
    """Whether a dataset or model is a folder rather than a hub id."""
    return Path(name).is_dir()


def commit_of(kind: Kind, name: str, revision: str | None, results: str | Path) -> str | None:
    """Commit that a revision is pinned to in this study; None for a folder.

    Args:
        kind: What `name` is.
        name: Hub id, or a folder.
        revision: Commit, tag or branch of the id; None for `main`.
        results: The study's results folder. Its `revisions/` holds the pinned commits, in files that no rule
            declares and Snakemake never deletes.

    Raises:
        NotAvailable: no such id or revision, no access to it, or no network at its first use.
    """
    revision = revision or "main"
    if is_folder(name):
        return None
    if re.fullmatch("[0-9a-f]{40}", revision):
        return revision
    entry = Path(results) / "revisions" / kind / f"{name.replace('/', '--')}@{revision.replace('/', '--')}"
    if not entry.is_file():
        import huggingface_hub

        with explaining_errors(kind, name, revision):
            info = _with_retries(huggingface_hub.HfApi().repo_info, name, repo_type=kind, revision=revision)
        write_text(entry, f"{info.sha}\n")
    return entry.read_text().strip()


def fetch(kind: Kind, name: str, commit: str, **which: Any) -> Path:
    """Folder with a commit's files, downloaded into the Hugging Face cache if missing.

    Args:
        kind: What `name` is.
        name: Hub id.
        commit: One of its commits.
        which: `allow_patterns` and `ignore_patterns` for `huggingface_hub.snapshot_download`.

    Raises:
        NotAvailable: as for `commit_of`.
    """
    import huggingface_hub

    with explaining_errors(kind, name, commit):
        return Path(_with_retries(huggingface_hub.snapshot_download, name, repo_type=kind, revision=commit, **which))


def cached_folder(kind: Kind, name: str, commit: str, **which: Any) -> Path | None:
    """Folder with the cached files of a commit; None if there are none. Does not use the network."""
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
    """Folder of a dataset with the files of these configurations.

    Args:
        name: Hub id, or a folder, which is returned unchanged.
        commit: Commit of the id; None for a folder.
        subsets: Names of configurations; None means the only one.

    Raises:
        NotAvailable: as for `commit_of`.
        ValueError: its card names files outside its folder.
    """
    if commit is None:
        folder = Path(name)
    else:
        card = fetch("dataset", name, commit, allow_patterns=[CARD]) / CARD
        folder = fetch("dataset", name, commit, allow_patterns=_files_of_subsets(card, subsets))
    _check_card_paths(name, folder)
    return folder


def _check_card_paths(name: str, folder: Path) -> None:
    """Refuse a dataset whose card names files outside its folder, which would be read wherever they are."""
    for card in CARDS:
        for entry in _configurations(folder / card):
            for path in _strings_in([entry.get("data_files"), entry.get("data_dir")]):
                if urlsplit(path).scheme or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
                    raise ValueError(f"dataset {name}: its {card} names {path}, which is not a file in its folder")


def _configurations(card: Path) -> list[dict[str, Any]]:
    """Configurations of a dataset as its card lists them."""
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


def _strings_in(value: Any) -> Iterator[str]:
    """All strings in nested lists and mappings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings_in(part)


def _files_of_subsets(card: Path, subsets: Sequence[str | None]) -> list[str] | None:
    """Patterns for the files of these configurations; None, for all files, if the card does not list them."""
    patterns = [CARD]
    for entry in _configurations(card):
        if list(subsets) == [None] or entry.get("config_name") in subsets:
            files = entry.get("data_files") or []
            for one in [files] if isinstance(files, str) else files:
                path = one if isinstance(one, str) else one["path"]
                patterns += [path] if isinstance(path, str) else path
    return patterns if len(patterns) > 1 else None


def list_files(kind: Kind, name: str, commit: str) -> list[str]:
    """Names of all files of a commit, as the hub lists them.

    Raises:
        NotAvailable: as for `commit_of`.
    """
    import huggingface_hub

    with explaining_errors(kind, name, commit):
        return _with_retries(huggingface_hub.HfApi().list_repo_files, name, repo_type=kind, revision=commit)


def _with_retries(request: Any, *arguments: Any, **options: Any) -> Any:
    """Result of a request, which is retried after network errors."""
    import tenacity
    from huggingface_hub import constants, errors

    def is_transient(error: BaseException) -> bool:
        status = getattr(getattr(error, "response", None), "status_code", None)
        known = isinstance(error, errors.RepositoryNotFoundError | errors.RevisionNotFoundError)
        return not known and not constants.HF_HUB_OFFLINE and (status is None or status == 429 or status >= 500)

    for attempt in tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_transient),
        stop=tenacity.stop_after_attempt(MAX_ATTEMPTS),
        wait=tenacity.wait_exponential_jitter(0.5, 10),
        reraise=True,
    ):
        with attempt:
            return request(*arguments, **options)
    raise AssertionError("unreachable")


@contextmanager
def explaining_errors(kind: Kind, name: str, revision: str) -> Iterator[None]:
    """Turn the hub client's errors into `NotAvailable` with a message that names the remedy."""
    from huggingface_hub import errors

    which = f"{name} at revision {revision}"
    page = f"https://huggingface.co/{'datasets/' if kind == 'dataset' else ''}{name}"
    try:
        yield
    except errors.GatedRepoError:
        raise NotAvailable(
            f"{which} is gated: accept its licence on {page}, then log in with "
            "`hf auth login` or set HF_TOKEN to a token of that account"
        ) from None
    except errors.RevisionNotFoundError:
        raise NotAvailable(f"{name} has no revision {revision}; {page}/commits/main lists them") from None
    except errors.RepositoryNotFoundError:
        raise NotAvailable(
            f"{which}: the hub has no such {kind}, or it is private; check the name, or log in with "
            "`hf auth login` or set HF_TOKEN"
        ) from None
    except Exception as error:  # no network: the client and its transports raise many types
        raise HubUnreachable(
            f"{which} is not in the Hugging Face cache, and the hub cannot be reached: {error}"
        ) from None
