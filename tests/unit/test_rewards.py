"""Rewards of a tiny reward model made here, and of variants that each differ from it in one respect."""

import json
import math
import os
import random
import shutil
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from monkeys import kept
from monkeys.demo import arithmetic
from monkeys.rewards import shard as rewards_shard
from monkeys.rewards.model import RewardModel
from monkeys.rewards.reward import RewardModelConfig
from monkeys.rewards.shard import score_shard
from monkeys.rewards.wording import InputBuilder
from monkeys.sampling.journal import read_entries
from monkeys.storage import REWARDS, SAMPLES, read_provenance, read_rows, write_parquet

pytestmark = pytest.mark.slow  # imports torch, and runs models

DEMO = Path(__file__).parents[2] / "resources/demo"
PROBLEMS = pa.schema([(name, pa.string()) for name in ("problem_id", "prompt", "question")])
TEMPLATE = "{% for turn in messages %}<{{ turn.role }}>{{ turn.content }}<eos>{% endfor %}"

# Custom code as shipped with weights, written for transformers 4: one score, plus logits of several objectives.
CUSTOM_CODE = """
from dataclasses import dataclass
import torch
from transformers import LlamaModel, LlamaPreTrainedModel
from transformers.models.llama.modeling_llama import LLAMA_INPUTS_DOCSTRING
from transformers.utils import ModelOutput, add_start_docstrings_to_model_forward

@dataclass
class Scored(ModelOutput):
    score: torch.Tensor | None = None
    logits: torch.Tensor | None = None

class Objectives(LlamaPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.model = LlamaModel(config)
        self.objectives = torch.nn.Linear(config.hidden_size, 3)
        self.post_init()

    @add_start_docstrings_to_model_forward(LLAMA_INPUTS_DOCSTRING)
    def forward(self, input_ids, attention_mask=None):
        last = (torch.arange(input_ids.shape[1]) * attention_mask).argmax(1)
        hidden = self.model(input_ids, attention_mask=attention_mask)[0][torch.arange(len(input_ids)), last]
        logits = self.objectives(hidden)
        return Scored(score=logits.mean(1), logits=logits)
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A demo model's body with an untrained head of one output."""
    source, folder = DEMO / "marmoset-0.8m", tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(source)
    ids = {"num_labels": 1, "pad_token_id": tokenizer.pad_token_id or tokenizer.eos_token_id}
    AutoModelForSequenceClassification.from_pretrained(source, **ids).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def files(tmp_path):
    """A problems file and a samples file of 2 problems, 30 samples each, every text twice."""
    rng = random.Random(0)
    problems, rows = [], []
    for name in "ab":
        problem = arithmetic.word_problem(rng, steps=2, size=20)
        prompt = f"Question: {problem.question}\nAnswer:\n"
        problems.append({"problem_id": name, "prompt": prompt, "question": problem.question})
        for number in range(30):
            text = problem.answer[: number // 2] + str(number // 2)
            rows.append({"problem_id": name, "sample": number, "text": text, "tokens": 4, "logprob": -1.0})
    write_parquet(tmp_path / "problems.parquet", PROBLEMS, problems, {})
    write_parquet(tmp_path / "samples.parquet", SAMPLES, rows, {"task": "t", "model": "m", "index": 0, "settings": "s"})
    return tmp_path


@pytest.fixture
def reward(tiny):
    return RewardModelConfig(
        "r", str(tiny), None, chat=False, context="prompt", max_length=None, batch_tokens=2048, dtype="float32"
    )


def copy_with_config(source, folder, **config):
    """Copy a model and change its config; None removes a key."""
    shutil.copytree(source, folder)
    old = json.loads((folder / "config.json").read_text()) | config
    (folder / "config.json").write_text(json.dumps({key: value for key, value in old.items() if value is not None}))
    return folder


def change_tokenizer(folder, **settings):
    """Change a model's tokenizer in place."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for name, value in settings.items():
        setattr(tokenizer, name, value)
    tokenizer.save_pretrained(folder)
    return folder


def with_custom_code(tiny, folder):
    """A model of the tiny one's size that ships custom code."""
    copy_with_config(
        tiny,
        folder,
        architectures=["Objectives"],
        auto_map={"AutoModelForSequenceClassification": "own_code.Objectives"},
    )
    (folder / "own_code.py").write_text(CUSTOM_CODE)
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    head = weights.pop("score.weight")
    weights |= {"objectives.weight": head.repeat(3, 1), "objectives.bias": torch.tensor([0, 3, 6], dtype=head.dtype)}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def score(files, reward, name="rewards"):
    """Score the samples; return the rows of the rewards file and its provenance."""
    path = files / f"{name}.parquet"
    score_shard(
        problems=files / "problems.parquet",
        samples=files / "samples.parquet",
        rewards=path,
        journal=files / f"{name}.jsonl",
        reward=reward,
    )
    return list(read_rows(path)), read_provenance(path)


def reference_rewards(folder, texts, **tokenizing):
    """Rewards computed by plain transformers, one text at a time, without padding."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        return [model(**tokenizer(text, return_tensors="pt", **tokenizing)).logits.item() for text in texts]


def values(rows):
    return [row["reward"] for row in rows]


def test_every_sample_gets_the_models_logit_in_the_samples_order(files, reward, tiny):
    rows, _ = score(files, reward)
    samples = list(read_rows(files / "samples.parquet"))
    prompts = {row["problem_id"]: row["prompt"] for row in read_rows(files / "problems.parquet")}
    assert pq.read_schema(files / "rewards.parquet").equals(REWARDS)
    assert [(row["problem_id"], row["sample"]) for row in rows] == [
        (row["problem_id"], row["sample"]) for row in samples
    ]
    texts = [prompts[row["problem_id"]] + row["text"] for row in samples]
    assert values(rows) == pytest.approx(reference_rewards(tiny, texts), abs=1e-4)


def test_provenance_records_samples_model_and_execution(files, reward):
    _, provenance = score(files, reward)
    assert provenance["samples"] == {"task": "t", "model": "m", "index": 0, "settings": "s"}
    assert provenance["settings"] == reward.settings()
    (start,) = provenance["starts"]
    assert (start["samples_before"], start["dtype"], start["torch"]) == (0, "float32", torch.__version__)
    assert (provenance["cut_problems"], provenance["cut_samples"]) == (0, 0)


def test_equal_samples_of_one_problem_are_scored_once(files, reward):
    rows, provenance = score(files, reward)
    assert provenance["distinct"] == 30
    assert values(rows)[::2] == values(rows)[1::2]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("padded", [True, False], ids=["with a padding token", "without one"])
def test_padding_does_not_change_rewards(tiny, reward, tmp_path, side, padded):
    folder = copy_with_config(tiny, tmp_path / "model", **({} if padded else {"pad_token_id": None}))
    change_tokenizer(folder, padding_side=side)
    reward = replace(reward, weights=str(folder), batch_tokens=1000)
    model = RewardModel(reward, folder)
    ends = [""] if padded else ["", "<eos>"]  # without a padding token, the end-of-text token is an ordinary token
    texts = [model.tokenizer.encode("12+30=42\n" * n + end) for n in (1, 2, 3, 5, 8, 13, 21) for end in ends]
    batches = list(model.rewards(texts))
    together = {number: value for numbers, batch in batches for number, value in zip(numbers, batch, strict=True)}
    assert 1 < len(batches) < len(texts)
    assert all(len(numbers) * max(len(texts[number]) for number in numbers) <= 1000 for numbers, _ in batches)
    alone = [next(model.rewards([text]))[1][0] for text in texts]
    assert [together[number] for number in range(len(texts))] == pytest.approx(alone, abs=1e-4)
    assert max(alone) - min(alone) > 0.01


def test_left_padding_is_safe_with_absolute_position_embeddings(tiny, reward, tmp_path):
    from transformers import GPT2Config, GPT2ForSequenceClassification

    config = GPT2Config(vocab_size=384, n_positions=200, n_embd=32, n_layer=1, n_head=2, num_labels=1, pad_token_id=1)
    torch.manual_seed(0)
    GPT2ForSequenceClassification(config).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny, padding_side="left").save_pretrained(tmp_path)
    model = RewardModel(replace(reward, weights=str(tmp_path)), tmp_path)
    assert model.token_limit == 200
    texts = [model.tokenizer.encode("12+30=42\n" * n) for n in (1, 8)]
    ((numbers, together),) = model.rewards(texts)
    assert together == pytest.approx([next(model.rewards([texts[number]]))[1][0] for number in numbers], abs=1e-4)


def test_a_chat_model_sees_question_and_sample_in_its_template(files, reward, tiny, tmp_path):
    folder = change_tokenizer(copy_with_config(tiny, tmp_path / "model"), chat_template=TEMPLATE)
    rows, _ = score(files, replace(reward, weights=str(folder), chat=True, context="question"))
    questions = {row["problem_id"]: row["question"] for row in read_rows(files / "problems.parquet")}
    texts = [
        f"<user>{questions[row['problem_id']]}<eos><assistant>{row['text']}<eos>"
        for row in read_rows(files / "samples.parquet")
    ]
    assert values(rows) == pytest.approx(reference_rewards(folder, texts, add_special_tokens=False), abs=1e-4)


def test_a_model_with_custom_code_returns_its_own_score(files, reward, tiny, tmp_path):
    folder = with_custom_code(tiny, tmp_path / "model")
    plain, _ = score(files, reward)
    own, _ = score(files, replace(reward, weights=str(folder), trust_remote_code=True), "own")
    assert values(own) == pytest.approx([value + 3 for value in values(plain)], abs=1e-2)  # the mean of the biases


@pytest.mark.parametrize("chat", [False, True])
def test_an_overlong_input_is_truncated_at_the_start_of_its_problem(reward, tiny, chat):
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    tokenizer.chat_template = TEMPLATE
    builder = InputBuilder(replace(reward, chat=chat), tokenizer, token_limit=60)
    fits, cut, far_too_long = builder.build(
        [("1+1=", "2"), ("7" * 50 + "\nend of prompt\n", "12345"), ("7", "3" * 99 + "8")]
    )
    assert (fits.cut, cut.cut, far_too_long.cut) == (None, "problem", "sample")
    assert len(cut.tokens) <= 60
    assert len(far_too_long.tokens) <= 60
    seen = tokenizer.decode(cut.tokens)
    assert "end of prompt" in seen and "12345" in seen
    assert tokenizer.decode(far_too_long.tokens).removesuffix("<eos>").endswith("3338")
    if chat:
        assert seen.startswith("<user>7") and seen.endswith("<eos>")


def test_truncated_inputs_are_counted_and_reported(files, reward, capsys):
    _, provenance = score(files, replace(reward, max_length=20))
    assert provenance["cut_problems"] + provenance["cut_samples"] == 60
    assert "NOTE 60 samples and their problems together exceed rewards.r.max_length" in capsys.readouterr().out


def test_a_killed_job_resumes_after_its_last_window(files, reward, monkeypatch):
    expected, _ = score(files, reward)
    monkeypatch.setattr(rewards_shard, "WINDOW", 4)
    journal = files / "killed.jsonl"

    def kill():
        while not (journal.exists() and any("rewards" in entry for entry in read_entries(journal))):
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=kill, daemon=True).start()
    with pytest.raises(SystemExit):
        score(files, reward, "killed")
    assert not (files / "killed.parquet").exists()
    done = sum(len(entry.get("rewards", ())) for entry in read_entries(journal))
    assert 0 < done < 60
    rows, provenance = score(files, reward, "killed")
    assert [start["samples_before"] for start in provenance["starts"]] == [0, done]
    assert values(rows) == pytest.approx(values(expected), abs=1e-4)


def test_rewards_of_unchanged_samples_of_a_problem_are_reused(files, reward, monkeypatch):
    monkeypatch.setattr(rewards_shard, "WINDOW", 8)
    results = files / "results"
    rewards_file = results / "rewards/t/m/r/0.parquet"

    def score_again(name):
        score_shard(
            str(files / "problems.parquet"),
            str(files / "samples.parquet"),
            str(rewards_file),
            str(files / f"{name}.jsonl"),
            reward,
            results=str(results),
        )
        kept.keep(results, rewards_file)
        return list(read_rows(rewards_file)), read_provenance(rewards_file)

    rows = list(read_rows(files / "samples.parquet"))
    write_parquet(files / "samples.parquet", SAMPLES, [row for row in rows if row["problem_id"] == "b"], {})
    first, _ = score_again("first")
    write_parquet(files / "samples.parquet", SAMPLES, rows, {})
    second, provenance = score_again("second")
    assert second[30:] == first
    assert (provenance["taken_up"], provenance["distinct"]) == (30, 15)
    expected, _ = score(files, reward)
    assert values(second) == pytest.approx(values(expected), abs=1e-4)
    monkeypatch.setattr(rewards_shard, "RewardModel", None)  # nothing is left to be scored
    third, provenance = score_again("third")
    assert third == second
    assert (provenance["taken_up"], provenance["distinct"], provenance["starts"]) == (60, 0, [])


def test_a_torn_journal_loses_one_window(files, reward, monkeypatch):
    monkeypatch.setattr(rewards_shard, "WINDOW", 25)
    expected, _ = score(files, reward)
    journal = files / "rewards.jsonl"
    journal.write_bytes(journal.read_bytes()[:-3])
    rows, provenance = score(files, reward)
    assert [start["samples_before"] for start in provenance["starts"]] == [0, 50]
    assert values(rows) == pytest.approx(values(expected), abs=1e-4)


def test_a_journal_of_other_samples_is_not_reused(files, reward):
    score(files, reward)
    rows = list(read_rows(files / "samples.parquet"))
    write_parquet(files / "samples.parquet", SAMPLES, [{**row, "text": "#### 1"} for row in rows], {})
    _, provenance = score(files, reward)
    assert [start["samples_before"] for start in provenance["starts"]] == [0]
    assert provenance["distinct"] == 2


def test_a_nan_reward_is_an_error_that_names_the_sample(files, reward, tiny, tmp_path):
    folder = copy_with_config(tiny, tmp_path / "model")
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    model.score.weight.data.fill_(math.nan)
    model.save_pretrained(folder)
    with pytest.raises(ValueError, match=r"problem [ab], sample \d+: reward nan"):
        score(files, replace(reward, weights=str(folder)))
    assert not (files / "rewards.parquet").exists()


def language_model(tiny, folder):
    copy_with_config(tiny, folder)
    AutoModelForCausalLM.from_pretrained(DEMO / "marmoset-0.2m").save_pretrained(folder)
    return folder


def two_outputs(tiny, folder):
    copy_with_config(tiny, folder)
    AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=2, ignore_mismatched_sizes=True
    ).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (language_model, {}, r"rewards\.r\.weights: .* has no score\.weight, so its rewards would be random"),
        (with_custom_code, {}, r"has no score\.weight.*trust_remote_code: true"),
        (two_outputs, {}, r"not a model with one output: for \d+ texts it returns logits of shape \(\d+, 2\)"),
        (None, {"chat": True}, r"rewards\.r\.chat: is true, but its tokenizer has no chat template"),
        (None, {"max_length": 321}, r"rewards\.r\.max_length: 321 exceeds the model's context of 320"),
    ],
)
def test_unsuitable_settings_are_errors_that_name_the_key(files, reward, tiny, tmp_path, make, settings, message):
    if make:
        settings = {**settings, "weights": str(make(tiny, tmp_path / "model"))}
    with pytest.raises(ValueError, match=message):
        score(files, replace(reward, **settings))


def test_a_problem_without_a_question_is_an_error_that_names_it(files, reward):
    rows = [{**row, "question": None} for row in read_rows(files / "problems.parquet")]
    write_parquet(files / "problems.parquet", PROBLEMS, rows, {})
    with pytest.raises(ValueError, match=r"rewards\.r\.context: problem a has no question"):
        score(files, replace(reward, context="question"))
