"""Check a config file without Snakemake, whose message about broken YAML has no line; or write the reference of keys.

python -m monkeys.study study.yaml
python -m monkeys.study --reference
"""

import sys
from pathlib import Path

import yaml

from monkeys.study import reference
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


def write_reference() -> None:
    """Write the schema for editors, and the page of all keys."""
    root = Path(__file__).parents[4]
    schema = yaml.safe_dump(reference.schema(Study), sort_keys=False, allow_unicode=True, width=120)
    (root / "workflow/schemas/config.schema.yaml").write_text(schema)
    (root / "docs/config.md").write_text(reference.page(Study))


if __name__ == "__main__":
    try:
        if sys.argv[1:] == ["--reference"]:
            write_reference()
        else:
            print(report(sys.argv[1]))
    except (ConfigError, OSError) as error:
        raise SystemExit(f"ERROR {error}") from None
