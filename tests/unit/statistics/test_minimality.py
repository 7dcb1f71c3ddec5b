from __future__ import annotations

import math

import numpy as np
import pytest

from circuitgraph.statistics import Interval, Verdict, mean, ratio_of_means, smallest_of


def items(*means: float, n: int = 60, seed: int = 0) -> np.ndarray:
    """Items with exactly these means and unit noise, [k, n]."""
    noise = np.random.default_rng(seed).normal(size=(len(means), n))
    return noise - noise.mean(axis=1, keepdims=True) + np.array(means)[:, None]


def test_supported_whatever_the_sign() -> None:
    result = smallest_of(items(3.0, -1.5, 2.0), bound=1.0, seed=0)
    assert (result.verdict, result.index, result.item) == (Verdict.SUPPORTED, 1, 1)
    assert result.estimate.value == pytest.approx(1.5)
    assert result.failing == ()
    assert [e.value for e in result.per_item.values()] == pytest.approx([3.0, 1.5, 2.0])


def test_refuted_by_one_item_under_its_own_name() -> None:
    rows = items(3.0, 0.1, 2.0, 0.2)
    result = smallest_of(dict(zip(["a", "b", "c", "d"], rows, strict=True)), bound=1.0, seed=0)
    assert (result.verdict, result.item, result.index) == (Verdict.REFUTED, "b", 1)
    assert result.failing == ("b", "d")


def test_inconclusive_when_one_item_straddles() -> None:
    result = smallest_of(items(3.0, 1.05), bound=1.0, seed=0)
    assert (result.verdict, result.index) == (Verdict.INCONCLUSIVE, 1)


def test_one_item_agrees_with_the_plain_mean() -> None:
    values = items(2.0)[0]
    assert smallest_of([values], bound=1.0, seed=7).estimate == mean(values, seed=7)
    folded = smallest_of([-values], bound=1.0, seed=7).estimate.interval
    plain = mean(-values, seed=7).interval
    assert (folded.low, folded.high) == (-plain.high, -plain.low)


def test_interval_that_straddles_zero_is_folded() -> None:
    estimate = smallest_of([items(0.1)[0]], bound=1.0, seed=0).estimate
    signed = mean(items(0.1)[0], seed=0).interval
    assert signed.low < 0.0 < signed.high
    assert estimate.interval == Interval(0.0, max(-signed.low, signed.high), 0.95)


def test_share_of_a_denominator() -> None:
    values, contrast = items(2.0)[0], items(10.0, seed=1)[0]
    result = smallest_of([values], contrast, bound=0.1, seed=2)
    assert result.estimate == ratio_of_means(values, contrast, seed=2)
    assert result.verdict is Verdict.SUPPORTED
    negative = smallest_of([values], -contrast, bound=0.1, seed=2)
    assert negative.estimate.value == pytest.approx(0.2)
    assert negative.verdict is Verdict.SUPPORTED


def test_unclear_denominator_is_inconclusive() -> None:
    assert smallest_of(items(2.0, 0.0), items(0.0)[0], bound=0.1, seed=0).verdict is Verdict.INCONCLUSIVE
    assert smallest_of(items(2.0, 0.0), [1.0, -1.0] * 30, bound=0.0, seed=0).verdict is Verdict.INCONCLUSIVE


def test_one_example_is_inconclusive() -> None:
    result = smallest_of([[2.0], [0.0]], bound=1.0, seed=0)
    assert (result.verdict, result.index) == (Verdict.INCONCLUSIVE, 1)
    assert result.estimate.interval == Interval(0.0, math.inf, 0.95)


def test_dead_item_is_refuted_and_bound_on_the_value_holds() -> None:
    assert smallest_of([[0.0] * 30, [2.0] * 30], bound=0.5, seed=0).verdict is Verdict.REFUTED
    assert smallest_of([[0.5] * 30, [2.0] * 30], bound=0.5, seed=0).verdict is Verdict.SUPPORTED


def test_error_rates_over_many_items() -> None:
    """With every item exactly on the bound, neither verdict may come often (uncorrected: 22 %)."""
    rng = np.random.default_rng(0)
    runs = 150
    verdicts = [
        smallest_of(1.0 + rng.normal(size=(10, 40)), bound=1.0, seed=seed).verdict for seed in range(runs)
    ]
    assert verdicts.count(Verdict.REFUTED) / runs <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / runs)
    assert verdicts.count(Verdict.SUPPORTED) == 0


def test_clusters_are_resampled_whole() -> None:
    values = np.repeat(items(1.5, n=30), 4, axis=1)
    whole = smallest_of(values, bound=1.0, clusters=np.repeat(np.arange(30), 4).tolist(), seed=0).estimate
    single = smallest_of(values, bound=1.0, seed=0).estimate
    assert whole.clusters == 30
    ratio = (whole.interval.high - whole.interval.low) / (single.interval.high - single.interval.low)
    assert ratio == pytest.approx(2.0, rel=0.1)


def test_errors() -> None:
    with pytest.raises(ValueError, match="no items"):
        smallest_of({}, bound=1.0, seed=0)
    with pytest.raises(ValueError, match="no items"):
        smallest_of(np.empty((0, 5)), bound=1.0, seed=0)
    with pytest.raises(ValueError, match=r"\[items, examples\]"):
        smallest_of([1.0, 2.0], bound=1.0, seed=0)
    with pytest.raises(ValueError, match="negative"):
        smallest_of([[1.0, 2.0]], bound=-1.0, seed=0)
    with pytest.raises(ValueError, match=r"per_item\['x'\]\[1\] is nan"):
        smallest_of({"x": [1.0, math.nan]}, bound=1.0, seed=0)
