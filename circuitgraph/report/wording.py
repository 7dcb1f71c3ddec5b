"""What the terminal and the page say alike: claims with their place, their worst stratum, runs, estimates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from circuitgraph.diagram.palette import VERDICT_MARK
from circuitgraph.report.numbers import decimals_for, decimals_of, figure, interval, plain_figure
from circuitgraph.spec import problem_at
from circuitgraph.statistics import Estimate, Verdict

if TYPE_CHECKING:
    from circuitgraph.attribution.attribute import EstimateError
    from circuitgraph.report.report import Report
    from circuitgraph.validation.outcome import Outcome

RUN_NAMES = {
    "clean": "clean run",
    "corrupt": "everything ablated",
    "circuit": "circuit alone",
    "complement": "all but the circuit",
}
"""What people call the runs."""


def verdict_text(verdict: Verdict, count: int | None = None) -> str:
    """A verdict, or how many there are of it, as mark and word, so that nothing is told by colour alone."""
    words = verdict.value if count is None else f"{count} {verdict.value}"
    return f"{VERDICT_MARK[verdict.value]} {words}"


def verdict_counts(report: Report) -> dict[Verdict, int]:
    """How many claims have each verdict, worst first, without those that none has."""
    order = (Verdict.REFUTED, Verdict.INCONCLUSIVE, Verdict.UNINFORMATIVE, Verdict.SUPPORTED)
    found = [outcome.verdict for outcome in report.claims]
    return {verdict: found.count(verdict) for verdict in order if verdict in found}


def place_of(report: Report, index: int) -> str:
    """Where the claim stands: specs/induction.yaml:24:5, or claims[2] for a spec built in Python."""
    outcome = report.claims[index]
    if outcome.where or index >= len(report.circuit.claims):
        return outcome.where
    problem = problem_at(report.spec.document, report.circuit.claims[index].origin.where, "", "")
    if problem.file is None or problem.line is None:
        return problem.where
    return f"{problem.file}:{problem.line}:{problem.column}"


def limits(bound: Mapping[str, float]) -> tuple[float, float]:
    """The closed interval that a claim's bounds allow."""
    if "within" in bound:
        return -bound["within"], bound["within"]
    least = bound.get("at_least", bound.get("each_at_least", -math.inf))
    return least, bound.get("at_most", math.inf)


def estimate_texts(outcome: Outcome) -> tuple[str, str]:
    """Estimate and interval, with the digits that the interval allows."""
    estimate = outcome.estimate
    low, high = estimate.interval.low, estimate.interval.high
    finite = [limit for limit in limits(outcome.bound) if math.isfinite(limit)]
    decimals = decimals_of(estimate.value, low, high, finite)
    return figure(estimate.value, decimals), interval(low, high, decimals)


def with_interval(estimate: Estimate) -> str:
    """An estimate and its interval in one text."""
    low, high = estimate.interval.low, estimate.interval.high
    decimals = decimals_of(estimate.value, low, high)
    return f"{figure(estimate.value, decimals)} {interval(low, high, decimals)}"


def violation(outcome: Outcome) -> str | None:
    """The worst stratum in a sentence, where it violates the bound; None where it does not.

    `minimal` has none: its strata are those of the weakest part's signed drop, its bound is on the size.
    """
    worst = outcome.worst
    if worst is None or worst.value is None or outcome.kind == "minimal":
        return None
    low, high = limits(outcome.bound)
    if low <= worst.value <= high:
        return None
    return f"At {worst.factor} = {worst.level} (n = {worst.n}) the value is {worst.value:.3g}."


def claims_title(report: Report) -> str:
    """Unit and level of the claims' estimates and intervals, in brackets behind what they are."""
    with_unit = any(outcome.unit == report.unit != "share" for outcome in report.claims)
    told = [f"effects in {report.unit}"] if with_unit else []
    for kinds, word in ((False, "intervals"), (True, "intervals of no_effect")):
        levels = {o.estimate.interval.level for o in report.claims if (o.kind == "no_effect") is kinds}
        told += [f"{100 * level:g} % {word}" for level in sorted(levels)]
    return f"Claims ({', '.join(told)})" if told else "Claims"


def metric_text(report: Report) -> str:
    """The metric's mean on the clean and the ablated run: "logit_diff 33.1 clean → -0.2 ablated (logits)"."""
    levels = {name: float(run.values.mean()) for name, run in report.runs.items()}
    decimals = decimals_for(levels.values())
    unit = "" if report.unit == "metric" else f" ({report.unit})"
    ends = [f"{figure(levels[name], decimals)} {word}" for name, word in ENDS if name in levels]
    return f"{report.metric} {' → '.join(ends)}{unit}"


ENDS = (("clean", "clean"), ("corrupt", "ablated"))


def estimate_text(error: EstimateError) -> str:
    """How far an estimate is from exact patching, in a sentence."""
    name = error.method.replace("_", "-")
    rank = (
        "no rank correlation (one side is constant)"
        if error.rank_correlation is None
        else f"rank correlation {figure(error.rank_correlation, 2)}"
    )
    edges = "1 edge" if error.edges == 1 else f"{error.edges} edges"
    miss = f"worst miss {plain_figure(error.worst_miss)} at {error.worst_edge}"
    scale = f"largest exact {plain_figure(error.largest_exact)}"
    return f"{name} against exact on {edges}: {rank}, {miss} ({scale})"
