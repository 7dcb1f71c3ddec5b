"""How rows and variants are cut up, padded or ordered changes no reading."""

from __future__ import annotations

import random

import numpy as np
import pytest

from circuitgraph.engine.session import DEFAULT_BUDGET, Readings
from circuitgraph.plan.variants import AttentionRead, Variant
from circuitgraph.resolve.circuit import Ablation
from tests.agreement.cases import ABLATIONS, Case, random_edge_set, random_rows
from tests.oracle.random_models import random_gpt2

SAME = 1e-12
MODEL = random_gpt2(22)
ROWS = random_rows((8, 5, 3, 5, 8, 3), 13, seed=2)
each_ablation = pytest.mark.parametrize("ablation", ABLATIONS)


def some_variants(case: Case) -> list[Variant]:
    draw = random.Random(5)
    sets = [random_edge_set(case.edges, draw) for _ in range(6)]
    return [Variant(one, rule) for one in sets for rule in ("circuit", "any-edge")]


def measured(case: Case, variants: list[Variant], budget: int = DEFAULT_BUDGET) -> Readings:
    reads = [AttentionRead(node, "END", "A") for node in case.graph.writers if node.kind == "head"]
    plan = case.plan([*variants, *reads])  # type: ignore[list-item]
    return case.session(budget).run(plan)


def same(one: Readings, other: Readings, order: list[int] | None = None) -> None:
    """Assert equal readings; row `order[i]` of the first is row `i` of the other."""
    order = list(range(len(one.clean))) if order is None else order
    pairs = [(one.clean, other.clean), (one.ablated, other.ablated), (one.ablated_kl, other.ablated_kl)]
    for name in ("values", "kl", "attention"):
        left, right = getattr(one, name), getattr(other, name)
        assert set(left) == set(right)
        pairs += [(left[key], right[key]) for key in left]
    for left, right in pairs:
        np.testing.assert_allclose(left[order], right, rtol=0, atol=SAME)


@each_ablation
def test_one_row_and_one_variant_at_a_time(ablation: str) -> None:
    """A budget of nothing cuts to single rows, unpadded, and single variants."""
    case = Case(MODEL, ROWS, ABLATIONS[ablation])
    variants = some_variants(case)
    session = case.session(budget=1)
    assert [len(batch) for batch in session.batches()] == [1] * len(ROWS)
    assert [batch.length for batch in session.batches()] == [row.length for row in ROWS]
    same(measured(case, variants), measured(case, variants, budget=1))


def test_a_budget_in_between() -> None:
    case = Case(MODEL, ROWS, ABLATIONS["mean"])
    variants = some_variants(case)
    whole = measured(case, variants)
    sizes: set[int] = set()
    for budget in (30_000, 80_000, 200_000):
        sizes.add(len(list(case.session(budget).batches())))
        same(whole, measured(case, variants, budget))
    assert len(sizes) > 1 and max(sizes) < len(ROWS) + 1


def test_the_order_of_variants_does_not_matter() -> None:
    case = Case(MODEL, ROWS, ABLATIONS["corrupt"])
    variants = some_variants(case)
    shuffled = random.Random(0).sample(variants, len(variants))
    same(measured(case, variants), measured(case, [*shuffled, *variants]))


@pytest.mark.parametrize("ablation", [name for name in ABLATIONS if name != "resample"])
def test_the_order_of_rows_does_not_matter(ablation: str) -> None:
    """Under resample it does, by design: partners are drawn by a row's place."""
    order = [3, 0, 5, 1, 4, 2]
    case = Case(MODEL, ROWS, ABLATIONS[ablation])
    other = Case(MODEL, tuple(ROWS[i] for i in order), ABLATIONS[ablation])
    variants = some_variants(case)
    same(measured(case, variants), measured(other, variants), order)


def test_the_other_rows_do_not_matter() -> None:
    """A row alone, unpadded, reads as it does among longer ones (corrupt: the baseline is its own)."""
    case = Case(MODEL, ROWS, ABLATIONS["corrupt"])
    variants = some_variants(case)
    among = measured(case, variants)
    for i in (0, 2):
        alone = measured(Case(MODEL, (ROWS[i],), ABLATIONS["corrupt"]), variants)
        same(among, alone, [i])


def test_resampling_is_seeded_and_never_with_oneself() -> None:
    """Two seeds give two baselines somewhere; each is what a partner of equal length would leave."""
    variants = some_variants(Case(MODEL, ROWS, ABLATIONS["corrupt"]))
    found = {}
    for seed in range(4):
        case = Case(MODEL, ROWS, Ablation("resample", seed=seed))
        found[seed] = measured(case, variants).ablated
        np.testing.assert_array_equal(found[seed], measured(case, variants).ablated)
        assert (found[seed] != measured(case, variants).clean).all()
