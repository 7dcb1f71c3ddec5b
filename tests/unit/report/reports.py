"""Two reports: one measured on a tiny random model, one put together by hand from fixed numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

import circuitgraph as cg
from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.attribution.attribute import EdgeScores, EstimateError
from circuitgraph.attribution.methods import Method
from circuitgraph.report import MeasuredRun, Provenance, Report
from circuitgraph.resolve import resolve
from circuitgraph.spec import loads
from circuitgraph.statistics import Estimate, Interval, Stratum, Summary, Verdict
from circuitgraph.validation.outcome import Outcome, PartDrop
from tests.oracle.random_models import random_gpt2

MEASURED_SPEC = """\
circuitgraph: 1
name: random
about: A circuit of a random model, so nothing need hold.
model: tiny-random
task:
  prompts: {file: rows.jsonl}
  metric: logit_diff
  positions: {END: last}
  factors: [half]
ablation: corrupt
nodes:
  first: [a0.h0]
  second: {members: [a1.h0, a1.h1], at: END}
edges:
  - embed -> first.v
  - first -> second.k
  - embed -> second.qv
  - second -> logits
claims:
  - faithful: {at_least: 0.5}
  - complete: {at_most: 0.5}
  - minimal: {each_at_least: 0.4}
  - beats_random: {circuits: 20}
  - effect: {of: first -> second.k, at_least: 3.0}
  - effect: {of: second, at_most: 100.0}
  - no_effect: {of: embed -> logits, within: 100.0}
  - attends: {heads: first, from: END, to: END, at_least: 0.999}
"""


def measured_report(directory: Path) -> Report:
    """The report of MEASURED_SPEC on 24 random rows."""
    generator = np.random.default_rng(5)
    with (directory / "rows.jsonl").open("w") as stream:
        for index in range(24):
            clean, corrupt = generator.integers(13, size=(2, 6)).tolist()
            row = {"clean": clean, "corrupt": corrupt, "answer": 1 + index % 5, "foil": 7}
            stream.write(json.dumps({**row, "factors": {"half": "late" if index % 2 else "early"}}) + "\n")
    spec = directory / "random.yaml"
    spec.write_text(MEASURED_SPEC)
    return cg.validate(spec, model=random_gpt2(3))


FIXED_SPEC = """\
circuitgraph: 1
name: fixed
about: Numbers that were put in by hand.
source: arXiv:0000.00000
model: tiny
task:
  prompts: {file: rows.jsonl}
  metric: logit_diff
  positions: {END: last}
  factors: [gap]
ablation: {mean: {by: [gap]}}
nodes:
  previous_token: {members: [a0.h1], role: writes the previous token}
  induction: {members: [a1.h0, a1.h3], at: END}
edges:
  - embed -> previous_token.v
  - previous_token -> induction.k
  - induction -> logits
claims:
  - faithful: {at_least: 0.9}
  - complete: {at_most: 0.1}
  - minimal: {each_at_least: 0.02}
  - effect: {of: previous_token -> induction.k, at_most: -1.0}
  - no_effect: {of: embed -> logits, within: 0.1}
  - attends: {heads: induction, from: END, to: END-1, at_least: 0.5}
"""

TINY = ResidualGraph("gpt2", layers=2, heads=4, d_model=16, vocab=50, context=32, has_mlp=False, name="tiny")
N = 40


def estimate(value: float, low: float, high: float, level: float = 0.95) -> Estimate:
    return Estimate(value, Interval(low, high, level), N, None)


def fixed_report(spec: str = FIXED_SPEC, model: str = "tiny") -> Report:
    """A report with every verdict; none of its numbers was computed."""
    read = loads(spec, "specs/fixed.yaml")
    circuit = resolve(read, TINY)
    rows = np.arange(N, dtype=np.float64)
    runs = {
        "clean": MeasuredRun(3.0 + rows % 2, np.zeros(N)),
        "corrupt": MeasuredRun(-1.0 + 0.5 * (rows % 2), np.full(N, 4.0)),
        "circuit": MeasuredRun(2.5 + rows % 2, np.full(N, 0.25), 0.894),
        "complement": MeasuredRun(-0.5 + 0.0 * rows, np.full(N, 3.5), 0.0312),
    }
    effects = -np.arange(1.0, len(circuit.edges) + 1) + 0.1 * (rows[:, None] % 2)
    exact = EdgeScores(Method("exact"), circuit.edges, effects)
    eap = EdgeScores(Method("eap"), circuit.edges, 0.5 * effects)
    strata = (Stratum("gap", 4, 30, 0.951), Stratum("gap", 12, 10, 0.723))
    claims = (
        Outcome(
            "faithful",
            "f(circuit) ≥ 0.9",
            Verdict.INCONCLUSIVE,
            estimate(0.894, 0.861, 0.9004),
            {"at_least": 0.9},
            "share",
            notes=("At gap = 12 (n = 10) the value is 0.723.",),
            summary=Summary(N, 3.6, 0.4, 2.9, 3.5, 4.1, 1.0),
            strata=strata,
            worst=strata[1],
            explained={"gap": 0.41},
            rivals_passing=0.0,
        ),
        Outcome(
            "complete",
            "f(complement) ≤ 0.1",
            Verdict.UNINFORMATIVE,
            estimate(0.0312, 0.0201, 0.0388),
            {"at_most": 0.1},
            "share",
            notes=("36% of 100 size-matched random circuits satisfy this too.",),
            rivals_passing=0.36,
        ),
        Outcome(
            "minimal",
            "smallest drop per edge ≥ 0.02",
            Verdict.REFUTED,
            estimate(0.0011, 0.0, 0.0041),
            {"each_at_least": 0.02},
            "share",
            notes=("The weakest edge is a0.h1 -> a1.h3.k.", "Below the bound: a0.h1 -> a1.h3.k."),
            parts=(
                PartDrop("a0.h1 -> a1.h0.k", 0.31, 0.25, 0.37),
                PartDrop("a0.h1 -> a1.h3.k", 0.0011, 0.0, 0.0041),
            ),
            failing=("a0.h1 -> a1.h3.k",),
        ),
        Outcome(
            "effect",
            "effect of previous_token -> induction.k ≤ -1",
            Verdict.SUPPORTED,
            estimate(-5.03, -6.21, -4.13),
            {"at_most": -1.0},
            "logits",
            edges=circuit.claims[3].edges,
            strata=(Stratum("gap", 4, 30, -6.9), Stratum("gap", 12, 10, -0.42)),
            worst=Stratum("gap", 12, 10, -0.42),
            rivals_passing=0.02,
        ),
        Outcome(
            "no_effect",
            "effect of embed -> logits within ±0.1",
            Verdict.REFUTED,
            estimate(-1234.5, -1300.25, -1100.75, 0.9),
            {"within": 0.1},
            "logits",
            edges=circuit.claims[4].edges,
        ),
        Outcome(
            "attends",
            "attention of induction from END to END-1 ≥ 0.5",
            Verdict.INCONCLUSIVE,
            estimate(float("nan"), float("-inf"), float("inf")),
            {"at_least": 0.5},
            "share",
            notes=("Only one example: the interval is unbounded.",),
        ),
    )
    return Report(
        spec=read,
        circuit=circuit,
        model=model,
        metric="logit_diff",
        unit="logits",
        runs=runs,
        contrast=estimate(4.25, 4.18, 4.32),
        claims=claims,
        scores={"exact": exact, "eap": eap},
        errors=(EstimateError("eap", 5, 1.0, 2.5, circuit.edges[-1], 5.0),),
        warnings=("A warning of more than one line, since it goes on and on about something that matters.",),
        provenance=Provenance({"circuitgraph": "0.1.0"}, {"bootstrap": 0}, {"spec": "ab" * 32}),
        factors={"gap": tuple(12 if row % 4 == 3 else 4 for row in rows.tolist())},
        seconds=75.4,
    )


def only(report: Report, verdict: Verdict) -> Report:
    """The report with every claim of the same verdict."""
    return replace(report, claims=tuple(replace(outcome, verdict=verdict) for outcome in report.claims))
