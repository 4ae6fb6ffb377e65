"""MBPP (Austin et al. 2021): small functions from a sentence and three assertions; three fixed worked examples."""

from typing import ClassVar

from monkeys.tasks import task

PROBLEM = (
    "You are an expert Python programmer, and here is your task: {{ %s.text }} Your code should pass these tests:\n\n"
    "{{ %s.test_list | join('\n') }}\n[BEGIN]\n"
)


class Task(task.Task):
    """All 500 problems of the test split, with the examples of the original paper."""

    settings: ClassVar = {
        "dataset": "google-research-datasets/mbpp",
        "revision": "4bb6404fdc6cacfda99d4ac4205087b89d32030c",
        "subset": "full",
        "columns": {"id": "task_id"},
        "reference": {"before": "", "after": "{{ test_setup_code }}\n{{ test_list | join('\n') }}\n"},
        "few_shot": 3,
        "examples": {"split": "prompt", "ids": ["2", "3", "4"]},
        "prompt": "{% for example in examples %}"
        + PROBLEM.replace("%s", "example")
        + "{{ example.code | replace('\\r\\n', '\\n') }}\n[DONE]\n\n{% endfor %}"
        + PROBLEM.replace("%s.", ""),
        "question": "{{ text }}",
        "verifier": "functions",
        "sampling": {"temperature": 0.8, "top_p": 0.95, "max_tokens": 512, "stop": ["[DONE]"]},
    }
    columns = ("task_id", "text", "code", "test_list", "test_setup_code")
    example_columns = columns
