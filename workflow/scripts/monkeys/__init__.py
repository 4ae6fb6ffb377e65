"""Repeated sampling of language models: sample, verify, tally, and measure how coverage grows.

The package knows nothing of Snakemake; the scripts beside it connect its functions to the rules.
"""

__version__ = "0.1.0"
