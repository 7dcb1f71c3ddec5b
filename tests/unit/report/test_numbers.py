"""Digits: as many as the interval allows, and none that mislead."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgraph.report.numbers import decimals_for, decimals_of, figure, interval, plain_figure, sign_shown

FINITE = st.floats(-1e5, 1e5)


@pytest.mark.parametrize(
    ("value", "low", "high", "bounds", "shown"),
    [
        (0.95457, 0.94633, 0.96340, (), "0.955 [0.946, 0.963]"),
        (-5.03, -6.21, -4.13, (), "-5.0 [-6.2, -4.1]"),
        (-1234.5, -1300.25, -1100.75, (), "-1234 [-1300, -1101]"),
        (2.0, 2.0, 2.0, (), "2.00 [2.00, 2.00]"),
        (0.0, 0.0, 0.0, (), "0.00 [0.00, 0.00]"),
        (math.nan, -math.inf, math.inf, (), "– (-∞, ∞)"),
        (0.41, 0.0, math.inf, (), "0.410 [0.000, ∞)"),
        (3e-9, -1e-9, 5e-9, (), "3.0e-09 [-1.0e-09, 5.0e-09]"),
        (2.5e7, 2.4e7, 2.6e7, (), "2.5e+07 [2.4e+07, 2.6e+07]"),
        # the upper end lies below the bound of 0.9, and must not be printed as if it reached it
        (0.85, 0.80, 0.8999, (0.9,), "0.8500 [0.8000, 0.8999]"),
        (0.85, 0.80, 0.9, (0.9,), "0.85 [0.80, 0.90]"),
        (-0.0001, -0.02, 0.0, (), "0.000 [-0.020, 0.000]"),
    ],
)
def test_estimates(value: float, low: float, high: float, bounds: tuple[float, ...], shown: str) -> None:
    decimals = decimals_of(value, low, high, bounds)
    assert f"{figure(value, decimals)} {interval(low, high, decimals)}" == shown


@given(FINITE, FINITE, FINITE)
def test_what_is_shown_lies_within_a_tenth_of_the_width(a: float, b: float, c: float) -> None:
    low, value, high = sorted((a, b, c))
    width = high - low
    if width < 1e-4:
        return
    shown = float(figure(value, decimals_of(value, low, high)))
    assert abs(shown - value) <= 0.051 * width


@given(FINITE, FINITE, FINITE)
def test_an_end_that_misses_the_bound_is_not_shown_on_it(low: float, high: float, bound: float) -> None:
    low, high = min(low, high), max(low, high)
    decimals = decimals_of(low, low, high, [bound])
    for end in (low, high):
        if abs(end - bound) > 1e-6:
            assert round(end, decimals) != round(bound, decimals)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (0.0, "0.00"), (16.7236, "16.7"), (0.00017, "0.000170"), (1234.5, "1234")],
)
def test_numbers_on_their_own(value: float | None, shown: str) -> None:
    assert plain_figure(value) == shown


def test_a_column_takes_its_digits_from_the_largest() -> None:
    assert decimals_for([0.001, -33.4]) == 1
    assert decimals_for([]) == decimals_for([0.0]) == 2
    assert decimals_for([math.nan, math.inf, 0.5]) == 3


def test_the_sign_is_that_of_the_number_shown() -> None:
    assert [sign_shown(value, 2) for value in (-0.004, 0.004, -0.006, 0.006)] == [0, 0, -1, 1]
