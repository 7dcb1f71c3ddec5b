"""What the circuit is: the edges, the path sets, and the rule that reads them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from circuitgraph.errors import quoted
from circuitgraph.names import Edge, Path
from circuitgraph.resolve.circuit import Ablation, Origin, Rule, causal_order
from circuitgraph.resolve.edges import EdgeSetBuilder
from circuitgraph.resolve.groups import Scope
from circuitgraph.resolve.paths import PathSetBuilder
from circuitgraph.resolve.problems import Mistake, Problems, closest
from circuitgraph.spec.model import MeanAblation, ResampleAblation, Spec


@dataclass(frozen=True, slots=True)
class Wiring:
    """The edges of a circuit with their origins, and its path sets."""

    edges: tuple[Edge, ...]
    origins: Mapping[Edge, tuple[Origin, ...]]
    paths: Mapping[str, tuple[Path, ...]]


def read_rule(spec: Spec, problems: Problems) -> Rule:
    """The rule that reads the circuit: the one given, else `path` for paths alone and `circuit` otherwise."""
    only_paths = bool(spec.paths) and not spec.edges and not spec.nodes
    if only_paths and spec.rule not in (None, "path"):
        problems.add(
            ("rule",),
            Mistake(
                "rule-needs-edges",
                f"the rule {spec.rule} reads edges, and this spec gives only paths: use path",
                "leave rule out, or add edges",
            ),
        )
    if spec.rule == "path" and not spec.paths:
        problems.add(
            ("rule",),
            Mistake(
                "rule-needs-paths",
                "the rule path reads paths, and this spec gives none",
                "add paths, or use circuit",
            ),
        )
    return spec.rule or ("path" if only_paths else "circuit")


def wire(spec: Spec, rule: Rule, scope: Scope, problems: Problems) -> Wiring:
    """Collect the circuit: `edges` exactly; without them every edge among `nodes`; or `paths` alone."""
    edges = EdgeSetBuilder(scope, problems)
    if "edges" in spec.model_fields_set and not spec.edges:
        hint = "leave edges out for every edge among the nodes" if spec.nodes else None
        problems.add(("edges",), Mistake("empty-circuit", "edges is empty: name at least one edge", hint))
    elif not (spec.edges or spec.nodes or spec.paths):
        problems.add((), Mistake("empty-circuit", "the circuit is empty: give nodes, edges or paths"))
    elif spec.edges:
        for index, text in enumerate(spec.edges):
            edges.add_chain(("edges", index), text)
        edges.absorb()
    elif spec.nodes and rule != "path":
        edges.add_all((node for group in scope.groups.values() for node in group.members), ("nodes",))
        if spec.paths:
            problems.note(
                ("paths",),
                "no edges are given: the circuit is every edge among the nodes, and the paths are hypotheses "
                "about it (rule: path makes them the circuit)",
            )

    paths = PathSetBuilder(scope, problems)
    for name, chains in spec.paths.items():
        for index, text in enumerate(chains):
            paths.add_chain(("paths", name, index), name, text)
    return Wiring(
        causal_order(scope.graph, edges.origins),
        edges.origins,
        {name: tuple(found) for name, found in paths.sets.items()},
    )


def read_ablation(spec: Spec, known_factors: Collection[str] | None, problems: Problems) -> Ablation:
    """What replaces the rest; `by` must name factors of the task, or of the prompts where those are known."""
    match spec.ablation:
        case MeanAblation(mean=options):
            for index, factor in enumerate(options.by):
                mistake = _unknown_factor(factor, spec.task.factors, known_factors)
                if mistake is not None:
                    problems.add(("ablation", "mean", "by", index), mistake)
            return Ablation("mean", tuple(dict.fromkeys(options.by)), options.over)
        case ResampleAblation(resample=options):
            return Ablation("resample", seed=options.seed)
        case kind:
            return Ablation(kind)


def _unknown_factor(factor: str, declared: list[str], known: Collection[str] | None) -> Mistake | None:
    if factor in declared or known is None or factor in known:
        return None
    allowed = sorted({*declared, *known})
    said = f"use {', '.join(allowed)}" if allowed else "the task has none"
    near = closest(factor, allowed)
    return Mistake(
        "unknown-factor",
        f"unknown factor {quoted(factor)}: {said}",
        f"did you mean {near}?" if near else None,
    )
