"""Every metric worked out by hand on logits of three tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from circuitgraph.engine.metrics import METRICS, UNITS, Metric, MetricFunction, unit_of
from circuitgraph.errors import TaskError
from circuitgraph.task.rows import Row

LOGITS = torch.log(torch.tensor([[1.0, 2.0, 5.0], [3.0, 3.0, 2.0]], dtype=torch.float64)) + 7
"""Shares 1/8, 2/8, 5/8 and 3/8, 3/8, 2/8; a constant added to all logits of a row changes nothing but logits."""


def row(answers: Sequence[int] = (), foils: Sequence[int] = ()) -> Row:
    return Row("row", (0, 1), (1, 0), tuple(answers), tuple(foils))


def metric(name: str, *rows: Row, clean: Tensor = LOGITS, function: MetricFunction | None = None) -> Metric:
    return Metric(name, rows, clean, function)


def values(name: str, *rows: Row) -> list[float]:
    return metric(name, *rows)(LOGITS).tolist()


def test_one_answer_and_one_foil() -> None:
    rows = row([1], [0]), row([2], [1])
    assert values("logit_diff", *rows) == pytest.approx([math.log(2), math.log(2 / 3)])
    assert values("prob_diff", *rows) == pytest.approx([1 / 8, -1 / 8])
    assert values("log_prob", *rows) == pytest.approx([math.log(2 / 8), math.log(2 / 8)])
    assert values("loss", *rows) == pytest.approx([-math.log(2 / 8), -math.log(2 / 8)])


def test_lists_are_means_of_logits_and_sums_of_probabilities() -> None:
    rows = row([0, 1], [2]), row([2], [0, 1])
    assert values("logit_diff", *rows) == pytest.approx(
        [(math.log(1) + math.log(2)) / 2 - math.log(5), math.log(2) - math.log(3)]
    )
    assert values("prob_diff", *rows) == pytest.approx([3 / 8 - 5 / 8, 2 / 8 - 6 / 8])
    assert values("log_prob", *rows) == pytest.approx([math.log(3 / 8), math.log(2 / 8)])
    assert values("loss", *rows) == pytest.approx([-math.log(3 / 8), -math.log(2 / 8)])


def test_accuracy_is_whether_the_best_token_is_an_answer() -> None:
    assert values("accuracy", row([2]), row([2])) == [1.0, 0.0]
    assert values("accuracy", row([0, 2]), row([1, 0])) == [1.0, 1.0]


def test_kl_is_from_the_clean_distribution() -> None:
    """KL(clean ‖ run): 3/8 log(3/2) + 0 + ... by hand, 0 at clean, positive elsewhere, not symmetric."""
    other = torch.log(torch.tensor([[2.0, 2.0, 4.0], [1.0, 1.0, 6.0]], dtype=torch.float64)) - 3
    found = metric("kl", row(), row())(other).tolist()
    assert found[0] == pytest.approx(1 / 8 * math.log(1 / 2) + 5 / 8 * math.log(5 / 4))
    assert found[1] == pytest.approx(6 / 8 * math.log(3) + 2 / 8 * math.log(1 / 3))
    assert metric("kl", row(), row())(LOGITS + 5).tolist() == pytest.approx([0, 0], abs=1e-14)
    assert metric("kl", row(), row(), clean=other)(LOGITS).tolist() != pytest.approx(found)
    draws = torch.randn(50, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert float(metric("kl", row(), row())(draws).min()) >= 0


@pytest.mark.parametrize("name", METRICS)
def test_lanes_are_scored_one_by_one(name: str) -> None:
    draws = torch.randn(2, 4, 2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    scored = metric(name, row([1], [0]), row([2], [1]))
    found = scored(draws)
    assert found.shape == (2, 4, 2)
    for i in range(2):
        for j in range(4):
            assert torch.allclose(found[i, j], scored(draws[i, j]), atol=1e-15)


def test_every_named_metric_has_a_unit() -> None:
    assert set(UNITS) == set(METRICS)
    assert unit_of("logit_diff") == "logits" and unit_of("kl") == unit_of("loss") == "nats"
    assert unit_of("python:mine:metric") == "metric"


# Metrics of the user.


def test_a_function_sees_lanes_of_readout_logits_and_the_rows() -> None:
    rows = row([1]), row([2])
    seen: list[tuple[int, ...]] = []

    def largest(logits: Tensor, given: Sequence[Row]) -> Tensor:
        seen.append(tuple(logits.shape))
        assert tuple(given) == rows
        return logits.max(-1).values

    scored = metric("python:mine:largest", *rows, function=largest)
    assert scored(LOGITS).tolist() == LOGITS.max(-1).values.tolist()
    assert scored(LOGITS.expand(3, 2, 2, 3)).shape == (3, 2, 2)
    assert set(seen) == {(2, 3)}


@pytest.mark.parametrize(
    ("function", "shown"),
    [
        (lambda logits, rows: logits, r"\(2, 3\)"),
        (lambda logits, rows: logits.sum(), r"\(\)"),
        (lambda logits, rows: logits[:1, 0], r"\(1,\)"),
        (lambda logits, rows: [0.0, 0.0], "list"),
        (lambda logits, rows: None, "NoneType"),
    ],
)
def test_a_function_that_returns_something_else_is_refused(function: MetricFunction, shown: str) -> None:
    scored = metric("python:mine:wrong", row(), row(), function=function)
    with pytest.raises(
        TaskError, match=rf"python:mine:wrong must return one number an example.*\(2,\).*{shown}"
    ) as e:
        scored(LOGITS)
    assert [problem.code for problem in e.value.problems] == ["bad-metric-value"]
