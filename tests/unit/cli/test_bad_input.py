from __future__ import annotations
from pathlib import Path
import pytest
from tests.unit.cli.conftest import GOLDEN, Run

CASES = sorted(path.stem for path in GOLDEN.glob("*.yaml"))

@pytest.mark.parametrize("case", CASES)
def test_dump(case: str, run: Run) -> None:
    allow = ["--allow-code"] if case.startswith("python_metric_") else []
    a = run("validate", f"{case}.yaml", "-o", "out", *allow)
    print(f"=== {case} rc={a.code} out={a.out!r}\n{a.err}")
    if case != "sound":
        (GOLDEN / f"{case}.txt").write_text(a.err)
