from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats

from circuitgraph.statistics import Miss, rank_correlation, worst_miss


def test_rank_correlation_by_hand() -> None:
    assert rank_correlation([1.0, 2.0, 3.0], [10.0, 100.0, 1000.0]) == pytest.approx(1.0)
    assert rank_correlation([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]) == pytest.approx(-1.0)
    # ranks 1 2 3 4 against 2 1 4 3: 1 - 6 * 4 / (4 * 15)
    assert rank_correlation([1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 4.0, 3.0]) == pytest.approx(0.6)


def test_rank_correlation_with_ties_is_scipys() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, 50).astype(float), rng.integers(0, 5, 50).astype(float)
    result: Any = scipy.stats.spearmanr(a, b)
    assert rank_correlation(a, b) == pytest.approx(result.statistic)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([], []),
        ([1.0], [2.0]),
        ([1.0, 1.0], [1.0, 2.0]),
        ([1.0, 2.0], [0.0, 0.0]),
        ([1.0, 2.0], [math.nan, 1.0]),
    ],
)
def test_rank_correlation_undefined(a: list[float], b: list[float]) -> None:
    assert rank_correlation(a, b) is None


def test_worst_miss() -> None:
    assert worst_miss([1.0, -2.0, 3.0], [1.5, 1.0, 2.0]) == Miss(1, -2.0, 1.0, -3.0)
    assert worst_miss([1.0, 2.0], [2.0, 1.0]).index == 0


def test_errors() -> None:
    with pytest.raises(ValueError, match="paired"):
        rank_correlation([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="paired"):
        worst_miss([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"exact\[0\] is nan"):
        worst_miss([1.0], [math.nan])
