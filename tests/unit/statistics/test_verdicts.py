from __future__ import annotations

import json
import math

import numpy as np
import pytest

from circuitgraph.statistics import Bounds, Estimate, Interval, Verdict, equivalence, judge, mean


def between(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, Interval(low, high, 0.95), 10, None)


@pytest.mark.parametrize(
    ("low", "high", "bounds", "verdict"),
    [
        (0.91, 0.99, Bounds(at_least=0.9), Verdict.SUPPORTED),
        (0.90, 0.99, Bounds(at_least=0.9), Verdict.SUPPORTED),
        (0.89, 0.99, Bounds(at_least=0.9), Verdict.INCONCLUSIVE),
        (0.80, 0.90, Bounds(at_least=0.9), Verdict.INCONCLUSIVE),
        (0.80, 0.89, Bounds(at_least=0.9), Verdict.REFUTED),
        (0.01, 0.09, Bounds(at_most=0.1), Verdict.SUPPORTED),
        (0.01, 0.10, Bounds(at_most=0.1), Verdict.SUPPORTED),
        (0.01, 0.11, Bounds(at_most=0.1), Verdict.INCONCLUSIVE),
        (0.10, 0.20, Bounds(at_most=0.1), Verdict.INCONCLUSIVE),
        (0.11, 0.20, Bounds(at_most=0.1), Verdict.REFUTED),
        (0.95, 1.05, Bounds(0.9, 1.1), Verdict.SUPPORTED),
        (0.90, 1.10, Bounds(0.9, 1.1), Verdict.SUPPORTED),
        (0.95, 1.15, Bounds(0.9, 1.1), Verdict.INCONCLUSIVE),
        (0.80, 1.20, Bounds(0.9, 1.1), Verdict.INCONCLUSIVE),
        (1.11, 1.20, Bounds(0.9, 1.1), Verdict.REFUTED),
        (0.10, 0.89, Bounds(0.9, 1.1), Verdict.REFUTED),
        (1.00, 1.00, Bounds(1.0, 1.0), Verdict.SUPPORTED),
        (-math.inf, math.inf, Bounds(at_least=-1e300), Verdict.INCONCLUSIVE),
    ],
)
def test_judge(low: float, high: float, bounds: Bounds, verdict: Verdict) -> None:
    assert judge(between(low, high), bounds) is verdict


def test_judge_of_an_undefined_value() -> None:
    estimate = Estimate(math.nan, Interval(-math.inf, math.inf, 0.95), 10, None)
    assert judge(estimate, Bounds(at_most=math.inf)) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("low", "high"), [(None, None), (2.0, 1.0), (math.nan, None), (0.0, math.nan)])
def test_bounds_that_allow_nothing(low: float | None, high: float | None) -> None:
    with pytest.raises(ValueError, match="at_least"):
        Bounds(low, high)


def test_bounds_hold_their_ends() -> None:
    bounds = Bounds(0.0, 2.0)
    assert 0.0 in bounds
    assert 2.0 in bounds
    assert 2.1 not in bounds
    undefined = math.nan
    assert undefined not in bounds
    assert [bounds.margin(x) for x in (-1.0, 0.0, 0.5, 3.0)] == [-1.0, 0.0, 0.5, -1.0]
    assert Bounds(at_most=1.0).margin(0.0) == 1.0


def test_verdicts_read_as_their_words() -> None:
    assert [str(verdict) for verdict in Verdict] == ["supported", "refuted", "inconclusive", "uninformative"]
    assert json.dumps(Verdict.REFUTED) == '"refuted"'


class TestEquivalence:
    def test_three_outcomes(self) -> None:
        noise = np.random.default_rng(0).normal(size=100)
        noise -= noise.mean()
        assert equivalence(noise, 0.5, seed=0)[0] is Verdict.SUPPORTED
        assert equivalence(noise + 2.0, 0.5, seed=0)[0] is Verdict.REFUTED
        assert equivalence(noise - 2.0, 0.5, seed=0)[0] is Verdict.REFUTED
        assert equivalence(noise + 0.5, 0.5, seed=0)[0] is Verdict.INCONCLUSIVE

    def test_interval_is_the_90_percent_one(self) -> None:
        values = np.random.default_rng(0).normal(size=100)
        estimate = equivalence(values, 0.5, seed=3)[1]
        assert estimate == mean(values, seed=3, level=0.9)

    def test_a_small_noisy_sample_does_not_pass(self) -> None:
        # what a test with "no effect" as its null would pass
        values = [0.3, -0.4, 0.5, -0.2, 0.1]
        assert equivalence(values, 0.2, seed=0)[0] is Verdict.INCONCLUSIVE

    def test_exactly_no_effect(self) -> None:
        assert equivalence([0.0] * 10, 1e-9, seed=0)[0] is Verdict.SUPPORTED
        assert equivalence([0.0], 1e-9, seed=0)[0] is Verdict.INCONCLUSIVE

    @pytest.mark.parametrize("n", [12, 50])
    @pytest.mark.parametrize("side", [-1.0, 1.0])
    def test_error_rate_at_the_boundary(self, n: int, side: float) -> None:
        rng = np.random.default_rng(0)
        within, runs = 0.8, 400
        verdicts = [
            equivalence(side * within + rng.normal(size=n), within, seed=seed)[0] for seed in range(runs)
        ]
        allowed = 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / runs)
        assert verdicts.count(Verdict.SUPPORTED) / runs <= allowed
        assert verdicts.count(Verdict.REFUTED) / runs <= allowed

    def test_power(self) -> None:
        rng = np.random.default_rng(0)
        passed = [equivalence(rng.normal(size=50), 0.8, seed=s)[0] is Verdict.SUPPORTED for s in range(100)]
        assert np.mean(passed) > 0.95

    @pytest.mark.parametrize("within", [0.0, -1.0, math.nan])
    def test_within_must_be_positive(self, within: float) -> None:
        with pytest.raises(ValueError, match="within"):
            equivalence([1.0, 2.0], within, seed=0)

    def test_alpha(self) -> None:
        with pytest.raises(ValueError, match="alpha"):
            equivalence([1.0, 2.0], 1.0, seed=0, alpha=0.5)
