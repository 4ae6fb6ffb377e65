"""Estimators over tallies. An estimate that is undefined is NaN."""
