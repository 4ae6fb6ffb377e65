"""Check a config file without Snakemake, which says of broken YAML only that it is broken; or print the reference."""

import sys

from monkeys.study.errors import ConfigError
from monkeys.study.files import duplicate_keys, load
from monkeys.study.study import Study


def report(path: str) -> str:
    """All warnings about a config file, and that it can be run.

    Raises:
        ConfigError: the study cannot be run.
    """
    duplicates = duplicate_keys(path)
    doubts = Study.load(load(path)).doubts()
    return "\n".join([*(f"WARNING {line}" for line in [*duplicates, *doubts]), f"{path} can be run"])


if __name__ == "__main__":
    try:
        print(report(sys.argv[1]))
    except (ConfigError, OSError) as error:
        raise SystemExit(f"ERROR {error}") from None
