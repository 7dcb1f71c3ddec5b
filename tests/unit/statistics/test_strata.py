from __future__ import annotations

import numpy as np
import pytest

from circuitgraph.statistics import (
    Bounds,
    Stratum,
    eta_squared,
    omega_squared,
    per_stratum,
    summary,
    worst_stratum,
)


class TestSummary:
    def test_by_hand(self) -> None:
        result = summary([-1.0, 0.0, 1.0, 4.0])
        assert (result.n, result.mean, result.q50) == (4, 1.0, 0.5)
        assert result.std == pytest.approx(np.sqrt(14 / 3))
        assert (result.q05, result.q95) == pytest.approx((-0.85, 3.55))
        assert result.share_with_sign == 0.5

    @pytest.mark.parametrize(("sign", "share"), [(1, 0.5), (-1, 0.25), (0, 0.25), (None, 0.5)])
    def test_claimed_sign(self, sign: int | None, share: float) -> None:
        assert summary([-1.0, 0.0, 1.0, 4.0], sign).share_with_sign == share

    def test_one_example(self) -> None:
        result = summary([-2.0])
        assert (result.std, result.q05, result.q95, result.share_with_sign) == (0.0, -2.0, -2.0, 1.0)

    def test_other_signs_are_refused(self) -> None:
        with pytest.raises(ValueError, match="sign is 2"):
            summary([1.0], 2)


class TestStrata:
    def test_means_by_hand_in_order(self) -> None:
        labels = {"gap": [10, 9, 10, 9], "template": ["BABA", "ABBA", "ABBA", "ABBA"]}
        assert per_stratum([1.0, 2.0, 4.0, 6.0], labels) == [
            Stratum("gap", 9, 2, 4.0),
            Stratum("gap", 10, 2, 2.5),
            Stratum("template", "ABBA", 3, 4.0),
            Stratum("template", "BABA", 1, 1.0),
        ]

    def test_a_pooled_hit_may_be_a_cancellation(self) -> None:
        labels = {"template": ["ABBA", "BABA"] * 10}
        strata = per_stratum([0.86, 1.26] * 10, labels, denominator=[1.0] * 20)
        assert [s.value for s in strata] == pytest.approx([0.86, 1.26])
        worst = worst_stratum(strata, Bounds(0.9, 1.1), pooled=1.06)
        assert worst is not None
        assert worst.level == "BABA"

    def test_ratio_of_means_within_a_stratum(self) -> None:
        strata = per_stratum([1.0, 2.0, 5.0, 5.0], {"f": "aabb"}, [1.0, 3.0, 1.0, -1.0])
        assert [s.value for s in strata] == [0.75, None]

    def test_worst_by_bound_and_by_distance(self) -> None:
        strata = [Stratum("f", i, 5, value) for i, value in enumerate([0.5, 1.0, 2.0, None])]
        assert worst_stratum(strata, Bounds(at_least=0.8), 1.0) == strata[0]
        assert worst_stratum(strata, Bounds(at_most=3.0), 1.0) == strata[2]
        assert worst_stratum(strata, None, 1.0) == strata[2]
        assert worst_stratum(strata[3:], None, 1.0) is None
        assert worst_stratum([], Bounds(at_least=0.0), 1.0) is None

    def test_errors(self) -> None:
        with pytest.raises(ValueError, match=r"labels\['f'\] has 1 labels for 2"):
            per_stratum([1.0, 2.0], {"f": ["a"]})
        with pytest.raises(ValueError, match="denominator has 1"):
            per_stratum([1.0, 2.0], {}, [1.0])


class TestVarianceExplained:
    def test_by_hand(self) -> None:
        # means 2 and 6 around 4: between 4 * 4 = 16, within 2 + 2 = 4
        assert eta_squared([1.0, 3.0, 5.0, 7.0], "aabb") == pytest.approx(0.8)
        # MS within = 4 / 2: (16 - 2) / (20 + 2)
        assert omega_squared([1.0, 3.0, 5.0, 7.0], "aabb") == pytest.approx(14 / 22)

    def test_extremes(self) -> None:
        assert eta_squared([0.1] * 7, [1, 1, 1, 2, 2, 3, 3]) == 0.0
        assert omega_squared([0.1] * 7, [1, 1, 1, 2, 2, 3, 3]) == 0.0
        assert eta_squared([1.0, 1.0, 2.0, 2.0], "aabb") == 1.0
        assert eta_squared([1.0, 2.0, 1.0, 2.0], "aabb") == 0.0
        assert omega_squared([1.0, 2.0, 1.0, 2.0], "aabb") == 0.0
        assert eta_squared([1.0, 2.0, 5.0], "aaa") == 0.0

    def test_many_levels_explain_noise_and_omega_corrects_it(self) -> None:
        values = np.random.default_rng(0).normal(size=200)
        labels = [i // 2 for i in range(200)]
        assert eta_squared(values, labels) == pytest.approx(99 / 199, abs=0.1)
        omega = omega_squared(values, labels)
        assert omega is not None
        assert omega < 0.2
        own = list(range(200))
        assert eta_squared(values, own) == pytest.approx(1.0)
        assert omega_squared(values, own) is None

    def test_labels_must_match(self) -> None:
        with pytest.raises(ValueError, match="labels has 2"):
            eta_squared([1.0], "ab")
