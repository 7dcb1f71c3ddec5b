"""From an estimate and a bound to a verdict."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import Enum

from numpy.typing import ArrayLike

from circuitgraph.statistics.intervals import DEFAULT_RESAMPLES, Estimate, mean


class Verdict(str, Enum):
    """What the data say about a claim.

    `judge` gives the first three; a caller turns a supported claim into `UNINFORMATIVE` when size-matched
    random circuits pass it as well (`is_uninformative`).
    """

    SUPPORTED = "supported"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"
    UNINFORMATIVE = "uninformative"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a claim allows: a closed interval, open-ended where a bound is None.

    Raises:
        ValueError: no bound at all, a NaN, or at_least > at_most.
    """

    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a claim needs at_least or at_most")
        if self.low > self.high or math.isnan(self.low) or math.isnan(self.high):
            raise ValueError(f"at_least {self.at_least} and at_most {self.at_most} allow no value")

    @property
    def low(self) -> float:
        """The lower bound, -inf where there is none."""
        return -math.inf if self.at_least is None else self.at_least

    @property
    def high(self) -> float:
        """The upper bound, inf where there is none."""
        return math.inf if self.at_most is None else self.at_most

    def margin(self, value: float) -> float:
        """Distance from `value` to the nearest bound: positive inside, 0 on a bound, negative outside."""
        return min(value - self.low, self.high - value)

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def judge(estimate: Estimate, bounds: Bounds) -> Verdict:
    """Compare an interval with the bounds of a claim.

    Supported where the whole interval satisfies every bound, refuted where the whole interval violates one,
    inconclusive where it straddles one or is unbounded on that side. Bounds are closed: an end of the
    interval that equals a bound satisfies it, so an interval that touches a bound from outside is not refuted
    by it.

    Source: definitions §5.
    """
    interval = estimate.interval
    if interval.low >= bounds.low and interval.high <= bounds.high and not math.isnan(estimate.value):
        return Verdict.SUPPORTED
    if interval.high < bounds.low or interval.low > bounds.high:
        return Verdict.REFUTED
    return Verdict.INCONCLUSIVE


def equivalence(
    values: ArrayLike,
    within: float,
    *,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int,
    alpha: float = 0.05,
) -> tuple[Verdict, Estimate]:
    """Test that a mean effect is practically 0: two one-sided tests (TOST), each at `alpha`.

    Args:
        values: [n] per-example effects.
        within: The largest |mean| that still counts as no effect, in the unit of `values`; positive.
        clusters: As in `bootstrap`.
        resamples: As in `bootstrap`.
        seed: As in `bootstrap`.
        alpha: Size of each one-sided test; the interval has level 1 - 2 alpha.

    Returns:
        Supported where the 1 - 2 alpha interval lies within [-within, within], refuted where it lies outside
        altogether, else inconclusive; and the estimate of the mean with that interval.

    Raises:
        ValueError: `within` is not positive, `alpha` not in (0, 0.5), or as in `bootstrap`.

    "No effect" is the alternative here, never the null: a test that takes it as its null, as the equivalence
    test of Shi et al. 2024 (arXiv:2410.13032) does, is passed by any sample that is small enough.
    Source: Schuirmann 1987, J. Pharmacokinet. Biopharm. 15; the pitfall in definitions §5.
    """
    if not within > 0.0:
        raise ValueError(f"within is {within}: it must be positive")
    if not 0.0 < alpha < 0.5:
        raise ValueError(f"alpha is {alpha}: it must lie between 0 and 0.5")
    estimate = mean(values, clusters=clusters, resamples=resamples, seed=seed, level=1.0 - 2.0 * alpha)
    return judge(estimate, Bounds(-within, within)), estimate
