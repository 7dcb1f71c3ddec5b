"""From readings to verdicts: one function a kind of claim.

Formulas are those of definitions §4 and §5. Every estimate is taken over per-example values, resampled by template
where the task has templates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from circuitgraph.engine.metrics import unit_of
from circuitgraph.engine.session import Readings
from circuitgraph.names import Node
from circuitgraph.plan.variants import Variant
from circuitgraph.resolve.circuit import ResolvedClaim
from circuitgraph.spec.model import Attends, BeatsRandom, Complete, Effect, Faithful, Minimal, NoEffect
from circuitgraph.statistics import (
    Bounds,
    Estimate,
    Verdict,
    denominator_is_clear,
    equivalence,
    eta_squared,
    is_uninformative,
    judge,
    mean,
    per_stratum,
    ratio_of_means,
    share_beaten,
    smallest_of,
    summary,
    worst_stratum,
)
from circuitgraph.task.task import Task
from circuitgraph.validation.hypothesis import Hypothesis
from circuitgraph.validation.outcome import Outcome, PartDrop

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Bench:
    """Everything a judgement reads.

    Attributes:
        hypothesis: The circuit with its requests.
        readings: What was measured.
        task: Rows with factors; templates are clusters.
        seed: Seed of the resampling.
    """

    hypothesis: Hypothesis
    readings: Readings
    task: Task
    seed: int = 0

    @property
    def clusters(self) -> Sequence[Hashable] | None:
        """One label a row where the task has templates."""
        return self.task.clusters

    @property
    def labels(self) -> Mapping[str, Sequence[Hashable]]:
        """Declared factors and, where there are templates, the template."""
        names = list(self.task.factors)
        if self.task.clusters is not None and "template" not in names:
            names.append("template")
        return {name: [row.factors[name] for row in self.task.rows] for name in names}

    @property
    def contrast(self) -> Values:
        """m(M) − m(∅) per example: what faithfulness divides by."""
        return self.readings.clean - self.readings.ablated

    def recovered(self, variant: Variant) -> Values:
        """m(variant) − m(∅) per example."""
        return self.readings.values[variant] - self.readings.ablated

    def share(self, variant: Variant) -> float:
        """f(variant), the ratio of means; NaN where the mean contrast is 0."""
        contrast = float(self.contrast.mean())
        return float(self.recovered(variant).mean()) / contrast if contrast != 0.0 else math.nan

    def effect(self, claim: ResolvedClaim, variant: Variant) -> Values:
        """Noising or denoising effect per example, in the metric's unit."""
        assert isinstance(claim.claim, Effect | NoEffect)
        noised = claim.claim.direction == "noising"
        return self.readings.values[variant] - (self.readings.clean if noised else self.readings.ablated)


def contrast_estimate(bench: Bench) -> tuple[bool, Estimate]:
    """Whether the mean contrast between clean and ablated is clearly not zero, and its estimate."""
    readings = bench.readings
    return denominator_is_clear(readings.clean, readings.ablated, bench.clusters, seed=bench.seed)


def judge_claims(bench: Bench) -> tuple[Outcome, ...]:
    """Judge every claim of the hypothesis, in the order of the spec.

    Ratio claims are inconclusive where the interval of their denominator contains 0 (definitions §4).
    """
    clear, contrast = contrast_estimate(bench)
    outcomes: list[Outcome] = []
    for claim in bench.hypothesis.circuit.claims:
        outcome = JUDGES[type(claim.claim)](bench, claim)
        if outcome.kind in RATIO_KINDS and not clear:
            interval = contrast.interval
            note = (
                f"The contrast clean − ablated is {contrast.value:.4g} [{interval.low:.4g}, {interval.high:.4g}]: "
                "it may be zero, so shares of it mean nothing."
            )
            outcome = replace(outcome, verdict=Verdict.INCONCLUSIVE, notes=(*outcome.notes, note))
        outcomes.append(outcome)
    return tuple(outcomes)


def _faithful(bench: Bench, claim: ResolvedClaim) -> Outcome:
    assert isinstance(claim.claim, Faithful)
    bounds = Bounds(claim.claim.at_least, claim.claim.at_most)
    return _ratio(bench, bench.hypothesis.kept, bounds, "f(circuit)", bench.hypothesis.rivals, "faithful")


def _complete(bench: Bench, claim: ResolvedClaim) -> Outcome:
    assert isinstance(claim.claim, Complete)
    bounds = Bounds(None, claim.claim.at_most)
    rivals = bench.hypothesis.rival_complements
    return _ratio(bench, bench.hypothesis.complement, bounds, "f(complement)", rivals, "complete")


def _ratio(
    bench: Bench, variant: Variant, bounds: Bounds, text: str, rivals: Sequence[Variant], kind: str
) -> Outcome:
    """f(variant) = mean(m(variant) − m(∅)) / mean(m(M) − m(∅))."""
    top, bottom = bench.recovered(variant), bench.contrast
    estimate = ratio_of_means(top, bottom, clusters=bench.clusters, seed=bench.seed)
    outcome = Outcome(
        kind, f"{text} {_bound_text(bounds)}", judge(estimate, bounds), estimate, _as_dict(bounds), "share"
    )
    outcome = _with_strata(outcome, bench, bounds, top, bottom)
    return _against(outcome, [bench.share(rival) for rival in rivals], bounds, "size-matched random circuits")


def _minimal(bench: Bench, claim: ResolvedClaim) -> Outcome:
    """|f(C) − f(C ∖ part)| for every part, the smallest judged."""
    assert isinstance(claim.claim, Minimal)
    hypothesis, bound = bench.hypothesis, claim.claim.each_at_least
    parts = hypothesis.parts(claim.claim.per)
    kept = bench.readings.values[hypothesis.kept]
    drops: dict[Hashable, ArrayLike] = {
        str(part): kept - bench.readings.values[hypothesis.without(part)] for part in parts
    }
    result = smallest_of(drops, bench.contrast, bound=bound, clusters=bench.clusters, seed=bench.seed)
    notes = (f"The weakest {claim.claim.per} is {result.item}.",)
    if result.failing:
        notes += (f"Below the bound: {', '.join(str(item) for item in result.failing)}.",)
    shown = tuple(
        PartDrop(str(name), each.value, each.interval.low, each.interval.high)
        for name, each in result.per_item.items()
    )
    text = f"smallest drop per {claim.claim.per} ≥ {bound:g}"
    outcome = Outcome(
        "minimal",
        text,
        result.verdict,
        result.estimate,
        {"each_at_least": bound},
        "share",
        notes,
        parts=shown,
    )
    weakest = np.asarray(drops[str(result.item)], dtype=np.float64)
    return _with_strata(outcome, bench, None, weakest, bench.contrast)


def _beats_random(bench: Bench, claim: ResolvedClaim) -> Outcome:
    assert isinstance(claim.claim, BeatsRandom)
    hypothesis, readings = bench.hypothesis, bench.readings
    rivals = hypothesis.rivals[: claim.claim.circuits]
    estimate = share_beaten(
        readings.values[hypothesis.kept],
        readings.clean,
        np.stack([readings.values[rival] for rival in rivals]),
        clusters=bench.clusters,
        seed=bench.seed,
    )
    bounds = Bounds(claim.claim.at_least)
    text = f"closer to the model than {claim.claim.at_least:.0%} of {len(rivals)} random circuits"
    shares = np.array([bench.share(rival) for rival in rivals])
    notes: tuple[str, ...] = ()
    if np.isfinite(shares).all():
        low, median, high = np.quantile(shares, [0.05, 0.5, 0.95])
        notes = (f"f of the random circuits: median {median:.2f}, 5 % to 95 %: {low:.2f} to {high:.2f}.",)
    return Outcome("beats_random", text, judge(estimate, bounds), estimate, _as_dict(bounds), "share", notes)


def _effect(bench: Bench, claim: ResolvedClaim) -> Outcome:
    assert isinstance(claim.claim, Effect)
    bounds = Bounds(claim.claim.at_least, claim.claim.at_most)
    hypothesis = bench.hypothesis
    values = bench.effect(claim, hypothesis.act(claim, claim.edges))
    estimate = mean(values, clusters=bench.clusters, seed=bench.seed)
    text = f"{_of(claim.claim)} {_bound_text(bounds)}"
    unit = unit_of(bench.task.metric)
    outcome = Outcome(
        "effect", text, judge(estimate, bounds), estimate, _as_dict(bounds), unit, edges=claim.edges
    )
    outcome = _with_strata(outcome, bench, bounds, values, None)
    if claim.claim.direction == "denoising" and hypothesis.circuit.ablation.kind in ("zero", "mean"):
        note = (
            "Under zero and mean a denoised edge switches on everything downstream of it, however little it carries: "
            "the effect is that switch and the edge together."
        )
        outcome = replace(outcome, notes=(*outcome.notes, note))
    rivals = [float(bench.effect(claim, rival).mean()) for rival in hypothesis.rival_targets(claim)]
    return _against(outcome, rivals, bounds, "random alternatives outside the circuit")


def _no_effect(bench: Bench, claim: ResolvedClaim) -> Outcome:
    """Equivalence: the 90 % interval (two one-sided tests at 5 %) lies within the margin."""
    assert isinstance(claim.claim, NoEffect)
    within = claim.claim.within
    values = bench.effect(claim, bench.hypothesis.act(claim, claim.edges))
    verdict, estimate = equivalence(values, within, clusters=bench.clusters, seed=bench.seed)
    text = f"{_of(claim.claim)} within ±{within:g}"
    unit = unit_of(bench.task.metric)
    outcome = Outcome("no_effect", text, verdict, estimate, {"within": within}, unit, edges=claim.edges)
    return _with_strata(outcome, bench, Bounds(-within, within), values, None)


def _attends(bench: Bench, claim: ResolvedClaim) -> Outcome:
    """Mean attention probability over the heads, on the clean run."""
    assert isinstance(claim.claim, Attends)
    bounds = Bounds(claim.claim.at_least, claim.claim.at_most)

    def attention(heads: Sequence[Node]) -> Values:
        reads = [bench.readings.attention[bench.hypothesis.read(claim, head)] for head in heads]
        return np.mean(reads, axis=0)

    values = attention(claim.heads)
    estimate = _within_unit(mean(values, clusters=bench.clusters, seed=bench.seed))
    names = claim.claim.heads if isinstance(claim.claim.heads, str) else ", ".join(claim.claim.heads)
    text = f"attention of {names} from {claim.query} to {claim.key} {_bound_text(bounds)}"
    parts: list[PartDrop] = []
    for head in claim.heads:
        each = _within_unit(mean(attention([head]), clusters=bench.clusters, seed=bench.seed))
        parts.append(PartDrop(str(head), each.value, each.interval.low, each.interval.high))
    notes = ()
    if len(parts) > 1:
        weakest = min(parts, key=lambda part: bounds.margin(part.drop))
        notes = (f"The head furthest from the bound is {weakest.part} with {weakest.drop:.2f}.",)
        notes = notes if bounds.margin(weakest.drop) < 0 else ()
    outcome = Outcome(
        "attends",
        text,
        judge(estimate, bounds),
        estimate,
        _as_dict(bounds),
        "share",
        notes,
        parts=tuple(parts),
    )
    outcome = _with_strata(outcome, bench, bounds, values, None)
    rivals = [float(attention(heads).mean()) for heads in bench.hypothesis.rival_heads(claim)]
    return _against(outcome, rivals, bounds, "sets of other heads")


def _within_unit(estimate: Estimate) -> Estimate:
    """The estimate of a probability: its interval cannot leave [0, 1], and an unbounded one says nothing."""
    interval = estimate.interval
    if not interval.bounded:
        return estimate
    clipped = replace(interval, low=max(0.0, interval.low), high=min(1.0, interval.high))
    return replace(estimate, interval=clipped)


def _with_strata(
    outcome: Outcome, bench: Bench, bounds: Bounds | None, values: Values, denominator: Values | None
) -> Outcome:
    """Add summary, strata, worst stratum and variance explained; note a stratum that violates the bound."""
    scope = "Of the weakest part: " if outcome.kind == "minimal" else ""
    strata = tuple(per_stratum(values, bench.labels, denominator)) if bench.labels else ()
    worst = worst_stratum(strata, bounds, outcome.estimate.value) if strata else None
    notes = outcome.notes
    if worst is not None and bounds is not None and worst.value is not None and worst.value not in bounds:
        notes += (f"At {worst.factor} = {worst.level} (n = {worst.n}) the value is {worst.value:.3g}.",)
    return replace(
        outcome,
        summary=summary(values),
        strata=strata,
        worst=worst,
        explained={name: eta_squared(values, labels) for name, labels in bench.labels.items()},
        notes=(*notes, *(f"{scope}{note}" for note in outcome.estimate.notes)),
    )


def _against(outcome: Outcome, rivals: Sequence[float], bounds: Bounds, what: str) -> Outcome:
    """Turn a supported claim into an uninformative one where random alternatives satisfy it too."""
    finite = [value for value in rivals if np.isfinite(value)]
    if not finite:
        note = f"There are no {what} to compare with."
        return replace(outcome, notes=(*outcome.notes, note))
    easy, passing = is_uninformative(finite, bounds)
    note = f"{passing:.0%} of {len(finite)} {what} satisfy this too."
    if outcome.verdict is Verdict.SUPPORTED and easy:
        return replace(
            outcome, verdict=Verdict.UNINFORMATIVE, rivals_passing=passing, notes=(*outcome.notes, note)
        )
    return replace(outcome, rivals_passing=passing)


def _of(claim: Effect | NoEffect) -> str:
    return f"{'denoising ' if claim.direction == 'denoising' else ''}effect of {claim.of}"


def _bound_text(bounds: Bounds) -> str:
    low = "" if bounds.at_least is None else f"≥ {bounds.at_least:g}"
    high = "" if bounds.at_most is None else f"≤ {bounds.at_most:g}"
    return " and ".join(part for part in (low, high) if part)


def _as_dict(bounds: Bounds) -> dict[str, float]:
    both = {"at_least": bounds.at_least, "at_most": bounds.at_most}
    return {name: value for name, value in both.items() if value is not None}


RATIO_KINDS = ("faithful", "complete", "minimal")

JUDGES: dict[type, Callable[[Bench, ResolvedClaim], Outcome]] = {
    Faithful: _faithful,
    Complete: _complete,
    Minimal: _minimal,
    BeatsRandom: _beats_random,
    Effect: _effect,
    NoEffect: _no_effect,
    Attends: _attends,
}
