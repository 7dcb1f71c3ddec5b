"""The weakest of several items: does each part of a circuit matter?"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from circuitgraph.statistics.intervals import (
    DEFAULT_LEVEL,
    DEFAULT_RESAMPLES,
    FEWEST_UNITS_FOR_BOOTSTRAP,
    Estimate,
    Interval,
    check_settings,
    estimate_from,
    signed_ratio,
)
from circuitgraph.statistics.resampling import (
    FloatArray,
    Units,
    as_values,
    gather_units,
    leave_one_out_means,
    resampled_means,
)
from circuitgraph.statistics.verdicts import Verdict

# A corrected interval should have about this many resamples beyond each end ...
_RESAMPLES_IN_TAIL = 10
# ... but no more than this many are drawn, which resolves the tails for up to 125 items at level 0.95.
_MOST_RESAMPLES = 50_000


@dataclass(frozen=True, slots=True)
class Smallest:
    """The weakest item of several, and all of them.

    Attributes:
        verdict: Whether every item reaches the bound.
        estimate: |mean| of the weakest item, the one with the smallest |mean|, with that item's own interval.
        item: Its name (its index where the items came as an array).
        index: Its place among the items.
        failing: Items shown to lie below the bound, at the corrected level, in the order of the items.
        per_item: |mean| of every item with its own interval, in the order of the items.
    """

    verdict: Verdict
    estimate: Estimate
    item: Hashable
    index: int
    failing: tuple[Hashable, ...]
    per_item: Mapping[Hashable, Estimate]


def smallest_of(
    per_item: Mapping[Hashable, ArrayLike] | ArrayLike,
    denominator: ArrayLike | None = None,
    *,
    bound: float,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int,
    level: float = DEFAULT_LEVEL,
) -> Smallest:
    """Judge whether every one of k items has |mean drop| >= bound.

    Args:
        per_item: Per-example drops of each item: a mapping from item to [n], or an array [k, n].
        denominator: [n] per-example contrast; given, each mean drop is divided by its mean, and so is `bound`
            a share of the contrast. None: drops and bound are in the metric's unit.
        bound: The least |mean drop| an item may have; not negative.
        clusters: As in `bootstrap`.
        resamples: As in `bootstrap`.
        seed: As in `bootstrap`.
        level: Level of each item's own interval, as in `bootstrap`.

    Returns:
        Supported where every item's own interval lies at or above the bound (an intersection-union test: k
        tests that must all pass need no correction). Refuted where for some item the interval at level
        1 - (1 - level) / k lies wholly below it (Bonferroni, because any of k may fail by chance; whether any
        fails is the first step of Holm's procedure too). Else inconclusive.

    Raises:
        ValueError: no items, a negative bound, or as in `bootstrap`.

    The signed mean is resampled and its interval folded: where it straddles 0 the interval of |mean| starts
    at 0. The smallest of k noisy values is biased downwards, so `estimate` errs against the claim.
    Source: minimality of Wang et al. 2022 (arXiv:2211.00593) as in definitions §4; Berger 1982, Technometrics
    24.
    """
    check_settings(resamples, level)
    if not bound >= 0.0:
        raise ValueError(f"bound is {bound}: the least |mean drop| cannot be negative")
    names, rows = _items(per_item)
    columns: list[ArrayLike] = [*rows]
    sign = None
    if denominator is not None:
        contrast = as_values(denominator, "denominator")
        columns.append(contrast)
        sign = float(np.sign(contrast.mean()))
    units = gather_units(columns, clusters)
    count = len(names)

    own = _estimates(units, range(count), sign, resamples, seed, level)
    doubtful = [i for i in range(count) if own[i].interval.high < bound]
    corrected = 1.0 - (1.0 - level) / count
    wanted = math.ceil(_RESAMPLES_IN_TAIL * 2.0 / (1.0 - corrected))
    draws = max(resamples, min(wanted, _MOST_RESAMPLES))
    strict = _estimates(units, doubtful, sign, draws, seed, corrected)
    failing = [i for i, estimate in zip(doubtful, strict, strict=True) if estimate.interval.high < bound]

    if failing:
        verdict = Verdict.REFUTED
    elif all(estimate.interval.low >= bound and not math.isnan(estimate.value) for estimate in own):
        verdict = Verdict.SUPPORTED
    else:
        verdict = Verdict.INCONCLUSIVE
    # NaN values come all together (they share the denominator); min then gives the first item.
    weakest = min(range(count), key=lambda i: own[i].value)
    return Smallest(
        verdict=verdict,
        estimate=own[weakest],
        item=names[weakest],
        index=weakest,
        failing=tuple(names[i] for i in failing),
        per_item=dict(zip(names, own, strict=True)),
    )


def _items(per_item: Mapping[Hashable, ArrayLike] | ArrayLike) -> tuple[list[Hashable], list[FloatArray]]:
    """Names and per-example values of the items, in order."""
    if isinstance(per_item, Mapping):
        names: list[Hashable] = list(per_item)
        rows = [as_values(per_item[name], f"per_item[{name!r}]") for name in names]
    else:
        array = np.asarray(per_item, dtype=np.float64)
        if array.ndim != 2:
            raise ValueError(f"per_item has shape {array.shape}: [items, examples] is needed")
        names = list(range(len(array)))
        rows = [as_values(row, f"per_item[{i}]") for i, row in enumerate(array)]
    if not names:
        raise ValueError("per_item is empty: there is no smallest of no items")
    return names, rows


def _estimates(
    units: Units, items: Sequence[int], sign: float | None, resamples: int, seed: int, level: float
) -> list[Estimate]:
    """|mean|, or |mean / mean denominator| given the denominator's sign, of some items; shared resamples."""
    if not items:
        return []
    keep = list(items) if sign is None else [*items, len(units.totals) - 1]
    chosen = replace(units, totals=units.totals[keep], means=units.means[keep])

    def statistics(means: FloatArray) -> FloatArray:
        return means if sign is None else signed_ratio(means[:, :-1], means[:, -1:], sign)

    values = statistics(chosen.means[None, :])[0]
    nothing = np.empty((0, len(items)))
    left_out = statistics(leave_one_out_means(chosen)) if units.count > 1 else nothing
    enough = units.count >= FEWEST_UNITS_FOR_BOOTSTRAP
    resampled = statistics(resampled_means(chosen, resamples, seed)) if enough else nothing
    return [
        _folded(estimate_from(float(values[i]), resampled[:, i], left_out[:, i], units, level))
        for i in range(len(items))
    ]


def _folded(estimate: Estimate) -> Estimate:
    """The estimate of |x| from that of x."""
    low, high = estimate.interval.low, estimate.interval.high
    least = 0.0 if low <= 0.0 <= high else min(abs(low), abs(high))
    return replace(
        estimate,
        value=abs(estimate.value),
        interval=Interval(least, max(abs(low), abs(high)), estimate.interval.level),
    )
