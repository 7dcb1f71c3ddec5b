"""The programs and the spec under examples/ run, and say what their comments say."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

import circuitgraph as cg

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_every_example_is_run_here() -> None:
    files = {path.name for path in EXAMPLES.iterdir() if path.is_file()}
    assert files == {"python_api.py", "in_memory_model.py", "from_file.yaml", "pairs.jsonl"}


def test_python_api(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    monkeypatch.setattr("sys.argv", ["python_api.py", str(out), "8"])
    runpy.run_path(str(EXAMPLES / "python_api.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert "induction: logit_diff in logits, 8 examples" in printed
    assert "effect of previous_token -> induction.k" in printed
    edges = printed.partition("edges, strongest first\n")[2].splitlines()
    assert len([line for line in edges if "-> " in line and "exact" in line]) == 5
    assert (out / "report.json").is_file()


def test_python_api_leaves_the_spec_as_it_was() -> None:
    names = runpy.run_path(str(EXAMPLES / "python_api.py"))
    spec = cg.load(names["SPEC"])
    changed = names["with_examples"](spec, 3)
    assert changed.task.prompts.examples == 3
    assert changed != spec == cg.load(names["SPEC"])
    assert cg.check(changed).examples == 3


def test_in_memory_model(capsys: pytest.CaptureFixture[str]) -> None:
    names = runpy.run_path(str(EXAMPLES / "in_memory_model.py"))
    report = names["main"]()
    assert [claim.verdict.value for claim in report.claims] == ["supported", "refuted"]
    assert report.exit_code == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["supported", "refuted"]


def test_from_file() -> None:
    checked = cg.check(EXAMPLES / "from_file.yaml")
    assert (checked.problems, checked.notes, checked.examples) == ((), (), 24)
    report = cg.validate(EXAMPLES / "from_file.yaml")
    assert {claim.verdict.value for claim in report.claims} == {"supported"}
    assert report.exit_code == 0
    keys: dict[str, Any] = {edge[2]: edge for edge in report.graph.edges(keys=True)}
    assert {"v@KEY", "k@NEXT", "v@NEXT", "q@END", "in@END"} <= set(keys)


def test_positions_from_file_are_where_the_comments_say() -> None:
    from circuitgraph.api import prepare
    from circuitgraph.zoo.vocabulary import TOKENS

    for row in prepare(EXAMPLES / "from_file.yaml").task.rows:
        words = [TOKENS[token] for token in row.clean]
        assert (words[row.positions["KEY"]], words[row.positions["END"]]) == ("key", "key")
        assert words.index("key") == row.positions["KEY"] < row.positions["END"] == len(words) - 1
        assert row.answers == (row.clean[row.positions["NEXT"]],)
