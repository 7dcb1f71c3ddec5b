"""Every edge and many edge sets, every rule and ablation: the engine's logits are the oracle's."""

from __future__ import annotations

import random
from typing import Any, cast

import pytest
import torch
from transformers import GPT2LMHeadModel

from circuitgraph.names import Edge
from circuitgraph.plan.compile import Form
from circuitgraph.plan.variants import ABLATED, CLEAN, EdgeRule, EdgeSet, Variant, denoising, noising
from tests.agreement.cases import ABLATIONS, PLACES, Case, random_edge_set, random_rows
from tests.oracle.random_models import random_gpt2

EXACT = 1e-10
ROWS = random_rows((8, 5, 5, 8), 13, seed=1)
WITH_MLP = random_gpt2(22)
WITHOUT_MLP = random_gpt2(23, attn_only=True)
each_ablation = pytest.mark.parametrize("ablation", ABLATIONS)
RULES: tuple[EdgeRule, ...] = ("circuit", "any-edge")


def agree(case: Case, variants: list[Variant], rows: tuple[int, ...] = (0, 1)) -> None:
    """Assert that compiled plans give the oracle's logits; two rows of different length unless told otherwise."""
    plan = case.plan(variants)
    found = case.logits(plan.steps)
    assert set(found) == set(variants)
    error, place = case.worst(found, rows)
    assert error <= EXACT, place


@each_ablation
def test_every_single_edge_in_both_directions(ablation: str) -> None:
    case = Case(WITH_MLP, ROWS, ABLATIONS[ablation])
    assert len(case.edges) == 46
    agree(case, [*(noising([edge]) for edge in case.edges), *(denoising([edge]) for edge in case.edges)])


@each_ablation
def test_every_single_edge_at_a_position(ablation: str) -> None:
    """At END and at a token in the middle; all four rows, whose A differ."""
    case = Case(WITHOUT_MLP, ROWS, ABLATIONS[ablation])
    placed = [Edge(edge.source, edge.target, place) for edge in case.edges for place in ("A", "END")]
    variants = [act([edge]) for edge in placed for act in (noising, denoising)]
    agree(case, variants, rows=(1, 3))


@each_ablation
def test_many_edge_sets_under_both_rules(ablation: str) -> None:
    case = Case(WITH_MLP, ROWS, ABLATIONS[ablation])
    draw = random.Random(f"sets {ablation}")
    sets = [random_edge_set(case.edges, draw) for _ in range(50)]
    assert sum(any(edge.position for edge in one.edges) for one in sets) > 10
    agree(case, [Variant(one, rule) for one in sets for rule in RULES])


@pytest.mark.parametrize(
    "settings", [{"scale_attn_by_inverse_layer_idx": True}, {"scale_attn_weights": False}]
)
def test_what_a_config_may_change(settings: dict[str, bool]) -> None:
    model = random_gpt2(5, layers=3, heads=1, activation_function="relu", n_inner=7, **settings)
    case = Case(model, ROWS, ABLATIONS["corrupt"])
    draw = random.Random(0)
    agree(case, [Variant(random_edge_set(case.edges, draw), rule) for _ in range(8) for rule in RULES])


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_either_attention_implementation(implementation: str) -> None:
    model = random_gpt2(22)
    model.set_attn_implementation(implementation)
    case = Case(model, ROWS, ABLATIONS["mean"])
    draw = random.Random(1)
    agree(case, [Variant(random_edge_set(case.edges, draw), rule) for _ in range(6) for rule in RULES])


# End points.


def whole(case: Case) -> dict[str, list[Variant]]:
    """All the ways to say that everything is kept, and that nothing is."""
    placed = [Edge(edge.source, edge.target, place) for edge in case.edges for place in PLACES]
    return {
        "clean": [CLEAN, Variant(EdgeSet.only(case.edges)), Variant(EdgeSet.only(case.edges), "any-edge")],
        "ablated": [
            ABLATED,
            Variant(EdgeSet.without(case.edges)),
            Variant(EdgeSet.only(()), "any-edge"),
            Variant(EdgeSet.without([*case.edges, *placed]), "any-edge"),
        ],
    }


def ends_are_reference_runs(case: Case) -> None:
    """Alone in its step an end point is the reference run bit for bit: it folds to it, and the batch is the same."""
    session = case.session()
    with session.exclusive():
        (batch,) = session.batches(PLACES)
        reference = session.reference(batch)
        corrupt = reference.baseline.run
        ablated = session._ablated_logits(reference) if corrupt is None else corrupt.logits
        for end, variants in whole(case).items():
            for variant in variants:
                (step,) = case.plan([variant]).steps
                logits = session.patched_logits(step, [variant], reference)[0]
                assert not step.live
                assert torch.equal(logits, reference.clean.logits if end == "clean" else ablated), (
                    end,
                    variant.rule,
                )


@each_ablation
@pytest.mark.parametrize("model", [WITH_MLP, WITHOUT_MLP], ids=["mlp", "attn-only"])
def test_end_points_are_exact(ablation: str, model: GPT2LMHeadModel) -> None:
    case = Case(model, ROWS, ABLATIONS[ablation])
    ends_are_reference_runs(case)
    found = case.logits(case.plan([CLEAN, ABLATED]).steps)
    for i, row in enumerate(ROWS):
        assert float((found[ABLATED][i] - case.expected(ABLATED, i)).abs().max()) <= 1e-12
        assert float((found[CLEAN][i] - case.oracle.run(row.clean)[1][-1]).abs().max()) <= 1e-12


@each_ablation
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_end_points_are_exact_in_every_precision(ablation: str, dtype: torch.dtype) -> None:
    ends_are_reference_runs(Case(cast(Any, random_gpt2(22)).to(dtype), ROWS, ABLATIONS[ablation]))


@each_ablation
def test_end_points_stacked_with_others(ablation: str) -> None:
    """Beside other variants the batch is larger and matrix products may round differently: to 1e-12."""
    case = Case(WITH_MLP, ROWS, ABLATIONS[ablation])
    ends = whole(case)
    others = [act([edge]) for edge in case.edges[::5] for act in (noising, denoising)]
    found = case.logits(case.plan([*ends["clean"], *ends["ablated"], *others]).steps)
    clean = torch.stack([case.oracle.run(row.clean)[1][-1] for row in ROWS])
    ablated = torch.stack([case.expected(ABLATED, i) for i in range(len(ROWS))])
    for end, wanted in (("clean", clean), ("ablated", ablated)):
        for variant in ends[end]:
            assert float((found[variant] - wanted).abs().max()) <= 1e-12


# Forms.


@each_ablation
def test_forms_agree_where_several_are_exact(ablation: str) -> None:
    """Nothing folded, each form forced: direct and complement always, around with any-edge.

    Under any-edge a baseline that is no run admits the form around alone.
    """
    case = Case(WITH_MLP, ROWS, ABLATIONS[ablation])
    is_run = case.ablation.kind in ("corrupt", "resample")
    forms: dict[EdgeRule, tuple[Form, ...]] = {
        "circuit": ("direct", "complement"),
        "any-edge": ("direct", "complement", "around") if is_run else ("around",),
    }
    draw = random.Random(f"forms {ablation}")
    sets = [random_edge_set(case.edges, draw) for _ in range(8)]
    for rule, valid in forms.items():
        variants = [Variant(one, rule) for one in sets]
        for form in valid:
            error, place = case.worst(case.logits([case.step(form, rule, variants)]), rows=(0, 1))
            assert error <= EXACT, (form, place)


def test_the_wrong_form_is_wrong() -> None:
    """The check above can fail: under zero, complement is not a form of any-edge (m0 is reached by nothing)."""
    case = Case(WITH_MLP, ROWS, ABLATIONS["zero"])
    variant = denoising(edge for edge in case.edges if edge.source.name == "a1.h0")
    error, _ = case.worst(case.logits([case.step("complement", "any-edge", [variant])]))
    assert error > 1e-3


# Short rows.


@each_ablation
def test_rows_of_one_and_two_tokens(ablation: str) -> None:
    """A position may be the whole row; then an edge ablated there is kept nowhere."""
    rows = random_rows((1, 2, 1, 2), 13, seed=4)
    case = Case(WITH_MLP, rows, ABLATIONS[ablation])
    draw = random.Random(f"short {ablation}")
    sets = [random_edge_set(case.edges, draw) for _ in range(10)]
    at_the_end = [Edge(edge.source, edge.target, "END") for edge in case.edges]
    first_layer_at_the_end = [edge for edge in at_the_end if edge.target.node.layer == 0]
    later = [edge for edge in case.edges if edge.target.node.layer != 0]
    sets += [EdgeSet.without(at_the_end), EdgeSet.without([*first_layer_at_the_end, *later])]
    agree(case, [Variant(one, rule) for one in sets for rule in RULES], rows=(0, 1, 2, 3))


# The sanity of single precision.


@each_ablation
def test_single_precision_is_close(ablation: str) -> None:
    single = Case(random_gpt2(22).float(), ROWS, ABLATIONS[ablation])
    draw = random.Random(f"single {ablation}")
    variants = [Variant(random_edge_set(single.edges, draw), rule) for _ in range(6) for rule in RULES]
    found = single.logits(single.plan(variants).steps)
    assert all(logits.dtype == torch.float32 for logits in found.values())
    error, place = single.worst(found, rows=(0, 1))
    assert 1e-9 < error < 1e-4, place
