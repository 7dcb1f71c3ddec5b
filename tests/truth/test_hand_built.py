"""The hand-built induction model and the linear models, judged by the oracle against the paper."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import pytest
import torch

from tests.oracle import hand_built
from tests.oracle.attribution import eap, exact, logit_diff
from tests.oracle.gpt2 import Oracle
from tests.oracle.model import Edge

MODEL, VOCABULARY, ROWS = hand_built.hand_built_induction()
ORACLE = Oracle(MODEL, [row.clean for row in ROWS], [row.corrupt for row in ROWS])
EXACTLY = 1e-11
each_row = pytest.mark.parametrize("i", range(len(ROWS)))


def close(found: dict[Edge, float], expected: dict[Edge, float]) -> None:
    """Assert that every edge has its expected value, and those without one 0."""
    assert set(expected) <= set(found)
    for edge, value in found.items():
        assert value == pytest.approx(expected.get(edge, 0.0), abs=EXACTLY), edge


@each_row
def test_rows_are_what_the_derivation_assumes(i: int) -> None:
    row = ROWS[i]
    assert len(row.clean) == len(row.corrupt) and row.clean[0] == row.corrupt[0] == 0
    assert set(row.clean) & set(row.corrupt) == {0}
    for tokens in (row.clean, row.corrupt):
        assert tokens[row.match] == tokens[row.end] and row.match + 1 < row.end
        assert max(Counter(tokens).values()) == 2 and len(set(tokens)) == len(tokens) - 1


def test_rows_differ_in_length_and_in_where_the_match_is() -> None:
    assert len({len(row.clean) for row in ROWS}) == 4
    assert len({row.end - row.match for row in ROWS}) > 1


def test_oracle_runs_it_as_hugging_face_does() -> None:
    for row in ROWS:
        with torch.no_grad():
            expected = MODEL(torch.tensor([row.clean])).logits[0]
        assert float((ORACLE.run(row.clean)[1] - expected).abs().max()) < 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_it_does_induction_on_any_repeated_sequence(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    once = (torch.randperm(len(VOCABULARY) - 1, generator=generator)[:7] + 1).tolist()
    tokens = [0, *once, *once]
    logits = ORACLE.run(tokens)[1]
    probability = torch.softmax(logits, -1)
    for t in range(len(once) + 1, len(tokens) - 1):
        assert int(logits[t].argmax()) == tokens[t + 1]
        assert float(probability[t, tokens[t + 1]]) > 0.99
    assert float(probability[len(once) - 1].max()) < 0.5  # nothing to copy from yet


@each_row
def test_the_metric_is_the_papers(i: int) -> None:
    row, m = ROWS[i], hand_built.clean_metric(ROWS[i])
    assert float(row.metric(ORACLE.run(row.clean)[1])) == pytest.approx(m, abs=EXACTLY)
    assert float(row.metric(ORACLE.run(row.corrupt)[1])) == pytest.approx(-m, abs=EXACTLY)
    assert 11.99 < m < 12.05


@each_row
@pytest.mark.parametrize("ablation", ["corrupt", "zero"])
def test_edge_effects_are_the_papers(i: int, ablation: Literal["corrupt", "zero"]) -> None:
    row = ROWS[i]
    expected = hand_built.corrupt_effects(row) if ablation == "corrupt" else hand_built.zero_effects(row)
    found = exact(ORACLE, i, ORACLE.baseline(ablation, i), row.metric)
    assert len(found) == len(ORACLE.edges()) == 12 + 12 * 5 + 9
    close(found, expected)
    assert set(expected) == hand_built.EXPECTED_EDGES[ablation]
    assert {edge for edge, value in found.items() if abs(value) > 1e-3} == hand_built.EXPECTED_EDGES[ablation]


@each_row
def test_each_effect_lives_at_the_position_of_the_paper(i: int) -> None:
    row, baseline = ROWS[i], ORACLE.baseline("corrupt", i)
    expected = hand_built.corrupt_effects_at(row)
    assert all(value != 0 for value in expected.values())
    shortest = len(row.clean) == min(len(other.clean) for other in ROWS)
    edges = ORACLE.edges() if shortest else hand_built.EXPECTED_EDGES["zero"]  # all that could act
    for t in range(len(row.clean)):
        found = exact(ORACLE, i, baseline, row.metric, {edge: {t} for edge in edges})
        close(found, {edge: value for (edge, where), value in expected.items() if where == t})


@each_row
def test_the_circuit_alone_is_the_model(i: int) -> None:
    """The five edges, all else corrupt, give the clean metric under both rules; four of them do not."""
    row, baseline = ROWS[i], ORACLE.baseline("corrupt", i)
    circuit = hand_built.EXPECTED_EDGES["corrupt"]
    clean = hand_built.clean_metric(row)
    for edges in (circuit, *(circuit - {edge} for edge in circuit)):
        value = float(row.metric(ORACLE.evaluate(i, edges, "circuit", baseline)))
        assert (value == pytest.approx(clean, abs=EXACTLY)) == (edges == circuit)
    any_edge = ORACLE.evaluate(i, [(hand_built.INDUCTION, "logits", "in")], "any-edge", baseline)
    assert float(row.metric(any_edge)) == pytest.approx(clean, abs=EXACTLY)


@each_row
def test_eap_is_the_papers_and_is_not_exact(i: int) -> None:
    row = ROWS[i]
    scores = eap(ORACLE, i, ORACLE.baseline("corrupt", i), row.metric)
    effects = hand_built.corrupt_effects(row)
    for edge, value in hand_built.corrupt_eap(row).items():
        assert scores[edge] == pytest.approx(value, abs=EXACTLY)
        assert abs(value) < 0.9 * abs(effects[edge])
    silent = {edge: score for edge, score in scores.items() if {"a0.h1", "a1.h2", "a1.h3"} & set(edge)}
    close(silent, {})


@each_row
def test_eap_misses_the_saturated_attention_that_exact_finds(i: int) -> None:
    row = ROWS[i]
    edges: list[Edge] = [("embed", hand_built.PREVIOUS_TOKEN, key) for key in "qk"]
    baseline = ORACLE.baseline("zero", i)
    assert set(eap(ORACLE, i, baseline, row.metric, edges).values()) == {0.0}
    assert all(effect < -1 for effect in exact(ORACLE, i, baseline, row.metric, edges).values())


@pytest.mark.parametrize("attn_only", [True, False])
@pytest.mark.parametrize("attention", ["uniform", "live"])
def test_eap_is_exact_where_the_model_is_linear(
    attention: Literal["uniform", "live"], attn_only: bool
) -> None:
    model, linear = hand_built.linear_model(attention, attn_only=attn_only)
    rows = [[1, 2, 3, 4, 5], [6, 7, 8]], [[9, 2, 10, 11, 5], [6, 1, 0]]
    oracle, metric = Oracle(model, *rows), logit_diff(3, 4)
    for i, row in enumerate(rows[0]):
        with torch.no_grad():
            logits = model(torch.tensor([row])).logits[0]
        assert float((oracle.run(row)[1] - logits).abs().max()) < 1e-12 * float(logits.abs().max())
        for baseline in (
            oracle.baseline("corrupt", i),
            oracle.baseline("zero", i),
            oracle.baseline("mean", i),
        ):
            effects, scores = exact(oracle, i, baseline, metric), eap(oracle, i, baseline, metric)
            size = max(map(abs, effects.values()))
            gaps = {edge: abs(effects[edge] - scores[edge]) / size for edge in effects}
            assert max(gaps[edge] for edge in linear) < 1e-10
            beyond = [gap for edge, gap in gaps.items() if edge not in linear]
            assert (max(beyond) > 1e-3) if attention == "live" else not beyond
