"""A report as a directory of files: all of them or none, and never at the cost of anything else.

Everything is written into a temporary directory beside the target, which then takes the target's name.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from circuitgraph.diagram import render, svg_of, to_dot, to_mermaid
from circuitgraph.diagram.svg import HEADER
from circuitgraph.errors import InputError, Problem, SurroundingsError
from circuitgraph.report.encode import graph_json, report_json
from circuitgraph.report.html import report_page
from circuitgraph.report.tables import claims_csv, edges_csv, graphml

if TYPE_CHECKING:
    from circuitgraph.report.report import Report

MARK = "report.json"
"""The file that tells a directory of ours."""

FILES = (
    MARK,
    "graph.json",
    "edges.csv",
    "claims.csv",
    "graph.graphml",
    "report.html",
    "diagram.svg",
    "diagram.png",
    "diagram.dot",
    "diagram.mmd",
)

LITTER = (".DS_Store", "Thumbs.db", "desktop.ini")
"""What file managers leave in every directory they show."""


@dataclass(frozen=True)
class Saved:
    """What was written.

    Attributes:
        directory: Where.
        notes: What was left out and why, as whole sentences.
    """

    directory: Path
    notes: tuple[str, ...] = ()


def check_output(directory: str | Path) -> None:
    """Refuse a directory that a report cannot go to, before anything is run for it.

    Raises:
        InputError: A file is in the way, or the directory holds something other than an earlier report.
        SurroundingsError: There is no right to write there.
    """
    shown, target = Path(directory), Path(directory).resolve()
    if os.path.lexists(target):
        _check_existing(shown, target)
    parent = target.parent
    while not os.path.lexists(parent):
        parent = parent.parent
    if not parent.is_dir():
        raise _refusal(shown, f"{parent} is a file")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise SurroundingsError(f"cannot write {shown}: no right to write in {parent}")


def save_report(report: Report, directory: str | Path) -> Path:
    """Write a report; arguments and errors as in `write_report`.

    Returns:
        The directory.
    """
    return write_report(report, directory).directory


def write_report(report: Report, directory: str | Path) -> Saved:
    """Write report.json, graph.json, edges.csv, claims.csv, graph.graphml, report.html and diagram.*.

    All or nothing: after any failure an earlier report is there as it was, and nothing else is. Where there
    is no Graphviz, diagram.svg and diagram.png are left out and the report's warnings say so.

    Args:
        report: The report.
        directory: A new or empty directory, or one that holds an earlier report and nothing else; missing
            parents are made.

    Raises:
        InputError: As `check_output`.
        SurroundingsError: The file system refuses.
    """
    check_output(directory)
    target = Path(directory).resolve()
    token = secrets.token_hex(6)
    fresh = target.with_name(f".circuitgraph-{token}.new")
    aside = target.with_name(f".circuitgraph-{token}.old")
    made = _missing_parents(target)
    done = False
    try:
        fresh.mkdir(parents=True)
        notes = _write_files(report, fresh)
        check_output(directory)  # the run may have been long
        _swap(fresh, target, aside)
        done = True
    except OSError as error:
        raise SurroundingsError(f"cannot write {directory}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        if target.exists():
            shutil.rmtree(aside, ignore_errors=True)
        if not done:
            _remove_empty(made)
    return Saved(Path(directory), notes)


def _write_files(report: Report, directory: Path) -> tuple[str, ...]:
    graph = report.graph
    notes: tuple[str, ...] = ()
    svg = None
    try:
        svg = svg_of(graph)
        _write(directory / "diagram.svg", HEADER + svg)
        render(graph, directory / "diagram.png")
    except SurroundingsError as error:
        notes = (f"No diagram.svg and diagram.png: {error}.",)
        (directory / "diagram.svg").unlink(missing_ok=True)
        report = replace(report, warnings=(*report.warnings, *notes))
    _write(directory / "diagram.dot", to_dot(graph))
    _write(directory / "diagram.mmd", to_mermaid(graph))
    _write(directory / "graph.json", json.dumps(graph_json(graph), allow_nan=False) + "\n")
    _write(directory / "edges.csv", edges_csv(graph))
    _write(directory / "claims.csv", claims_csv(report))
    _write(directory / "graph.graphml", graphml(graph))
    _write(directory / "report.html", report_page(report, graph, svg))
    data = report_json(report)
    _write(directory / MARK, json.dumps(data, allow_nan=False, indent=1) + "\n")
    return notes


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", errors="replace"))


def _swap(fresh: Path, target: Path, aside: Path) -> None:
    """Put `fresh` at `target`, what was there `aside`; after a failure it is back."""
    try:
        if target.exists():
            os.rename(target, aside)
        os.rename(fresh, target)
    except BaseException:
        if aside.exists() and not target.exists():
            os.rename(aside, target)
        raise


def _check_existing(shown: Path, target: Path) -> None:
    if not target.is_dir():
        raise _refusal(shown, "a file of this name is in the way")
    if target == Path.cwd():
        raise _refusal(shown, "this is the working directory")
    try:
        inside = {entry.name: entry for entry in target.iterdir() if entry.name not in LITTER}
    except OSError as error:
        raise SurroundingsError(f"cannot read {shown}: {error.strerror or error}") from error
    foreign = sorted(name for name, entry in inside.items() if name not in FILES or entry.is_dir())
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise _refusal(shown, f"it holds {', '.join(foreign[:3])}{more}, which no report of ours has")
    if inside and not _is_report(target / MARK):
        raise _refusal(shown, f"its files are of no report of ours: there is no {MARK} that says so")


def _is_report(file: Path) -> bool:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(data, dict) and {"spec", "runs", "provenance"} <= data.keys()


def _refusal(directory: Path, reason: str) -> InputError:
    message = f"cannot write a report to {directory}: {reason}"
    return InputError(Problem("bad-output", message, hint="name a new directory"))


def _missing_parents(target: Path) -> list[Path]:
    """The parents that have yet to be made, the innermost first."""
    return [parent for parent in target.parents if not parent.exists()]


def _remove_empty(directories: list[Path]) -> None:
    for directory in directories:
        try:
            directory.rmdir()
        except OSError:
            return
