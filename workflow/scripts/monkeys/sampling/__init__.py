"""Draw samples from a language model, shard by shard, so that nothing finished is ever drawn again."""

SAMPLER_VERSION = 1
"""Part of every shard's settings. Raise it when a change alters the distribution of samples; all are then resampled."""

TOKENS_PER_SECOND = 5000
"""Of the longest samples that there may be, drawn by a large model on its GPUs; most end long before."""
