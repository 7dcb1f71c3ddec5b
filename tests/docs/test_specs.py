"""Every spec that ships resolves, and says what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

import circuitgraph as cg

ROOT = Path(__file__).parents[2]
SPECS = sorted(
    path.relative_to(ROOT) for folder in ("specs", "examples") for path in (ROOT / folder).glob("*.yaml")
)


def test_there_are_specs() -> None:
    assert Path("specs/induction.yaml") in SPECS


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_resolves(spec: Path) -> None:
    found = cg.check(ROOT / spec)
    assert found.problems == ()
    assert found.edges > 0


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_dump_and_load_give_the_same_spec(spec: Path) -> None:
    read = cg.load(ROOT / spec)
    assert cg.loads(cg.dump(read)) == read


def test_the_shipped_hypothesis_makes_many_kinds_of_claims() -> None:
    claims = cg.load(ROOT / "specs/induction.yaml").claims
    assert len(claims) >= 8
    assert {claim.kind for claim in claims} == {
        "faithful",
        "complete",
        "minimal",
        "beats_random",
        "effect",
        "no_effect",
        "attends",
    }
