from __future__ import annotations

import math
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import scipy.stats

from circuitgraph.statistics import (
    Estimate,
    Interval,
    bootstrap,
    denominator_is_clear,
    mean,
    ratio_of_means,
)

UNBOUNDED = Interval(-math.inf, math.inf, 0.95)


def normal(seed: int, n: int, centre: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(centre, 1.0, n)


class TestByHand:
    def test_few_examples_get_the_textbook_t_interval(self) -> None:
        estimate = mean([1.0, 2.0, 3.0], seed=0)
        # s = 1, t(0.975, 2 degrees of freedom) = 4.3027
        assert estimate.value == 2.0
        assert estimate.interval.low == pytest.approx(2 - 4.30265 / math.sqrt(3), abs=1e-5)
        assert estimate.interval.high == pytest.approx(2 + 4.30265 / math.sqrt(3), abs=1e-5)
        assert estimate.notes == (
            "Only 3 examples: the interval is Student's t with 2 degrees of freedom, "
            "the bootstrap needs at least 20.",
        )

    def test_clusters_of_equal_values_count_once(self) -> None:
        estimate = mean([1.0, 2.0, 3.0, 1.0, 2.0, 3.0], clusters=list("abcabc"), seed=0)
        assert estimate.interval == mean([1.0, 2.0, 3.0], seed=0).interval
        assert (estimate.n, estimate.clusters) == (6, 3)
        assert "Only 3 clusters" in estimate.notes[0]

    def test_unequal_clusters_weigh_examples_equally(self) -> None:
        estimate = mean([0.0, 0.0, 0.0, 8.0], clusters=["a", "a", "a", "b"], seed=0)
        assert estimate.value == 2.0
        # leaving out a gives 8, leaving out b gives 0: jackknife error sqrt(1/2 * 32) = 4
        assert estimate.interval.high == pytest.approx(2.0 + 4.0 * 12.7062, abs=1e-3)

    def test_ratio_is_of_means_not_a_mean_of_ratios(self) -> None:
        assert ratio_of_means([1.0, 2.0, 3.0], [1.0, 1.0, 2.0], seed=0).value == pytest.approx(1.5)

    def test_symmetric_data_give_a_symmetric_interval(self) -> None:
        half = np.abs(normal(0, 100))
        interval = mean(np.concatenate([half, -half]), seed=0, resamples=20_000).interval
        assert interval.low == pytest.approx(-interval.high, rel=0.05)
        assert interval.high == pytest.approx(1.96 * math.sqrt(2 * np.sum(half**2)) / 200, rel=0.03)

    def test_accuracy_on_a_lattice(self) -> None:
        estimate = mean([1.0] * 90 + [0.0] * 10, seed=0)
        assert estimate.value == 0.9
        # between the ends of the exact binomial interval [0.824, 0.951] and half as wide
        assert 0.80 < estimate.interval.low < 0.86
        assert 0.93 < estimate.interval.high < 0.97


class TestDegenerate:
    @pytest.mark.parametrize("n", [2, 7, 30, 1000])
    @pytest.mark.parametrize("value", [0.0, 0.1, -1e9, 1e-300])
    def test_identical_values_have_zero_width_at_exactly_that_value(self, n: int, value: float) -> None:
        estimate = mean([value] * n, seed=0)
        assert (estimate.value, estimate.interval) == (value, Interval(value, value, 0.95))
        assert "agree exactly" in estimate.notes[0]

    @pytest.mark.parametrize("count", [2, 5, 30])
    def test_identical_values_in_unequal_clusters(self, count: int) -> None:
        labels = [i for i in range(count) for _ in range(i + 1)]
        assert mean([0.1] * len(labels), clusters=labels, seed=0).interval == Interval(0.1, 0.1, 0.95)

    @pytest.mark.parametrize("clusters", [None, [i % 30 for i in range(90)], [i % 3 for i in range(90)]])
    def test_a_constant_ratio_has_zero_width(self, clusters: list[int] | None) -> None:
        denominator = normal(0, 90, centre=5.0)
        estimate = ratio_of_means(0.3 * denominator, denominator, clusters=clusters, seed=0)
        assert estimate.interval.low == estimate.interval.high == estimate.value == pytest.approx(0.3)

    def test_tiny_but_real_variation_is_not_degenerate(self) -> None:
        interval = mean(1.0 + 1e-7 * normal(0, 1000), seed=0).interval
        assert 0.5e-8 < interval.high - interval.low < 2e-8

    def test_one_example_or_one_cluster_says_nothing(self) -> None:
        assert mean([3.0], seed=0) == Estimate(
            3.0, UNBOUNDED, 1, None, ("Only one example: the interval is unbounded.",)
        )
        estimate = mean(normal(0, 50), clusters=["same"] * 50, seed=0)
        assert (estimate.interval, estimate.clusters) == (UNBOUNDED, 1)
        assert not estimate.interval.bounded

    def test_denominator_of_zero(self) -> None:
        estimate = ratio_of_means(normal(0, 40, 1.0), [1.0, -1.0] * 20, seed=0)
        assert math.isnan(estimate.value)
        assert estimate.interval == UNBOUNDED

    @pytest.mark.parametrize("n", [10, 100])
    def test_denominator_not_clear_of_zero(self, n: int) -> None:
        noise = normal(1, n)
        estimate = ratio_of_means(np.ones(n), noise - noise.mean() + 0.01, seed=0)
        assert estimate.value == pytest.approx(100.0)
        assert estimate.interval == UNBOUNDED
        assert "not clear of 0" in estimate.notes[0]

    @pytest.mark.parametrize(("errors_from_zero", "bounded"), [(1.5, False), (4.0, True)])
    def test_how_clear_is_clear(self, errors_from_zero: float, bounded: bool) -> None:
        noise = normal(1, 100)
        noise = (noise - noise.mean()) / noise.std() + errors_from_zero / 10
        estimate = ratio_of_means(np.ones(100), noise, seed=0)
        assert estimate.interval.bounded is bounded
        assert any("not clear of 0" in note for note in estimate.notes) is not bounded

    def test_a_negative_denominator_is_as_good(self) -> None:
        top, bottom = normal(0, 60, 2.0), normal(1, 60, 4.0)
        plus, minus = ratio_of_means(top, bottom, seed=0), ratio_of_means(top, -bottom, seed=0)
        assert minus.value == -plus.value
        assert minus.interval.bounded
        assert minus.interval.low == pytest.approx(-plus.interval.high, rel=0.05)


class TestAgainstScipy:
    @pytest.mark.parametrize("draw", ["normal", "exponential", "lognormal"])
    def test_mean(self, draw: str) -> None:
        values = getattr(np.random.default_rng(0), draw)(size=60)
        ours = mean(values, seed=0, resamples=40_000).interval
        theirs = scipy.stats.bootstrap((values,), np.mean, n_resamples=40_000, rng=1).confidence_interval
        self.check(ours, theirs)

    def test_lattice_where_resamples_tie_with_the_estimate(self) -> None:
        right = np.array([1.0] * 24 + [0.0])
        ours = mean(right, seed=0, resamples=40_000).interval
        theirs = scipy.stats.bootstrap((right,), np.mean, n_resamples=40_000, rng=1).confidence_interval
        assert ours.low == pytest.approx(theirs[0], abs=0.041)
        assert ours.high == pytest.approx(theirs[1], abs=0.001)
        # 0.1 and 0.7 are not exact in binary, so rounding would break the ties if it were let
        moved = mean(0.6 * right + 0.1, seed=0, resamples=40_000).interval
        assert (moved.low, moved.high) == pytest.approx((0.6 * ours.low + 0.1, 0.6 * ours.high + 0.1))

    def test_ratio(self) -> None:
        rng = np.random.default_rng(3)
        bottom = rng.exponential(size=50) + 0.3
        top = 0.7 * bottom + rng.normal(0, 0.5, 50)

        def ratio(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
            return a.mean(axis=axis) / b.mean(axis=axis)

        ours = ratio_of_means(top, bottom, seed=0, resamples=40_000).interval
        theirs = scipy.stats.bootstrap(
            (top, bottom), ratio, paired=True, n_resamples=40_000, rng=1
        ).confidence_interval
        self.check(ours, theirs)

    def test_any_function_of_means_and_level(self) -> None:
        values = normal(0, 80)
        ours = bootstrap(
            lambda a, b: b - a**2, [values, values**2], seed=0, resamples=40_000, level=0.8
        ).interval
        theirs = scipy.stats.bootstrap(
            (values,), np.var, n_resamples=40_000, confidence_level=0.8, rng=1
        ).confidence_interval
        self.check(ours, theirs)

    @staticmethod
    def check(ours: Interval, theirs: tuple[float, float]) -> None:
        width = theirs[1] - theirs[0]
        assert abs(ours.low - theirs[0]) < 0.02 * width
        assert abs(ours.high - theirs[1]) < 0.02 * width


class TestCoverage:
    def test_ratio(self) -> None:
        rng = np.random.default_rng(0)
        hits = 0
        for seed in range(300):
            bottom = 3.0 + rng.normal(size=60)
            top = 0.8 * bottom + rng.exponential(size=60) - 1.0
            hits += 0.8 in ratio_of_means(top, bottom, seed=seed).interval
        assert 0.91 <= hits / 300 <= 0.98

    @pytest.mark.parametrize("n", [4, 12])
    def test_few_examples(self, n: int) -> None:
        rng = np.random.default_rng(0)
        hits = sum(0.0 in mean(rng.normal(size=n), seed=seed).interval for seed in range(300))
        assert 0.91 <= hits / 300 <= 0.98

    def test_clusters_are_what_keeps_it(self) -> None:
        rng = np.random.default_rng(0)
        labels = np.repeat(np.arange(30), 5).tolist()
        whole = single = 0
        for seed in range(300):
            values = np.repeat(rng.normal(size=30), 5) + 0.5 * rng.normal(size=150)
            whole += 0.0 in mean(values, clusters=labels, seed=seed).interval
            single += 0.0 in mean(values, seed=seed).interval
        assert 0.90 <= whole / 300 <= 0.98
        assert single / 300 < 0.80


class TestDenominator:
    def test_clear(self) -> None:
        clear, estimate = denominator_is_clear(normal(0, 50, 3.0), normal(1, 50), seed=0)
        assert clear
        assert estimate.value == pytest.approx(3.0, abs=0.6)

    def test_not_clear(self) -> None:
        clear, estimate = denominator_is_clear(normal(0, 50), normal(1, 50), seed=0)
        assert not clear
        assert 0.0 in estimate.interval

    def test_no_contrast_and_constant_contrast(self) -> None:
        clean = normal(0, 50)
        assert not denominator_is_clear(clean, clean, seed=0)[0]
        assert denominator_is_clear([2.0, 2.0], [1.0, 1.0], seed=0)[0]

    def test_one_cluster_is_never_clear(self) -> None:
        assert not denominator_is_clear([5.0, 6.0], [1.0, 1.0], ["a", "a"], seed=0)[0]


class TestSeedsAndSize:
    def test_same_seed_same_interval_other_seed_another(self) -> None:
        values = normal(0, 60)
        assert mean(values, seed=4) == mean(values, seed=4)
        assert mean(values, seed=4).interval != mean(values, seed=5).interval

    def test_ten_thousand_examples_stay_small(self) -> None:
        values = normal(0, 10_000, 1.0)
        tracemalloc.start()
        estimate = ratio_of_means(values, values + normal(1, 10_000, 1.0), seed=0)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert estimate.interval.bounded
        assert peak < 40e6

    def test_import_needs_neither_scipy_nor_torch(self) -> None:
        code = "import sys, circuitgraph.statistics; print(*{'scipy', 'torch'} & set(sys.modules))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == ""


class TestErrors:
    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ([], r"shape \(0,\)"),
            ([[1.0, 2.0]], r"shape \(1, 2\)"),
            ([1.0, math.nan], r"\[1\] is nan"),
            ([math.inf, 1.0], r"\[0\] is inf"),
        ],
    )
    def test_values(self, values: list[float], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            mean(values, seed=0)

    def test_pairing(self) -> None:
        with pytest.raises(ValueError, match="paired"):
            ratio_of_means([1.0, 2.0], [1.0], seed=0)
        with pytest.raises(ValueError, match="paired"):
            denominator_is_clear([1.0, 2.0], [1.0], seed=0)
        with pytest.raises(ValueError, match="1 labels for 2 examples"):
            mean([1.0, 2.0], clusters=["a"], seed=0)
        with pytest.raises(ValueError, match="no column"):
            bootstrap(lambda: np.zeros(1), [], seed=0)

    def test_settings(self) -> None:
        with pytest.raises(ValueError, match=r"level is 95\.0"):
            mean([1.0, 2.0], seed=0, level=95.0)
        with pytest.raises(ValueError, match="resamples is 10"):
            mean([1.0, 2.0], seed=0, resamples=10)
