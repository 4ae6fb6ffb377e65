"""Final answers to math problems: found in a text, brought into one form, compared with the gold answer."""
