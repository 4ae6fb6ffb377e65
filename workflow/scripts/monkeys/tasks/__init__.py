"""From a dataset to a problems file: which problems, which prompt, and what the verifier needs."""
