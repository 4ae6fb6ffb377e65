"""Finds the results in `monkeys.results`, provides their inputs, and styles figures and report pages."""
