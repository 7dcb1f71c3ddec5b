"""Error messages are tested text: every bad spec of tests/golden/spec_errors prints exactly its .txt."""

from __future__ import annotations

from pathlib import Path

import pytest

from circuitgraph.errors import SpecError
from circuitgraph.spec import load, loads

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "spec_errors"
CASES = sorted(path.stem for path in GOLDEN.glob("*.yaml"))


def test_every_case_has_its_text() -> None:
    assert len(CASES) >= 60
    assert sorted(path.stem for path in GOLDEN.glob("*.txt")) == CASES


@pytest.mark.parametrize("case", CASES)
def test_message(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN)
    with pytest.raises(SpecError) as caught:
        load(f"{case}.yaml")
    assert f"{caught.value}\n" == (GOLDEN / f"{case}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES)
def test_problems_are_placed_sorted_and_free_of_jargon(case: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(GOLDEN / f"{case}.yaml")
    problems = caught.value.problems
    assert [problem.order for problem in problems] == sorted(problem.order for problem in problems)
    for problem in problems:
        assert problem.line is not None and problem.line >= 1
        assert problem.column is not None and problem.column >= 1
        assert problem.code == problem.code.lower().replace("_", "-")
        for jargon in ("Input should", "valid ", "pydantic", "dict", "str", "Extra inputs", "[key]"):
            assert jargon not in problem.message.replace("structure", "").replace("string", "")


def test_missing_file_directory_and_size(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"nothing\.yaml: the file does not exist"):
        load(tmp_path / "nothing.yaml")
    with pytest.raises(SpecError, match="this is a directory"):
        load(tmp_path)
    large = tmp_path / "large.yaml"
    large.write_text("# " + "x" * 1_000_000, encoding="utf-8")
    with pytest.raises(SpecError, match="larger than 1 MB"):
        load(large)
    with pytest.raises(SpecError, match="larger than 1 MB"):
        loads("# " + "x" * 1_000_000)
