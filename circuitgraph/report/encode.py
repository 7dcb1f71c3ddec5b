"""Reports and graphs as plain data that any JSON reader takes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np

from circuitgraph.report.graph import MOST_VALUES, value_attributes
from circuitgraph.report.wording import place_of
from circuitgraph.spec.claims import claim_as_written
from circuitgraph.spec.load import as_written
from circuitgraph.statistics import Estimate, Stratum

if TYPE_CHECKING:
    from circuitgraph.report.report import MeasuredRun, Report

FORMAT = 1
"""Version of report.json; it rises when a key changes its meaning or goes."""


def report_json(report: Report) -> dict[str, Any]:
    """The report as plain data: what report.json holds.

    Numbers that do not exist (NaN) or have no limit (±inf) become None, so that the result is strict JSON.
    Attributions of edges are not here but in graph.json.
    """
    document = report.spec.document
    data = {
        "format": FORMAT,
        "spec": {
            "name": report.spec.name,
            "file": None if document is None else document.file,
            "written": as_written(report.spec),
        },
        "model": report.model,
        "metric": report.metric,
        "unit": report.unit,
        "rule": report.circuit.rule,
        "ablation": str(report.circuit.ablation),
        "runs": {name: _run(run) for name, run in report.runs.items()},
        "contrast": {
            **_estimate(report.contrast),
            "clusters": report.contrast.clusters,
            "notes": report.contrast.notes,
        },
        "claims": [_claim(report, index) for index in range(len(report.claims))],
        "estimate_errors": [
            {
                "method": error.method,
                "edges": error.edges,
                "rank_correlation": error.rank_correlation,
                "worst_miss": error.worst_miss,
                "worst_edge": error.worst_edge.triple,
                "largest_exact": error.largest_exact,
            }
            for error in report.errors
        ],
        "warnings": report.warnings,
        "provenance": {
            "versions": report.provenance.versions,
            "seeds": report.provenance.seeds,
            "hashes": report.provenance.hashes,
        },
        "factors": report.factors,
        "exit_code": report.exit_code,
        "seconds": report.seconds,
    }
    return plain_data(data)


def graph_json(graph: nx.MultiDiGraph) -> dict[str, Any]:
    """A result graph as node-link data; `networkx.node_link_graph(data, edges="edges")` reads it back.

    Per-example values (`<method>_values`) stay while there are at most `MOST_VALUES` of them in all; beyond
    that they are left out and the graph attribute `values_dropped` is true.
    """
    data = nx.node_link_data(graph, edges="edges")
    names = value_attributes(graph)
    count = sum(len(edge[name]) for edge in data["edges"] for name in names if name in edge)
    if count > MOST_VALUES:
        data["edges"] = [{k: v for k, v in edge.items() if k not in names} for edge in data["edges"]]
        data["graph"] = {**data["graph"], "values_dropped": True}
    return plain_data(data)


def plain_data(value: Any) -> Any:
    """Numbers, texts, lists and mappings of texts alone; None for what JSON has no number for."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return plain_data(value.value)
    if isinstance(value, str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return plain_data(value.tolist())
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [plain_data(item) for item in items]
    return str(value)


def _run(run: MeasuredRun) -> dict[str, Any]:
    count = len(run.values)
    return {
        "mean": run.values.mean(),
        "std": run.values.std(ddof=1) if count > 1 else None,
        "n": count,
        "values": run.values,
        "kl_mean": run.kl.mean(),
        "faithfulness": run.faithfulness,
    }


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {
        "estimate": estimate.value,
        "interval": (estimate.interval.low, estimate.interval.high),
        "level": estimate.interval.level,
        "n": estimate.n,
    }


def _claim(report: Report, index: int) -> dict[str, Any]:
    outcome = report.claims[index]
    summary = outcome.summary
    return {
        "claim": claim_as_written(report.circuit.claims[index].claim),
        "kind": outcome.kind,
        "text": outcome.text,
        "verdict": outcome.verdict,
        **_estimate(outcome.estimate),
        "bound": outcome.bound,
        "unit": outcome.unit,
        "notes": outcome.notes,
        "where": place_of(report, index),
        "edges": [edge.triple for edge in outcome.edges],
        "summary": None
        if summary is None
        else {name: getattr(summary, name) for name in type(summary).__slots__},
        "strata": [_stratum(stratum) for stratum in outcome.strata],
        "worst_stratum": None if outcome.worst is None else _stratum(outcome.worst),
        "explained": outcome.explained,
        "rivals_passing": outcome.rivals_passing,
        "parts": [
            {"part": part.part, "drop": part.drop, "low": part.low, "high": part.high}
            for part in outcome.parts
        ],
    }


def _stratum(stratum: Stratum) -> dict[str, Any]:
    return {"factor": stratum.factor, "level": stratum.level, "n": stratum.n, "value": stratum.value}
