"""Estimators over tallies. Undefined estimates are NaN."""
