"""Results: the report, its graph, and the forms they are saved and shown in."""

from __future__ import annotations

from circuitgraph.report.graph import circuit_graph, result_graph
from circuitgraph.report.report import MeasuredRun, Provenance, Report

__all__ = ["MeasuredRun", "Provenance", "Report", "circuit_graph", "result_graph"]
