"""What a metric and an ablation ask of every row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from circuitgraph.errors import Problem, quoted
from circuitgraph.spec import model
from circuitgraph.spec.document import Document, problem_at
from circuitgraph.task.code import PREFIX, check_allowed
from circuitgraph.task.findings import Findings, Where, name_rows
from circuitgraph.task.rows import Row

METRIC: Where = ("task", "metric")
ABLATION: Where = ("ablation",)

METRIC_NEEDS = MappingProxyType(
    {
        "logit_diff": frozenset({"answer", "foil"}),
        "prob_diff": frozenset({"answer", "foil"}),
        "log_prob": frozenset({"answer"}),
        "loss": frozenset({"answer"}),
        "accuracy": frozenset({"answer"}),
        "kl": frozenset[str](),
    }
)
"""Keys of a row that each metric reads."""


class Baseline(Protocol):
    """An ablation, as `circuitgraph.resolve.circuit.Ablation` gives it."""

    @property
    def kind(self) -> str:
        """corrupt, zero, mean or resample."""
        ...

    @property
    def by(self) -> tuple[str, ...]:
        """Factors within whose levels the mean is taken."""
        ...

    @property
    def over(self) -> str:
        """Whose mean: the clean or the corrupt prompts'."""
        ...


@dataclass(frozen=True, slots=True)
class _Written:
    kind: str
    by: tuple[str, ...] = ()
    over: str = "clean"


def written_baseline(ablation: model.Ablation) -> Baseline:
    """The ablation of a spec, short or long form."""
    if isinstance(ablation, model.MeanAblation):
        return _Written("mean", tuple(ablation.mean.by), ablation.mean.over)
    return _Written("resample" if isinstance(ablation, model.ResampleAblation) else ablation)


def metric_needs(metric: str, findings: Findings, *, allow_code: bool) -> frozenset[str]:
    """Keys that the metric needs in every row; a `python:` metric needs none, and may not be allowed."""
    needs = METRIC_NEEDS.get(metric)
    if needs is not None:
        return needs
    check_allowed(metric.removeprefix(PREFIX), METRIC, findings, allow_code=allow_code)
    return frozenset()


def ablation_problems(
    rows: Sequence[Row], ablation: Baseline, document: Document | None = None
) -> list[Problem]:
    """What the rows lack for this ablation, naming them."""
    found: list[Problem] = []

    def report(code: str, message: str, lacking: Sequence[Row], hint: str | None = None) -> None:
        if lacking:
            names = name_rows([row.where for row in lacking])
            found.append(problem_at(document, ABLATION, code, f"{message}: {names}", hint))

    if ablation.kind == "corrupt" or (ablation.kind == "mean" and ablation.over == "corrupt"):
        what = "corrupt" if ablation.kind == "corrupt" else "mean over corrupt"
        report(
            "missing-corrupt",
            f"ablation {what} needs a corrupt prompt in every row, some have none",
            [row for row in rows if row.corrupt is None],
            "give each row a corrupt prompt, or choose zero, mean or resample",
        )
    if ablation.kind == "mean":
        for name in ablation.by:
            text = f"mean by {quoted(name)} needs this factor in every row, some lack it"
            report("missing-factor", text, [row for row in rows if name not in row.factors])
    if ablation.kind == "resample":
        lengths = Counter(row.length for row in rows)
        report(
            "no-partner",
            "resample needs another row of equally many tokens for every row, some have none",
            [row for row in rows if lengths[row.length] < 2],
        )
    return found
