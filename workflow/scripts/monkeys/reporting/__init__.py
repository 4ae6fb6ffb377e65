"""How results are found, given what they ask for, drawn and put on a page; the results themselves are in `results`."""
