"""`render`: a diagram of a spec or of a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from circuitgraph.cli.options import AllowCode, AsJson, Quiet
from circuitgraph.cli.output import say, say_json
from circuitgraph.errors import EXIT_SUPPORTED, InputError, Problem


def render(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SPEC|REPORT", help="A spec, a report's directory or its graph.json.", show_default=False
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="svg, png, pdf, dot, mmd or html.", show_default=False
        ),
    ],
    method: Annotated[
        str | None,
        typer.Option(
            "--method", "-m", metavar="NAME", help="Whose scores give the widths.", show_default=False
        ),
    ] = None,
    all_edges: Annotated[
        bool, typer.Option("--all-edges", help="Draw scored edges outside the circuit too.")
    ] = False,
    allow_code: AllowCode = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Draw the diagram of a spec or of a report."""
    from circuitgraph import api
    from circuitgraph.diagram import check_suffix

    check_suffix(output)
    if output.is_dir():
        raise InputError(Problem("not-a-file", "this is a directory: name a file", file=str(output)))
    if not output.parent.is_dir():
        message = f"its directory {output.parent} does not exist"
        raise InputError(Problem("no-such-directory", message, file=str(output)))
    written = api.render(source, output, method=method, only_circuit=not all_edges, allow_code=allow_code)
    if as_json:
        say_json({"ok": True, "file": str(written)})
    elif not quiet:
        say(f"diagram saved as {written}")
    return EXIT_SUPPORTED
