"""What comes out: runs, verdicts, scored edges, one networkx graph that carries them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from circuitgraph.errors import EXIT_REFUTED, EXIT_SUPPORTED, EXIT_UNDECIDED
from circuitgraph.report.graph import result_graph
from circuitgraph.resolve.circuit import Circuit
from circuitgraph.spec.model import Spec
from circuitgraph.statistics import Estimate, Verdict
from circuitgraph.task.template import TEMPLATE_FACTOR

if TYPE_CHECKING:  # reports are read and shown without loading torch
    from circuitgraph.attribution.attribute import EdgeScores, EstimateError
    from circuitgraph.validation.outcome import Outcome

Values = NDArray[np.float64]


@dataclass(frozen=True)
class MeasuredRun:
    """One run's metric: clean, corrupt (everything ablated), circuit or complement.

    Attributes:
        values: Metric per example, [n].
        kl: KL(clean ‖ run) of the next-token distribution per example in nats, [n].
        faithfulness: f of the run, ratio of means; None for clean and corrupt, or where the contrast is zero.
    """

    values: Values
    kl: Values
    faithfulness: float | None = None


@dataclass(frozen=True)
class Provenance:
    """What a result rests on.

    Attributes:
        versions: Package -> version.
        seeds: What was seeded -> seed.
        hashes: "spec", "data", "weights" -> SHA-256 of the content.
    """

    versions: Mapping[str, str]
    seeds: Mapping[str, int]
    hashes: Mapping[str, str]


@dataclass(frozen=True)
class Report:
    """The result of `validate` or `attribute`.

    Attributes:
        spec: The hypothesis as written.
        circuit: The hypothesis resolved.
        model: What messages call the model.
        metric, unit: Name and unit of the metric.
        runs: clean, corrupt, circuit, complement, as far as they were measured.
        contrast: mean(clean − ablated) with its interval: what shares are shares of.
        claims: Judged claims in the order of the spec; empty for `attribute`.
        scores: Method key -> edge scores.
        errors: Error of each estimate against exact patching.
        warnings: What people must know, as whole sentences.
        provenance: Versions, seeds, hashes.
        factors: Factor -> its level on each example.
        seconds: Time taken.
    """

    spec: Spec
    circuit: Circuit
    model: str
    metric: str
    unit: str
    runs: Mapping[str, MeasuredRun]
    contrast: Estimate
    claims: tuple[Outcome, ...]
    scores: Mapping[str, EdgeScores]
    errors: tuple[EstimateError, ...]
    warnings: tuple[str, ...]
    provenance: Provenance
    factors: Mapping[str, tuple[object, ...]] = field(default_factory=dict[str, tuple[object, ...]])
    seconds: float = 0.0

    @cached_property
    def graph(self) -> nx.MultiDiGraph:
        """The networkx graph: the circuit's edges and every scored edge, with attributes."""
        return result_graph(
            self.spec,
            self.circuit,
            model=self.model,
            measured={
                "metric": self.metric,
                "unit": self.unit,
                "examples": self.contrast.n,
                **{f"metric_{name}": float(run.values.mean()) for name, run in self.runs.items()},
            },
            scores=self.scores,
            claims=self.claims,
            clusters=self.factors.get(TEMPLATE_FACTOR),
            seed=self.provenance.seeds.get("bootstrap", 0),
        )

    @property
    def exit_code(self) -> int:
        """0 every claim supported (or none made), 1 at least one refuted, 3 none refuted, some undecided."""
        verdicts = {outcome.verdict for outcome in self.claims}
        if Verdict.REFUTED in verdicts:
            return EXIT_REFUTED
        return EXIT_UNDECIDED if verdicts - {Verdict.SUPPORTED} else EXIT_SUPPORTED

    def to_json(self) -> dict[str, Any]:
        """The machine's answer: what report.json holds."""
        from circuitgraph.report.encode import report_json

        return report_json(self)

    def save(self, directory: str | Path) -> Path:
        """Write report.json, graph.json, edges.csv, claims.csv, graph.graphml, report.html and diagrams.

        All or nothing: a failure leaves an earlier report in `directory` as it was.

        Args:
            directory: A new or empty directory, or one that holds an earlier report, which is replaced.

        Returns:
            The directory.

        Raises:
            InputError: Something else is in the way; it is named and left alone.
            SurroundingsError: The file system refuses.
        """
        from circuitgraph.report.save import save_report

        return save_report(self, Path(directory))

    def _repr_html_(self) -> str:
        from circuitgraph.report.html import report_html

        return report_html(self, fragment=True)

    def _repr_svg_(self) -> str | None:
        from circuitgraph.diagram import svg_of
        from circuitgraph.errors import SurroundingsError

        try:
            return svg_of(self.graph)
        except SurroundingsError:  # without Graphviz a notebook shows the page, which does without
            return None
