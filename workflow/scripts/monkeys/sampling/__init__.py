"""Draw samples from a language model, shard by shard, so that nothing finished is ever drawn again."""

SAMPLER_VERSION = 1
"""Part of every shard's settings. Raise it when a change alters the distribution of samples: all are drawn anew."""
