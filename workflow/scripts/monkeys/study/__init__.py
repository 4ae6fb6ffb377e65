"""What a study's config says: typed, checked, with every default filled in."""

from monkeys.study.errors import ConfigError
from monkeys.study.study import Pair, Study

__all__ = ["ConfigError", "Pair", "Study"]
