"""Estimators over tallies. Undefined estimates are NaN."""

REPLAYED = 256
"""Samples per problem on which rules for stopping early are replayed."""
