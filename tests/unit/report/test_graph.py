"""The result graph: its contract, its intervals, and which edges carry which verdict."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

from circuitgraph.attribution.attribute import EdgeScores
from circuitgraph.attribution.methods import Method
from circuitgraph.report import Report, graph
from circuitgraph.statistics import Verdict, mean
from tests.unit.report.reports import FIXED_SPEC, N, fixed_report, only


def test_graph_attributes(measured: Report) -> None:
    about = measured.graph.graph
    assert about["name"] == "random" and about["model"] == "tiny-random"
    assert (about["metric"], about["unit"], about["rule"], about["ablation"]) == (
        "logit_diff",
        "logits",
        "circuit",
        "corrupt",
    )
    assert about["methods"] == ["exact", "eap"] and about["examples"] == 24
    assert about["spec"].endswith("random.yaml")
    for name in ("clean", "corrupt", "circuit", "complement"):
        assert about[f"metric_{name}"] == measured.runs[name].values.mean()
    assert [group["name"] for group in about["groups"]] == ["first", "second"]


def test_edges_carry_scores_intervals_and_values(measured: Report) -> None:
    for edge in measured.circuit.edges:
        data = measured.graph.edges[edge.triple]
        assert data["in_circuit"] and data["port"] == edge.target.name and data["position"] == edge.position
        for method, found in measured.scores.items():
            values = found.values[:, found.edges.index(edge)]
            assert data[f"{method}_values"] == values.tolist()
            assert data[method] == pytest.approx(values.mean(), rel=1e-12)
            assert data[f"{method}_low"] <= data[method] <= data[f"{method}_high"]


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("n", [1, 7, 40])
def test_intervals_are_those_of_the_statistics(n: int, clustered: bool) -> None:
    values = np.random.default_rng(2).standard_exponential((n, 5)) - 1.0
    values[:, 3] = 0.25
    clusters = [index % 3 for index in range(n)] if clustered else None
    found = list(graph._intervals(values, clusters, seed=4))
    for column, interval in zip(values.T, found, strict=True):
        expected = mean(column, clusters=clusters, seed=4).interval
        assert interval.bounded == expected.bounded
        if expected.bounded:
            assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_templates_are_resampled_whole(fixed: Report) -> None:
    alone = fixed.graph.edges["embed", "a0.h1", "v"]
    pairs = replace(fixed, factors={"template": tuple(row % 2 for row in range(N))}).graph
    kept = pairs.edges["embed", "a0.h1", "v"]
    assert kept["exact"] == alone["exact"]
    # the two templates differ, and there are only two of them: hardly anything is known
    assert kept["exact_high"] - kept["exact_low"] > 10 * (alone["exact_high"] - alone["exact_low"])


def test_a_group_claim_that_holds_gives_no_edge_a_verdict(fixed: Report) -> None:
    edges = fixed.graph.edges
    assert fixed.claims[3].verdict is Verdict.SUPPORTED
    assert edges["a0.h1", "a1.h0", "k"]["claims"] == [3]
    assert "verdict" not in edges["a0.h1", "a1.h0", "k"]
    # the second is also below the bound of the refuted `minimal`
    assert edges["a0.h1", "a1.h3", "k"]["verdict"] == "refuted"
    assert edges["a0.h1", "a1.h3", "k"]["claims"] == [2, 3]
    assert "claims" not in edges["embed", "a0.h1", "v"] and "verdict" not in edges["embed", "a0.h1", "v"]


@pytest.mark.parametrize("verdict", [v for v in Verdict if v is not Verdict.SUPPORTED])
def test_a_group_claim_that_does_not_hold_warns_at_each_edge(fixed: Report, verdict: Verdict) -> None:
    edges = only(fixed, verdict).graph.edges
    assert edges["a0.h1", "a1.h0", "k"]["verdict"] == verdict.value


@pytest.mark.parametrize(
    ("direction", "verdict", "shown"),
    [
        ("noising", Verdict.SUPPORTED, "supported"),
        ("noising", Verdict.REFUTED, "refuted"),
        ("denoising", Verdict.SUPPORTED, None),
        ("denoising", Verdict.REFUTED, "refuted"),
    ],
)
def test_a_claim_about_one_edge_supports_it_by_noising_alone(
    direction: str, verdict: Verdict, shown: str | None
) -> None:
    spec = FIXED_SPEC.replace("of: embed -> logits,", f"of: embed -> logits, direction: {direction},")
    data = only(fixed_report(spec), verdict).graph.edges["embed", "logits", "in"]
    assert data.get("verdict") == shown and data["claims"] == [4]


def test_an_edge_of_several_claims_shows_the_worst_verdict(fixed: Report) -> None:
    claims = list(only(fixed, Verdict.INCONCLUSIVE).claims)
    claims[2] = replace(claims[2], verdict=Verdict.REFUTED)
    edges = replace(fixed, claims=tuple(claims)).graph.edges
    assert edges["a0.h1", "a1.h3", "k"]["verdict"] == "refuted"
    assert edges["a0.h1", "a1.h0", "k"]["verdict"] == "inconclusive"


def test_the_graph_sums_up_the_verdicts(fixed: Report) -> None:
    assert fixed.graph.graph["verdicts"] == {
        "refuted": ["minimal", "no_effect"],
        "inconclusive": ["faithful", "attends"],
        "uninformative": ["complete"],
        "supported": ["effect"],
    }
    assert "verdicts" not in replace(fixed, claims=()).graph.graph


def test_minimal_marks_edges_only_where_it_is_refuted(fixed: Report) -> None:
    edges = only(fixed, Verdict.INCONCLUSIVE).graph.edges
    assert edges["a0.h1", "a1.h3", "k"]["claims"] == [3]


def test_a_claim_about_one_edge_outside_brings_it_with_its_exact_score(fixed: Report) -> None:
    data = fixed.graph.edges["embed", "logits", "in"]
    assert data["in_circuit"] is False and data["verdict"] == "refuted" and data["claims"] == [4]
    assert data["exact"] == -1234.5
    assert "exact_low" not in data  # the interval of an equivalence test has another level
    assert "exact_values" not in data


def test_a_denoising_effect_is_no_exact_score() -> None:
    spec = FIXED_SPEC.replace("of: embed -> logits,", "of: embed -> logits, direction: denoising,")
    assert "exact" not in fixed_report(spec).graph.edges["embed", "logits", "in"]


def test_a_claim_about_several_edges_outside_brings_them_where_it_does_not_hold() -> None:
    report = fixed_report(FIXED_SPEC.replace("of: embed -> logits", "of: embed -> induction.k"))
    assert report.graph.edges["embed", "a1.h0", "k"]["verdict"] == "refuted"
    assert "exact" not in report.graph.edges["embed", "a1.h0", "k"]
    assert not only(report, Verdict.SUPPORTED).graph.has_edge("embed", "a1.h0", "k")


def test_a_claim_about_a_node_names_no_edge(measured: Report) -> None:
    kinds = [outcome.kind for outcome in measured.claims]
    assert kinds[5] == "effect" and len(measured.claims[5].edges) > 0
    assert all(5 not in data.get("claims", []) for *_, data in measured.graph.edges(data=True))


def test_scores_of_other_edges_come_marked_as_outside(fixed: Report) -> None:
    every = tuple(fixed.circuit.graph.edges())
    scores = EdgeScores(Method("exact"), every, np.zeros((N, len(every))))
    found = replace(fixed, scores={"exact": scores}).graph
    outside = [data for *_, data in found.edges(data=True) if not data["in_circuit"]]
    assert found.number_of_edges() >= len(every)
    assert all(data["exact"] == 0.0 for data in outside)


def test_large_graphs_keep_means_alone(fixed: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "MOST_VALUES", 5 * N * 2 - 1)
    small = replace(fixed).graph
    assert small.graph["values_dropped"] is True
    assert not any("exact_values" in data or "eap_values" in data for *_, data in small.edges(data=True))
    monkeypatch.setattr(graph, "MOST_VALUES", 5 * N * 2)
    assert "values_dropped" not in replace(fixed).graph.graph


def test_beyond_the_limit_only_the_circuit_has_intervals(
    fixed: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "INTERVALS_UP_TO", 20)
    every = tuple(fixed.circuit.graph.edges())
    placed = [edge for edge in fixed.circuit.edges if edge not in every]
    values = np.random.default_rng(0).normal(size=(N, len(every) + len(placed)))
    scores = EdgeScores(Method("exact"), (*every, *placed), values)
    for *_, data in replace(fixed, scores={"exact": scores}, claims=()).graph.edges(data=True):
        assert ("exact_low" in data) == data["in_circuit"]


def test_the_graph_is_made_once(fixed: Report) -> None:
    assert fixed.graph is fixed.graph and isinstance(fixed.graph, nx.MultiDiGraph)


def test_reports_are_read_and_shown_without_torch() -> None:
    modules = ", ".join(f"circuitgraph.report.{name}" for name in ("graph", "save", "terminal", "html"))
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
