"""Size-matched random alternatives: what a claim must not be true of as well.

A random circuit is grown from whole random paths from `embed` to `logits`, so it is connected and can carry
information; drawing single edges would mostly give sets that connect nothing and are beaten by anything.
It keeps its edges at all positions, which can only help it against a circuit that names positions.
Source: sufficiency test of Shi et al. 2024, arXiv:2410.13032, where random circuits are unions of random paths.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.names import EMBED, LOGITS, Edge, Node, Port

_PATIENCE = 200
"""Draws of a path that fits the room left before a path is cut short."""


def random_path(graph: ResidualGraph, draw: random.Random) -> list[Edge]:
    """A path from logits back to embed: at each port a uniform writer, at each head a uniform port."""
    port, edges = Port(LOGITS, "in"), list[Edge]()
    while True:
        reads = graph.reads[graph.port_index[port]]
        source = graph.writers[draw.randrange(reads)]
        edges.append(Edge(source, port))
        if source == EMBED:
            return edges
        port = draw.choice(graph.ports_of(source))


def random_circuit(graph: ResidualGraph, size: int, draw: random.Random) -> frozenset[Edge]:
    """A union of random paths with exactly `size` edges; the last path is cut short only if nothing fits.

    Above half of the model's edges, where almost any set connects, a uniform draw of edges instead.

    Raises:
        ValueError: The model has fewer than `size` edges.
    """
    if size > graph.edge_count:
        raise ValueError(f"no circuit of {size} edges in a model of {graph.edge_count}")
    if 2 * size > graph.edge_count:
        everything = list(graph.edges())
        return frozenset(draw.sample(everything, size))
    chosen: set[Edge] = set()
    misses = 0
    while len(chosen) < size:
        fresh = [edge for edge in random_path(graph, draw) if edge not in chosen]
        room = size - len(chosen)
        if not fresh or (len(fresh) > room and misses < _PATIENCE):
            misses += 1
            if misses > 10 * _PATIENCE:
                rest = [edge for edge in graph.edges() if edge not in chosen]
                chosen.update(draw.sample(rest, room))
            continue
        chosen.update(fresh[:room])
        misses = 0
    return frozenset(chosen)


def random_circuits(graph: ResidualGraph, size: int, count: int, seed: int) -> tuple[frozenset[Edge], ...]:
    """`count` independent random circuits of `size` edges."""
    draw = random.Random(seed)
    return tuple(random_circuit(graph, size, draw) for _ in range(count))


def random_targets(
    graph: ResidualGraph, target: Sequence[Edge], avoid: Sequence[Edge], count: int, seed: int
) -> tuple[frozenset[Edge], ...]:
    """Alternatives to the target of an effect claim, alike in kind and outside the circuit.

    Where the target is the whole output of some components, whole outputs of as many components of the same kinds
    that the circuit does not use; else as many single edges outside the circuit. Distinct; fewer than `count`
    where there are no more, none where there is nothing to draw from.
    """
    draw = random.Random(seed)
    sources = whole_outputs(graph, target)
    taken = {edge.everywhere for edge in (*target, *avoid)}
    if sources:
        used = {edge.source for edge in taken}
        pools = {kind: _nodes(graph, kind, used) for kind in {node.kind for node in sources}}
        needs = {kind: sum(node.kind == kind for node in sources) for kind in pools}
        if any(len(pools[kind]) < needs[kind] for kind in pools):
            return ()

        def alternative() -> frozenset[Edge]:
            picked = {node for kind in sorted(pools) for node in draw.sample(pools[kind], needs[kind])}
            return frozenset(edge for edge in graph.edges() if edge.source in picked)
    else:
        pool = [edge for edge in graph.edges() if edge not in taken]
        size = len({edge.everywhere for edge in target})
        if len(pool) < size:
            return ()

        def alternative() -> frozenset[Edge]:
            return frozenset(draw.sample(pool, size))

    found: dict[frozenset[Edge], None] = {}
    for _ in range(20 * count):
        found.setdefault(alternative())
        if len(found) == count:
            break
    return tuple(found)


def whole_outputs(graph: ResidualGraph, target: Sequence[Edge]) -> frozenset[Node]:
    """The sources of `target` if it is exactly every edge out of them, else nothing."""
    sources = {edge.source for edge in target}
    every = {edge for edge in graph.edges() if edge.source in sources}
    return frozenset(sources) if every == {edge.everywhere for edge in target} else frozenset()


def _nodes(graph: ResidualGraph, kind: str, used: set[Node]) -> list[Node]:
    return [node for node in graph.writers if node.kind == kind and node not in used]
