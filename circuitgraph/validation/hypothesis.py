"""A circuit made ready for judgement: its runs, its random rivals, and what each claim must have measured."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import comb

from circuitgraph.errors import Problem, SpecError
from circuitgraph.names import Edge, Node
from circuitgraph.plan.variants import (
    AttentionRead,
    EdgeRule,
    EdgeSet,
    Request,
    Variant,
    denoising,
    noising,
)
from circuitgraph.resolve.circuit import Circuit, ResolvedClaim
from circuitgraph.spec.model import Attends, BeatsRandom, Complete, Effect, Faithful, Minimal, NoEffect
from circuitgraph.validation.random_circuits import random_circuits, random_targets

RIVALS = 100
"""How many random alternatives a claim is held against, unless `beats_random` asks for more."""

MOST_HEAD_SETS = 100


@dataclass(frozen=True)
class Hypothesis:
    """A circuit, the seed of its random rivals, and the requests that follow from its claims.

    Raises:
        SpecError: The rule needs path evaluation, which this version does not run.
    """

    circuit: Circuit
    seed: int = 0

    def __post_init__(self) -> None:
        if self.circuit.rule not in ("circuit", "any-edge"):
            message = (
                f"rule {self.circuit.rule} (a spec of paths alone means rule path) is checked but not run by this "
                "version: give edges and use rule circuit or any-edge"
            )
            raise SpecError(Problem("rule-not-run", message, where="rule"))

    @property
    def rule(self) -> EdgeRule:
        """The rule that reads the circuit's edge set."""
        return "any-edge" if self.circuit.rule == "any-edge" else "circuit"

    @cached_property
    def kept(self) -> Variant:
        """The circuit alone: everything else ablated."""
        return Variant(EdgeSet.only(self.circuit.edges), self.rule)

    @cached_property
    def complement(self) -> Variant:
        """Everything but the circuit."""
        return Variant(EdgeSet.without(self.circuit.edges), self.rule)

    @cached_property
    def rivals(self) -> tuple[Variant, ...]:
        """Size-matched random circuits, run like the circuit."""
        count = max(
            [RIVALS, *(c.claim.circuits for c in self.circuit.claims if isinstance(c.claim, BeatsRandom))]
        )
        edges = len({edge.everywhere for edge in self.circuit.edges})
        sets = random_circuits(self.circuit.graph, edges, count, self.seed)
        return tuple(Variant(EdgeSet.only(edges), self.rule) for edges in sets)

    @cached_property
    def rival_complements(self) -> tuple[Variant, ...]:
        """Everything but a random circuit."""
        return tuple(Variant(rival.kept.complement, self.rule) for rival in self.rivals)

    def without(self, item: Edge | Node) -> Variant:
        """The circuit less an edge, or less a component with all its edges."""
        if isinstance(item, Edge):
            left = [edge for edge in self.circuit.edges if edge != item]
        else:
            left = [edge for edge in self.circuit.edges if item not in (edge.source, edge.target.node)]
        return Variant(EdgeSet.only(left), self.rule)

    def parts(self, per: str) -> tuple[Edge | Node, ...]:
        """What `minimal` takes out: the edges, or the heads and MLPs."""
        if per == "edge":
            return self.circuit.edges
        touched = {e.source for e in self.circuit.edges} | {e.target.node for e in self.circuit.edges}
        return tuple(node for node in self.circuit.nodes if node.kind in ("head", "mlp") and node in touched)

    def act(self, claim: ResolvedClaim, edges: Sequence[Edge] | frozenset[Edge]) -> Variant:
        """The run an effect claim's direction asks for, on these edges."""
        direction = claim.claim.direction if isinstance(claim.claim, Effect | NoEffect) else "noising"
        return noising(edges) if direction == "noising" else denoising(edges)

    def rival_targets(self, claim: ResolvedClaim) -> tuple[Variant, ...]:
        """The runs of the random alternatives to an effect claim's target."""
        sets = random_targets(self.circuit.graph, claim.edges, self.circuit.edges, RIVALS, self.seed)
        return tuple(self.act(claim, edges) for edges in sets)

    def rival_heads(self, claim: ResolvedClaim) -> tuple[tuple[Node, ...], ...]:
        """Other heads than the claim's, in sets of the same size: all of them, or 100 drawn evenly."""
        others = [n for n in self.circuit.graph.writers if n.kind == "head" and n not in claim.heads]
        size = len(claim.heads)
        if comb(len(others), size) <= MOST_HEAD_SETS:
            return tuple(combinations(others, size))
        draw = random.Random(self.seed)
        found: dict[tuple[Node, ...], None] = {}
        while len(found) < MOST_HEAD_SETS:
            found.setdefault(tuple(others[i] for i in sorted(draw.sample(range(len(others)), size))))
        return tuple(found)

    def requests(self) -> list[Request]:
        """Every run and read that the report and the claims need."""
        wanted: list[Request] = []
        if self.circuit.edges:
            wanted += [self.kept, self.complement]
        for claim in self.circuit.claims:
            wanted += self.requests_of(claim)
        return wanted

    def requests_of(self, claim: ResolvedClaim) -> list[Request]:
        """What one claim must have measured."""
        match claim.claim:
            case Faithful() | BeatsRandom():
                return [self.kept, *self.rivals]
            case Complete():
                return [self.complement, *self.rival_complements]
            case Minimal(per=per):
                return [self.kept, *(self.without(part) for part in self.parts(per))]
            case Effect():
                return [self.act(claim, claim.edges), *self.rival_targets(claim)]
            case NoEffect():
                return [self.act(claim, claim.edges)]
            case Attends():
                heads = {*claim.heads, *(head for rivals in self.rival_heads(claim) for head in rivals)}
                order = [node for node in self.circuit.graph.writers if node in heads]
                return [self.read(claim, head) for head in order]
            case _:
                raise AssertionError(f"no requests known for {claim.claim.kind}")

    def read(self, claim: ResolvedClaim, head: Node) -> AttentionRead:
        """The attention read of one head for an `attends` claim."""
        if claim.query is None or claim.key is None:
            raise AssertionError("attends resolves to two positions")
        return AttentionRead(head, claim.query, claim.key)
