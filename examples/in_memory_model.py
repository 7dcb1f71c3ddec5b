"""Validate a spec against a model in memory, on prompts of token ids.

    python examples/in_memory_model.py

The model is a small GPT-2 with random weights. It has learnt nothing, but it is not without behaviour: its
unembedding is its token embedding, so the token it reads last is the one it finds most likely next, by the
edge from `embed` to `logits`. The spec says so. Its last claim is wrong, to show what a refutation looks like.
"""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

import circuitgraph as cg

TOKENS, LENGTH, ROWS = 50, 6, 32


def tiny_model() -> GPT2LMHeadModel:
    """Two layers of two heads, random weights."""
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=TOKENS,
        n_positions=LENGTH,
        n_embd=32,
        n_layer=2,
        n_head=2,
        bos_token_id=None,
        eos_token_id=None,
    )
    return GPT2LMHeadModel(config).eval()


def write_rows(file: Path) -> None:
    """One row a line. Prompts may be token ids, which need no tokenizer."""
    draw = random.Random(0)
    with file.open("w", encoding="utf-8") as stream:
        for _ in range(ROWS):
            drawn = draw.sample(range(TOKENS), 2 * LENGTH)
            clean, corrupt = drawn[:LENGTH], drawn[LENGTH:]
            row = {"clean": clean, "corrupt": corrupt, "answer": clean[-1], "foil": corrupt[-1]}
            stream.write(json.dumps(row) + "\n")


def hypothesis(file: Path) -> cg.Spec:
    """A spec built in Python takes what the YAML takes, short forms included."""
    return cg.Spec(
        circuitgraph=1,
        name="last token",
        model="tiny-random",  # only a name here: the model itself is handed to validate
        task={"prompts": {"file": str(file)}, "metric": "logit_diff", "positions": {"END": "last"}},
        edges=["embed -> logits@END"],
        claims=[
            {"effect": {"of": "embed -> logits", "at_most": -0.5}},
            {"effect": {"of": "a0.h0", "at_most": -0.5}},
        ],
    )


def main() -> cg.Report:
    """Write the rows, validate, print the verdicts."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "rows.jsonl"
        write_rows(file)
        report = cg.validate(hypothesis(file), model=tiny_model())
    for claim in report.claims:
        low, high = claim.estimate.interval.low, claim.estimate.interval.high
        print(f"{claim.verdict:<13} {claim.text}: {claim.estimate.value:.3f} [{low:.3f}, {high:.3f}]")
    return report


if __name__ == "__main__":
    main()
