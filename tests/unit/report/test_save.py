"""Saving: everything or nothing, and never at the cost of anything else."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import networkx as nx
import pytest

from circuitgraph.errors import InputError, SurroundingsError
from circuitgraph.report import Report
from circuitgraph.report.save import FILES, check_output, write_report


def contents(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_what_is_written(measured: Report, tmp_path: Path) -> None:
    directory = tmp_path / "new" / "deep" / "out"
    assert measured.save(str(directory)) == directory
    assert sorted(p.name for p in directory.iterdir()) == sorted(FILES)
    assert os.listdir(directory.parent) == ["out"]
    assert json.loads((directory / "report.json").read_text()) == measured.to_json()
    data = json.loads((directory / "graph.json").read_text())
    assert nx.utils.graphs_equal(nx.node_link_graph(data, edges="edges"), measured.graph)
    assert nx.read_graphml(directory / "graph.graphml").number_of_nodes() == len(measured.graph)
    assert (directory / "diagram.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert (directory / "diagram.svg").read_text().startswith("<?xml")
    assert (directory / "diagram.dot").read_text().startswith('digraph "random"')
    assert (directory / "diagram.mmd").read_text().startswith("---\n")
    assert (directory / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_the_same_report_gives_the_same_bytes(fixed: Report, tmp_path: Path) -> None:
    assert contents(fixed.save(tmp_path / "a")) == contents(replace(fixed).save(tmp_path / "b"))


def test_an_earlier_report_is_replaced_whole(fixed: Report, tmp_path: Path) -> None:
    out = fixed.save(tmp_path / "out")
    (out / "diagram.png").unlink()
    (out / ".DS_Store").touch()
    replace(fixed, seconds=1.0).save(out)
    assert json.loads((out / "report.json").read_text())["seconds"] == 1.0
    assert sorted(p.name for p in out.iterdir()) == sorted(FILES)
    assert os.listdir(tmp_path) == ["out"]


def test_an_empty_directory_is_taken(fixed: Report, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    fixed.save(tmp_path / "out")
    assert os.listdir(tmp_path) == ["out"]


def test_a_link_to_a_directory_is_followed(fixed: Report, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    fixed.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real" / "report.json").exists()


def _foreign_file(out: Path) -> None:
    (out / "thesis.tex").write_text("years of work")


def _foreign_directory(out: Path) -> None:
    (out / "data").mkdir()
    (out / "data" / "kept").touch()


def _other_report(out: Path) -> None:
    (out / "report.json").write_text('{"not": "ours"}')


def _no_report(out: Path) -> None:
    (out / "edges.csv").write_text("mine")


def _directory_of_our_name(out: Path) -> None:
    (out / "report.json").mkdir()


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (_foreign_file, "it holds thesis.tex"),
        (_foreign_directory, "it holds data"),
        (_other_report, "there is no report.json that says so"),
        (_no_report, "there is no report.json that says so"),
        (_directory_of_our_name, "it holds report.json"),
    ],
)
def test_foreign_directories_are_refused(
    fixed: Report, tmp_path: Path, make: Callable[[Path], None], named: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    make(out)
    before = contents(tmp_path)
    with pytest.raises(InputError, match=named) as caught:
        check_output(out)
    assert str(out) in str(caught.value) and caught.value.exit_code == 2
    with pytest.raises(InputError, match=named):
        fixed.save(out)
    assert contents(tmp_path) == before and os.listdir(tmp_path) == ["out"]


def test_a_report_with_a_foreign_file_is_refused(fixed: Report, tmp_path: Path) -> None:
    out = fixed.save(tmp_path / "out")
    (out / "notes.txt").write_text("mine")
    before = contents(out)
    with pytest.raises(InputError, match=r"it holds notes\.txt"):
        fixed.save(out)
    assert contents(out) == before


def test_a_file_in_the_way_is_refused(fixed: Report, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    for directory, named in (("out", "a file of this name"), ("out/deeper/still", "out is a file")):
        with pytest.raises(InputError, match=named):
            fixed.save(tmp_path / directory)
    assert contents(tmp_path) == {"out": b"mine"}


def test_the_working_directory_is_refused(
    fixed: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="working directory"):
        fixed.save(".")
    assert fixed.save("out") == Path("out") and (tmp_path / "out" / "report.json").exists()


def test_a_place_without_rights_is_the_surroundings_fault(
    fixed: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    # /proc takes no directories, whoever asks
    if not Path("/proc/self").exists():
        pytest.skip("no /proc here")
    with pytest.raises(SurroundingsError, match="cannot write"):
        fixed.save("/proc/self/out")


class Interrupt:
    """Raises in place of the n-th call of a function; the earlier ones go through."""

    def __init__(self, function: Callable[..., object], at: int, error: BaseException) -> None:
        self.function, self.left, self.error = function, at, error

    def __call__(self, *args: object) -> object:
        if self.left == 0:
            raise self.error
        self.left -= 1
        return self.function(*args)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("at", [0, 3, 7])
def test_an_interruption_while_writing_leaves_nothing_and_touches_nothing(
    fixed: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, at: int
) -> None:
    out = fixed.save(tmp_path / "out")
    before = contents(tmp_path)
    module = import_module("circuitgraph.report.save")  # nnsight mounts a method `save` on every object
    write = module._write
    expected = SurroundingsError if isinstance(error, OSError) else KeyboardInterrupt
    for directory in (out, tmp_path / "new" / "deep"):
        monkeypatch.setattr(module, "_write", Interrupt(write, at, error))
        with pytest.raises(expected):
            replace(fixed, seconds=1.0).save(directory)
    assert contents(tmp_path) == before and os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("at", [0, 1])
def test_an_interruption_of_the_swap_puts_the_old_report_back(
    fixed: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    out = fixed.save(tmp_path / "out")
    before = contents(tmp_path)
    rename = os.rename

    def interrupted(source: Path, target: Path) -> None:
        nonlocal at
        at -= 1
        if at == -1:
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace(fixed, seconds=1.0).save(out)
    assert contents(tmp_path) == before and os.listdir(tmp_path) == ["out"]


def test_without_graphviz_everything_else_is_written(
    fixed: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)  # importing it fails
    monkeypatch.setenv("PATH", "")
    saved = write_report(fixed, tmp_path / "out")
    assert len(saved.notes) == 1 and "diagram.svg" in saved.notes[0] and "Graphviz" in saved.notes[0]
    written = {p.name for p in saved.directory.iterdir()}
    assert set(FILES) - written == {"diagram.svg", "diagram.png"} and written < set(FILES)
    data = json.loads((saved.directory / "report.json").read_text())
    assert data["warnings"] == [*fixed.warnings, *saved.notes]
    page = (saved.directory / "report.html").read_text()
    assert "<figure" not in page and "flowchart" in page and "No diagram.svg" not in fixed.warnings
