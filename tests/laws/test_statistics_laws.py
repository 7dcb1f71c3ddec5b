"""Laws that every estimate and verdict obeys, whatever the data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitgraph.statistics import (
    Bounds,
    Estimate,
    Interval,
    Verdict,
    benjamini_hochberg,
    eta_squared,
    holm,
    judge,
    mean,
    omega_squared,
    rank_correlation,
    ratio_of_means,
    share_beaten,
    smallest_of,
)

# Multiples of 1/8 are exact in binary: shifts and doublings below are then free of rounding.
eighths = st.integers(-400, 400).map(lambda k: k / 8)
pairs = st.tuples(eighths, st.integers(8, 400).map(lambda k: k / 8))
# Few examples and many take different ways to an interval.
samples = st.lists(eighths, min_size=2, max_size=8) | st.lists(eighths, min_size=20, max_size=40)
paired = st.lists(pairs, min_size=2, max_size=8) | st.lists(pairs, min_size=20, max_size=40)
ends = st.floats(-10, 10)
RESAMPLES: Any = {"resamples": 200, "seed": 0}


def same(left: Estimate, right: Estimate) -> None:
    """Equal to rounding."""
    assert (left.n, left.clusters) == (right.n, right.clusters)
    numbers = [(e.value, e.interval.low, e.interval.high) for e in (left, right)]
    scale = 1.0 + max(abs(x) for x in numbers[0])
    assert numbers[0] == pytest.approx(numbers[1], abs=1e-9 * scale)


def mapped(estimate: Estimate, factor: float, offset: float = 0.0) -> Estimate:
    interval = estimate.interval
    return Estimate(
        factor * estimate.value + offset,
        Interval(factor * interval.low + offset, factor * interval.high + offset, interval.level),
        estimate.n,
        estimate.clusters,
    )


@given(samples, st.integers(-64, 64), st.integers(-3, 3))
def test_mean_follows_shift_and_scale(values: list[float], offset: int, power: int) -> None:
    factor = 2.0**power
    moved = mean([factor * x + offset for x in values], **RESAMPLES)
    same(moved, mapped(mean(values, **RESAMPLES), factor, offset))


@given(paired, st.integers(-3, 3), st.integers(-3, 3))
def test_ratio_follows_scale_of_either_side(rows: list[tuple[float, float]], up: int, down: int) -> None:
    top, bottom = map(list, zip(*rows, strict=True))
    scaled = ratio_of_means([2.0**up * x for x in top], [2.0**down * x for x in bottom], **RESAMPLES)
    same(scaled, mapped(ratio_of_means(top, bottom, **RESAMPLES), 2.0 ** (up - down)))


@given(paired, st.randoms(use_true_random=False), st.booleans())
def test_order_of_examples_does_not_matter(
    rows: list[tuple[float, float]], random: Any, grouped: bool
) -> None:
    labelled = [(*row, i % 23) for i, row in enumerate(rows)]
    shuffled = labelled.copy()
    random.shuffle(shuffled)

    def estimate(data: list[tuple[float, float, int]]) -> Estimate:
        top, bottom, labels = map(list, zip(*data, strict=True))
        return ratio_of_means(top, bottom, clusters=labels if grouped else None, **RESAMPLES)

    assert repr(estimate(labelled)) == repr(estimate(shuffled))


@given(paired)
def test_clusters_of_one_are_no_clusters(rows: list[tuple[float, float]]) -> None:
    top, bottom = map(list, zip(*rows, strict=True))
    plain = ratio_of_means(top, bottom, **RESAMPLES)
    single = ratio_of_means(top, bottom, clusters=[f"row {i}" for i in range(len(top))], **RESAMPLES)
    assert (plain.value, plain.interval) == (single.value, single.interval)
    assert (plain.clusters, single.clusters) == (None, len(top))


@given(samples, st.integers(2, 4))
def test_copies_within_a_cluster_add_nothing(values: list[float], copies: int) -> None:
    labels = list(range(len(values))) * copies
    copied, plain = mean(values * copies, clusters=labels, **RESAMPLES), mean(values, **RESAMPLES)
    same(mapped(copied, 1.0), Estimate(plain.value, plain.interval, len(labels), len(values)))


@given(samples)
def test_a_ratio_to_itself_is_exactly_one(values: list[float]) -> None:
    positive = [abs(x) + 0.1 for x in values]
    estimate = ratio_of_means(positive, positive, **RESAMPLES)
    assert (estimate.value, estimate.interval.low, estimate.interval.high) == (1.0, 1.0, 1.0)


@given(samples, samples)
def test_intervals_are_never_nan_and_never_upside_down(top: list[float], bottom: list[float]) -> None:
    n = min(len(top), len(bottom))
    for estimate in (mean(top, **RESAMPLES), ratio_of_means(top[:n], bottom[:n], **RESAMPLES)):
        assert estimate.interval.low <= estimate.interval.high


@given(samples)
def test_a_higher_level_gives_a_wider_interval(values: list[float]) -> None:
    inner = mean(values, **RESAMPLES, level=0.8).interval
    outer = mean(values, **RESAMPLES, level=0.95).interval
    assert outer.low <= inner.low <= inner.high <= outer.high


@given(ends, ends, ends, ends)
def test_judge_is_monotone_in_the_bound(a: float, b: float, bound: float, harder: float) -> None:
    low, high = sorted((a, b))
    easy, hard = sorted((bound, harder))
    estimate = Estimate((low + high) / 2, Interval(low, high, 0.95), 10, None)
    order = [Verdict.REFUTED, Verdict.INCONCLUSIVE, Verdict.SUPPORTED]
    at_least = [order.index(judge(estimate, Bounds(at_least=x))) for x in (hard, easy)]
    at_most = [order.index(judge(estimate, Bounds(at_most=x))) for x in (easy, hard)]
    assert at_least == sorted(at_least)
    assert at_most == sorted(at_most)


@given(ends, ends, ends)
def test_judge_of_the_mirror_image(a: float, b: float, bound: float) -> None:
    low, high = sorted((a, b))
    estimate = Estimate((low + high) / 2, Interval(low, high, 0.95), 10, None)
    mirrored = Estimate(-estimate.value, Interval(-high, -low, 0.95), 10, None)
    assert judge(estimate, Bounds(at_least=bound)) is judge(mirrored, Bounds(at_most=-bound))


@settings(max_examples=50)
@given(st.integers(1, 5), st.integers(2, 30), st.integers(0, 1000), st.floats(0, 2))
def test_smallest_of_is_consistent(k: int, n: int, seed: int, bound: float) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(k, n)) + rng.normal(size=(k, 1))
    result = smallest_of(values, bound=bound, **RESAMPLES)
    each = list(result.per_item.values())
    assert result.estimate == each[result.index]
    assert result.estimate.value == min(e.value for e in each) == pytest.approx(np.abs(values.mean(1)).min())
    assert all(0.0 <= e.interval.low <= e.interval.high for e in each)
    assert (result.verdict is Verdict.SUPPORTED) == all(e.interval.low >= bound for e in each)
    assert (result.verdict is Verdict.REFUTED) == bool(result.failing)
    assert all(result.per_item[item].interval.high < bound for item in result.failing)


@settings(max_examples=50)
@given(st.integers(1, 20), st.integers(1, 30), st.integers(0, 1000))
def test_share_beaten_is_a_share(k: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    estimate = share_beaten(rng.normal(size=n), rng.normal(size=n), rng.normal(size=(k, n)), **RESAMPLES)
    assert 0.0 <= estimate.interval.low <= estimate.interval.high <= 1.0
    assert estimate.value * k == pytest.approx(round(estimate.value * k))


@given(st.lists(st.floats(0, 1), max_size=30), st.floats(0, 1))
def test_what_holm_rejects_benjamini_hochberg_rejects(p: list[float], alpha: float) -> None:
    by_holm, by_bh = holm(p), benjamini_hochberg(p)
    assert (by_bh <= by_holm + 1e-12).all()
    assert (by_bh >= np.asarray(p) - 1e-12).all()
    assert set(np.flatnonzero(by_holm <= alpha)) <= set(np.flatnonzero(by_bh <= alpha + 1e-12))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_adjusted_p_values_follow_their_tests(p: list[float], random: Any) -> None:
    order = list(range(len(p)))
    random.shuffle(order)
    for adjust in (holm, benjamini_hochberg):
        assert adjust([p[i] for i in order]) == pytest.approx(adjust(p)[order])


@given(samples, st.data())
def test_variance_explained_is_a_share(values: list[float], data: st.DataObject) -> None:
    labels = data.draw(st.lists(st.integers(0, 5), min_size=len(values), max_size=len(values)))
    eta, omega = eta_squared(values, labels), omega_squared(values, labels)
    assert 0.0 <= eta <= 1.0 + 1e-12
    assert omega is None or 0.0 <= omega <= eta + 1e-12


@given(samples, samples)
def test_rank_correlation_sees_order_alone(a: list[float], b: list[float]) -> None:
    n = min(len(a), len(b))
    plain = rank_correlation(a[:n], b[:n])
    bent = rank_correlation([math.atan(x) for x in a[:n]], [x**3 for x in b[:n]])
    assert (plain is None) == (bent is None)
    if plain is not None:
        assert bent == pytest.approx(plain)
        assert -1.0 - 1e-12 <= plain <= 1.0 + 1e-12
