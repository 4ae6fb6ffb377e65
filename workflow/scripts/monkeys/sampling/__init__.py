"""Draw samples from a language model, shard by shard, so that no finished sample is ever drawn again."""

SAMPLER_VERSION = 1
"""Part of every shard's settings. Raise it when a change alters the distribution of samples: it triggers resampling."""

TOKENS_PER_SECOND = 5000
"""Throughput assumed for a large model on its GPUs, with all samples of maximum length; most end much earlier."""
