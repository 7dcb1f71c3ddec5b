"""Many tests at once: p-values adjusted for their number, and p-values by counting."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from circuitgraph.statistics.resampling import FloatArray


def holm(p_values: ArrayLike) -> FloatArray:
    """Adjust p-values, [k], so that rejecting those <= alpha keeps the family-wise error at alpha.

    For the named claims of one spec. Valid under any dependence.

    Raises:
        ValueError: not a vector of numbers in [0, 1].

    Source: Holm 1979, Scand. J. Statist. 6.
    """
    p = _p_values(p_values)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def benjamini_hochberg(p_values: ArrayLike) -> FloatArray:
    """Adjust p-values, [k], so that rejecting those <= alpha keeps the false discovery rate at alpha.

    For sweeps over edges. Valid for independent or positively dependent tests.

    Raises:
        ValueError: not a vector of numbers in [0, 1].

    Source: Benjamini & Hochberg 1995, J. R. Statist. Soc. B 57.
    """
    p = _p_values(p_values)
    if p.size == 0:
        return p
    from scipy.stats import false_discovery_control

    return np.asarray(false_discovery_control(p, method="bh"), dtype=np.float64)


def permutation_p(count_as_extreme: int, total: int) -> float:
    """p-value of a permutation test, (1 + #) / (1 + B): never 0, for the observed arrangement is one of them.

    Args:
        count_as_extreme: How many of the permutations are at least as extreme as the observation.
        total: Number of permutations, B.

    Raises:
        ValueError: the count lies outside 0..total.

    Source: Phipson & Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9.
    """
    if not 0 <= count_as_extreme <= total:
        raise ValueError(f"{count_as_extreme} of {total} permutations cannot be as extreme")
    return (1 + count_as_extreme) / (1 + total)


def _p_values(p_values: ArrayLike) -> FloatArray:
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not np.all((p >= 0.0) & (p <= 1.0)):
        raise ValueError("p-values must be one list of numbers between 0 and 1")
    return p
