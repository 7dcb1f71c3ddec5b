"""Numbers as people read them: as many digits as the interval allows, and never a digit that misleads."""

from __future__ import annotations

import math
from collections.abc import Iterable

MOST_DECIMALS = 6
UNDEFINED = "–"
"""What stands for a number that does not exist (0/0)."""


def decimals_of(value: float, low: float, high: float, bounds: Iterable[float] = ()) -> int:
    """Decimals that show an estimate with its interval: two significant digits of the interval's width.

    More where a rounded end would coincide with a bound that it does not equal, which would make the verdict
    look wrong. Three significant digits of the value where the interval has no width or is unbounded.
    """
    width = high - low
    decimals = decimals_for([value])
    if math.isfinite(width) and width > 0.0:
        decimals = 1 - math.floor(math.log10(width))
    decimals = min(max(decimals, 0), MOST_DECIMALS)
    ends = [end for end in (value, low, high) if math.isfinite(end)]
    while decimals < MOST_DECIMALS and any(
        round(end, decimals) == round(bound, decimals) and end != bound for end in ends for bound in bounds
    ):
        decimals += 1
    return decimals


def decimals_for(values: Iterable[float]) -> int:
    """Decimals that give the largest of several numbers three significant digits, for a column of a table."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if largest == 0.0:
        return 2
    return min(max(2 - math.floor(math.log10(largest)), 0), MOST_DECIMALS)


def figure(value: float | None, decimals: int) -> str:
    """`value` with so many decimals; in powers of ten where they would not show it."""
    if value is None or math.isnan(value):
        return UNDEFINED
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    if size >= 1e6 or (decimals >= MOST_DECIMALS and 0.0 < size < 0.5 * 10**-MOST_DECIMALS):
        return f"{value:.1e}"
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0.0 else text


def sign_shown(value: float, decimals: int) -> int:
    """Sign of a finite `value` as `figure` prints it: 0 where it rounds to zero."""
    shown = float(figure(value, decimals))
    return (shown > 0) - (shown < 0)


def interval(low: float, high: float, decimals: int) -> str:
    """An interval in brackets; an end without limit in a round one."""
    left = "(" if math.isinf(low) else "["
    right = ")" if math.isinf(high) else "]"
    return f"{left}{figure(low, decimals)}, {figure(high, decimals)}{right}"


def plain_figure(value: float | None) -> str:
    """A number on its own with three significant digits."""
    return figure(value, decimals_for([] if value is None else [value]))
