"""Score every sample with a reward model, so that one can be picked without knowing which is right."""

SCORER_VERSION = 1
"""Part of every shard's settings. Raise it when a change alters rewards: all samples are scored anew."""
