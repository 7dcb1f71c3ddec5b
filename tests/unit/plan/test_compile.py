"""The passes of the plan: dedupe, choose_form, fold, batch; and what a plan prints."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitgraph as cg
from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.names import EMBED, LOGITS, Edge, Node, Port, head, mlp
from circuitgraph.plan.compile import (
    BaselineKind,
    Plan,
    batch,
    choose_form,
    compile_plan,
    dedupe,
    fold,
    forward_share,
    used_pairs,
)
from circuitgraph.plan.masks import kept_pairs, pair_of, pair_offsets
from circuitgraph.plan.sites import sites
from circuitgraph.plan.variants import (
    ABLATED,
    CLEAN,
    AttentionRead,
    EdgeRule,
    EdgeSet,
    Request,
    Variant,
    denoising,
    noising,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "plans"
GPT2 = ResidualGraph("gpt2", layers=12, heads=12, d_model=768, vocab=50257, context=1024, name="gpt2")
SMALL = ResidualGraph("gpt2", layers=2, heads=2, d_model=8, vocab=13, context=12, name="small")
KINDS: tuple[BaselineKind, ...] = ("corrupt", "zero", "mean", "resample")
RULES: tuple[EdgeRule, ...] = ("circuit", "any-edge")

graphs = st.builds(
    lambda layers, heads, has_mlp: ResidualGraph("gpt2", layers, heads, 4 * heads, 13, 12, has_mlp),
    st.integers(1, 3),
    st.integers(1, 3),
    st.booleans(),
)
quick = settings(max_examples=60, deadline=None)


def edge(source: Node, target: Node, port: str = "in", at: str | None = None) -> Edge:
    return Edge(source, Port(target, port), at)  # type: ignore[arg-type]


def some_edges(graph: ResidualGraph, draw: random.Random, share: float) -> list[Edge]:
    chosen = [one for one in graph.edges() if draw.random() < share]
    return [Edge(one.source, one.target, draw.choice((None, None, "END"))) for one in chosen]


# Requests.


def test_equal_requests_run_once_in_the_order_they_came() -> None:
    one, other = edge(EMBED, mlp(0)), edge(EMBED, LOGITS)
    read = AttentionRead(head(0, 1), "END", "MATCH")
    requests: list[Request] = [noising([one, other]), read, noising([other, one]), denoising([one]), read]
    assert dedupe(requests) == (requests[0], read, requests[3])
    plan = compile_plan(SMALL, "corrupt", 4, requests)
    assert sorted(len(step.variants) for step in plan.steps) == [1, 1]
    assert plan.attention == (read,)


def test_noising_and_denoising_are_what_the_definitions_call_them() -> None:
    one = edge(EMBED, mlp(0))
    assert noising([one]) == Variant(EdgeSet.without([one]), "circuit")
    assert denoising([one]) == Variant(EdgeSet.only([one]), "any-edge")
    assert EdgeSet.only([one]).complement == EdgeSet.without([one])


# Forms.


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", RULES)
def test_end_points_fold_to_a_reference_run(kind: BaselineKind, rule: EdgeRule) -> None:
    """In whatever words, under every baseline: no component runs."""
    every = list(SMALL.edges())
    placed = [Edge(one.source, one.target, "END") for one in every]
    ends = [EdgeSet.only(every), EdgeSet.without(()), EdgeSet.only(()), EdgeSet.without([*every, *placed])]
    for kept in ends:
        (step,) = batch(SMALL, kind, [Variant(kept, rule)])
        assert (step.live, step.cost) == ((), 0.0)


def test_few_patched_edges_are_direct_and_few_kept_ones_complement() -> None:
    one = edge(head(0, 0), head(1, 1), "k")
    for kind in ("corrupt", "resample", "mean"):
        assert choose_form(SMALL, kind, noising([one])) == "direct"
        assert choose_form(SMALL, kind, Variant(EdgeSet.only([one]))) == "complement"
    for kind in ("corrupt", "resample"):
        assert choose_form(SMALL, kind, denoising([one])) == "direct"
        assert choose_form(SMALL, kind, Variant(EdgeSet.without([one]), "any-edge")) == "complement"


def test_what_zero_and_mean_do_not_admit() -> None:
    """Under zero nothing is subtracted from the live stream; without a run any-edge has one form."""
    one = edge(head(0, 0), head(1, 1), "k")
    assert choose_form(SMALL, "zero", noising([one])) == "complement"
    for kind in ("zero", "mean"):
        for kept in (EdgeSet.only([one]), EdgeSet.without([one])):
            assert choose_form(SMALL, kind, Variant(kept, "any-edge")) == "around"


def test_more_than_half_listed_counts_as_the_rest() -> None:
    every = list(SMALL.edges())
    most, few = every[: len(every) * 3 // 4], every[len(every) * 3 // 4 :]
    for kind in ("corrupt", "mean", "resample"):
        assert choose_form(SMALL, kind, Variant(EdgeSet.only(most))) == "direct"
        assert choose_form(SMALL, kind, Variant(EdgeSet.without(most))) == "complement"
        assert choose_form(SMALL, kind, Variant(EdgeSet.without(few))) == "direct"


# Folding.


def test_a_chain_runs_its_own_components_alone() -> None:
    chain = [edge(EMBED, head(0, 1), "v"), edge(head(0, 1), head(1, 0), "k"), edge(head(1, 0), LOGITS)]
    astray = edge(EMBED, head(0, 0), "q")
    (step,) = batch(SMALL, "corrupt", [Variant(EdgeSet.only([*chain, astray]))])
    assert (step.form, step.start, step.live) == ("complement", 0, (head(0, 1), head(1, 0)))


def test_a_direct_run_starts_at_the_first_patched_block() -> None:
    for target, port, start in (
        (head(1, 0), "q", 1),
        (mlp(1), "in", 1),
        (LOGITS, "in", 2),
        (mlp(0), "in", 0),
    ):
        (step,) = batch(SMALL, "corrupt", [noising([edge(EMBED, target, port)])])
        assert (step.form, step.start) == ("direct", start)
        assert step.live == tuple(node for node in SMALL.writers if node.layer >= start)
    both = noising([edge(EMBED, LOGITS), edge(EMBED, head(1, 1), "v")])
    assert batch(SMALL, "corrupt", [both])[0].start == 1


@quick
@given(graph=graphs, kind=st.sampled_from(KINDS), rule=st.sampled_from(RULES), seed=st.integers(0, 999))
def test_live_components_are_those_with_a_used_way_to_the_logits(
    graph: ResidualGraph, kind: BaselineKind, rule: EdgeRule, seed: int
) -> None:
    """By brute force over the graph of used pairs, for the forms that fold by reach."""
    draw = random.Random(seed)
    kept = EdgeSet(frozenset(some_edges(graph, draw, draw.random())), draw.random() < 0.5)
    used = used_pairs(graph, "complement", rule, [kept])
    start, live = fold(graph, "complement", used)
    offsets = pair_offsets(graph)
    alive: set[Node] = {LOGITS}
    while True:
        more = {
            graph.writers[u]
            for p, port in enumerate(graph.ports)
            if port.node in alive
            for u in range(graph.reads[p])
            if used[0, offsets[p] + u]
        }
        if more <= alive:
            break
        alive |= more
    assert set(live) == alive - {LOGITS, EMBED}
    assert start == min((node.layer for node in live), default=graph.layers)


@quick
@given(graph=graphs, rule=st.sampled_from(RULES), seed=st.integers(0, 999))
def test_used_pairs_are_the_patched_ones_or_the_others(
    graph: ResidualGraph, rule: EdgeRule, seed: int
) -> None:
    """Without positions direct and complement share the pairs out; circuit and any-edge exchange them."""
    draw = random.Random(seed)
    chosen = frozenset(one.everywhere for one in some_edges(graph, draw, 0.5))
    kept = EdgeSet(chosen, draw.random() < 0.5)
    direct, complement = (used_pairs(graph, form, rule, [kept])[0] for form in ("direct", "complement"))
    assert (direct ^ complement).all()
    for one in graph.edges():
        is_kept = (one in chosen) != kept.inverted
        assert complement[pair_of(graph, one)] == (is_kept == (rule == "circuit"))
    assert used_pairs(graph, "around", rule, [kept]).all()


# Batching.


@quick
@given(graph=graphs, kind=st.sampled_from(KINDS), seed=st.integers(0, 999))
def test_every_variant_runs_once_beside_its_like(graph: ResidualGraph, kind: BaselineKind, seed: int) -> None:
    draw = random.Random(seed)
    variants = [
        Variant(
            EdgeSet(frozenset(some_edges(graph, draw, draw.random())), draw.random() < 0.5),
            draw.choice(RULES),
        )
        for _ in range(8)
    ]
    plan = compile_plan(graph, kind, 3, [*variants, CLEAN, ABLATED])
    ran = [variant for step in plan.steps for variant in step.variants]
    assert len(ran) == len(set(ran)) and set(ran) == {*variants, CLEAN, ABLATED}
    assert len({(step.rule, step.form, step.start, step.form == "direct") for step in plan.steps}) == len(
        plan.steps
    )
    for step in plan.steps:
        for variant in step.variants:
            assert variant.rule == step.rule
            assert choose_form(graph, kind, variant) == step.form
            (alone,) = batch(graph, kind, [variant])
            assert set(alone.live) <= set(step.live) and step.start <= alone.start
        assert step.cost == pytest.approx(len(step.variants) * forward_share(graph, step.live))
        assert list(step.live) == [node for node in graph.writers if node in set(step.live)]


# Costs.


@quick
@given(graph=graphs, seed=st.integers(0, 999))
def test_forward_share_is_a_share_and_grows(graph: ResidualGraph, seed: int) -> None:
    draw = random.Random(seed)
    components = graph.writers[1:]
    some = [node for node in components if draw.random() < 0.5]
    more = [node for node in components if node in some or draw.random() < 0.5]
    assert forward_share(graph, ()) == 0.0
    assert (
        0.0
        <= forward_share(graph, some)
        <= forward_share(graph, more)
        <= forward_share(graph, components)
        < 1.0
    )
    halves = [node for node in components if node not in some]
    total = forward_share(graph, some) + forward_share(graph, halves)
    assert total == pytest.approx(forward_share(graph, components))


def test_the_cost_of_a_plan_is_that_of_its_parts() -> None:
    read = AttentionRead(head(0, 0), "END", "END")
    for kind, reference in (("zero", 1.0), ("corrupt", 2.0), ("mean", 2.0), ("resample", 2.0)):
        assert compile_plan(SMALL, kind, 4, []).cost == reference  # type: ignore[arg-type]
        assert compile_plan(SMALL, kind, 4, [read]).cost == reference + 1.0  # type: ignore[arg-type]
    plan = compile_plan(SMALL, "corrupt", 4, [noising([edge(EMBED, LOGITS)]), noising([edge(EMBED, mlp(0))])])
    assert plan.cost == pytest.approx(2.0 + sum(step.cost for step in plan.steps))


# Arrays.


@quick
@given(graph=graphs)
def test_pairs_lie_port_after_port_and_sites_tile_the_ports(graph: ResidualGraph) -> None:
    assert [pair_of(graph, one) for one in graph.edges()] == list(range(graph.edge_count))
    assert pair_offsets(graph)[-1] == graph.edge_count
    covered = [site.first_port + place for site in sites(graph) for place in range(site.ports)]
    assert covered == list(range(len(graph.ports)))
    assert [site.index for site in sites(graph)] == list(range(len(sites(graph))))


def test_kept_pairs_know_positions_apart() -> None:
    one, other = edge(EMBED, mlp(0)), edge(EMBED, LOGITS)
    sets = [EdgeSet.only([one]), EdgeSet.without([Edge(other.source, other.target, "END"), one])]
    kept = kept_pairs(SMALL, sets)
    mine, theirs = pair_of(SMALL, one), pair_of(SMALL, other)
    assert kept.everywhere.sum(axis=1).tolist() == [1, 1] and kept.everywhere[:, mine].all()
    assert {name: [list(map(int, part)) for part in found] for name, found in kept.placed.items()} == {
        "END": [[1], [theirs]]
    }
    assert kept.touched()[1, theirs] and not kept.touched()[0, theirs]


# What is printed.


def ioi_like() -> Plan:
    """The main runs of a circuit of name movers over GPT-2 small's shape."""
    movers = [head(9, 9), head(9, 6), head(10, 0)]
    inhibition = [head(7, 3), head(7, 9), head(8, 6), head(8, 10)]
    kept = [edge(mover, LOGITS) for mover in movers]
    kept += [edge(sender, mover, "q", "END") for sender in inhibition for mover in movers]
    kept += [edge(EMBED, mover, "v") for mover in movers] + [edge(EMBED, one, "v") for one in inhibition]
    circuit = Variant(EdgeSet.only(kept))
    requests: list[Request] = [circuit, Variant(EdgeSet.without(kept)), *(noising([one]) for one in kept)]
    requests += [denoising(kept[:3]), AttentionRead(movers[0], "END", "IO")]
    return compile_plan(GPT2, "mean", 256, requests)


@pytest.mark.parametrize("name", ["induction", "ioi-like"])
def test_golden(name: str, repository: Path) -> None:
    plan = cg.explain(repository / "specs" / "induction.yaml") if name == "induction" else ioi_like()
    file = GOLDEN / f"{name}.txt"
    text = f"{plan}\n"
    if os.environ.get("CG_UPDATE_GOLDEN") == "1":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_explain_says_the_same_each_time_and_the_seed_draws_the_rivals(repository: Path) -> None:
    spec = repository / "specs" / "induction.yaml"
    plan, again, other = cg.explain(spec), cg.explain(spec), cg.explain(spec, seed=1)
    assert plan == again and str(plan) == str(again)
    assert plan != other
