"""Resampling units: the sums and counts that every interval is built from.

A unit is what is drawn with replacement: one example, or one whole cluster of examples (a template).
Keeping only each unit's sums and its number of examples lets one code path serve both, makes a resample a
matrix product and a leave-one-out a subtraction.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]

# Resamples are drawn in batches of at most this many (resample, unit) cells: small enough for the cache,
# and some 10 MB at any n.
_BATCH_CELLS = 1 << 18


@dataclass(frozen=True, slots=True)
class Units:
    """What is resampled.

    Attributes:
        totals: [columns, units] sum of each column over the examples of each unit.
        sizes: [units] number of examples in each unit.
        means: [columns] mean of each column over all examples.
        n: Number of examples.
        clusters: Number of clusters; None where each example is its own unit.
    """

    totals: FloatArray
    sizes: FloatArray
    means: FloatArray
    n: int
    clusters: int | None

    @property
    def count(self) -> int:
        """How many units there are to draw from."""
        return len(self.sizes)


def as_values(values: ArrayLike, name: str = "values") -> FloatArray:
    """Return `values` as a float64 vector, [n].

    Raises:
        ValueError: not one-dimensional, empty, or not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}: one value per example is needed")
    finite = np.isfinite(array)
    if not finite.all():
        row = int(np.argmin(finite))
        raise ValueError(f"{name}[{row}] is {array[row]}: every example needs a finite value")
    return array


def check_length(labels: Sequence[Hashable], n: int, name: str) -> None:
    """Raise ValueError unless there is one label per example."""
    if len(labels) != n:
        raise ValueError(f"{name} has {len(labels)} labels for {n} examples: one per example is needed")


def gather_units(columns: Sequence[ArrayLike], clusters: Sequence[Hashable] | None) -> Units:
    """Collect paired columns into resampling units.

    Args:
        columns: Paired per-example values, each [n].
        clusters: One label per example; examples that share one are drawn together. None: each on its own.

    Raises:
        ValueError: no column, columns or labels of unequal length, an empty column or a value that is not
            finite.
    """
    if not columns:
        raise ValueError("no column of values was given")
    arrays = [as_values(column, f"columns[{i}]") for i, column in enumerate(columns)]
    n = len(arrays[0])
    for i, array in enumerate(arrays):
        if len(array) != n:
            raise ValueError(
                f"columns[{i}] has {len(array)} values, columns[0] has {n}: columns are paired by example"
            )
    values = np.stack(arrays)
    # Units are put in an order that depends on their values alone, so that for one seed the interval does not
    # depend on the order of the rows in the data file.
    order = np.lexsort(values[::-1])
    values = values[:, order]
    if clusters is None:
        totals: FloatArray = values
        sizes: FloatArray = np.ones(n)
    else:
        check_length(clusters, n, "clusters")
        code: dict[Hashable, int] = {}
        codes = np.array([code.setdefault(label, len(code)) for label in clusters])[order]
        sizes = np.bincount(codes).astype(np.float64)
        totals = np.zeros((len(values), len(sizes)))
        for row, total in zip(values, totals, strict=True):
            np.add.at(total, codes, row)
        unit_order = np.lexsort([sizes, *totals[::-1]])
        totals, sizes = totals[:, unit_order], sizes[unit_order]
    # A mean lies between the extremes; rounding may leave it an ulp outside, and n equal values must average
    # to exactly that value, or a bound equal to it would be missed.
    means = np.clip(values.sum(axis=1) / n, values.min(axis=1), values.max(axis=1))
    return Units(np.ascontiguousarray(totals), sizes, means, n, None if clusters is None else len(sizes))


def draw_weights(units: int, resamples: int, rng: np.random.Generator) -> Iterator[tuple[slice, FloatArray]]:
    """Draw bootstrap weights in batches.

    Yields:
        The rows of the batch, and [rows, units] how often each unit was drawn; rows sum to `units`.
    """
    step = max(1, _BATCH_CELLS // units)
    for start in range(0, resamples, step):
        stop = min(start + step, resamples)
        rows = stop - start
        cells = rng.integers(units, size=(rows, units)) + units * np.arange(rows)[:, None]
        weights = np.bincount(cells.ravel(), minlength=rows * units).reshape(rows, units)
        yield slice(start, stop), weights.astype(np.float64)


def resampled_means(units: Units, resamples: int, seed: int) -> FloatArray:
    """Column means of bootstrap resamples, [resamples, columns]; the same for the same seed and data."""
    rng = np.random.default_rng(seed)
    means = np.empty((resamples, len(units.totals)))
    for rows, weights in draw_weights(units.count, resamples, rng):
        means[rows] = (weights @ units.totals.T) / (weights @ units.sizes)[:, None]
    return means


def leave_one_out_means(units: Units) -> FloatArray:
    """Column means without each unit in turn, [units, columns]; needs at least two units."""
    left_sum = units.totals.sum(axis=1)[:, None] - units.totals
    return (left_sum / (units.n - units.sizes)).T
