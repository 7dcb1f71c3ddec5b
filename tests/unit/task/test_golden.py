"""Whole error reports, word for word, of specs read from files; CG_UPDATE_GOLDEN=1 rewrites them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.errors import TaskError
from circuitgraph.spec import load
from circuitgraph.task import Tokenizer, build_task

CASES = Path(__file__).parents[2] / "golden" / "task_errors"


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_golden(case: str, graph: ResidualGraph, bpe: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES / case)
    with pytest.raises(TaskError) as caught:
        build_task(load("spec.yaml"), graph, bpe)
    report = f"{caught.value}\n"
    file = CASES / case / "expected.txt"
    if os.environ.get("CG_UPDATE_GOLDEN") == "1":
        file.write_text(report, encoding="utf-8")
    assert report == file.read_text(encoding="utf-8")
