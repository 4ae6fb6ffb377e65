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
"""Maximum length of prompt and completion together, tokens."""

UNLABELLED = -100
"""Label of a token excluded from the loss, as in torch's cross-entropy."""

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
"""The demo's models: one architecture in three sizes, trained on the same examples in the same order.

The largest trains in about 15 minutes on two cores.
"""


def train_tokenizer(examples: Iterator[Example], count: int, vocabulary: int) -> PreTrainedTokenizerFast:
    """A small BPE over words and punctuation; digits stay separate tokens, so that arithmetic can be learned."""
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
    """An untrained Llama model with 32-dimensional heads and tied embeddings."""
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
    """Endless stream of padded batches of rows with similar length; rows longer than the context are dropped.

    Args:
        rows: (tokens, labels), with one label per token, `UNLABELLED` for none.
        padding: Padding token; unlabelled.
        size: Rows per batch.
        rng: Shuffles the batches.

    Returns:
        (tokens, labels), both of shape (size, length of the longest row).
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


def tokenize(examples: Iterator[Example], tokenizer: PreTrainedTokenizerFast) -> Iterator[tuple[list[int], list[int]]]:
    """(tokens, labels) of each example, with a final end token; only the completion and end token are labelled."""
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
    rows = tokenize(examples, tokenizer)

    def losses() -> Iterator[tuple[torch.Tensor, int]]:
        for tokens, labels in batches(rows, eos, recipe.batch, random.Random(f"batches {seed}")):
            yield model(input_ids=tokens, labels=labels).loss, tokens.numel()

    return fit(model, recipe.steps, recipe.matrix_rate, losses())


def fit(model: Model, steps: int, matrix_rate: float, losses: Iterator[tuple[torch.Tensor, int]]) -> Model:
    """Train the parameters that are not frozen: Muon for the layers' matrices, AdamW for the rest.

    The learning rate warms up, is constant, then decays linearly to zero. Muon reaches in 250 steps a loss for which
    AdamW needs several times as many; this keeps training within minutes.

    Args:
        model: The model, trained in place.
        steps: Number of optimizer steps.
        matrix_rate: Muon's learning rate.
        losses: Lazy iterator of (loss, number of tokens); each loss is computed with the current parameters.
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
    start, tokens_seen, smooth = time.monotonic(), 0, 0.0
    for step, (loss, tokens) in enumerate(itertools.islice(losses, steps), 1):
        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
        for optimizer, scheduler in zip(optimizers, schedulers, strict=True):
            optimizer.step()
            scheduler.step()
        tokens_seen += tokens
        smooth = loss.item() if step == 1 else 0.98 * smooth + 0.02 * loss.item()
        if step % 100 == 0:
            rate = tokens_seen / (time.monotonic() - start)
            print(f"step {step}  loss {smooth:.4f}  {tokens_seen / 1e6:.1f} M tokens  {rate:,.0f} tokens/s", flush=True)
    return model.eval()


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a Hugging Face model folder (config, tokenizer, bfloat16 safetensors) that vLLM can load."""
    model.bfloat16().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
