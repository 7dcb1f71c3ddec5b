"""The embedded model, whose weights were trained in single precision: the engine against the oracle on its circuit."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from typing import Any, cast

import pytest
import torch
from transformers import GPT2LMHeadModel

import circuitgraph as cg
from circuitgraph.api import prepare
from circuitgraph.engine.loading import load_model
from circuitgraph.plan.variants import EdgeSet, Variant, noising
from circuitgraph.resolve.circuit import Ablation
from tests.agreement.cases import Case

SPEC = cg.Spec.model_validate(
    {
        "circuitgraph": 1,
        "name": "t",
        "model": "zoo:induction",
        "task": {"prompts": {"zoo": "repeated-tokens", "examples": 6}, "metric": "logit_diff"},
        "edges": [
            "embed -> a0.h0.v",
            "a0.h0 -> a1.h*.k@MATCH+1",
            "embed -> a1.h*.q@END",
            "embed -> a1.h*.v",
            "a1.h* -> logits@END",
        ],
    }
)


@cache
def zoo_case(dtype: torch.dtype) -> tuple[Case, EdgeSet]:
    """Rows with their written-out positions in place of END and MATCH+1, and the circuit."""
    prepared = prepare(SPEC)
    assert prepared.location is not None
    model, _ = load_model(prepared.location, SPEC.model_ref)
    assert isinstance(model, GPT2LMHeadModel)
    rows = tuple(
        replace(row, positions={**row.positions, "MATCH+1": row.positions["MATCH"] + 1, "A": 1, "B": 2})
        for row in prepared.task.rows
    )
    return Case(cast(Any, model).to(dtype), rows, Ablation("corrupt")), EdgeSet.only(prepared.circuit.edges)


@pytest.mark.parametrize(("dtype", "within"), [(torch.float64, 1e-10), (torch.float32, 1e-3)])
def test_its_circuit_and_others(dtype: torch.dtype, within: float) -> None:
    case, circuit = zoo_case(dtype)
    draw = random.Random(0)
    random_sets = [EdgeSet.only(draw.sample(case.edges, 17)) for _ in range(2)]
    variants = [Variant(one, rule) for one in (circuit, *random_sets) for rule in ("circuit", "any-edge")]
    variants += [
        Variant(circuit.complement),
        *(noising([edge]) for edge in sorted(circuit.edges, key=str)[::5]),
    ]
    session, plan = case.session(), case.plan(variants)
    readings = session.run(plan)
    for variant in variants:
        for i in (0, 3):
            row = case.rows[i]
            logits = case.expected(variant, i)
            wanted = float(logits[row.answers[0]] - logits[row.foils[0]])
            assert readings.values[variant][i] == pytest.approx(wanted, abs=within), variant
