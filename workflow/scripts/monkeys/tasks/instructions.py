"""Prompts that ask a chat model for an answer in a form that a verifier finds."""

BOXED = "{{ problem }}\n\nPlease reason step by step, and put your final answer within \\boxed{}."
"""For the verifier `boxed`; the dataset has a column `problem`."""

CHOICE = (
    "{{ question }}\n\n"
    "{% for letter, option in options.items() %}{{ letter }}) {{ option }}\n{% endfor %}\n"
    "Please reason step by step, and put the letter of the correct option within \\boxed{}."
)
"""For the verifier `choice`; rows have a `question`, and `options` by letter."""
