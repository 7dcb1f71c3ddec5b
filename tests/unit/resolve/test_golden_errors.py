"""The text of errors as people see them: specs in tests/golden/resolve_errors, each with its messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.errors import SpecError
from circuitgraph.resolve import resolve
from circuitgraph.spec.load import loads

GOLDEN = Path(__file__).parents[2] / "golden" / "resolve_errors"
SPECS = sorted(GOLDEN.glob("*.yaml"))


def test_there_are_golden_specs() -> None:
    assert SPECS


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_error_text(path: Path, gpt2: ResidualGraph) -> None:
    spec = loads(path.read_text(encoding="utf-8"), path.name)
    with pytest.raises(SpecError) as caught:
        resolve(spec, gpt2, known_positions={"MATCH", "FIRST"}, known_factors={"template"})
    assert str(caught.value) + "\n" == path.with_suffix(".txt").read_text(encoding="utf-8")
