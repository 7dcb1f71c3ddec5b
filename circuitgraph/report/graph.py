"""The result as a networkx graph: nodes of the model, edges with every score and verdict."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np

from circuitgraph.names import Edge, Node
from circuitgraph.resolve.circuit import Circuit
from circuitgraph.spec.model import Effect, Minimal, NoEffect, Spec
from circuitgraph.statistics import Interval, Verdict, mean
from circuitgraph.statistics.intervals import DEFAULT_LEVEL, DEFAULT_RESAMPLES, estimate_from
from circuitgraph.statistics.resampling import Units, leave_one_out_means, resampled_means

if TYPE_CHECKING:  # attribution runs models: a graph is drawn without loading torch
    from circuitgraph.attribution.attribute import EdgeScores, Values
    from circuitgraph.validation.outcome import Outcome

INTERVALS_UP_TO = 2_000
"""Beyond this many scored edges only the circuit's own come with bootstrap intervals."""

MOST_VALUES = 1_000_000
"""Beyond this many per-example values, over all edges and methods, graphs hold means and intervals alone."""

SEVERITY = ("refuted", "inconclusive", "uninformative", "supported")
"""If several claims name an edge, it shows the first of these verdicts."""

ARROWS = ("->", "→")


def circuit_graph(spec: Spec, circuit: Circuit, *, model: str) -> nx.MultiDiGraph:
    """The hypothesis alone, nothing measured: what `render SPEC` draws."""
    file = spec.document.file if spec.document is not None else None
    graph = nx.MultiDiGraph(
        name=spec.name,
        about=spec.about,
        spec=spec.name if file is None else file,
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
    measured: Mapping[str, Any],
    scores: Mapping[str, EdgeScores],
    claims: Sequence[Outcome],
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> nx.MultiDiGraph:
    """The graph of a report.

    Args:
        spec: The hypothesis as written.
        circuit: The hypothesis resolved; its edges are all there, scored or not.
        model: Name of the model.
        measured: Graph attributes: metric, unit, examples (n), and for every run its mean metric
            (metric_clean, metric_corrupt, metric_circuit, metric_complement).
        scores: Method key -> scores; edges outside the circuit come with `in_circuit` False.
        claims: Judged claims, in the order of the circuit's. Their verdicts are the graph's attribute
            `verdicts`, verdict -> kinds of the claims; edges that a claim names carry its index in `claims`,
            and its verdict in `verdict` where it is one about the edge (see `_tells_of_each`).
        clusters: One label per example; resamples keep examples of one label together.
        seed: Seed of the resampling.
    """
    graph = circuit_graph(spec, circuit, model=model)
    graph.graph.update(measured, methods=list(scores))
    keep_values = sum(found.values.size for found in scores.values()) <= MOST_VALUES
    if not keep_values:
        graph.graph["values_dropped"] = True
    for key, found in scores.items():
        _add_scores(graph, circuit, key, found, keep_values, clusters, seed)
    if claims:
        graph.graph["verdicts"] = _verdicts(claims)
    for index, outcome in enumerate(claims):
        _add_verdict(graph, circuit, index, outcome)
    return graph


def value_attributes(graph: nx.MultiDiGraph) -> list[str]:
    """Names of the edge attributes that hold one value per example."""
    return [f"{method}_values" for method in graph.graph.get("methods") or ()]


def _add_scores(
    graph: nx.MultiDiGraph,
    circuit: Circuit,
    key: str,
    found: EdgeScores,
    keep_values: bool,
    clusters: Sequence[Hashable] | None,
    seed: int,
) -> None:
    every = [_add_edge(graph, circuit, edge, in_circuit=False) for edge in found.edges]
    for attributes, score in zip(every, found.mean, strict=True):
        attributes[key] = float(score)
    if keep_values:
        for attributes, values in zip(every, found.values.T, strict=True):
            attributes[f"{key}_values"] = values.tolist()
    columns = list(range(len(every)))
    if len(columns) > INTERVALS_UP_TO:
        columns = [column for column in columns if every[column]["in_circuit"]][:INTERVALS_UP_TO]
    for column, interval in zip(columns, _intervals(found.values[:, columns], clusters, seed), strict=True):
        if interval.bounded:
            every[column][f"{key}_low"], every[column][f"{key}_high"] = interval.low, interval.high


def _intervals(values: Values, clusters: Sequence[Hashable] | None, seed: int) -> Iterator[Interval]:
    """`statistics.mean(...).interval` of every column of values, [n, edges], with the resamples drawn once.

    `mean` puts the examples in the order of their values before it draws, and the draws follow from the seed
    alone: on columns sorted each by itself one set of draws gives each the interval that `mean` gives.
    """
    if clusters is not None:
        for column in values.T:
            yield mean(column, clusters=clusters, seed=seed).interval
        return
    n, edges = values.shape
    if n == 0 or edges == 0:
        return
    totals = np.ascontiguousarray(np.sort(values, axis=0).T)
    means = np.clip(totals.sum(axis=1) / n, totals[:, 0], totals[:, -1])
    units = Units(totals, np.ones(n), means, n, None)
    nothing = np.empty((0, edges))
    resampled = resampled_means(units, DEFAULT_RESAMPLES, seed) if n > 1 else nothing
    left_out = leave_one_out_means(units) if n > 1 else nothing
    for i in range(edges):
        yield estimate_from(float(means[i]), resampled[:, i], left_out[:, i], units, DEFAULT_LEVEL).interval


def _verdicts(claims: Sequence[Outcome]) -> dict[str, list[str]]:
    """Kinds of the claims of each verdict, in the claims' order; verdicts that none has are left out."""
    kinds = {verdict: [o.kind for o in claims if o.verdict.value == verdict] for verdict in SEVERITY}
    return {verdict: found for verdict, found in kinds.items() if found}


def _add_verdict(graph: nx.MultiDiGraph, circuit: Circuit, index: int, outcome: Outcome) -> None:
    """Mark the edges that a claim names.

    Edges outside the circuit that were not scored join the graph where the claim is about one edge alone, or
    where it does not hold. That a set of edges has no effect is said by the claim, not by as many lines.
    """
    edges = _named_edges(circuit, index, outcome)
    shown = len(edges) == 1 or outcome.verdict is not Verdict.SUPPORTED
    for edge in edges:
        if not shown and not graph.has_edge(*edge.triple):
            continue
        attributes = _add_edge(graph, circuit, edge, in_circuit=False)
        attributes.setdefault("claims", []).append(index)
        if _tells_of_each(circuit, index, outcome):
            found = {attributes.get("verdict"), outcome.verdict.value}
            attributes["verdict"] = next(verdict for verdict in SEVERITY if verdict in found)
        if _is_exact_score(circuit, index, outcome) and "exact" not in attributes:
            attributes["exact"] = outcome.estimate.value
            interval = outcome.estimate.interval
            if interval.bounded and interval.level == DEFAULT_LEVEL:
                attributes["exact_low"], attributes["exact_high"] = interval.low, interval.high
            if "exact" not in graph.graph["methods"]:
                graph.graph["methods"].append("exact")


def _named_edges(circuit: Circuit, index: int, outcome: Outcome) -> tuple[Edge, ...]:
    """The edges that a claim is about.

    Those that the claim names by an arrow (a claim about a node or group is about all that leaves it, not
    about single edges), or that a refuted `minimal` has shown to lie below its bound.
    """
    claim = circuit.claims[index].claim
    if isinstance(claim, Effect | NoEffect):
        return outcome.edges if any(arrow in claim.of for arrow in ARROWS) else ()
    if isinstance(claim, Minimal) and outcome.verdict is Verdict.REFUTED:
        return tuple(edge for edge in circuit.edges if str(edge) in outcome.failing)
    return ()


def _tells_of_each(circuit: Circuit, index: int, outcome: Outcome) -> bool:
    """Whether a claim's verdict is shown at each edge that it names.

    What holds for several edges together need not hold for each, and a denoising effect is not the effect
    printed at the edge: support is shown only where the claim is about the noising effect of one edge. Any
    other verdict is a warning about all the edges that the claim names.
    """
    return outcome.verdict is not Verdict.SUPPORTED or _is_exact_score(circuit, index, outcome)


def _is_exact_score(circuit: Circuit, index: int, outcome: Outcome) -> bool:
    """Whether a claim's estimate is the exact score of one edge: that edge corrupt, all else clean."""
    claim = circuit.claims[index].claim
    return isinstance(claim, Effect | NoEffect) and claim.direction == "noising" and len(outcome.edges) == 1


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
        graph.add_edge(*triple, port=edge.target.name, position=edge.position, in_circuit=in_circuit)
    return graph.edges[triple]
