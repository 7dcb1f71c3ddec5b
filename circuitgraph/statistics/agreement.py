"""How well estimated edge effects agree with exact ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from circuitgraph.statistics.resampling import FloatArray, as_values


@dataclass(frozen=True, slots=True)
class Miss:
    """One estimate against its exact value.

    Attributes:
        index: Its place in the sample.
        estimate: The estimate, in the metric's unit.
        exact: The exact value.
        error: estimate - exact.
    """

    index: int
    estimate: float
    exact: float
    error: float


def rank_correlation(a: ArrayLike, b: ArrayLike) -> float | None:
    """Spearman's rank correlation of two paired vectors, [n]; tied values share their mean rank.

    None where it is undefined: fewer than two pairs, one side constant, or a NaN on either side.

    Raises:
        ValueError: unequal lengths.
    """
    left, right = _paired(a, b)
    if len(left) < 2 or np.isnan(left).any() or np.isnan(right).any():
        return None
    if (left == left[0]).all() or (right == right[0]).all():
        return None
    from scipy.stats import rankdata

    return float(np.corrcoef(rankdata(left), rankdata(right))[0, 1])


def worst_miss(estimate: ArrayLike, exact: ArrayLike) -> Miss:
    """The largest |estimate - exact| of two paired vectors, [n]; the first of equals.

    Raises:
        ValueError: unequal lengths, empty or non-finite values.
    """
    left, right = _paired(as_values(estimate, "estimate"), as_values(exact, "exact"))
    index = int(np.argmax(np.abs(left - right)))
    guess, truth = float(left[index]), float(right[index])
    return Miss(index, guess, truth, guess - truth)


def _paired(a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray]:
    left, right = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if left.ndim != 1 or left.shape != right.shape:
        raise ValueError(f"shapes {left.shape} and {right.shape}: two paired vectors are needed")
    return left, right
