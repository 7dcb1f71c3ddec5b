"""The options that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SpecFile = Annotated[Path, typer.Argument(metavar="SPEC", help="A spec file.", show_default=False)]
SpecFiles = Annotated[list[Path], typer.Argument(metavar="SPEC", help="Spec files.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the machine's answer alone on standard output.")]
AllowCode = Annotated[
    bool, typer.Option("--allow-code", help="Let `python:` entries of the spec run, with all your rights.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and nothing but problems.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of random rivals and of resampling.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="Where the report is saved.", show_default=False),
]
