"""Repeated sampling of language models: sample, verify, tally, and measure how coverage grows.

The package does not depend on Snakemake; the scripts next to it connect its functions to the rules.
"""

__version__ = "0.1.0"
