"""A circuit against size-matched random ones: is it better, and is its claim worth anything?"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from circuitgraph.statistics.intervals import (
    DEFAULT_LEVEL,
    DEFAULT_RESAMPLES,
    FEWEST_UNITS_FOR_BOOTSTRAP,
    Estimate,
    Interval,
    check_settings,
)
from circuitgraph.statistics.resampling import FloatArray, as_values, draw_weights, gather_units
from circuitgraph.statistics.verdicts import Bounds

# A claim that more than this share of random circuits satisfy says nothing about the circuit.
UNINFORMATIVE_ABOVE = 0.05

# Distances that differ by less than this, relative to the larger, differ by rounding: a tie.
_ROUNDING = 1e-12


def share_beaten(
    circuit: ArrayLike,
    model: ArrayLike,
    random: ArrayLike,
    *,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int,
    level: float = DEFAULT_LEVEL,
) -> Estimate:
    """Share of random circuits that are further from the full model than the circuit is.

    Args:
        circuit: [n] metric of the circuit, per example.
        model: [n] metric of the full model.
        random: [k, n] metric of k random circuits.
        clusters: As in `bootstrap`.
        resamples: As in `bootstrap`.
        seed: As in `bootstrap`.
        level: As in `bootstrap`.

    Returns:
        The share of r with |mean(random_r) - mean(model)| > |mean(circuit) - mean(model)|. Closeness, not
        size: a random circuit that overshoots the model does not win. A tie is not beaten (as in a
            permutation p-value).
        The interval holds both samples: examples (or clusters) are resampled, and for each resample the share
        among all random circuits is drawn from its Jeffreys posterior Beta(x + 1/2, k - x + 1/2), x of k
        beaten.

    Raises:
        ValueError: no random circuits, unequal lengths, or as in `bootstrap`.

    Resampling the random circuits instead would give 10 of 10 beaten an interval of zero width, and so "more
    than 95 %" for sure; here its lower end is 0.78, and 0.975 for 100 of 100.
    Source: Jeffreys interval of Brown, Cai & DasGupta 2001, Statistical Science 16, with its convention that
    the interval reaches 0 at x = 0 and 1 at x = k.
    """
    check_settings(resamples, level)
    others = np.asarray(random, dtype=np.float64)
    if others.ndim != 2 or len(others) == 0:
        raise ValueError(
            f"random has shape {others.shape}: [circuits, examples] is needed, with at least one circuit"
        )
    full = as_values(model, "model")
    ours = as_values(circuit, "circuit")
    if not len(ours) == len(full) == others.shape[1]:
        raise ValueError(
            f"circuit, model and random have {len(ours)}, {len(full)} and {others.shape[1]} examples: "
            "they are paired"
        )
    units = gather_units([ours - full, *(others - full)], clusters)
    total = len(others)
    value = int(_beaten(units.means[None, :])[0]) / total
    if units.count < 2:
        kind = "example" if units.clusters is None else "cluster"
        note = f"Only one {kind}: the interval says nothing."
        return Estimate(value, Interval(0.0, 1.0, level), units.n, units.clusters, (note,))

    rng = np.random.default_rng(seed)
    beaten = np.empty(resamples)
    for rows, weights in draw_weights(units.count, resamples, rng):
        beaten[rows] = _beaten(weights @ units.totals.T)
    shares = rng.beta(beaten + 0.5, total - beaten + 0.5)
    tail = (1.0 - level) / 2
    low = np.quantile(np.where(beaten == 0, 0.0, shares), tail)
    high = np.quantile(np.where(beaten == total, 1.0, shares), 1.0 - tail)
    notes: tuple[str, ...] = ()
    if units.clusters is not None and units.count < FEWEST_UNITS_FOR_BOOTSTRAP:
        notes = (f"Only {units.count} clusters: the interval understates how the share varies between them.",)
    return Estimate(value, Interval(float(low), float(high), level), units.n, units.clusters, notes)


def pass_rate(random_estimates: ArrayLike, bounds: Bounds) -> float:
    """Share of random circuits, [k] point estimates, that satisfy a claim's bounds.

    Raises:
        ValueError: no estimates, or one that is not finite.
    """
    return float(np.mean([value in bounds for value in as_values(random_estimates, "random_estimates")]))


def is_uninformative(random_estimates: ArrayLike, bounds: Bounds) -> tuple[bool, float]:
    """Whether a claim is too easy: more than `UNINFORMATIVE_ABOVE` of the random circuits satisfy it too.

    Args:
        random_estimates: [k] the claim's statistic for each size-matched random circuit; with k < 20 a single
            pass already exceeds the threshold.
        bounds: The claim's bounds.

    Returns:
        The answer and the share that passes.

    Raises:
        ValueError: as in `pass_rate`.

    Source: definitions §5, after the refuters of dowhy's `gcm/falsify.py`.
    """
    share = pass_rate(random_estimates, bounds)
    return share > UNINFORMATIVE_ABOVE, share


def _beaten(differences: FloatArray) -> FloatArray:
    """How many columns 1.. are further from 0 than column 0, per row of [rows, 1 + k]."""
    distances = np.abs(differences)
    ours, others = distances[:, :1], distances[:, 1:]
    return np.count_nonzero(others * (1.0 - _ROUNDING) > ours, axis=1).astype(np.float64)
