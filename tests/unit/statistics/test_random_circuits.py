from __future__ import annotations

import math

import numpy as np
import pytest

from circuitgraph.statistics import (
    UNINFORMATIVE_ABOVE,
    Bounds,
    Interval,
    is_uninformative,
    pass_rate,
    share_beaten,
)

MODEL = np.full(40, 10.0)


def shifted(*by: float) -> np.ndarray:
    """Random circuits at these distances from the model, without noise, [k, n]."""
    return MODEL + np.array(by)[:, None]


def test_closeness_decides_not_size() -> None:
    # at 1 below the model: beats -5 and the overshooting +5, loses to -0.5 and +0.5
    estimate = share_beaten(MODEL - 1.0, MODEL, shifted(-5.0, 5.0, -0.5, 0.5), seed=0)
    assert estimate.value == 0.5


def test_ties_are_not_beaten_even_when_rounding_breaks_them() -> None:
    assert share_beaten(MODEL - 1.0, MODEL, shifted(1.0, -1.0), seed=0).value == 0.0
    third = share_beaten(MODEL - 1 / 3, MODEL, shifted(1 / 3 + 1e-14, -1 / 3 - 1e-14), seed=0)
    assert third.value == 0.0
    assert third.interval.low == 0.0
    assert share_beaten(MODEL, MODEL, shifted(0.0), seed=0).value == 0.0


@pytest.mark.parametrize(("k", "low"), [(10, 0.783), (20, 0.883), (100, 0.9752)])
def test_all_beaten_is_not_certainty(k: int, low: float) -> None:
    """The Jeffreys limits for k of k, 2.5 % quantile of Beta(k + 1/2, 1/2)."""
    estimate = share_beaten(MODEL, MODEL, shifted(*[3.0] * k), seed=0, resamples=40_000)
    assert estimate.value == 1.0
    assert estimate.interval.low == pytest.approx(low, abs=0.004)
    assert estimate.interval.high == 1.0


def test_none_beaten_reaches_zero() -> None:
    interval = share_beaten(MODEL - 3.0, MODEL, shifted(*[1.0] * 50), seed=0).interval
    assert interval.low == 0.0
    assert interval.high < 0.06


def test_noise_over_examples_widens_the_interval() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(101, 40))
    noise -= noise.mean(axis=1, keepdims=True)
    quiet = share_beaten(MODEL - 1.0, MODEL, shifted(*[1.1] * 100), seed=0).interval
    noisy = share_beaten(MODEL - 1.0 + noise[0], MODEL, shifted(*[1.1] * 100) + noise[1:], seed=0).interval
    assert quiet.low > 0.95
    assert noisy.low < 0.2


def test_coverage() -> None:
    """Random circuits are further with probability 0.7 in the population that they come from."""
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(300):
        distances = np.where(rng.random(60) < 0.7, 5.0, 0.1)
        others = shifted(*distances) + 0.1 * rng.normal(size=(60, 40))
        hits += 0.7 in share_beaten(MODEL - 1.0, MODEL, others, seed=seed, resamples=500).interval
    assert 0.91 <= hits / 300 <= 0.985


def test_clusters() -> None:
    rng = np.random.default_rng(0)
    per_template = np.repeat(rng.normal(size=(51, 4)), 10, axis=1)
    clusters = np.repeat(np.arange(4), 10).tolist()
    estimate = share_beaten(
        MODEL + per_template[0], MODEL, MODEL + per_template[1:], clusters=clusters, seed=0
    )
    assert estimate.clusters == 4
    assert "Only 4 clusters" in estimate.notes[0]
    one = share_beaten(MODEL, MODEL, shifted(1.0), clusters=["a"] * 40, seed=0)
    assert (one.value, one.interval) == (1.0, Interval(0.0, 1.0, 0.95))


def test_order_and_seed() -> None:
    rng = np.random.default_rng(0)
    circuit, model, others = rng.normal(size=40), rng.normal(size=40), rng.normal(size=(20, 40))
    order = rng.permutation(40)
    estimate = share_beaten(circuit, model, others, seed=1)
    assert estimate == share_beaten(circuit[order], model[order], others[:, order], seed=1)
    assert estimate.interval != share_beaten(circuit, model, others, seed=2).interval


def test_pass_rate_and_uninformative() -> None:
    bounds = Bounds(at_least=0.9)
    assert pass_rate([0.9, 0.5, 1.0, 0.0], bounds) == 0.5
    assert UNINFORMATIVE_ABOVE == 0.05
    assert is_uninformative([1.0] * 5 + [0.0] * 95, bounds) == (False, 0.05)
    assert is_uninformative([1.0] * 6 + [0.0] * 94, bounds) == (True, 0.06)
    assert is_uninformative([1.0] + [0.0] * 9, bounds) == (True, 0.1)


def test_errors() -> None:
    with pytest.raises(ValueError, match="at least one circuit"):
        share_beaten(MODEL, MODEL, np.empty((0, 40)), seed=0)
    with pytest.raises(ValueError, match="40, 40 and 39 examples"):
        share_beaten(MODEL, MODEL, np.zeros((2, 39)), seed=0)
    with pytest.raises(ValueError, match="nan"):
        pass_rate([0.1, math.nan], Bounds(at_least=0.0))
    with pytest.raises(ValueError, match=r"shape \(0,\)"):
        is_uninformative([], Bounds(at_least=0.0))
