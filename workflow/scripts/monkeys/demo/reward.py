"""Train the demo's reward model: the demo's largest language model with two more layers and a head on top.

The language model's last layer encodes its prediction of the next token; only a layer above can compare that with the
actual next token. So the first new layer learns how probable the language model found each token of a sample, and the
second learns the minimum so far. The head learns from verified samples: at every token, whether a correct solution
starts this way, and thus the verdict at the last token (token-level verifiers: Cobbe et al., arXiv 2110.14168). Each
problem contributes equally many correct and wrong samples, so that its difficulty carries no information.
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
"""The underlying language model."""

STEPS = 900
BATCH = 32
MATRIX_RATE = 0.02
MIN_LOGPROB = -4.0
"""Lower bound at which the log-probabilities of tokens are clipped."""
BODY_SCALE = 1 / 8
"""Scale of everything that the body writes to the residual stream. Layers read the stream normalized, so this does not
affect the body, but gives more weight to what the new layers write."""


def train(
    family: Path, attempts: list[Attempts], seed: int
) -> tuple[LlamaForSequenceClassification, PreTrainedTokenizerFast]:
    """Train the reward model: (model, tokenizer).

    Args:
        family: Folder of the demo's models.
        attempts: Samples with their verdicts.
        seed: Seed of all randomness.
    """
    torch.manual_seed(seed)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(family / BODY)
    body = LlamaForCausalLM.from_pretrained(family / BODY, dtype=torch.float32).model
    model = extend(body)
    auxiliary_heads = [torch.nn.Linear(body.config.hidden_size, 1) for _ in range(2)]
    losses = _losses(model, auxiliary_heads, body, tokenizer, attempts, random.Random(f"reward {seed}"))
    fit(torch.nn.ModuleList([model, *auxiliary_heads]), STEPS, MATRIX_RATE, losses)
    return model, tokenizer


def extend(body: LlamaModel) -> LlamaForSequenceClassification:
    """A reward model with two more layers, initially the identity, and a head whose output is initially 0.

    Only the new parameters are trainable.
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
        model.model.embed_tokens.weight.mul_(BODY_SCALE)
        for layer in old:
            layer.self_attn.o_proj.weight.mul_(BODY_SCALE)
            layer.mlp.down_proj.weight.mul_(BODY_SCALE)
        for layer in (first, second):
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.score.weight.zero_()
    return model


def _losses(
    model: LlamaForSequenceClassification,
    auxiliary_heads: list[torch.nn.Linear],
    body: LlamaModel,
    tokenizer: PreTrainedTokenizerFast,
    attempts: list[Attempts],
    rng: random.Random,
) -> Iterator[tuple[torch.Tensor, int]]:
    """(loss, number of tokens) of each batch; the loss covers verdicts and the new layers' token log-probabilities."""
    for tokens, labels in batches(samples(attempts, tokenizer, rng), tokenizer.eos_token_id, BATCH, rng):
        states = model.model(input_ids=tokens, output_hidden_states=True)
        *_, below, first, second = states.hidden_states
        labelled = labels != UNLABELLED
        with torch.no_grad():
            logprobs = linear(body.norm(below[:, :-1]), body.embed_tokens.weight).log_softmax(-1)
            logprob = logprobs.gather(2, tokens[:, 1:, None])[..., 0].clamp(min=MIN_LOGPROB)
            logprob = logprob.where(labelled[:, 1:], 0.0)  # prompts were not trained on and are not judged
            min_logprob = logprob.cummin(1).values
        predicted_logprob = auxiliary_heads[0](first[:, 1:])[..., 0]
        predicted_min_logprob = auxiliary_heads[1](second[:, 1:])[..., 0]
        rewards = model.score(second)[..., 0]
        verdict_losses = binary_cross_entropy_with_logits(rewards, labels.clamp(min=0).float(), reduction="none")
        last = (labelled * torch.arange(tokens.shape[1])).argmax(1, keepdim=True)
        loss = (
            verdict_losses[labelled].mean()
            + verdict_losses.gather(1, last).mean()
            + 2 * smooth_l1_loss(predicted_logprob, logprob)
            + 2 * smooth_l1_loss(predicted_min_logprob[labelled[:, 1:]], min_logprob[labelled[:, 1:]])
        )
        yield loss, tokens.numel()


def samples(
    attempts: list[Attempts], tokenizer: PreTrainedTokenizerFast, rng: random.Random
) -> Iterator[tuple[list[int], list[int]]]:
    """Endless stream of (tokens, labels), alternating a correct and a wrong sample of the same problem.

    If no sample is correct, the solution is used instead. A token is labelled 1 if a known correct solution starts this
    way, else 0. The last label is the verdict: a truncated sample starts like a correct one but is wrong.
    """
    with_wrong_samples = [problem for problem in attempts if not all(problem.correct)]
    while True:
        for problem in rng.sample(with_wrong_samples, len(with_wrong_samples)):
            right = [text for text, correct in zip(problem.samples, problem.correct, strict=True) if correct]
            wrong = [text for text, correct in zip(problem.samples, problem.correct, strict=True) if not correct]
            chosen = [rng.choice(right or [problem.solution]), rng.choice(wrong)]
            prompt, good, bad, *known = tokenizer([problem.prompt, *chosen, problem.solution, *right])["input_ids"]
            prefixes = {tuple(tokens[: end + 1]) for tokens in known for end in range(len(tokens))}
            is_known_prefix = [int(tuple(bad[: end + 1]) in prefixes) for end in range(len(bad) - 1)]
            for tokens, labels in ((good, [1] * len(good)), (bad, [*is_known_prefix, 0])):
                yield prompt + tokens, [UNLABELLED] * len(prompt) + labels
