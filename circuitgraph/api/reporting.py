"""From readings and verdicts to a report."""

from __future__ import annotations

import hashlib
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from circuitgraph.api.prepare import Prepared

if TYPE_CHECKING:
    from circuitgraph.attribution.attribute import EdgeScores
    from circuitgraph.engine.session import Session
    from circuitgraph.report.report import Report
    from circuitgraph.validation.judging import Bench

PACKAGES = ("circuitgraph", "torch", "nnsight", "transformers", "networkx", "numpy", "scipy")


def silences(prepared: Prepared, *, judged: bool) -> tuple[str, ...]:
    """What a reader of the numbers might take for granted and must not; `judged`: claims were to be judged."""
    found: list[str] = []
    if judged and not prepared.circuit.claims:
        found.append("The spec makes no claims: the circuit was measured and nothing was judged.")
    if prepared.task.one_template:
        found.append("All rows share one template: intervals speak of its examples, not of other templates.")
    alone = _alone_in_their_mean(prepared)
    if alone:
        found.append(
            f"{len(alone)} of {len(prepared.task.rows)} rows (first: {alone[0]}) are alone in the mean at their "
            "last token, so ablating replaces it by itself: prompts of equal length or coarser factors would help."
        )
    return tuple(found)


def _alone_in_their_mean(prepared: Prepared) -> list[str]:
    """Rows whose last position no other row of their level has: there the mean is the row's own output."""
    ablation, rows = prepared.circuit.ablation, prepared.task.rows
    if ablation.kind != "mean" or ablation.over != "clean":
        return []
    lengths: dict[tuple[object, ...], list[int]] = {}
    levels = [tuple(row.factors[name] for name in ablation.by) for row in rows]
    for level, row in zip(levels, rows, strict=True):
        lengths.setdefault(level, []).append(row.length)
    return [
        row.where
        for level, row in zip(levels, rows, strict=True)
        if sum(length >= row.length for length in lengths[level]) == 1
    ]


def make_report(
    prepared: Prepared,
    bench: Bench,
    *,
    claims: tuple[Any, ...],
    scores: dict[str, EdgeScores],
    errors: tuple[Any, ...],
    warnings: tuple[str, ...],
    session: Session,
    started: float,
) -> Report:
    """Put everything that was measured and judged into one report.

    Args:
        prepared: The spec and what it resolved to.
        bench: Readings, with the hypothesis they were made for.
        claims: Judged claims.
        scores: Edge scores by method.
        errors: Errors of the estimates.
        warnings: What people must know.
        session: For the hash of the weights.
        started: `time.perf_counter()` when the work began.
    """
    from circuitgraph.engine.loading import weights_hash
    from circuitgraph.engine.metrics import unit_of
    from circuitgraph.report.report import MeasuredRun, Provenance, Report
    from circuitgraph.spec import dump
    from circuitgraph.validation.judging import contrast_estimate

    readings, hypothesis = bench.readings, bench.hypothesis
    clear, contrast = contrast_estimate(bench)
    runs = {
        "clean": MeasuredRun(readings.clean, readings.clean * 0.0),
        "corrupt": MeasuredRun(readings.ablated, readings.ablated_kl),
    }
    for name, variant in (("circuit", hypothesis.kept), ("complement", hypothesis.complement)):
        if variant in readings.values:
            share = bench.share(variant) if clear else None
            runs[name] = MeasuredRun(readings.values[variant], readings.kl[variant], share)
    if not clear:
        interval = contrast.interval
        warnings = (
            *warnings,
            f"The contrast clean − ablated is {contrast.value:.4g} "
            f"[{interval.low:.4g}, {interval.high:.4g}]: it may be zero, so shares of it are inconclusive.",
        )
    directory = prepared.location.directory if prepared.location is not None else None
    return Report(
        spec=prepared.spec,
        circuit=prepared.circuit,
        model=prepared.graph.name,
        metric=prepared.task.metric,
        unit=unit_of(prepared.task.metric),
        runs=runs,
        contrast=contrast,
        claims=claims,
        scores=scores,
        errors=errors,
        warnings=tuple(dict.fromkeys(warnings)),
        provenance=Provenance(
            versions={name: version(name) for name in PACKAGES},
            seeds={"rivals": hypothesis.seed, "bootstrap": bench.seed},
            hashes={
                "spec": hashlib.sha256(dump(prepared.spec).encode()).hexdigest(),
                "data": prepared.task.digest,
                "weights": weights_hash(session.model, directory),
            },
        ),
        factors={name: tuple(labels) for name, labels in bench.labels.items()},
        seconds=time.perf_counter() - started,
    )
