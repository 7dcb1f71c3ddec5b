"""CSV and GraphML: the same numbers as the graph."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from dataclasses import replace

import networkx as nx
import pytest

from circuitgraph.report import Report
from circuitgraph.report.tables import claims_csv, edges_csv, graphml, methods_of, sorted_edges
from tests.unit.report.reports import FIXED_SPEC, fixed_report


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_edges_csv_holds_every_number(measured: Report) -> None:
    rows = rows_of(edges_csv(measured.graph))
    assert list(rows[0]) == [
        *("source", "target", "key", "port", "position", "in_circuit"),
        *("exact", "exact_low", "exact_high", "eap", "eap_low", "eap_high", "verdict"),
    ]
    assert len(rows) == measured.graph.number_of_edges()
    for row in rows:
        data = measured.graph.edges[row["source"], row["target"], row["key"]]
        assert row["in_circuit"] == ("true" if data["in_circuit"] else "false")
        assert row["position"] == (data["position"] or "") and row["verdict"] == data.get("verdict", "")
        for name in ("exact", "exact_low", "exact_high", "eap", "eap_low", "eap_high"):
            assert row[name] == ("" if name not in data else repr(data[name]))


def test_edges_are_sorted_by_size_and_stable(fixed: Report) -> None:
    sizes = [abs(float(row["exact"])) for row in rows_of(edges_csv(fixed.graph))]
    assert sizes == sorted(sizes, reverse=True)
    graph = nx.MultiDiGraph(methods=["exact"])
    for index, (effect, target) in enumerate(
        [(1.0, "b"), (-1.0, "a"), (None, "c"), (float("nan"), "d"), (2.0, "e")]
    ):
        graph.add_edge("embed", target, index, **({} if effect is None else {"exact": effect}))
    assert [target for _, target, *_ in sorted_edges(graph)] == ["e", "b", "a", "c", "d"]


def test_without_exact_the_best_estimate_sorts() -> None:
    graph = nx.MultiDiGraph(methods=["eap", "eap_ig"])
    graph.add_edge("embed", "a", "in", eap=9.0, eap_ig=1.0)
    graph.add_edge("embed", "b", "in", eap=1.0, eap_ig=2.0)
    assert methods_of(graph) == ["eap_ig", "eap"]
    assert [target for _, target, *_ in sorted_edges(graph)] == ["b", "a"]


def test_claims_csv(fixed: Report) -> None:
    rows = rows_of(claims_csv(fixed))
    assert [row["verdict"] for row in rows] == [str(outcome.verdict) for outcome in fixed.claims]
    assert (
        rows[0]["claim"] == "f(circuit) ≥ 0.9" and rows[0]["at_least"] == "0.9" and rows[0]["at_most"] == ""
    )
    assert rows[4]["within"] == "0.1" and rows[4]["level"] == "0.9" and rows[4]["unit"] == "logits"
    assert rows[5]["estimate"] == rows[5]["low"] == rows[5]["high"] == ""
    assert rows[2]["where"] == "specs/fixed.yaml:22:5"
    assert rows[2]["notes"].startswith("The weakest edge is")


def test_graphml_loads_with_the_same_numbers(measured: Report) -> None:
    text = graphml(measured.graph)
    back = nx.parse_graphml(text)
    assert set(back.nodes) == set(measured.graph.nodes)
    assert back.number_of_edges() == measured.graph.number_of_edges()
    for source, target, name, data in back.edges(keys=True, data=True):
        kept = measured.graph.edges[source, target, data["key"]]
        assert name == f"{source}:{target}:{data['key']}"
        for attribute in ("exact", "exact_low", "exact_high", "eap", "in_circuit", "port", "verdict"):
            assert data.get(attribute) == kept.get(attribute)
        assert not any(attribute.endswith("_values") for attribute in data)
    assert back.graph["metric_clean"] == measured.graph.graph["metric_clean"]
    assert back.nodes["a0.h0"]["layer"] == 0


def test_graphml_ids_are_unique(measured: Report) -> None:
    root = ET.fromstring(graphml(measured.graph).encode())
    for kind in ("key", "edge", "node"):
        ids = [element.get("id") for element in root.iter(f"{{http://graphml.graphdrawing.org/xmlns}}{kind}")]
        assert len(ids) == len(set(ids)) > 0


@pytest.mark.parametrize("name", ["\x00 null", "</graphml>", "\ud800", "é→日本", 'a"b', "\ufffe"])
def test_graphml_takes_hostile_names(name: str) -> None:
    report = replace(fixed_report(), model=name)
    back = nx.parse_graphml(graphml(report.graph).encode("utf-8").decode())
    assert back.graph["model"].isprintable()
    assert fixed_report(FIXED_SPEC).graph.graph["name"] == back.graph["name"]
