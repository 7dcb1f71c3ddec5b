"""One tiny model and its rows, seen by the engine and by the oracle at once."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from transformers import GPT2LMHeadModel

from circuitgraph.arch.config import residual_graph_of
from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.engine.baselines import resample_partners
from circuitgraph.engine.session import DEFAULT_BUDGET, Session
from circuitgraph.names import Edge
from circuitgraph.plan.compile import Form, Plan, Step, compile_plan
from circuitgraph.plan.variants import EdgeRule, EdgeSet, Variant
from circuitgraph.resolve.circuit import Ablation
from circuitgraph.task import Task
from circuitgraph.task.rows import Row
from tests.oracle import model as oracle_model
from tests.oracle.gpt2 import Oracle
from tests.oracle.model import Outputs

PLACES = ("A", "B", "END")
"""Positions of random rows: A and B anywhere, possibly the same token, END the last."""

ABLATIONS = {
    "corrupt": Ablation("corrupt"),
    "zero": Ablation("zero"),
    "mean": Ablation("mean"),
    "mean by factor": Ablation("mean", by=("kind",)),
    "mean over corrupt": Ablation("mean", over="corrupt"),
    "resample": Ablation("resample", seed=3),
}


def random_rows(
    lengths: Sequence[int], vocabulary: int, seed: int, *, answers: int = 1, foils: int = 2
) -> tuple[Row, ...]:
    """Rows of random tokens with the positions `PLACES` and a factor `kind`; every token is drawn evenly."""
    draw = random.Random(seed)
    rows: list[Row] = []
    for i, length in enumerate(lengths):
        clean, corrupt = (tuple(draw.randrange(vocabulary) for _ in range(length)) for _ in range(2))
        scored = draw.sample(range(vocabulary), answers + foils)
        places = {"A": draw.randrange(length), "B": draw.randrange(length), "END": length - 1}
        rows.append(
            Row(
                f"row {i}",
                clean,
                corrupt,
                tuple(scored[:answers]),
                tuple(scored[answers:]),
                places,
                {"kind": "odd" if i % 2 else "even"},
            )
        )
    return tuple(rows)


@dataclass(frozen=True)
class Case:
    """A model, rows and an ablation; everything the engine does with them can be asked of the oracle too."""

    model: GPT2LMHeadModel
    rows: tuple[Row, ...]
    ablation: Ablation
    metric: str = "logit_diff"

    @cached_property
    def graph(self) -> ResidualGraph:
        return residual_graph_of(self.model.config, "model")

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        return tuple(self.graph.edges())

    @cached_property
    def oracle(self) -> Oracle:
        return Oracle(self.model, [row.clean for row in self.rows], [row.corrupt or () for row in self.rows])

    @cached_property
    def baselines(self) -> tuple[Outputs, ...]:
        """What ablated writers write, per row, by the oracle."""
        ablation, rows = self.ablation, self.rows
        labels = [tuple(row.factors[name] for name in ablation.by) for row in rows]
        partner = resample_partners(rows, ablation.seed) if ablation.kind == "resample" else None
        return tuple(
            self.oracle.baseline(ablation.kind, i, by=labels, over=ablation.over, partner=partner)
            for i in range(len(rows))
        )

    # The engine.

    def session(self, budget: int = DEFAULT_BUDGET) -> Session:
        return Session(self.model, self.graph, Task(self.rows, self.metric), self.ablation, budget)

    def plan(self, variants: Iterable[Variant]) -> Plan:
        return compile_plan(self.graph, self.ablation.kind, len(self.rows), variants)

    def step(self, form: Form, rule: EdgeRule, variants: Sequence[Variant]) -> Step:
        """The step in which nothing is folded, in a form of our choice."""
        return Step(form, rule, tuple(variants), 0, self.graph.writers[1:], 0.0)

    def logits(self, steps: Iterable[Step], session: Session | None = None) -> dict[Variant, Tensor]:
        """Readout logits of every variant by the engine, [rows, vocab]."""
        session = session or self.session()
        found: dict[Variant, Tensor] = {}
        with session.exclusive():
            for batch in session.batches(PLACES):
                reference = session.reference(batch)
                for step in steps:
                    stacked = session.patched_logits(step, step.variants, reference)
                    for variant, logits in zip(step.variants, stacked, strict=True):
                        rows = [found[variant], logits] if variant in found else [logits]
                        found[variant] = torch.cat(rows)
        return found

    # The oracle.

    def places_kept(self, kept: EdgeSet, i: int) -> dict[oracle_model.Edge, set[int]]:
        """The edge set as the oracle reads it: every kept edge with its token indices in row `i`."""
        row = self.rows[i]
        listed: dict[oracle_model.Edge, set[int]] = {}
        for edge in kept.edges:
            where = set(range(row.length)) if edge.position is None else {row.positions[edge.position]}
            listed.setdefault(named(edge), set()).update(where)
        if not kept.inverted:
            return listed
        left = {named(edge): set(range(row.length)) - listed.get(named(edge), set()) for edge in self.edges}
        return {edge: where for edge, where in left.items() if where}

    def expected(self, variant: Variant, i: int) -> Tensor:
        """Readout logits of a variant on row `i` by the oracle, [vocab]."""
        kept = self.places_kept(variant.kept, i)
        return self.oracle.evaluate(i, kept, variant.rule, self.baselines[i])[-1]

    def worst(self, found: dict[Variant, Tensor], rows: Iterable[int] | None = None) -> tuple[float, str]:
        """The largest disagreement with the oracle in any logit, and where it is."""
        worst, place = -1.0, ""
        for variant, logits in found.items():
            for i in range(len(self.rows)) if rows is None else rows:
                error = float((logits[i].double() - self.expected(variant, i)).abs().max())
                if not error <= worst:
                    worst, place = error, f"row {i}, {describe(variant)}"
        return worst, place


def named(edge: Edge) -> oracle_model.Edge:
    """The oracle's name of an edge, its position left aside."""
    return (edge.source.name, edge.target.node.name, edge.target.name)


def describe(variant: Variant) -> str:
    """A variant in one line, for messages."""
    edges = ", ".join(sorted(map(str, variant.kept.edges)))
    return f"{variant.rule}, {'without' if variant.kept.inverted else 'only'} {{{edges}}}"


def random_edge_set(edges: Sequence[Edge], draw: random.Random, places: Sequence[str] = PLACES) -> EdgeSet:
    """Edges kept with a random density, some at one position (or at two, or at one besides everywhere)."""
    density = draw.choice((0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97))
    placed = draw.choice((0.0, 0.4, 1.0)) if places else 0.0
    chosen: list[Edge] = []
    for edge in edges:
        if draw.random() >= density:
            continue
        if draw.random() >= placed:
            chosen.append(edge)
            continue
        chosen.append(Edge(edge.source, edge.target, draw.choice(places)))
        if draw.random() < 0.2:
            chosen.append(Edge(edge.source, edge.target, draw.choice((*places, None))))
    return EdgeSet(frozenset(chosen), draw.random() < 0.5)
