"""Train the demo's reward model: its largest language model with two layers and a head on top.

In the language model's last layer stands what it expects next; whether the next token then is that one, only a layer
above can see. So the first of the two learns how probable the language model found each token of a sample, and the
second to gather the least probable one so far. The head learns from samples that the verifiers judged: at every token,
whether a right solution begins like this, and so at the last one the verdict (verifiers that predict at every token:
Cobbe et al., arXiv 2110.14168). Each problem gives as many right as wrong samples: how hard it is tells nothing.
"""

import copy
import random
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, linear, smooth_l1_loss
from transformers import LlamaForCausalLM, LlamaForSequenceClassification, LlamaModel, PreTrainedTokenizerFast

from monkeys.demo.attempts import Attempts
from monkeys.demo.training import UNLABELLED, batches, fit

BODY = "marmoset-3m"
"""The language model that it stands on."""

STEPS = 900
BATCH = 32
MATRIX_RATE = 0.02
IMPROBABLE = -4.0
"""Log-probability below which it does not matter how improbable a token was."""
SHRUNK = 1 / 8
"""Factor on all that the body's layers write. They read it normalized, so it changes nothing for them; but it lets
what the new layers write count."""


def train(
    family: Path, attempts: list[Attempts], seed: int
) -> tuple[LlamaForSequenceClassification, PreTrainedTokenizerFast]:
    """The trained model and its tokenizer.

    Args:
        family: The folder of the demo's models.
        attempts: Samples with their verdicts.
        seed: Of everything random.
    """
    torch.manual_seed(seed)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(family / BODY)
    body = LlamaForCausalLM.from_pretrained(family / BODY, dtype=torch.float32).model
    model = on_top_of(body)
    lessons = [torch.nn.Linear(body.config.hidden_size, 1) for _ in range(2)]
    losses = _losses(model, lessons, body, tokenizer, attempts, random.Random(f"reward {seed}"))
    fit(torch.nn.ModuleList([model, *lessons]), STEPS, MATRIX_RATE, losses)
    return model, tokenizer


def on_top_of(body: LlamaModel) -> LlamaForSequenceClassification:
    """A reward model with two more layers, which at first pass on what comes in, and a head that at first gives 0.

    Only what is new is trained.
    """
    config = copy.deepcopy(body.config)
    config.num_hidden_layers += 2
    config.num_labels = 1
    model = LlamaForSequenceClassification(config)
    model.model.load_state_dict(body.state_dict(), strict=False)
    *old, first, second = model.model.layers
    for part in (model.model.embed_tokens, *old):
        part.requires_grad_(False)
    with torch.no_grad():
        model.model.embed_tokens.weight.mul_(SHRUNK)
        for layer in old:
            layer.self_attn.o_proj.weight.mul_(SHRUNK)
            layer.mlp.down_proj.weight.mul_(SHRUNK)
        for layer in (first, second):
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.score.weight.zero_()
    return model


def _losses(
    model: LlamaForSequenceClassification,
    lessons: list[torch.nn.Linear],
    body: LlamaModel,
    tokenizer: PreTrainedTokenizerFast,
    attempts: list[Attempts],
    rng: random.Random,
) -> Iterator[tuple[torch.Tensor, int]]:
    """How wrong the model is about samples, and its new layers about the probabilities of their tokens."""
    for tokens, labels in batches(samples(attempts, tokenizer, rng), tokenizer.eos_token_id, BATCH, rng):
        states = model.model(input_ids=tokens, output_hidden_states=True)
        *_, below, first, second = states.hidden_states
        counted = labels != UNLABELLED
        with torch.no_grad():
            expected = linear(body.norm(below[:, :-1]), body.embed_tokens.weight).log_softmax(-1)
            probability = expected.gather(2, tokens[:, 1:, None])[..., 0].clamp(min=IMPROBABLE)
            probability = probability.where(counted[:, 1:], 0.0)  # prompts were never learnt, and are not to be judged
            smallest = probability.cummin(1).values
        told_probability = lessons[0](first[:, 1:])[..., 0]
        told_smallest = lessons[1](second[:, 1:])[..., 0]
        rewards = model.score(second)[..., 0]
        verdicts = binary_cross_entropy_with_logits(rewards, labels.clamp(min=0).float(), reduction="none")
        last = (counted * torch.arange(tokens.shape[1])).argmax(1, keepdim=True)
        loss = (
            verdicts[counted].mean()
            + verdicts.gather(1, last).mean()
            + 2 * smooth_l1_loss(told_probability, probability)
            + 2 * smooth_l1_loss(told_smallest[counted[:, 1:]], smallest[counted[:, 1:]])
        )
        yield loss, tokens.numel()


def samples(
    attempts: list[Attempts], tokenizer: PreTrainedTokenizerFast, rng: random.Random
) -> Iterator[tuple[list[int], list[int]]]:
    """Endless tokens and labels, in turn of a right and of a wrong sample of a problem that has both.

    Where no sample is right, the solution stands for one. A token is labelled 1 where a right solution begins like
    this, 0 where none that is known does. The last label is the verdict: a sample that breaks off begins like a right
    one and yet is wrong.
    """
    open_problems = [one for one in attempts if not all(one.correct)]
    while True:
        for one in rng.sample(open_problems, len(open_problems)):
            right = [text for text, correct in zip(one.samples, one.correct, strict=True) if correct]
            wrong = [text for text, correct in zip(one.samples, one.correct, strict=True) if not correct]
            chosen = [rng.choice(right or [one.solution]), rng.choice(wrong)]
            prompt, good, bad, *known = tokenizer([one.prompt, *chosen, one.solution, *right])["input_ids"]
            beginnings = {tuple(tokens[: end + 1]) for tokens in known for end in range(len(tokens))}
            like_right = [int(tuple(bad[: end + 1]) in beginnings) for end in range(len(bad) - 1)]
            for tokens, labels in ((good, [1] * len(good)), (bad, [*like_right, 0])):
                yield prompt + tokens, [UNLABELLED] * len(prompt) + labels
