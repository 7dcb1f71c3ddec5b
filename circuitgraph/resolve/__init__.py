"""Read a spec against a model: names become nodes, arrows become edges."""

from __future__ import annotations

from collections.abc import Collection

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.resolve.circuit import (
    Ablation,
    Circuit,
    NodeGroup,
    Origin,
    ResolvedClaim,
    Rule,
    Where,
    causal_order,
)
from circuitgraph.resolve.claims import check_parts, resolve_claim
from circuitgraph.resolve.groups import Scope
from circuitgraph.resolve.positions import Positions
from circuitgraph.resolve.problems import Problems
from circuitgraph.resolve.wiring import read_ablation, read_rule, wire
from circuitgraph.spec.model import Spec

__all__ = [
    "Ablation",
    "Circuit",
    "NodeGroup",
    "Origin",
    "ResolvedClaim",
    "Rule",
    "Where",
    "causal_order",
    "resolve",
]


def resolve(
    spec: Spec,
    graph: ResidualGraph,
    *,
    known_positions: Collection[str] | None = None,
    known_factors: Collection[str] | None = None,
) -> Circuit:
    """Read a spec against a model's residual graph; needs no weights.

    Args:
        spec: The hypothesis.
        graph: The model it speaks about.
        known_positions: Position names the prompts bring, besides those of `task.positions`; None while the
            prompts are unknown: then any well-formed name passes.
        known_factors: Factors the prompts bring, besides those of `task.factors`; None likewise.

    Raises:
        SpecError: A name, an arrow or a position is wrong: every such problem of the spec, sorted by place.
            What follows from a problem already reported is not reported again.
    """
    problems = Problems(spec.document)
    positions = Positions(spec.task.positions, known_positions)
    scope = Scope(spec.nodes, graph, positions, problems)
    rule = read_rule(spec, problems)
    ablation = read_ablation(spec, known_factors, problems)
    wiring = wire(spec, rule, scope, problems)
    claims = [
        resolve_claim(claim, ("claims", index), scope, problems) for index, claim in enumerate(spec.claims)
    ]
    check_parts(claims, wiring.edges, problems)
    problems.raise_if_any()
    return Circuit(
        graph=graph,
        edges=wiring.edges,
        groups=scope.groups,
        paths=wiring.paths,
        claims=tuple(claims),
        rule=rule,
        ablation=ablation,
        origins=wiring.origins,
        notes=tuple(problems.notes),
    )
