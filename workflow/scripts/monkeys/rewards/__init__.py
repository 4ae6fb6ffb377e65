"""Score samples with reward models, so that one can be selected without verdicts."""

SCORER_VERSION = 1
"""Part of every shard's settings. Raise it when a change alters rewards: it triggers rescoring."""
