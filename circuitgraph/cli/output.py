"""What is printed, and to which stream."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PIPED_WIDTH = 140
"""Columns where standard output is no terminal and COLUMNS does not say."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    r"""The text without control characters: a spec or a data file must not drive the terminal.

    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def say(text: str) -> None:
    """Print plain lines for people, on standard output."""
    typer.echo(printable(text))


def say_problem(text: str) -> None:
    """Print plain lines about what is wrong, on standard error."""
    typer.echo(printable(text), err=True)


def say_json(answer: object) -> None:
    """Print the machine's answer on standard output: ASCII, so that every terminal and pipe can carry it."""
    typer.echo(json.dumps(answer, indent=2, allow_nan=False))


def show(*parts: RenderableType) -> None:
    """Print tables and panels for people, on standard output."""
    console = people()
    for part in parts:
        console.print(part, markup=False, highlight=False)


def people() -> Console:
    """The rich console on standard output."""
    from rich.console import Console

    class Output(Console):
        """Leaves a closed pipe to the caller; rich would exit with 1, which means "refuted" here."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    console = Output()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPED_WIDTH
    return console
