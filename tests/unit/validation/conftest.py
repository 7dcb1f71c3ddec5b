from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import circuitgraph as cg
from circuitgraph.report import Report
from tests.oracle import hand_built

MODEL = hand_built.hand_built_induction()[0]
CIRCUIT = ["embed -> a0.h0.v", "a0.h0 -> a1.h0.k", "embed -> a1.h0.qv", "a1.h0 -> logits"]
"""Exactly the edges whose effect is not 0 under `corrupt`, see `tests.oracle.hand_built`."""

Validate = Callable[..., Report]


def paper_rows(examples: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows of the kind that `tests.oracle.hand_built` derives effects for, with a factor `gap`."""
    draw = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for _ in range(examples):
        length = draw.randrange(5, 9)
        match = draw.randrange(1, length - 2)
        tokens = draw.sample(range(1, 16), 2 * (length - 2))
        prompts: list[list[int]] = []
        for words in (tokens[: length - 2], tokens[length - 2 :]):
            body = [*words[: match - 1], words[-1], *words[match - 1 : -1]]
            prompts.append([0, *body, words[-1]])
        clean, corrupt = prompts
        rows.append(
            {
                "clean": clean,
                "corrupt": corrupt,
                "answer": clean[match + 1],
                "foil": corrupt[match + 1],
                "positions": {"MATCH": match, "END": length - 1},
                "factors": {"gap": length - 1 - match},
            }
        )
    return rows


@pytest.fixture
def judge(tmp_path: Path) -> Validate:
    """Validate a spec of given parts on the hand-built model: 24 rows and its true circuit unless told otherwise."""

    def run(*claims: dict[str, Any], rows: list[dict[str, Any]] | None = None, **parts: Any) -> Report:
        file = tmp_path / "pairs.jsonl"
        lines = paper_rows(24) if rows is None else rows
        file.write_text("".join(json.dumps(row) + "\n" for row in lines), encoding="utf-8")
        model = parts.pop("hf_model", MODEL)
        task = {
            "prompts": {"file": str(file)},
            "metric": "logit_diff",
            "factors": ["gap"],
            **parts.pop("task", {}),
        }
        content = {
            "circuitgraph": 1,
            "name": "t",
            "model": "./none",
            "edges": CIRCUIT,
            "claims": list(claims),
        }
        return cg.validate(cg.Spec.model_validate({**content, "task": task, **parts}), model=model)

    return run
