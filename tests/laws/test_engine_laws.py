"""Identities of the definitions that hold on any model; no oracle is needed to see them broken."""

from __future__ import annotations

import random
from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from circuitgraph.names import Edge
from circuitgraph.plan.variants import ABLATED, CLEAN, EdgeSet, Variant, denoising, noising
from circuitgraph.resolve.circuit import Ablation
from circuitgraph.task import Task
from tests.agreement.cases import ABLATIONS, Case, random_edge_set, random_rows
from tests.oracle.random_models import random_gpt2

SAME = 1e-10
few = settings(max_examples=12, deadline=None)
seeds = st.integers(0, 2**16)
architectures = st.builds(
    lambda seed, layers, heads, attn_only: random_gpt2(
        seed, layers=layers, heads=heads, head_width=3, attn_only=attn_only
    ),
    seeds,
    st.integers(1, 3),
    st.integers(1, 3),
    st.booleans(),
)
ablations = st.sampled_from(sorted(ABLATIONS))


def close(left: Tensor, right: Tensor) -> None:
    assert float((left - right).abs().max()) <= SAME


@few
@given(model=architectures, ablation=ablations, seed=seeds)
def test_keeping_everything_is_clean_and_nothing_is_ablated(
    model: torch.nn.Module, ablation: str, seed: int
) -> None:
    case = Case(model, random_rows((3, 5, 3, 5), 13, seed), ABLATIONS[ablation])  # type: ignore[arg-type]
    both = [(EdgeSet.only(case.edges), EdgeSet.without(())), (EdgeSet.without(case.edges), EdgeSet.only(()))]
    everything, nothing = (
        [Variant(one, rule) for one in sets for rule in ("circuit", "any-edge")] for sets in both
    )
    found = case.logits(case.plan([*everything, *nothing]).steps)
    for variants, end in ((everything, CLEAN), (nothing, ABLATED)):
        for variant in variants:
            close(found[variant], found[end])


@few
@given(model=architectures, seed=seeds)
def test_any_edge_is_circuit_seen_from_the_corrupt_prompt(model: torch.nn.Module, seed: int) -> None:
    """A leaf is clean iff some edge of its path is kept, so it is corrupt iff every edge is not: exchange the two."""
    rows = random_rows((4, 6), 13, seed)
    swapped = tuple(replace(row, clean=row.corrupt, corrupt=row.clean) for row in rows)
    case, mirror = (Case(model, some, ABLATIONS["corrupt"]) for some in (rows, swapped))  # type: ignore[arg-type]
    draw = random.Random(seed)
    for kept in [random_edge_set(case.edges, draw) for _ in range(4)]:
        variant, reflected = Variant(kept, "any-edge"), Variant(kept.complement, "circuit")
        close(
            case.logits(case.plan([variant]).steps)[variant],
            mirror.logits(mirror.plan([reflected]).steps)[reflected],
        )


@few
@given(model=architectures, ablation=ablations, seed=seeds)
def test_an_edge_at_every_position_is_the_edge(model: torch.nn.Module, ablation: str, seed: int) -> None:
    case = Case(model, at_every_token(random_rows((4, 4), 13, seed)), ABLATIONS[ablation])  # type: ignore[arg-type]
    draw = random.Random(seed)
    kept = random_edge_set(case.edges, draw, ())
    spread = [Edge(edge.source, edge.target, f"T{t}") for edge in kept.edges for t in range(4)]
    for rule in ("circuit", "any-edge"):
        whole, pieces = Variant(kept, rule), Variant(EdgeSet(frozenset(spread), kept.inverted), rule)
        session = case.session()
        with session.exclusive():
            (batch,) = session.batches([f"T{t}" for t in range(4)])
            reference = session.reference(batch)
            left, right = (
                session.patched_logits(case.plan([one]).steps[0], [one], reference) for one in (whole, pieces)
            )
        close(left, right)


def at_every_token(rows: tuple) -> tuple:  # type: ignore[type-arg]
    return tuple(replace(row, positions={f"T{t}": t for t in range(row.length)}) for row in rows)


@few
@given(model=architectures, ablation=ablations, seed=seeds)
def test_an_edge_into_a_node_that_nothing_reads_does_nothing(
    model: torch.nn.Module, ablation: str, seed: int
) -> None:
    """Under `circuit` the edges into a node without kept edges out may be kept or not."""
    case = Case(model, random_rows((3, 5, 3, 5), 13, seed), ABLATIONS[ablation])  # type: ignore[arg-type]
    draw = random.Random(seed)
    node = draw.choice(case.graph.writers[1:])
    kept = {edge for edge in case.edges if edge.source != node and draw.random() < 0.6}
    without, having = (
        Variant(EdgeSet.only(kept - {e for e in case.edges if e.target.node == node})),
        Variant(EdgeSet.only(kept | {e for e in case.edges if e.target.node == node})),
    )
    found = case.logits(case.plan([without, having]).steps)
    close(found[without], found[having])


@few
@given(model=architectures, seed=seeds)
def test_noising_beyond_the_readout_does_nothing(model: torch.nn.Module, seed: int) -> None:
    """Queries and writes to logits count at the last token only in the last layer."""
    rows = tuple(replace(row, positions={**row.positions, "A": 0}) for row in random_rows((3, 5), 13, seed))
    case = Case(model, rows, ABLATIONS["zero"])  # type: ignore[arg-type]
    last = case.graph.layers - 1
    silent = [
        Edge(edge.source, edge.target, "A")
        for edge in case.edges
        if edge.target.node.kind == "logits"
        or (edge.target.node.layer == last and edge.target.name in ("q", "in"))
    ]
    act = noising(silent)
    found = case.logits(case.plan([act, CLEAN]).steps)
    close(found[act], found[CLEAN])


@few
@given(model=architectures, seed=seeds)
def test_zero_and_mean_are_what_they_say(model: torch.nn.Module, seed: int) -> None:
    """One row is its own mean: nothing changes. And a mean over equal corrupt rows is that corrupt run."""
    row = random_rows((5,), 13, seed)[0]
    alone = Case(model, (row,), Ablation("mean"))  # type: ignore[arg-type]
    twice = Case(model, (row, replace(row, clean=row.corrupt or ())), Ablation("mean", over="corrupt"))  # type: ignore[arg-type]
    corrupt = Case(model, (row,), Ablation("corrupt"))  # type: ignore[arg-type]
    draw = random.Random(seed)
    variants = [Variant(random_edge_set(alone.edges, draw), "circuit") for _ in range(3)]
    single = alone.logits(alone.plan([*variants, CLEAN]).steps)
    over = twice.logits(twice.plan(variants).steps)
    plain = corrupt.logits(corrupt.plan(variants).steps)
    for variant in variants:
        close(single[variant], single[CLEAN])
        close(over[variant][:1], plain[variant])


@few
@given(model=architectures, ablation=ablations, seed=seeds)
def test_effects_are_zero_where_clean_and_corrupt_are_equal(
    model: torch.nn.Module, ablation: str, seed: int
) -> None:
    """Same prompt on both sides, corrupt ablation: no edge has an effect, in either direction."""
    rows = tuple(replace(row, corrupt=row.clean) for row in random_rows((3, 5), 13, seed))
    case = Case(model, rows, Ablation("corrupt"))  # type: ignore[arg-type]
    draw = random.Random(f"{seed} {ablation}")
    edges = draw.sample(case.edges, 3)
    variants = [act([edge]) for edge in edges for act in (noising, denoising)]
    session = case.session()
    readings = session.run(case.plan(variants))
    assert Task(rows, "logit_diff").metric == readings.metric
    for variant in variants:
        assert abs(readings.values[variant] - readings.clean).max() <= SAME
        assert abs(readings.kl[variant]).max() <= SAME
