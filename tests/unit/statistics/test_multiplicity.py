from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from circuitgraph.statistics import benjamini_hochberg, holm, permutation_p


def test_holm_by_hand() -> None:
    # sorted .005 .01 .03 .04, times 4 3 2 1: .02 .03 .06 .04, made monotone: .02 .03 .06 .06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_benjamini_hochberg_by_hand() -> None:
    # sorted .005 .01 .03 .04, times 4/1 4/2 4/3 4/4: .02 .02 .04 .04
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_edges(adjust: Callable[[ArrayLike], NDArray[np.float64]]) -> None:
    assert adjust([]).shape == (0,)
    assert adjust([0.3]) == pytest.approx([0.3])
    assert adjust([1.0, 0.9, 0.8]).max() <= 1.0
    for bad in ([-0.1], [1.1], [math.nan], [[0.1]]):
        with pytest.raises(ValueError, match="between 0 and 1"):
            adjust(bad)


def test_holm_keeps_the_family_wise_error() -> None:
    rng = np.random.default_rng(0)
    wrong = [bool((holm(rng.random(20)) <= 0.05).any()) for _ in range(2000)]
    assert 0.03 <= np.mean(wrong) <= 0.07


def test_permutation_p() -> None:
    assert permutation_p(0, 99) == 0.01
    assert permutation_p(99, 99) == 1.0
    assert permutation_p(0, 0) == 1.0
    for bad in ((-1, 10), (11, 10)):
        with pytest.raises(ValueError, match="of 10 permutations"):
            permutation_p(*bad)
