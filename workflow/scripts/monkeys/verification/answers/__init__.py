"""Final answers to math problems: extraction, normalisation and comparison with the gold answer."""
