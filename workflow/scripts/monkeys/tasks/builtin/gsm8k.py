"""GSM8K (Cobbe et al. 2021): word problems; each prompt has its own five worked examples."""

from typing import ClassVar

from monkeys.tasks import task


class Task(task.Task):
    """With seed 0, 128 problems are the paper's subset; one of them, 1042, has a wrong gold answer (its appendix E)."""

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
    # five of the 7,473 training problems
    random_steps = (5, 7473)
