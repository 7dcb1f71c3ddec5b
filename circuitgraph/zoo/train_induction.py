"""Train the embedded model `zoo:induction`: ``python -m circuitgraph.zoo.train_induction --out DIR``.

Two layers of four heads that learn to continue repeated random words. Nothing tells the model how: a head
that attends to the previous token and heads that look for its trace are what gradient descent finds.

Source of the task and the circuit: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits";
Olsson et al. 2022, arXiv:2209.11895.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import GPT2Config, GPT2LMHeadModel

from circuitgraph.zoo.induction_card import card, measure
from circuitgraph.zoo.repeated_tokens import repeated_tokens
from circuitgraph.zoo.tokenizer import save_tokenizer
from circuitgraph.zoo.vocabulary import BOS_ID, TOKENS, WORD_IDS

CONTEXT = 64
INITIAL_DEVIATION = 0.1
HELD_OUT_SEED = 1
HELD_OUT_EXAMPLES = 1024
REQUIRED_ACCURACY = 0.99


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the model is trained. The defaults are the recipe of the embedded model.

    Attributes:
        stages: One after another, (tokens per row, steps).
        batch: Rows per step.
        learning_rate: Peak, reached after `warmup` steps, then a cosine down to zero.
        warmup: Steps of linear warm-up.
        weight_decay: AdamW, on every weight matrix and embedding; not on biases and norms.
        beta2: AdamW.
        segment: Shortest and longest repeated segment, tokens.
        distance: Longest distance between one copy and the next, tokens.
        log_every: Steps between points of the loss curve.
    """

    stages: tuple[tuple[int, int], ...] = ((24, 600), (CONTEXT, 1200))
    batch: int = 64
    learning_rate: float = 3e-3
    warmup: int = 100
    weight_decay: float = 0.1
    beta2: float = 0.98
    segment: tuple[int, int] = (2, 24)
    distance: int = 32
    log_every: int = 200

    @property
    def steps(self) -> int:
        """Optimiser steps, all stages together."""
        return sum(n for _, n in self.stages)


class TrainingFellShort(Exception):
    """A model that does not do its task is not written."""


def build() -> GPT2LMHeadModel:
    """An untrained model whose MLPs write exactly nothing, and will go on doing so.

    GPT-2 has no switch for "attention only", so each MLP is one neuron wide with every weight and bias zero
    and frozen. The config says `attn_only: true` for those who build its graph.
    """
    config = GPT2Config(
        vocab_size=len(TOKENS),
        n_positions=CONTEXT,
        n_embd=64,
        n_layer=2,
        n_head=4,
        n_inner=1,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=BOS_ID,
        eos_token_id=BOS_ID,
        tie_word_embeddings=False,
        use_cache=False,
        initializer_range=INITIAL_DEVIATION,
    )
    config.update({"attn_only": True})
    model = GPT2LMHeadModel(config)
    for name, parameter in model.named_parameters():
        if ".mlp." in name:
            torch.nn.init.zeros_(parameter)
            parameter.requires_grad_(False)
    return model


def repeated_segments(recipe: Recipe, context: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw one batch: a random prefix, then one segment again and again with fresh words in between.

    Segment length, distance between copies and prefix are drawn per row, so no fixed offset predicts a token.
    All words of a row differ except for the copies, so each copied word has one successor to recall.

    Args:
        recipe: Says how many rows and how long the segments.
        context: Tokens per row.
        draw: Source of randomness.

    Returns:
        Token ids, `[batch, pos]`, and which of them can be predicted (every token of a later copy but its
        first), `[batch, pos]`, boolean.
    """
    rows, width = recipe.batch, context - 1

    def integers(low: Tensor | int, high: Tensor | int) -> Tensor:
        share = torch.rand(rows, 1, generator=draw)
        return (low + share * (torch.as_tensor(high) - low + 1)).floor().long()

    segment = integers(recipe.segment[0], min(recipe.segment[1], width // 2))
    distance = integers(segment, min(recipe.distance, width - 2))
    prefix = integers(0, width - distance - 2)
    place = torch.arange(width).expand(rows, width)
    phase = (place - prefix) % distance
    copied = (place >= prefix) & (phase < segment)
    source = torch.where(copied, prefix + phase, place)
    words = torch.rand(rows, len(WORD_IDS), generator=draw).argsort(dim=1) + WORD_IDS.start
    bos = torch.full((rows, 1), BOS_ID)
    tokens = torch.cat([bos, words.gather(1, source)], dim=1)
    predictable = copied & (place >= prefix + distance) & (phase >= 1)
    return tokens, torch.cat([torch.zeros_like(bos, dtype=torch.bool), predictable], dim=1)


def train(
    recipe: Recipe, seed: int, on_step: Callable[[int, float], None] | None = None
) -> tuple[GPT2LMHeadModel, list[tuple[int, float]]]:
    """Train from scratch.

    Args:
        recipe: How.
        seed: Seeds the initial weights and the data.
        on_step: Called after every step with its number (from 1) and its loss.

    Returns:
        The model, in evaluation mode, and the loss curve: (step, mean loss since the last point, nats).
    """
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    model = build().train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay},
            {"params": [p for p in trained if p.ndim == 1], "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
        betas=(0.9, recipe.beta2),
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(recipe, step))
    curve: list[tuple[int, float]] = []
    recent: list[float] = []
    lengths = [context for context, steps in recipe.stages for _ in range(steps)]
    for step, context in enumerate(lengths, 1):
        tokens, predictable = repeated_segments(recipe, context, draw)
        logits = model(input_ids=tokens).logits
        targets = predictable[:, 1:]
        loss = cross_entropy(logits[:, :-1][targets], tokens[:, 1:][targets])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        schedule.step()
        recent.append(loss.item())
        if step == 1 or step % recipe.log_every == 0:
            curve.append((step, sum(recent) / len(recent)))
            recent.clear()
        if on_step is not None:
            on_step(step, loss.item())
    return model.eval(), curve


def _rate(recipe: Recipe, step: int) -> float:
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def reproduce(
    directory: Path,
    seed: int,
    recipe: Recipe | None = None,
    on_step: Callable[[int, float], None] | None = None,
) -> None:
    """Train, measure what was trained, and write model, tokenizer and card.

    Files are written aside and moved into place at the end, so a failed run leaves the directory as it was.

    Args:
        directory: Where to; made if missing, files of the same name replaced.
        seed: See `train`.
        recipe: The embedded model's unless given.
        on_step: See `train`.

    Raises:
        TrainingFellShort: The model misses the required accuracy on held-out rows; nothing is written.
    """
    recipe = recipe or Recipe()
    start = time.process_time()
    model, curve = train(recipe, seed, on_step)
    seconds = time.process_time() - start
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".induction-") as name:
        aside = Path(name)
        model.save_pretrained(aside)
        save_tokenizer(aside, CONTEXT)
        # What the card reports is what was written, not what was in memory.
        saved = GPT2LMHeadModel.from_pretrained(aside, attn_implementation="eager", local_files_only=True)
        facts = measure(saved.eval(), repeated_tokens(HELD_OUT_EXAMPLES, HELD_OUT_SEED))
        if facts.accuracy < REQUIRED_ACCURACY:
            raise TrainingFellShort(
                f"accuracy {facts.accuracy:.4f} on held-out rows, below {REQUIRED_ACCURACY}"
            )
        text = card(recipe, seed, curve, seconds, facts, (HELD_OUT_EXAMPLES, HELD_OUT_SEED), saved)
        (aside / "CARD.md").write_text(text, encoding="utf-8")
        directory.mkdir(exist_ok=True)
        for file in sorted(aside.iterdir()):
            file.chmod(0o644)
            os.replace(file, directory / file.name)


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0 when the model was written, 4 when training fell short."""
    parser = argparse.ArgumentParser(prog="python -m circuitgraph.zoo.train_induction", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="directory to write")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights and data (default: 0)")
    options = parser.parse_args(arguments)
    # One thread: sums in a fixed order, so a seed gives one model.
    torch.set_num_threads(1)
    recipe = Recipe()
    console = Console(stderr=True)
    with Progress(console=console) as progress:
        bar = progress.add_task("training", total=recipe.steps)
        try:
            reproduce(
                options.out, options.seed, recipe, lambda step, _loss: progress.update(bar, completed=step)
            )
        except TrainingFellShort as problem:
            console.print(f"nothing written: {problem}")
            return 4
    console.print(f"wrote {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
