"""Prompts from Python code: never without leave, and its mistakes are told in its own words."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.errors import TaskError
from circuitgraph.task import Task, build_task, load_function
from tests.unit.task.samples import make_spec

SOURCE = """
import numpy as np

def good():
    for n in range(3):
        yield {"clean": [n, n + 1], "answer": np.int64(n), "factors": {"half": np.float32(0.5)}}

def number(): return 3
def text(): return "clean"
def nothing(): return []
def rows(): return [{"clean": [1]}, "clean", {"clean": "text"}]
def late():
    yield {"clean": [1]}
    raise KeyError("gap")
def leaves(): raise SystemExit(3)
constant = 5
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "made_rows.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "broken_rows.py").write_text("def f(:\n", encoding="utf-8")
    monkeypatch.delitem(sys.modules, "made_rows", raising=False)


def build(entry: str, graph: ResidualGraph, *, allow_code: bool = True, metric: str = "kl") -> Task:
    spec = make_spec({"prompts": {"python": entry}, "metric": metric}, ablation="zero")
    return build_task(spec, graph, None, allow_code=allow_code)


def test_rows_of_a_module_beside_the_spec(graph: ResidualGraph, tmp_path: Path) -> None:
    task = build("made_rows:good", graph)
    assert [(row.where, row.clean, row.answers) for row in task.rows] == [
        (f"made_rows:good row {n}", (n, n + 1), (n,)) for n in range(3)
    ]
    assert task.digest == build("made_rows:good", graph).digest
    assert str(tmp_path) not in sys.path


def test_code_is_not_even_imported_without_leave(graph: ResidualGraph) -> None:
    with pytest.raises(TaskError) as caught:
        build("made_rows:good", graph, allow_code=False, metric="python:made_rows:number")
    assert "made_rows" not in sys.modules
    assert {problem.code for problem in caught.value.problems} == {"code-not-allowed"}
    assert [str(problem) for problem in caught.value.problems] == [
        f'{where}: "{name}" is Python code, which would run with all your rights\n'
        "  hint: read it, then give --allow-code (in Python: allow_code=True)"
        for where, name in (("task.metric", "made_rows:number"), ("task.prompts.python", "made_rows:good"))
    ]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("made_rows:gone", '"gone" of module "made_rows" does not exist'),
        ("made_rows:constant", '"constant" of module "made_rows" is not callable'),
        (
            "no_such_rows:f",
            "importing \"no_such_rows\" failed: ModuleNotFoundError: No module named 'no_such_rows'",
        ),
        ("broken_rows:f", 'importing "broken_rows" failed: SyntaxError: invalid syntax'),
        ("made_rows:number", '"made_rows:number" returned int: it must return an iterable of mappings'),
        ("made_rows:text", '"made_rows:text" returned str: it must return an iterable of mappings'),
        ("made_rows:nothing", '"made_rows:nothing" returned no rows'),
        ("made_rows:late", "\"made_rows:late\" failed: KeyError: 'gap' (made_rows.py:14 in late)"),
        ("made_rows:leaves", '"made_rows:leaves" failed: SystemExit: 3 (made_rows.py:15 in leaves)'),
    ],
)
def test_mistakes_of_the_code(entry: str, message: str, graph: ResidualGraph) -> None:
    with pytest.raises(TaskError) as caught:
        build(entry, graph)
    assert str(caught.value) == f"task.prompts.python: {message}"


def test_rows_are_checked_like_those_of_a_file(graph: ResidualGraph) -> None:
    with pytest.raises(TaskError) as caught:
        build("made_rows:rows", graph)
    assert {str(problem).split("\n")[0] for problem in caught.value.problems} == {
        "task.prompts: made_rows:rows row 1: is str: a row is a mapping with clean, corrupt, answer, foil",
        "task.prompts: clean is text, but ./model has no tokenizer.json to read it with",
    }


def test_metrics_are_loaded_alike(graph: ResidualGraph, tmp_path: Path) -> None:
    assert load_function("python:made_rows:number", tmp_path, allow_code=True)() == 3
    with pytest.raises(TaskError) as caught:
        load_function("python:made_rows:gone", tmp_path, allow_code=True)
    assert str(caught.value) == 'task.metric: "gone" of module "made_rows" does not exist'
    with pytest.raises(TaskError, match="would run with all your rights"):
        load_function("python:made_rows:number", tmp_path)
