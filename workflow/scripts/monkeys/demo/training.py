"""Train the demo's tokenizer and its family of Llama models from generated examples, on a CPU."""

import itertools
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from monkeys.demo.examples import Example

EOS = "<eos>"
CONTEXT = 320
"""Longest prompt and completion together, in tokens."""

UNLABELLED = -100
"""The label of a token from which nothing is learnt, as in torch's cross-entropy."""

Model = TypeVar("Model", bound=torch.nn.Module)


@dataclass(frozen=True)
class Recipe:
    """Size and training budget of one model."""

    hidden_size: int
    layers: int
    steps: int = 1200
    batch: int = 48
    """Examples per step."""
    matrix_rate: float = 0.02
    """Muon's learning rate."""


FAMILY = {
    "marmoset-0.2m": Recipe(hidden_size=64, layers=3),
    "marmoset-0.8m": Recipe(hidden_size=128, layers=4),
    "marmoset-3m": Recipe(hidden_size=192, layers=6, matrix_rate=0.01),
}
"""The demo's models: one architecture, the same examples in the same order, three sizes.

The largest trains in about a quarter of an hour on two cores.
"""


def train_tokenizer(examples: Iterator[Example], count: int, vocabulary: int) -> PreTrainedTokenizerFast:
    """A small BPE over words and punctuation; digits stay single, so that arithmetic can be learnt."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=[EOS, "<unk>"], show_progress=False)
    texts = (example.prompt + example.completion for example in itertools.islice(examples, count))
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=EOS,
        pad_token=EOS,
        unk_token="<unk>",
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )


def new_model(recipe: Recipe, vocabulary: int, eos: int) -> LlamaForCausalLM:
    """An untrained Llama with heads of 32 dimensions and tied embeddings."""
    heads = recipe.hidden_size // 32
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=recipe.hidden_size,
            intermediate_size=recipe.hidden_size * 8 // 3 // 32 * 32,
            num_hidden_layers=recipe.layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=eos,
            pad_token_id=eos,
        )
    )


def batches(
    rows: Iterator[tuple[list[int], list[int]]], padding: int, size: int, rng: random.Random
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Endless padded batches of endless rows; rows of similar length go together, those beyond the context nowhere.

    Args:
        rows: Tokens and their labels, a label per token, `UNLABELLED` for none.
        padding: The token to pad with; it has no label.
        size: Rows per batch.
        rng: Shuffles the batches.

    Returns:
        Tokens and labels, both of shape (size, longest).
    """
    while True:
        pool = sorted((row for row in itertools.islice(rows, size * 16) if len(row[0]) <= CONTEXT), key=_length)
        chunks = [pool[i : i + size] for i in range(0, len(pool), size)]
        rng.shuffle(chunks)
        for chunk in chunks:
            longest = len(chunk[-1][0])
            tokens = torch.tensor([row + [padding] * (longest - len(row)) for row, _ in chunk])
            labels = torch.tensor([row + [UNLABELLED] * (longest - len(row)) for _, row in chunk])
            yield tokens, labels


def _length(row: tuple[list[int], list[int]]) -> int:
    return len(row[0])


def to_continue(
    examples: Iterator[Example], tokenizer: PreTrainedTokenizerFast
) -> Iterator[tuple[list[int], list[int]]]:
    """Tokens of examples, their ends included; only those of the completion are labels, too."""
    eos = tokenizer.eos_token_id
    for example in examples:
        prompt, completion = tokenizer([example.prompt, example.completion])["input_ids"]
        yield prompt + completion + [eos], [UNLABELLED] * len(prompt) + completion + [eos]


def train(
    recipe: Recipe, examples: Iterator[Example], tokenizer: PreTrainedTokenizerFast, seed: int
) -> LlamaForCausalLM:
    """Train one model from scratch."""
    torch.manual_seed(seed)
    eos = tokenizer.eos_token_id
    model = new_model(recipe, len(tokenizer), eos)
    rows = to_continue(examples, tokenizer)

    def losses() -> Iterator[tuple[torch.Tensor, int]]:
        for tokens, labels in batches(rows, eos, recipe.batch, random.Random(f"batches {seed}")):
            yield model(input_ids=tokens, labels=labels).loss, tokens.numel()

    return fit(model, recipe.steps, recipe.matrix_rate, losses())


def fit(model: Model, steps: int, matrix_rate: float, losses: Iterator[tuple[torch.Tensor, int]]) -> Model:
    """Train what is not frozen: Muon for the layers' matrices, AdamW for the rest, constant then linearly to zero.

    Muon reaches in 250 steps a loss that AdamW needs several times as many for; that keeps training in minutes.

    Args:
        model: The model; it is changed.
        steps: How many losses are taken.
        matrix_rate: Muon's learning rate.
        losses: Each computed, when it is asked for, with the model as it is then; and of how many tokens.
    """
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    hidden = [p for name, p in trained.items() if p.dim() == 2 and "layers" in name]
    rest = [p for name, p in trained.items() if p.dim() != 2 or "layers" not in name]
    optimizers = [
        torch.optim.Muon(hidden, lr=matrix_rate, weight_decay=0.01, momentum=0.95, nesterov=True),
        torch.optim.AdamW(rest, lr=3e-3, betas=(0.9, 0.98), weight_decay=0.0),
    ]

    def schedule(step: int) -> float:
        return min(1.0, (step + 1) / 20, (steps - step) / (0.6 * steps))

    schedulers = [torch.optim.lr_scheduler.LambdaLR(optimizer, schedule) for optimizer in optimizers]
    print(f"{sum(p.numel() for p in trained.values()):,} parameters, {steps} steps", flush=True)
    start, seen, smooth = time.monotonic(), 0, 0.0
    for step, (loss, tokens) in enumerate(itertools.islice(losses, steps), 1):
        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
        for optimizer, scheduler in zip(optimizers, schedulers, strict=True):
            optimizer.step()
            scheduler.step()
        seen += tokens
        smooth = loss.item() if step == 1 else 0.98 * smooth + 0.02 * loss.item()
        if step % 100 == 0:
            rate = seen / (time.monotonic() - start)
            print(f"step {step}  loss {smooth:.4f}  {seen / 1e6:.1f} M tokens  {rate:,.0f} tokens/s", flush=True)
    return model.eval()


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a Hugging Face folder (config, tokenizer, bfloat16 safetensors) that vLLM loads like any other."""
    model.bfloat16().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
