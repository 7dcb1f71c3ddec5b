"""`render`: a diagram of a spec, a report or a graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuitgraph.api.prepare import prepare
from circuitgraph.errors import InputError, Problem
from circuitgraph.spec import Spec

if TYPE_CHECKING:
    import networkx as nx

    from circuitgraph.report.report import Report


def render(
    source: Report | Spec | nx.MultiDiGraph | str | Path,
    path: str | Path,
    *,
    allow_code: bool = False,
    **options: Any,
) -> Path:
    """Draw a circuit into a file; the format follows from the suffix (svg, png, pdf, dot, mmd, html).

    Args:
        source: A report, a result graph, a spec, or the path of a spec, of a graph.json or of a report's
            directory.
        path: The file to write.
        allow_code: Whether `python:` entries of a spec may run.
        **options: `method`, `only_circuit`, `min_effect` of `circuitgraph.diagram.render`.

    Raises:
        InputError: `source` is none of these, or the suffix is not known.
        SurroundingsError: No Graphviz is to be had for an SVG, PNG or PDF.
    """
    from circuitgraph.diagram import check_suffix
    from circuitgraph.diagram import render as draw

    check_suffix(path)
    return draw(graph_of(source, allow_code=allow_code), path, **options)


def graph_of(
    source: Report | Spec | nx.MultiDiGraph | str | Path, *, allow_code: bool = False
) -> nx.MultiDiGraph:
    """The graph of anything `render` takes."""
    import networkx as nx

    if isinstance(source, nx.MultiDiGraph):
        return source
    if isinstance(source, Spec):
        return _spec_graph(source, allow_code)
    if not isinstance(source, str | Path):
        return source.graph
    path = Path(source)
    file = path / "graph.json" if path.is_dir() else path
    if file.name == "report.json":
        file = file.with_name("graph.json")
    if file.suffix != ".json":
        return _spec_graph(file, allow_code)
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        return nx.node_link_graph(data, edges="edges")
    except (OSError, ValueError, KeyError, TypeError, nx.NetworkXError) as error:
        message = f"is no graph of a report: {str(error) or type(error).__name__}"
        raise InputError(Problem("bad-graph", message, file=str(file))) from error


def _spec_graph(spec: Spec | str | Path, allow_code: bool) -> nx.MultiDiGraph:
    from circuitgraph.report.graph import circuit_graph

    prepared = prepare(spec, allow_code=allow_code)
    return circuit_graph(prepared.spec, prepared.circuit, model=prepared.graph.name)
