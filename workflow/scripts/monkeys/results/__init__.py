"""The results of a study, one module each; `reporting.registry` documents what a module contains."""
