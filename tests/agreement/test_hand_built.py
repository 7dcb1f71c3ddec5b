"""The hand-built induction model through the public functions: its edges are found, with the values of the paper."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import circuitgraph as cg
from circuitgraph.errors import SpecError
from tests.oracle import hand_built

MODEL, _, ROWS = hand_built.hand_built_induction()
CIRCUIT = [
    "embed -> a0.h0.v",
    "a0.h0 -> a1.h0.k",
    "embed -> a1.h0.qv",
    "a1.h0 -> logits",
]
EXACTLY = 1e-11
Ablation = Literal["corrupt", "zero"]


@pytest.fixture
def spec(tmp_path: Path) -> Any:
    """Make a spec built in Python, over the rows of the paper as token ids."""
    file = tmp_path / "pairs.jsonl"
    file.write_text(
        "".join(
            json.dumps(
                {
                    "clean": row.clean,
                    "corrupt": row.corrupt,
                    "answer": row.answer,
                    "foil": row.foil,
                    "positions": {"MATCH": row.match, "END": row.end},
                }
            )
            + "\n"
            for row in ROWS
        )
    )

    def make(**parts: Any) -> cg.Spec:
        return cg.Spec.model_validate(
            {
                "circuitgraph": 1,
                "name": "hand-built",
                "model": "./hand-built",
                "task": {"prompts": {"file": str(file)}, "metric": "logit_diff"},
                "edges": CIRCUIT,
                **parts,
            }
        )

    return make


def effects(ablation: Ablation) -> list[dict[Any, float]]:
    by_row = hand_built.corrupt_effects if ablation == "corrupt" else hand_built.zero_effects
    return [by_row(row) for row in ROWS]


@pytest.mark.parametrize("ablation", ["corrupt", "zero"])
def test_exact_attribution_finds_the_edges_of_the_paper(spec: Any, ablation: Ablation) -> None:
    report = cg.attribute(spec(ablation=ablation), methods=["exact"], scope="all", model=MODEL)
    scores, wanted = report.scores["exact"], effects(ablation)
    assert len(scores.edges) == 12 + 12 * 5 + 9
    for column, edge in enumerate(scores.edges):
        for i in range(len(ROWS)):
            assert scores.values[i, column] == pytest.approx(wanted[i].get(edge.triple, 0.0), abs=EXACTLY), (
                str(edge)
            )
    strong = {edge.triple for edge, mean in zip(scores.edges, scores.mean, strict=True) if abs(mean) > 1e-3}
    assert strong == hand_built.EXPECTED_EDGES[ablation]


@pytest.mark.parametrize("ablation", ["corrupt", "zero"])
def test_the_graph_carries_them(spec: Any, ablation: Ablation) -> None:
    graph = cg.attribute(spec(ablation=ablation), methods=["exact"], scope="all", model=MODEL).graph
    wanted = effects(ablation)
    inside = {(u, v, key) for u, v, key, data in graph.edges(keys=True, data=True) if data["in_circuit"]}
    assert inside == hand_built.EXPECTED_EDGES["corrupt"]
    for u, v, key, data in graph.edges(keys=True, data=True):
        mean = np.mean([each.get((u, v, key), 0.0) for each in wanted])
        assert data["exact"] == pytest.approx(mean, abs=EXACTLY)
        assert len(data["exact_values"]) == len(ROWS)
    clean = np.mean([hand_built.clean_metric(row) for row in ROWS])
    assert graph.graph["metric_clean"] == pytest.approx(clean, abs=EXACTLY)
    corrupt = -clean if ablation == "corrupt" else 0.0
    assert graph.graph["metric_corrupt"] == pytest.approx(corrupt, abs=EXACTLY)


def test_effects_live_at_the_positions_of_the_paper(spec: Any) -> None:
    placed = [
        "embed -> a0.h0.v@MATCH",
        "a0.h0 -> a1.h0.k@MATCH+1",
        "embed -> a1.h0.q@END",
        "embed -> a1.h0.v@MATCH+1",
        "a1.h0 -> logits@END",
    ]
    scores = cg.attribute(spec(edges=placed), methods=["exact"], model=MODEL).scores["exact"]
    at = {"MATCH": 0, "MATCH+1": 1, "END": None}
    for column, edge in enumerate(scores.edges):
        key = (edge.source.name, edge.target.node.name, edge.target.name)
        for i, row in enumerate(ROWS):
            offset = at[str(edge.position)]
            place = row.end if offset is None else row.match + offset
            wanted = hand_built.corrupt_effects_at(row)[key, place]
            assert scores.values[i, column] == pytest.approx(wanted, abs=EXACTLY), str(edge)


def test_eap_is_the_papers_and_its_error_stands_beside_it(spec: Any) -> None:
    report = cg.attribute(spec(), methods=["exact", "eap"], scope="all", model=MODEL)
    scores = report.scores["eap"]
    column = {edge.triple: place for place, edge in enumerate(scores.edges)}
    for i, row in enumerate(ROWS):
        for edge, value in hand_built.corrupt_eap(row).items():
            assert scores.values[i, column[edge]] == pytest.approx(value, abs=EXACTLY)
    (error,) = report.errors
    misses = np.abs(scores.mean - report.scores["exact"].mean)
    assert error.worst_miss == pytest.approx(misses.max())
    assert scores.edges[int(misses.argmax())] == error.worst_edge
    assert error.edges == len(scores.edges)


def test_the_circuit_is_the_model(spec: Any) -> None:
    claims = [
        {"faithful": {"at_least": 0.99}},
        {"complete": {"at_most": 0.01}},
        {"minimal": {"each_at_least": 0.4}},
    ]
    runs = cg.validate(spec(claims=claims), model=MODEL).runs
    clean = np.array([hand_built.clean_metric(row) for row in ROWS])
    np.testing.assert_allclose(runs["circuit"].values, clean, rtol=0, atol=EXACTLY)
    np.testing.assert_allclose(runs["complement"].values, -clean, rtol=0, atol=EXACTLY)
    assert runs["circuit"].faithfulness == pytest.approx(1.0, abs=1e-12)
    assert runs["circuit"].kl.max() < 1e-12


@pytest.mark.parametrize("place", range(5))
def test_an_edge_less_is_what_that_edge_does(spec: Any, place: int) -> None:
    """What is left of the circuit is irrelevant, so C without e reads as the model with e corrupt."""
    single = [*CIRCUIT[:2], "embed -> a1.h0.q", "embed -> a1.h0.v", CIRCUIT[3]]
    left = [edge for edge in single if edge != single[place]]
    triples = [
        ("embed", "a0.h0", "v"),
        ("a0.h0", "a1.h0", "k"),
        ("embed", "a1.h0", "q"),
        ("embed", "a1.h0", "v"),
    ]
    taken = [*triples, ("a1.h0", "logits", "in")][place]
    run = cg.validate(spec(edges=left), model=MODEL).runs["circuit"]
    clean = np.array([hand_built.clean_metric(row) for row in ROWS])
    wanted = clean + [hand_built.corrupt_effects(row)[taken] for row in ROWS]
    np.testing.assert_allclose(run.values, wanted, rtol=0, atol=EXACTLY)
    assert run.faithfulness == pytest.approx((wanted + clean).mean() / (2 * clean).mean(), abs=1e-12)


def test_a_rule_that_this_version_does_not_run_is_refused(spec: Any) -> None:
    path = "embed -> a0.h0.v -> a1.h0.k -> logits"
    with pytest.raises(SpecError, match="checked but not run"):
        cg.validate(spec(rule="path", paths=[path]), model=MODEL)
