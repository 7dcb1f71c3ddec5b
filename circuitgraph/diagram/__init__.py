"""Diagrams of circuits: SVG, PNG, PDF, DOT, Mermaid and HTML, from a result graph or an unmeasured one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import networkx as nx

from circuitgraph.diagram.compose import compose
from circuitgraph.diagram.dot import dot_text
from circuitgraph.diagram.layout import drawn
from circuitgraph.diagram.mermaid import mermaid_text
from circuitgraph.diagram.page import page
from circuitgraph.diagram.svg import HEADER, inline_svg
from circuitgraph.errors import InputError, Problem, SurroundingsError

SUFFIXES = (".svg", ".png", ".pdf", ".dot", ".mmd", ".mermaid", ".html")

__all__ = ["SUFFIXES", "check_suffix", "render", "svg_of", "to_dot", "to_html", "to_mermaid", "to_svg"]


def render(
    graph: nx.MultiDiGraph,
    path: str | Path,
    *,
    method: str | None = None,
    only_circuit: bool = True,
    min_effect: float | None = None,
) -> Path:
    """Draw `graph` into a file, its format by the suffix: svg, png, pdf, dot, mmd (or mermaid), html.

    The file appears whole or not at all: it is written under a temporary name and renamed.

    Args:
        graph: A circuit's graph, measured or not.
        path: Where to; its directory must exist.
        method: Whose effects give width and sign ("exact", "eap", "eap-ig"); the best measured one if None.
        only_circuit: Leave out edges that are not in the circuit, unless a claim names them.
        min_effect: Leave out edges with a smaller measured |effect|, unless a claim names them.

    Returns:
        The path written.

    Raises:
        InputError: The suffix is none of these, or `method` was not measured. Nothing is written.
        SurroundingsError: No Graphviz works here (dot and mmd need none), or the file cannot be written.
    """
    target = Path(path)
    suffix = check_suffix(target)
    picture = compose(graph, method=method, only_circuit=only_circuit, min_effect=min_effect)
    dot = dot_text(picture)
    if suffix == ".svg":
        content = (HEADER + inline_svg(dot, picture.title)).encode()
    elif suffix == ".png":
        content = drawn(dot, "png")
    elif suffix == ".pdf":
        content = drawn(dot, "pdf")
    elif suffix == ".html":
        content = page(graph, picture, inline_svg(dot, picture.title)).encode()
    else:
        content = (dot if suffix == ".dot" else mermaid_text(picture)).encode()
    _write(target, content)
    return target


def check_suffix(path: str | Path) -> str:
    """The suffix of a diagram's file, lower case.

    Raises:
        InputError: It is none that `render` writes.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        has = f'"{suffix}"' if suffix else "no suffix"
        allowed = ", ".join(SUFFIXES)
        raise InputError(
            Problem("unknown-format", f"{path}: {has} is no diagram format: use one of {allowed}")
        )
    return suffix


def to_dot(
    graph: nx.MultiDiGraph,
    *,
    method: str | None = None,
    only_circuit: bool = True,
    min_effect: float | None = None,
) -> str:
    """The diagram in the DOT language; arguments and errors as in `render`."""
    return dot_text(compose(graph, method=method, only_circuit=only_circuit, min_effect=min_effect))


def to_mermaid(
    graph: nx.MultiDiGraph,
    *,
    method: str | None = None,
    only_circuit: bool = True,
    min_effect: float | None = None,
) -> str:
    """The diagram as a Mermaid flowchart; arguments and errors as in `render`."""
    return mermaid_text(compose(graph, method=method, only_circuit=only_circuit, min_effect=min_effect))


def to_svg(
    graph: nx.MultiDiGraph,
    *,
    method: str | None = None,
    only_circuit: bool = True,
    min_effect: float | None = None,
) -> str:
    """The diagram as a whole SVG document; arguments and errors as in `render`."""
    return HEADER + svg_of(graph, method=method, only_circuit=only_circuit, min_effect=min_effect)


def svg_of(
    graph: nx.MultiDiGraph,
    *,
    method: str | None = None,
    only_circuit: bool = True,
    min_effect: float | None = None,
) -> str:
    """The diagram as an `<svg>` element to put into a page or a notebook; arguments as in `render`."""
    picture = compose(graph, method=method, only_circuit=only_circuit, min_effect=min_effect)
    return inline_svg(dot_text(picture), picture.title)


def to_html(
    graph: nx.MultiDiGraph,
    *,
    method: str | None = None,
    only_circuit: bool = True,
    min_effect: float | None = None,
) -> str:
    """A self-contained page with the diagram and a table of its edges; arguments as in `render`."""
    picture = compose(graph, method=method, only_circuit=only_circuit, min_effect=min_effect)
    return page(graph, picture, inline_svg(dot_text(picture), picture.title))


def _write(target: Path, content: bytes) -> None:
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            temporary.write_bytes(content)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise SurroundingsError(f"cannot write {target}: {error.strerror or error}") from error
