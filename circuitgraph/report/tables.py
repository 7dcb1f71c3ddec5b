"""Reports as files of other programs: CSV for spreadsheets, GraphML for graph tools."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import networkx as nx

from circuitgraph.report.encode import plain_data
from circuitgraph.report.graph import value_attributes
from circuitgraph.report.wording import place_of

if TYPE_CHECKING:
    from circuitgraph.report.report import Report

BOUNDS = ("at_least", "at_most", "each_at_least", "within")
METHOD_ORDER = ("exact", "eap_ig", "eap_ig_left", "eap")

GraphEdge = tuple[str, str, str, dict[str, Any]]
"""source, target, key, attributes."""


def methods_of(graph: nx.MultiDiGraph) -> list[str]:
    """Measured methods, the most trustworthy first."""
    measured = [str(method) for method in graph.graph.get("methods") or ()]
    return sorted(measured, key=lambda m: METHOD_ORDER.index(m) if m in METHOD_ORDER else len(METHOD_ORDER))


def sorted_edges(graph: nx.MultiDiGraph) -> list[GraphEdge]:
    """Edges by |exact|, the largest first, or by the best method there is; unmeasured ones last.

    Edges of equal effect stay in the graph's order.
    """
    first = next(iter(methods_of(graph)), None)

    def size(edge: GraphEdge) -> float:
        value = None if first is None else edge[3].get(first)
        return math.inf if value is None or math.isnan(value) else -abs(value)

    return sorted(graph.edges(keys=True, data=True), key=size)


def edges_csv(graph: nx.MultiDiGraph) -> str:
    """One line an edge: its ends, every method's mean and interval, its verdict."""
    figures = [f"{method}{part}" for method in methods_of(graph) for part in ("", "_low", "_high")]
    header = ("source", "target", "key", "port", "position", "in_circuit", *figures, "verdict")
    rows = (
        {"source": source, "target": target, "key": key, **attributes}
        for source, target, key, attributes in sorted_edges(graph)
    )
    return _csv(header, rows)


def claims_csv(report: Report) -> str:
    """One line a claim: verdict, estimate, interval, bounds, notes."""
    rows = (
        {
            "claim": outcome.text,
            "kind": outcome.kind,
            "verdict": outcome.verdict.value,
            "estimate": outcome.estimate.value,
            "low": outcome.estimate.interval.low,
            "high": outcome.estimate.interval.high,
            "level": outcome.estimate.interval.level,
            "unit": outcome.unit,
            **outcome.bound,
            "n": outcome.estimate.n,
            "rivals_passing": outcome.rivals_passing,
            "where": place_of(report, index),
            "notes": " ".join(outcome.notes),
        }
        for index, outcome in enumerate(report.claims)
    )
    start = ("claim", "kind", "verdict", "estimate", "low", "high", "level", "unit")
    return _csv((*start, *BOUNDS, "n", "rivals_passing", "where", "notes"), rows)


def graphml(graph: nx.MultiDiGraph) -> str:
    """The graph as GraphML, which takes texts, numbers and truth values alone.

    Lists and groups become JSON text; what is None or not finite and per-example values are left out. The id
    of an edge is `source:target:key`: ids of GraphML are unique in the file, keys of the graph are not.
    """
    flat = nx.MultiDiGraph(**_flat(graph.graph))
    for node, attributes in graph.nodes(data=True):
        flat.add_node(_text(node), **_flat(attributes))
    dropped = value_attributes(graph)
    for source, target, key, attributes in graph.edges(keys=True, data=True):
        kept = {name: value for name, value in attributes.items() if name not in dropped}
        name = _text(f"{source}:{target}:{key}")
        flat.add_edge(_text(source), _text(target), key=name)
        flat.edges[_text(source), _text(target), name].update({**_flat(kept), "key": _text(key)})
    lines = nx.generate_graphml(flat)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + "\n".join(lines) + "\n"


def _flat(attributes: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in attributes.items():
        plain = plain_data(value)
        if isinstance(plain, list | dict):
            flat[name] = json.dumps(plain, ensure_ascii=True)
        elif plain is not None:
            flat[name] = _text(plain) if isinstance(plain, str) else plain
    return flat


def _text(text: object) -> str:
    """`text` without the characters that XML 1.0 cannot hold."""
    return "".join(c if c in "\t\n\r" or _in_xml(ord(c)) else "�" for c in str(text))


def _in_xml(code: int) -> bool:
    return 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000


def _csv(header: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, header, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return stream.getvalue()


def _cell(value: Any) -> Any:
    plain = plain_data(value)
    return str(plain).lower() if isinstance(plain, bool) else plain
