"""Edge sets as arrays: which writers each port keeps, in each variant, at which positions.

The (port, writer) pairs of a model lie in one flat order: port after port, each with the prefix of writers it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.names import Edge
from circuitgraph.plan.variants import EdgeSet

Bools = NDArray[np.bool_]


@lru_cache(maxsize=16)
def pair_offsets(graph: ResidualGraph) -> NDArray[np.int64]:
    """Where each port's pairs start in the flat order; one more entry for the end. Shape [ports + 1]."""
    return np.concatenate([[0], np.cumsum(graph.reads)]).astype(np.int64)


@lru_cache(maxsize=16)
def _pairs(graph: ResidualGraph) -> dict[Edge, int]:
    return {edge: pair for pair, edge in enumerate(graph.edges())}


def pair_of(graph: ResidualGraph, edge: Edge) -> int:
    """Place of an edge in the flat order, its position left aside."""
    return _pairs(graph)[edge.everywhere]


@dataclass(frozen=True)
class Kept:
    """Kept pairs of several variants.

    Attributes:
        everywhere: [variants, pairs]: the listed pairs, at all positions.
        placed: Position expression -> ([k] variant, [k] pair): listed pairs at that position only.
        inverted: [variants]: True where the listed pairs are the ablated ones.
    """

    everywhere: Bools
    placed: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]
    inverted: Bools

    def touched(self) -> Bools:
        """[variants, pairs] listed anywhere, at some position at least."""
        found: Bools = np.array(self.everywhere)
        for variant, pair in self.placed.values():
            found[variant, pair] = True
        return found


def kept_pairs(graph: ResidualGraph, sets: Sequence[EdgeSet]) -> Kept:
    """The arrays of several edge sets."""
    everywhere = np.zeros((len(sets), graph.edge_count), dtype=bool)
    placed: dict[str, list[tuple[int, int]]] = {}
    pairs = _pairs(graph)
    for row, edges in enumerate(sets):
        everywhere[row, [pairs[edge] for edge in edges.edges if edge.position is None]] = True
        for edge in edges.edges:
            if edge.position is not None:
                placed.setdefault(edge.position, []).append((row, pairs[edge.everywhere]))
    arrays = {
        name: (np.array([v for v, _ in found]), np.array([p for _, p in found]))
        for name, found in sorted(placed.items())
    }
    return Kept(everywhere, arrays, np.array([edges.inverted for edges in sets], dtype=bool))
