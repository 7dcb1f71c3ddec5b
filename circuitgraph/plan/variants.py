"""What claims and attributions ask of the engine: runs of the model with an edge set kept.

Requests are values: two claims that need the same run ask for equal objects, and the plan runs it once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from circuitgraph.names import Edge, Node

EdgeRule = Literal["circuit", "any-edge"]


@dataclass(frozen=True, slots=True)
class EdgeSet:
    """A set of kept (edge, position) pairs: those listed, or everything but those listed.

    An edge of `edges` with a position stands for that one position of every row. With `inverted`, the listed
    (edge, position) pairs are ablated and all others kept.
    """

    edges: frozenset[Edge]
    inverted: bool = False

    @staticmethod
    def only(edges: Iterable[Edge]) -> EdgeSet:
        """Exactly these are kept."""
        return EdgeSet(frozenset(edges))

    @staticmethod
    def without(edges: Iterable[Edge]) -> EdgeSet:
        """Everything but these is kept."""
        return EdgeSet(frozenset(edges), inverted=True)

    @property
    def complement(self) -> EdgeSet:
        """Kept and ablated exchanged."""
        return EdgeSet(self.edges, not self.inverted)


@dataclass(frozen=True, slots=True)
class Variant:
    """One intervened run: an edge set and the rule that reads it (definitions §1)."""

    kept: EdgeSet
    rule: EdgeRule = "circuit"


CLEAN = Variant(EdgeSet.without(()))
ABLATED = Variant(EdgeSet.only(()))


@dataclass(frozen=True, slots=True)
class AttentionRead:
    """Attention of one head on the clean run, from a query position to a key position."""

    head: Node
    query: str
    key: str


Request = Variant | AttentionRead


def noising(edges: Iterable[Edge]) -> Variant:
    """These edges carry the baseline, everything else is live."""
    return Variant(EdgeSet.without(edges), "circuit")


def denoising(edges: Iterable[Edge]) -> Variant:
    """These edges carry the clean run, everything else is ablated and live."""
    return Variant(EdgeSet.only(edges), "any-edge")
