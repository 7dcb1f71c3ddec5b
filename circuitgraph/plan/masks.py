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


def pair_of(graph: ResidualGraph, edge: Edge) -> int:
    """Place of an edge in the flat order, its position left aside."""
    return int(pair_offsets(graph)[graph.port_index[edge.target]]) + graph.writer_index[edge.source]


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

    def static(self) -> Bools:
        """[variants, pairs] kept at every position (placed pairs counted as not listed)."""
        return self.everywhere ^ self.inverted[:, None]

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
    for row, edges in enumerate(sets):
        for edge in edges.edges:
            pair = pair_of(graph, edge)
            if edge.position is None:
                everywhere[row, pair] = True
            else:
                placed.setdefault(edge.position, []).append((row, pair))
    arrays = {
        name: (np.array([v for v, _ in pairs]), np.array([p for _, p in pairs]))
        for name, pairs in sorted(placed.items())
    }
    return Kept(everywhere, arrays, np.array([edges.inverted for edges in sets], dtype=bool))
