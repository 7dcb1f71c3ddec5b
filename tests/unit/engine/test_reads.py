"""Attention probabilities, baselines' partners and padding."""

from __future__ import annotations

import math

import pytest
import torch

from circuitgraph.engine.baselines import resample_partners
from circuitgraph.engine.batch import make_batch
from circuitgraph.names import Node, head
from circuitgraph.plan.variants import AttentionRead
from circuitgraph.task.rows import Row
from tests.agreement.cases import ABLATIONS, Case, random_rows
from tests.oracle.random_models import random_gpt2

ROWS = random_rows((6, 3, 6, 4), 13, seed=5)
MODEL = random_gpt2(8, layers=2, heads=3)


def pattern_by_hand(case: Case, node: Node, tokens: tuple[int, ...]) -> torch.Tensor:
    """Attention of a head on one row, [query, key], from the oracle's streams and the weights alone."""
    oracle = case.oracle
    writes = oracle.run(tokens)[0]
    stream = oracle.bias_before(node.name) + sum(writes[name] for name in oracle.sources(node.name))
    normed = oracle.norm(f"h.{node.layer}.ln_1", stream)
    weight = oracle.weights[f"transformer.h.{node.layer}.attn.c_attn.weight"]
    bias = oracle.weights[f"transformer.h.{node.layer}.attn.c_attn.bias"]
    width, wide = oracle.width, oracle.head_width
    query, key = (
        normed @ weight[:, part * width + node.index * wide :][:, :wide]
        + bias[part * width + node.index * wide :][:wide]
        for part in (0, 1)
    )
    pattern = torch.zeros(len(tokens), len(tokens), dtype=torch.float64)
    for t in range(len(tokens)):
        scores = (key[: t + 1] @ query[t]) / math.sqrt(wide)
        pattern[t, : t + 1] = torch.exp(scores) / torch.exp(scores).sum()
    return pattern


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_attention_is_that_of_the_weights_and_of_hugging_face(implementation: str) -> None:
    MODEL.set_attn_implementation(implementation)
    case = Case(MODEL, ROWS, ABLATIONS["zero"])
    heads = [head(layer, index) for layer in range(2) for index in range(3)]
    reads = [
        AttentionRead(node, *pair) for node in heads for pair in (("END", "A"), ("END", "END"), ("A", "B"))
    ]
    found = case.session().run(case.plan(reads)).attention  # type: ignore[arg-type]
    MODEL.set_attn_implementation("eager")
    for i, row in enumerate(ROWS):
        with torch.no_grad():
            eager = MODEL(torch.tensor([row.clean]), output_attentions=True).attentions
        for read in reads:
            query, key = row.positions[read.query], row.positions[read.key]
            by_hand = pattern_by_hand(case, read.head, row.clean)[query, key]
            assert found[read][i] == pytest.approx(float(by_hand), abs=1e-12)
            theirs = eager[read.head.layer][0, read.head.index, query, key]
            assert found[read][i] == pytest.approx(float(theirs), abs=1e-12)


def test_partners_are_other_rows_of_the_same_length() -> None:
    rows = random_rows((5, 3, 5, 5, 3, 5), 13, seed=0)
    seen: set[tuple[int, ...]] = set()
    for seed in range(20):
        partners = resample_partners(rows, seed)
        assert sorted(partners) == list(range(6))
        assert all(
            partner != i and rows[partner].length == rows[i].length for i, partner in enumerate(partners)
        )
        assert partners == resample_partners(rows, seed)
        seen.add(tuple(partners))
    assert len(seen) > 2


def test_a_batch_is_padded_on_the_right_to_its_own_longest_row() -> None:
    rows = (Row("a", (5, 6, 7), (7, 6, 5)), Row("b", (8,), (9,)))
    batch = make_batch(rows, 3, {"P": [9, 9, 9, 2, 0, 9]}, torch.device("cpu"))
    assert batch.clean.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert batch.corrupt is not None and batch.corrupt.tolist() == [[7, 6, 5], [9, 0, 0]]
    assert batch.readout.tolist() == [2, 0]
    assert batch.positions["P"].tolist() == [2, 0]
    assert (len(batch), batch.length) == (2, 3)
    assert make_batch((rows[0], Row("c", (1,))), 0, {}, torch.device("cpu")).corrupt is None


def test_what_stands_in_the_padding_does_not_matter() -> None:
    """Token 0 pads; a model whose token 0 is huge reads the same."""
    plain, loud = random_gpt2(8), random_gpt2(8)
    with torch.no_grad():
        loud.transformer.wte.weight[0] *= 1e3
    rows = tuple(
        Row(
            r.where,
            tuple(t or 1 for t in r.clean),
            tuple(t or 1 for t in r.corrupt or ()),
            r.answers,
            r.foils,
        )
        for r in ROWS
    )
    for ablation in ("corrupt", "mean", "zero"):
        cases = [Case(model, rows, ABLATIONS[ablation]) for model in (plain, loud)]
        plan = cases[0].plan([])
        quiet, noisy = (case.session().run(plan) for case in cases)
        assert abs(quiet.clean - noisy.clean).max() < 1e-12
        assert abs(quiet.ablated - noisy.ablated).max() < 1e-12
