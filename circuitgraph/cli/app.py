"""The commands put together."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from circuitgraph import __version__
from circuitgraph.cli.checking import check, explain
from circuitgraph.cli.drawing import render
from circuitgraph.cli.failures import guarded
from circuitgraph.cli.output import say
from circuitgraph.cli.reference import schema, zoo
from circuitgraph.cli.running import attribute, validate

EXIT_CODES = (
    "Exit codes: 0 every claim supported · 1 one refuted at least · 3 none refuted, some undecided · "
    "2 the input is wrong · 4 the surroundings failed · 70 a bug of ours · 130 interrupted"
)

app = typer.Typer(
    name="circuitgraph",
    help="Validate hypotheses about transformer circuits: written in YAML, run as interventions, judged.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (check, explain, validate, attribute, render, zoo, schema):
    app.command()(guarded(command))


def _version(wanted: bool) -> None:
    if wanted:
        say(f"circuitgraph {__version__}")
        raise typer.Exit


@app.callback()
def _circuitgraph(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Hold the options that need no command."""


def main() -> None:
    """Run the command line of this process and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # an encoding that lacks a character shows "?" for it
            stream.reconfigure(errors="replace")
    app(prog_name="circuitgraph")
