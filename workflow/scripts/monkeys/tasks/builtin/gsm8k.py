"""GSM8K (Cobbe et al. 2021): word problems, each after five worked examples of its own."""

from typing import ClassVar

from monkeys.tasks import task


class Task(task.Task):
    """128 problems of a seed of 0 are the paper's; problem 1042 among them has a wrong gold answer (its appendix E)."""

    settings: ClassVar = {
        "dataset": "openai/gsm8k",
        "revision": "740312add88f781978c0658806c59bc2815b9866",
        "subset": "main",
        "columns": {"reference": "answer"},
        "few_shot": 5,
        "prompt": "{% for example in examples %}Question: {{ example.question }}\nAnswer: {{ example.answer }}\n\n"
        "{% endfor %}Question: {{ question }}\nAnswer:",
        "question": "{{ question }}",
        "verifier": "gsm8k",
        "sampling": {"temperature": 0.6, "max_tokens": 512, "stop": ["Q:", "Question:"]},
    }
    columns = ("question", "answer")
    example_columns = columns
    # Five of the training problems, of which there are so many.
    random_steps = (5, 7473)
