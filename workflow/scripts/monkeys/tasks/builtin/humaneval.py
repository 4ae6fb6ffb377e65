"""HumanEval (Chen et al. 2021): functions to complete, with the authors' settings for many samples."""

from typing import ClassVar

from monkeys.tasks import task


class Task(task.Task):
    """All 164 problems."""

    settings: ClassVar = {
        "dataset": "openai/openai_humaneval",
        "revision": "7dce6050a7d6d172f3cc5c32aa97f52fa1a2e544",
        "columns": {"id": "task_id"},
        "reference": {"before": "{{ prompt }}", "after": "{{ test }}\ncheck({{ entry_point }})\n"},
        "prompt": "{{ prompt }}",
        "verifier": "functions",
        "sampling": {
            "temperature": 0.8,
            "top_p": 0.95,
            "max_tokens": 512,
            "stop": ["\nclass", "\ndef", "\n#", "\nif", "\nprint"],
        },
    }
    columns = ("task_id", "prompt", "test", "entry_point")
