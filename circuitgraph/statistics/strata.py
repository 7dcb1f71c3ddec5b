"""Where an effect lives: summaries, strata, and the variance that a factor explains.

A mean effect may live on one slice of the data only, and two slices that miss in opposite directions may
average to a hit (86 % and 126 % faithful on the two kinds of IOI template; Miller et al. 2024,
arXiv:2407.08734).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from circuitgraph.statistics.resampling import FloatArray, as_values, check_length
from circuitgraph.statistics.verdicts import Bounds


@dataclass(frozen=True, slots=True)
class Summary:
    """Per-example values at a glance, in their unit.

    Attributes:
        n: Number of examples.
        mean: Mean.
        std: Sample standard deviation (n - 1); 0 for one example.
        q05: 5 % quantile.
        q50: Median.
        q95: 95 % quantile.
        share_with_sign: Share of examples with the claimed sign, or with the mean's where none was claimed.
    """

    n: int
    mean: float
    std: float
    q05: float
    q50: float
    q95: float
    share_with_sign: float


@dataclass(frozen=True, slots=True)
class Stratum:
    """One level of one factor.

    Attributes:
        factor: Name of the factor.
        level: The level.
        n: Number of examples at this level.
        value: Mean, or ratio of means, over them; None where the denominator's mean is 0.
    """

    factor: str
    level: Hashable
    n: int
    value: float | None


def summary(values: ArrayLike, sign: int | None = None) -> Summary:
    """Describe per-example values, [n].

    Args:
        values: Per-example values.
        sign: The claimed sign, 1 or -1 (0: exactly zero). None: the sign of the mean.

    Raises:
        ValueError: empty or non-finite values, or another sign.
    """
    array = as_values(values)
    if sign not in (None, -1, 0, 1):
        raise ValueError(f"sign is {sign}: use 1, -1 or 0")
    average = float(array.mean())
    low, median, high = np.quantile(array, [0.05, 0.5, 0.95])
    claimed = np.sign(average) if sign is None else sign
    return Summary(
        n=len(array),
        mean=average,
        std=float(array.std(ddof=1)) if len(array) > 1 else 0.0,
        q05=float(low),
        q50=float(median),
        q95=float(high),
        share_with_sign=float(np.mean(np.sign(array) == claimed)),
    )


def per_stratum(
    values: ArrayLike,
    labels: Mapping[str, Sequence[Hashable]],
    denominator: ArrayLike | None = None,
) -> list[Stratum]:
    """Mean, or ratio of means, at every level of every factor.

    Args:
        values: [n] per-example values, or numerators.
        labels: For each factor its level on each example, [n].
        denominator: [n] per-example denominators; None for plain means.

    Returns:
        Strata by factor in the order given, then by level, numbers before text.

    Raises:
        ValueError: unequal lengths, empty or non-finite data.
    """
    top = as_values(values)
    bottom = None if denominator is None else as_values(denominator, "denominator")
    if bottom is not None and len(bottom) != len(top):
        raise ValueError(f"denominator has {len(bottom)} values for {len(top)} examples: they are paired")
    strata: list[Stratum] = []
    for factor, levels in labels.items():
        check_length(levels, len(top), f"labels[{factor!r}]")
        for level, rows in sorted(_rows_by_level(levels).items(), key=lambda item: _sort_key(item[0])):
            value: float | None = float(top[rows].mean())
            if bottom is not None:
                below = float(bottom[rows].mean())
                value = None if below == 0.0 else float(top[rows].mean()) / below
            strata.append(Stratum(factor, level, len(rows), value))
    return strata


def worst_stratum(strata: Sequence[Stratum], bounds: Bounds | None, pooled: float) -> Stratum | None:
    """The stratum that speaks most against a claim.

    With bounds the one with the smallest margin to them: the deepest violation, or the nearest to one.
    Without bounds the one furthest from the pooled value. The first of equals; strata without a value are
    passed over, and None is returned where no stratum has one.
    """
    valued = [stratum for stratum in strata if stratum.value is not None]

    def margin(stratum: Stratum) -> float:
        value = pooled if stratum.value is None else stratum.value
        return -abs(value - pooled) if bounds is None else bounds.margin(value)

    return min(valued, key=margin, default=None)


def eta_squared(values: ArrayLike, labels: Sequence[Hashable]) -> float:
    """Share of the variance of values, [n], that a factor explains: between-level over total sum of squares.

    0 for constant values. Biased upwards: levels drawn at random explain (levels - 1) / (n - 1) on average,
    and all of it where every example has a level of its own; `omega_squared` corrects that.

    Raises:
        ValueError: unequal lengths, empty or non-finite values.

    Source: Fisher's correlation ratio; its use here in definitions §5.
    """
    between, _, total, _ = _sums_of_squares(values, labels)
    return between / total if total > 0.0 else 0.0


def omega_squared(values: ArrayLike, labels: Sequence[Hashable]) -> float | None:
    """Share of variance explained, corrected for the number of levels; None where levels = examples.

    omega^2 = (SS_between - (levels - 1) MS_within) / (SS_total + MS_within), at least 0, MS_within =
    SS_within / (n - levels). 0 for constant values.

    Raises:
        ValueError: as in `eta_squared`.

    Source: Hays 1963, Statistics for Psychologists.
    """
    between, within, total, levels = _sums_of_squares(values, labels)
    n = len(labels)
    if levels == n:
        return None
    if total == 0.0:
        return 0.0
    noise = within / (n - levels)
    return max(0.0, (between - (levels - 1) * noise) / (total + noise))


def _sums_of_squares(values: ArrayLike, labels: Sequence[Hashable]) -> tuple[float, float, float, int]:
    """Between-level, within-level and total sum of squares, and the number of levels."""
    array = as_values(values)
    check_length(labels, len(array), "labels")
    groups: list[FloatArray] = [array[rows] for rows in _rows_by_level(labels).values()]
    if np.ptp(array) == 0.0:
        return 0.0, 0.0, 0.0, len(groups)
    average = array.mean()
    between = sum(len(group) * float(group.mean() - average) ** 2 for group in groups)
    within = sum(float(np.sum((group - group.mean()) ** 2)) for group in groups)
    return between, within, between + within, len(groups)


def _rows_by_level(levels: Sequence[Hashable]) -> dict[Hashable, list[int]]:
    """Row numbers of every level, levels in the order they appear."""
    rows: dict[Hashable, list[int]] = {}
    for row, level in enumerate(levels):
        rows.setdefault(level, []).append(row)
    return rows


def _sort_key(level: Hashable) -> tuple[int, float, str]:
    """Numbers by size, everything else after them by its text."""
    return (0, float(level), "") if isinstance(level, Real) else (1, 0.0, str(level))
