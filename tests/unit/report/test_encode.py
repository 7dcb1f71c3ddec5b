"""report.json and graph.json: their keys, strict JSON, and the way back to networkx."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from enum import Enum

import networkx as nx
import numpy as np
import pytest

from circuitgraph.report import Report, encode
from circuitgraph.report.encode import graph_json, plain_data
from circuitgraph.spec import Spec
from circuitgraph.statistics import Verdict
from tests.unit.report.reports import FIXED_SPEC, N, fixed_report, only

TOP = {
    "format",
    "spec",
    "model",
    "metric",
    "unit",
    "rule",
    "ablation",
    "runs",
    "contrast",
    "claims",
    "estimate_errors",
    "warnings",
    "provenance",
    "factors",
    "exit_code",
    "seconds",
}
CLAIM = {
    "claim",
    "kind",
    "text",
    "verdict",
    "estimate",
    "interval",
    "level",
    "n",
    "bound",
    "unit",
    "notes",
    "where",
    "edges",
    "summary",
    "strata",
    "worst_stratum",
    "explained",
    "rivals_passing",
    "parts",
}
RUN = {"mean", "std", "n", "values", "kl_mean", "faithfulness"}


def test_keys_of_a_measured_report(measured: Report) -> None:
    data = measured.to_json()
    assert set(data) == TOP
    assert set(data["runs"]) == {"clean", "corrupt", "circuit", "complement"}
    low, high = data["contrast"]["interval"]
    shares_mean_something = not low <= 0 <= high
    for name, run in data["runs"].items():
        assert set(run) == RUN and len(run["values"]) == run["n"] == 24
        assert run["mean"] == pytest.approx(np.mean(run["values"]))
        assert run["std"] == pytest.approx(np.std(run["values"], ddof=1))
        has_share = name in ("circuit", "complement") and shares_mean_something
        assert (run["faithfulness"] is not None) == has_share
    assert len(data["claims"]) == 8
    for claim in data["claims"]:
        assert set(claim) == CLAIM and len(claim["interval"]) == 2
    assert data["factors"] == {"half": ["early", "late"] * 12}
    assert set(data["provenance"]) == {"versions", "seeds", "hashes"}
    assert len(data["provenance"]["hashes"]["spec"]) == 64


def test_the_spec_comes_back_from_what_was_written(measured: Report) -> None:
    data = measured.to_json()
    assert Spec.model_validate(data["spec"]["written"]) == measured.spec
    assert data["spec"]["name"] == "random" and data["spec"]["file"].endswith("random.yaml")
    assert [claim["claim"] for claim in data["claims"]] == data["spec"]["written"]["claims"]


def test_it_is_strict_json(measured: Report, fixed: Report) -> None:
    for report in (measured, fixed):
        data = report.to_json()
        assert json.loads(json.dumps(data, allow_nan=False)) == data


def test_undefined_and_unbounded_become_null(fixed: Report) -> None:
    claim = fixed.to_json()["claims"][5]
    assert claim["estimate"] is None and claim["interval"] == [None, None]


def test_a_claim_in_full(fixed: Report) -> None:
    data = fixed.to_json()["claims"]
    assert data[0] == {
        "claim": {"faithful": {"at_least": 0.9}},
        "kind": "faithful",
        "text": "f(circuit) ≥ 0.9",
        "verdict": "inconclusive",
        "estimate": 0.894,
        "interval": [0.861, 0.9004],
        "level": 0.95,
        "n": N,
        "bound": {"at_least": 0.9},
        "unit": "share",
        "notes": ["At gap = 12 (n = 10) the value is 0.723."],
        "where": "specs/fixed.yaml:20:5",
        "edges": [],
        "summary": {
            "n": N,
            "mean": 3.6,
            "std": 0.4,
            "q05": 2.9,
            "q50": 3.5,
            "q95": 4.1,
            "share_with_sign": 1.0,
        },
        "strata": [
            {"factor": "gap", "level": 4, "n": 30, "value": 0.951},
            {"factor": "gap", "level": 12, "n": 10, "value": 0.723},
        ],
        "worst_stratum": {"factor": "gap", "level": 12, "n": 10, "value": 0.723},
        "explained": {"gap": 0.41},
        "rivals_passing": 0.0,
        "parts": [],
    }
    assert data[3]["edges"] == [["a0.h1", "a1.h0", "k"], ["a0.h1", "a1.h3", "k"]]
    assert data[2]["parts"][1] == {"part": "a0.h1 -> a1.h3.k", "drop": 0.0011, "low": 0.0, "high": 0.0041}


def test_place_of_a_claim_in_a_spec_built_in_python(fixed: Report) -> None:
    report = replace(fixed, spec=Spec.model_validate(fixed.to_json()["spec"]["written"]))
    assert report.to_json()["claims"][2]["where"] == "claims[2]"
    assert report.to_json()["spec"]["file"] is None


def test_exit_codes(fixed: Report) -> None:
    assert fixed.to_json()["exit_code"] == fixed.exit_code == 1
    assert only(fixed, Verdict.SUPPORTED).exit_code == 0
    assert only(fixed, Verdict.INCONCLUSIVE).exit_code == only(fixed, Verdict.UNINFORMATIVE).exit_code == 3
    assert replace(fixed, claims=()).exit_code == 0


def test_graph_round_trip(measured: Report) -> None:
    text = json.dumps(graph_json(measured.graph), allow_nan=False)
    back = nx.node_link_graph(json.loads(text), edges="edges")
    assert isinstance(back, nx.MultiDiGraph)
    assert back.graph == measured.graph.graph
    assert dict(back.nodes(data=True)) == dict(measured.graph.nodes(data=True))
    assert {(u, v, k): d for u, v, k, d in back.edges(keys=True, data=True)} == {
        (u, v, k): d for u, v, k, d in measured.graph.edges(keys=True, data=True)
    }


def test_many_values_are_dropped_and_it_says_so(fixed: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "MOST_VALUES", 5 * N * 2 - 1)
    data = graph_json(fixed.graph)
    assert data["graph"]["values_dropped"] is True
    assert not any(key.endswith("_values") for edge in data["edges"] for key in edge)
    assert all("exact" in edge for edge in data["edges"])
    assert "exact_values" in fixed.graph.edges["embed", "a0.h1", "v"]  # the graph itself is left alone
    assert "values_dropped" not in fixed.graph.graph


def test_python_values_become_plain() -> None:
    class Colour(Enum):
        RED = "red"

    value = {1: np.float64(2.0), "b": (np.int64(3), np.bool_(True)), "c": {2, 1}, "d": Colour.RED}
    assert plain_data(value) == {"1": 2.0, "b": [3, True], "c": [1, 2], "d": "red"}
    assert plain_data([math.nan, -math.inf, np.float32("nan")]) == [None, None, None]
    assert plain_data(frozenset()) == [] and plain_data(object) == str(object)


def test_hostile_names_survive() -> None:
    spec = FIXED_SPEC.replace("name: fixed", 'name: "<b>\\u2028\\"x\\\\"')
    data = json.loads(json.dumps(fixed_report(spec, model="m\ud800").to_json()))
    assert data["spec"]["name"] == '<b>\u2028"x\\'
