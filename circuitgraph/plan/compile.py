"""From requests to a printable plan: what runs, in which form, from which block, at what cost.

Passes, in order: `dedupe` (equal requests once), `choose_form` (few edges ablated: *direct*; few kept: *complement*),
`fold` (which components are live, which block is the first that matters), `batch` (variants that share form and
first block run stacked on the batch axis). The engine adds nothing to a plan but the chunks its memory allows.

Three exact forms, with b the baseline and y the current output of a writer:

- direct:      x_p = live stream + Σ_ablated (b_u − y_u)
- complement:  x_p = baseline stream + Σ_kept (y_u − b_u); the live stream is irrelevant, dead parts are skipped
- around:      any-edge under a baseline that is no run (zero, mean):
               x_p = baseline stream + Σ_kept (clean_u − b_u) + Σ_other, reached (y_u − b_u)

Under `any-edge` the first two hold with the roles exchanged: the live run starts from the ablated embedding, and a
kept edge carries the clean value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.names import EMBED, LOGITS, Node
from circuitgraph.plan.masks import Bools, kept_pairs, pair_offsets
from circuitgraph.plan.variants import AttentionRead, EdgeRule, EdgeSet, Request, Variant

Form = Literal["direct", "complement", "around"]
BaselineKind = Literal["corrupt", "zero", "mean", "resample"]

TRACE_WORTH = 1e9
"""Multiplications that take about as long as the fixed cost of one more trace."""

TOKENS_ASSUMED = 16
"""Prompt length the grouping assumes; a plan knows the number of rows and not their lengths."""

VARIANTS_AT_ONCE = 256
"""How many edge sets are unfolded into arrays at a time while a plan is made."""


@dataclass(frozen=True, slots=True)
class Step:
    """Variants that run stacked on the batch axis.

    Attributes:
        form: How port inputs are put together.
        rule: How the edge sets are read.
        variants: In the order of their lanes.
        start: First block that runs; what lies before it comes from a cache.
        live: Components that are computed, in causal order.
        cost: Predicted cost in bare forward passes over the task's examples, all variants together.
    """

    form: Form
    rule: EdgeRule
    variants: tuple[Variant, ...]
    start: int
    live: tuple[Node, ...]
    cost: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What will run: reference runs first, then the steps, then attention reads."""

    graph: ResidualGraph
    baseline: BaselineKind
    examples: int
    steps: tuple[Step, ...]
    attention: tuple[AttentionRead, ...]

    @property
    def positions(self) -> tuple[str, ...]:
        """Position expressions that edges and attention reads name, sorted."""
        edges = (edge for step in self.steps for variant in step.variants for edge in variant.kept.edges)
        named = {edge.position for edge in edges if edge.position is not None}
        for read in self.attention:
            named |= {read.query, read.key}
        return tuple(sorted(named))

    @property
    def cost(self) -> float:
        """Predicted cost in bare forward passes over the task's examples."""
        reference = 1.0 if self.baseline == "zero" else 2.0
        return reference + sum(step.cost for step in self.steps) + bool(self.attention)

    def __str__(self) -> str:
        lines = [f"plan for {self.graph.name}: {self.examples} examples, baseline {self.baseline}"]
        lines.append("  reference runs: clean" + ("" if self.baseline == "zero" else f", {self.baseline}"))
        alike: dict[tuple[str, str, int], list[Step]] = {}
        for step in self.steps:
            alike.setdefault((step.form, step.rule, step.start), []).append(step)
        for (form, rule, start), steps in alike.items():
            count = sum(len(step.variants) for step in steps)
            sizes = sorted({len(step.live) for step in steps})
            live = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]}-{sizes[-1]}"
            stacks = "" if len(steps) == 1 else f" in {len(steps)} stacks"
            lines.append(
                f"  {form:<10} rule {rule:<8} {count:>5} variant{'s' if count > 1 else ' '}{stacks}"
                f"  from block {start}  {live}/{len(self.graph.writers) - 1} components"
                f"  ≈ {sum(step.cost for step in steps):.2f} forwards"
            )
        if self.attention:
            lines.append(f"  attention  {len(self.attention)} reads in one clean run")
        lines.append(f"  total ≈ {self.cost:.1f} bare forward passes over the examples")
        return "\n".join(lines)


def compile_plan(
    graph: ResidualGraph, baseline: BaselineKind, examples: int, requests: Iterable[Request]
) -> Plan:
    """Run the passes. `examples` is the number of rows of the task."""
    wanted = dedupe(requests)
    variants = [request for request in wanted if isinstance(request, Variant)]
    reads = tuple(request for request in wanted if isinstance(request, AttentionRead))
    return Plan(graph, baseline, examples, batch(graph, baseline, variants, examples), reads)


def dedupe(requests: Iterable[Request]) -> tuple[Request, ...]:
    """Each request once, in order of first appearance.

    >>> read = AttentionRead(Node("head", 0, 1), "END", "MATCH")
    >>> len(dedupe([read, read]))
    1
    """
    return tuple(dict.fromkeys(requests))


def choose_form(graph: ResidualGraph, baseline: BaselineKind, variant: Variant) -> Form:
    """The cheaper exact form of a variant.

    What keeps everything, or nothing, takes the form that folds to a reference run, whatever the baseline: end
    points are exact. Under `zero` kept writers are summed, never subtracted from the live stream: `x + (0 − u)`
    leaves rounding residue where the stream should vanish, and a norm amplifies it.
    """
    listed = len(variant.kept.edges)
    few_ablated = variant.kept.inverted
    all_listed = sum(edge.position is None for edge in variant.kept.edges) == graph.edge_count
    if listed == 0 or all_listed:
        keeps_all = few_ablated == (listed == 0)
        return "direct" if keeps_all == (variant.rule == "circuit") else "complement"
    if variant.rule == "any-edge" and baseline in ("zero", "mean"):
        return "around"
    if baseline == "zero":
        return "complement"
    if 2 * listed > graph.edge_count:
        few_ablated = not few_ablated
    patched_are_few = few_ablated if variant.rule == "circuit" else not few_ablated
    return "direct" if patched_are_few else "complement"


def used_pairs(graph: ResidualGraph, form: Form, rule: EdgeRule, sets: Sequence[EdgeSet]) -> Bools:
    """[variants, pairs]: pairs that add a difference to their port's base stream, at some position at least."""
    kept = kept_pairs(graph, sets)
    touched, everywhere, inverted = kept.touched(), kept.everywhere, kept.inverted[:, None]
    some_kept = np.where(inverted, ~everywhere, touched)
    some_ablated = np.where(inverted, touched, ~everywhere)
    if form == "around":
        return np.ones_like(touched)
    kept_carry_current = rule == "circuit"
    return some_kept if kept_carry_current == (form == "complement") else some_ablated


def fold(graph: ResidualGraph, form: Form, used: Bools) -> tuple[int, tuple[Node, ...]]:
    """First block that must run and the live components of a step, from its used pairs.

    direct: everything from the block of the first patched port on. complement: what can reach logits over used
    pairs; a dead component is skipped. around: everything.
    """
    offsets = pair_offsets(graph)
    any_used: Bools = np.asarray(used.any(axis=0), dtype=np.bool_)
    port_used = [bool(any_used[offsets[p] : offsets[p + 1]].any()) for p in range(len(graph.ports))]
    components = [node for node in graph.writers if node != EMBED]
    if form == "around":
        return 0, tuple(components)
    if form == "direct":
        layers = [
            graph.layers if port.node == LOGITS else port.node.layer
            for port, is_used in zip(graph.ports, port_used, strict=True)
            if is_used
        ]
        start = min(layers, default=graph.layers)
        return start, tuple(node for node in components if node.layer >= start)
    live = {LOGITS}
    for place in reversed(range(len(graph.ports))):
        if graph.ports[place].node in live:
            sources = np.flatnonzero(any_used[offsets[place] : offsets[place + 1]])
            live.update(graph.writers[source] for source in sources)
    alive = tuple(node for node in components if node in live)
    return min((node.layer for node in alive), default=graph.layers), alive


def batch(
    graph: ResidualGraph, baseline: BaselineKind, variants: Sequence[Variant], examples: int = 1
) -> tuple[Step, ...]:
    """Group variants by rule, form and first block, then by what they need computed; each group is one step."""
    groups: dict[tuple[EdgeRule, Form, int], list[Variant]] = {}
    for variant in variants:
        form = choose_form(graph, baseline, variant)
        groups.setdefault((variant.rule, form, _first_block(graph, form, variant)), []).append(variant)
    steps: list[Step] = []
    for (rule, form, start), members in groups.items():
        if form == "complement":
            for alike in stack_alike(graph, examples, members):
                live = _live_of_all(graph, form, alike)
                steps.append(
                    _step(graph, form, rule, alike, min((n.layer for n in live), default=graph.layers), live)
                )
        else:
            live = tuple(node for node in graph.writers if node.kind != "embed" and node.layer >= start)
            steps.append(_step(graph, form, rule, members, start, live))
    return tuple(steps)


def stack_alike(
    graph: ResidualGraph, examples: int, variants: Sequence[Variant]
) -> tuple[tuple[Variant, ...], ...]:
    """Cut sparse variants into stacks that need about the same components.

    A lane computes whatever any lane of its stack needs, so stacking saves the fixed cost of a trace and spends
    the difference. First fit, in order: a variant joins a stack if that spends less than it saves.
    """
    forward = examples * TOKENS_ASSUMED * full_cost(graph)
    stacks: list[tuple[set[Node], list[Variant]]] = []
    for variant in variants:
        kept = variant.kept
        needed = set(graph.writers) if kept.inverted else {edge.source for edge in kept.edges}
        for union, members in stacks:
            grown = union | needed
            wide = forward_share(graph, grown)
            spent = wide - forward_share(graph, needed) + len(members) * (wide - forward_share(graph, union))
            if spent * forward <= TRACE_WORTH:
                union |= needed
                members.append(variant)
                break
        else:
            stacks.append((needed, [variant]))
    return tuple(tuple(members) for _, members in stacks)


def _step(
    graph: ResidualGraph,
    form: Form,
    rule: EdgeRule,
    variants: Sequence[Variant],
    start: int,
    live: tuple[Node, ...],
) -> Step:
    return Step(form, rule, tuple(variants), start, live, len(variants) * forward_share(graph, live))


def _first_block(graph: ResidualGraph, form: Form, variant: Variant) -> int:
    """First block of a variant; for sparse direct sets without building arrays."""
    if form != "direct":
        return 0
    sparse = variant.kept.inverted == (variant.rule == "circuit")
    if sparse:
        layers = (
            graph.layers if edge.target.node == LOGITS else edge.target.node.layer
            for edge in variant.kept.edges
        )
        return min(layers, default=graph.layers)
    return fold(graph, form, used_pairs(graph, form, variant.rule, [variant.kept]))[0]


def _live_of_all(graph: ResidualGraph, form: Form, variants: Sequence[Variant]) -> tuple[Node, ...]:
    """Live components of variants that run together: what can reach logits over the pairs any of them uses."""
    union = np.zeros((1, graph.edge_count), dtype=bool)
    for first in range(0, len(variants), VARIANTS_AT_ONCE):
        some = variants[first : first + VARIANTS_AT_ONCE]
        used = used_pairs(graph, form, some[0].rule, [variant.kept for variant in some])
        union |= used.any(axis=0)
    return fold(graph, form, union)[1]


def full_cost(graph: ResidualGraph) -> float:
    """Multiplications of a bare forward pass per token, with an MLP of four times the width."""
    block = 4 * graph.d_model**2 + 8 * graph.d_model**2 * graph.has_mlp
    return graph.layers * block + graph.d_model * graph.vocab


def forward_share(graph: ResidualGraph, live: Iterable[Node]) -> float:
    """Cost of computing `live`, as a share of a bare forward pass.

    Counts multiplications per token: 4·d² an attention block, 8·d² an MLP, the unembedding at every token for the
    bare pass and at one for ours.
    """
    head_cost, mlp_cost = 4 * graph.d_model**2 / graph.heads, 8 * graph.d_model**2
    spent = sum(head_cost if node.kind == "head" else mlp_cost for node in live if node.kind != "embed")
    return spent / full_cost(graph)
