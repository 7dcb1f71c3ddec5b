"""The result as a networkx graph: nodes of the model, edges with every score and verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import networkx as nx

from circuitgraph.attribution.attribute import EdgeScores
from circuitgraph.names import Edge, Node
from circuitgraph.resolve.circuit import Circuit
from circuitgraph.spec.model import Spec
from circuitgraph.statistics import mean
from circuitgraph.validation.outcome import Outcome

INTERVALS_UP_TO = 2_000
"""Beyond this many edges scores come without bootstrap intervals."""

SEVERITY = ("refuted", "inconclusive", "uninformative", "supported")
"""If several claims name an edge, it shows the first of these verdicts."""


def circuit_graph(spec: Spec, circuit: Circuit, *, model: str) -> nx.MultiDiGraph:
    """The hypothesis alone, nothing measured: what `render SPEC` draws."""
    graph = nx.MultiDiGraph(
        name=spec.name,
        about=spec.about,
        spec=str(spec.document.file) if spec.document is not None else spec.name,
        model=model,
        metric=spec.task.metric,
        rule=circuit.rule,
        ablation=str(circuit.ablation),
        methods=[],
        groups=[
            {
                "name": group.name,
                "role": group.role,
                "at": group.at,
                "members": [node.name for node in group.members],
            }
            for group in circuit.groups.values()
        ],
    )
    edges = circuit.edges or tuple(
        edge for paths in circuit.paths.values() for path in paths for edge in path.edges
    )
    for node in circuit.nodes:
        _add_node(graph, circuit, node, in_circuit=True)
    for edge in edges:
        _add_edge(graph, circuit, edge, in_circuit=True)
    return graph


def result_graph(
    spec: Spec,
    circuit: Circuit,
    *,
    model: str,
    metric: str,
    unit: str,
    levels: Mapping[str, float],
    examples: int,
    scores: Mapping[str, EdgeScores],
    claims: Sequence[Outcome],
) -> nx.MultiDiGraph:
    """The graph of a report.

    Args:
        spec: The hypothesis as written.
        circuit: The hypothesis resolved; its edges are all there, scored or not.
        model: Name of the model.
        metric, unit: Of the scores.
        levels: Mean metric of the runs ("clean", "corrupt", "circuit", "complement").
        examples: Number of examples.
        scores: Method key -> scores; edges outside the circuit come with `in_circuit` False.
        claims: Judged claims; an edge carries the verdict of those that name it.
    """
    graph = circuit_graph(spec, circuit, model=model)
    graph.graph.update(
        metric=metric,
        unit=unit,
        examples=examples,
        methods=list(scores),
        **{f"metric_{name}": value for name, value in levels.items()},
    )
    for key, found in scores.items():
        with_interval = len(found.edges) <= INTERVALS_UP_TO
        for column, edge in enumerate(found.edges):
            attributes = _add_edge(graph, circuit, edge, in_circuit=False)
            values = found.values[:, column]
            attributes[key] = float(values.mean())
            attributes[f"{key}_values"] = values.tolist()
            if with_interval and len(values) > 1:
                interval = mean(values, seed=0, resamples=1000).interval
                attributes[f"{key}_low"], attributes[f"{key}_high"] = interval.low, interval.high
    for index, outcome in enumerate(claims):
        for edge in outcome.edges:
            triple = edge.triple
            if graph.has_edge(*triple) and len(outcome.edges) <= len(circuit.edges):
                attributes = graph.edges[triple]
                attributes.setdefault("claims", []).append(index)
                named = {attributes.get("verdict"), outcome.verdict.value}
                attributes["verdict"] = next(verdict for verdict in SEVERITY if verdict in named)
    return graph


def _add_node(graph: nx.MultiDiGraph, circuit: Circuit, node: Node, *, in_circuit: bool) -> None:
    if node.name in graph:
        return
    graph.add_node(
        node.name,
        kind=node.kind,
        layer=node.layer if node.kind in ("head", "mlp") else None,
        head=node.index if node.kind == "head" else None,
        groups=[group.name for group in circuit.groups.values() if node in group.members],
        in_circuit=in_circuit,
    )


def _add_edge(graph: nx.MultiDiGraph, circuit: Circuit, edge: Edge, *, in_circuit: bool) -> dict[str, Any]:
    """Add an edge unless it is there; its attributes."""
    triple = edge.triple
    if not graph.has_edge(*triple):
        _add_node(graph, circuit, edge.source, in_circuit=in_circuit)
        _add_node(graph, circuit, edge.target.node, in_circuit=in_circuit)
        graph.add_edge(
            *triple, port=edge.target.name, position=edge.position, in_circuit=in_circuit
        )
    return graph.edges[triple]
