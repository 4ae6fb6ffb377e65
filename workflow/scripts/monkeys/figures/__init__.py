"""Figures of the study, drawn from tables alone."""
