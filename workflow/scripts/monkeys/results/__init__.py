"""One module a result: `reporting.registry` says what it holds."""
