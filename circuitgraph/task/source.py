"""What every source of prompts is given, and the rows it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from circuitgraph.task.findings import Findings, Place
from circuitgraph.task.reading import RowReader
from circuitgraph.task.rows import Row


@dataclass(frozen=True, slots=True)
class Setting:
    """Surroundings of one task.

    Attributes:
        directory: What paths in the spec are relative to.
        reader: Turns mappings into rows.
        findings: Where problems go.
        allow_code: Whether the spec may name Python code to run.
    """

    directory: Path
    reader: RowReader
    findings: Findings
    allow_code: bool = False


PlacedRows = list[tuple[Row, Place]]
"""Rows without problems, each with the place where later problems with it are reported."""
