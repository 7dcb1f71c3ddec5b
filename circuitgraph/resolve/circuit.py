"""A spec read against a model: concrete nodes, edges and claims, each with its origin in the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.names import EMBED, Edge, Node, Path, Port
from circuitgraph.spec.model import Claim

Where = tuple[str | int, ...]
"""Path of keys and list indices into the document: ("edges", 3)."""

Rule = Literal["circuit", "any-edge", "path", "sender-receiver"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where in the spec something was written, and as what."""

    where: Where
    text: str


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """A declared group, its members concrete and in causal order."""

    name: str
    members: tuple[Node, ...]
    at: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Ablation:
    """What an ablated writer writes (definitions §1: the baseline).

    Attributes:
        kind: corrupt, zero, mean or resample.
        by: Factors within whose levels the mean is taken.
        over: Whose mean: the clean or the corrupt prompts'.
        seed: Seed of the resampling.
    """

    kind: Literal["corrupt", "zero", "mean", "resample"] = "corrupt"
    by: tuple[str, ...] = ()
    over: Literal["clean", "corrupt"] = "clean"
    seed: int = 0

    def __str__(self) -> str:
        if self.kind == "mean":
            by = f" by {', '.join(self.by)}" if self.by else ""
            over = " over corrupt" if self.over == "corrupt" else ""
            return f"mean{by}{over}"
        return f"resample (seed {self.seed})" if self.kind == "resample" else self.kind


@dataclass(frozen=True, slots=True)
class ResolvedClaim:
    """A claim with its names made concrete.

    Attributes:
        claim: The claim as written.
        origin: Where it was written.
        edges: What `effect` and `no_effect` act on: the edges of `of` (of a node or group: every edge out of
            its members).
        heads: Heads of `attends`.
        query, key: Positions of `attends`.
    """

    claim: Claim
    origin: Origin
    edges: tuple[Edge, ...] = ()
    heads: tuple[Node, ...] = ()
    query: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Circuit:
    """The resolved hypothesis.

    Attributes:
        graph: The model's residual graph.
        edges: The edges kept, in causal order, each once.
        groups: Declared groups by name, in the order of the file.
        paths: Declared path sets; each path names its ports.
        claims: In the order of the file.
        rule: How the edge set is read (definitions §1).
        ablation: What replaces the rest.
        origins: Edge -> where it was written (several if merged).
        notes: What was merged, dropped or read as something else, for people.
    """

    graph: ResidualGraph
    edges: tuple[Edge, ...]
    groups: Mapping[str, NodeGroup]
    paths: Mapping[str, tuple[Path, ...]]
    claims: tuple[ResolvedClaim, ...]
    rule: Rule
    ablation: Ablation
    origins: Mapping[Edge, tuple[Origin, ...]] = field(default_factory=dict[Edge, tuple[Origin, ...]])
    notes: tuple[str, ...] = ()

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every node an edge touches and every group member, in causal order, logits last.

        Under the rule `path` the circuit is its paths, and their nodes count too.
        """
        touched = {edge.source for edge in self.edges} | {edge.target.node for edge in self.edges}
        if self.rule == "path":
            for path in (path for paths in self.paths.values() for path in paths):
                touched.update((EMBED, *(port.node for port in path.via)))
        touched.update(member for group in self.groups.values() for member in group.members)
        return tuple(node for node in self.graph.nodes if node in touched)

    @cached_property
    def positions(self) -> tuple[str, ...]:
        """Every position expression that edges and claims use, sorted."""
        used = {edge.position for edge in self._all_edges() if edge.position is not None}
        for claim in self.claims:
            used.update(position for position in (claim.query, claim.key) if position is not None)
        return tuple(sorted(used))

    def _all_edges(self) -> Iterable[Edge]:
        yield from self.edges
        for claim in self.claims:
            yield from claim.edges


def causal_order(graph: ResidualGraph, edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """Edges sorted by reader port, then writer, then position, each once."""
    ports: dict[Port, int] = graph.port_index
    writers = graph.writer_index
    return tuple(sorted(set(edges), key=lambda e: (ports[e.target], writers[e.source], e.position or "")))
