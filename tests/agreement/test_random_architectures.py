"""Architectures, rows, ablations and edge sets drawn by hypothesis; compiled and forced forms are the oracle's."""

from __future__ import annotations

import random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from circuitgraph.plan.compile import Form
from circuitgraph.plan.variants import EdgeRule, Variant
from tests.agreement.cases import ABLATIONS, PLACES, Case, random_edge_set, random_rows
from tests.oracle.random_models import random_gpt2

EXACT = 1e-10


@settings(max_examples=25, deadline=None)
@given(
    layers=st.integers(1, 3),
    heads=st.integers(1, 4),
    attn_only=st.booleans(),
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=2),
    ablation=st.sampled_from(sorted(ABLATIONS)),
    placed=st.booleans(),
    seed=st.integers(0, 2**16),
)
@example(layers=3, heads=4, attn_only=False, lengths=[3, 6], ablation="mean", placed=True, seed=0)
@example(layers=1, heads=1, attn_only=True, lengths=[1], ablation="zero", placed=False, seed=0)
def test_random_models_rows_and_edge_sets(
    layers: int, heads: int, attn_only: bool, lengths: list[int], ablation: str, placed: bool, seed: int
) -> None:
    model = random_gpt2(seed, layers=layers, heads=heads, head_width=3, attn_only=attn_only)
    rows = random_rows([*lengths, *lengths], 13, seed)  # every length twice: resample needs a partner
    case = Case(model, rows, ABLATIONS[ablation])
    draw = random.Random(seed)
    sets = [random_edge_set(case.edges, draw, PLACES if placed else ()) for _ in range(3)]
    is_run = case.ablation.kind in ("corrupt", "resample")
    forms: dict[EdgeRule, tuple[Form, ...]] = {
        "circuit": ("direct", "complement"),
        "any-edge": ("direct", "complement", "around") if is_run else ("around",),
    }
    session = case.session()
    every = list(
        dict.fromkeys(Variant(one, rule) for one in sets for rule in forms)
    )  # tiny models repeat sets
    compiled = case.logits(case.plan(every).steps, session)
    error, place = case.worst(compiled)
    assert error <= EXACT, place
    for rule, valid in forms.items():
        variants = [variant for variant in every if variant.rule == rule]
        for form in valid:
            for variant, logits in case.logits([case.step(form, rule, variants)], session).items():
                assert float((logits - compiled[variant]).abs().max()) <= EXACT, (form, variant)
