"""The terminal's tables, word for word at 80 columns; CG_UPDATE_GOLDEN=1 rewrites them."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from circuitgraph.report import Report
from circuitgraph.report.terminal import (
    claim_notes,
    claims_table,
    edges_table,
    estimate_lines,
    overview,
    strata_table,
    summary_panel,
)
from circuitgraph.statistics import Verdict
from tests.unit.report.reports import FIXED_SPEC, fixed_report, only

GOLDEN = Path(__file__).parents[2] / "golden" / "report"


def shown(*parts: RenderableType, width: int = 80, colour: bool = False) -> str:
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
        legacy_windows=False,
        _environ={},
    )
    for part in parts:
        console.print(part)
    text = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


@pytest.mark.parametrize("width", [80, 120])
def test_golden(fixed: Report, width: int) -> None:
    text = shown(overview(fixed), "", strata_table(fixed), width=width)
    file = GOLDEN / f"terminal-{width}.txt"
    if os.environ.get("CG_UPDATE_GOLDEN") == "1":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_nothing_is_wider_than_the_terminal_and_numbers_stay_whole(fixed: Report, width: int) -> None:
    text = shown(overview(fixed), width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    for whole in ("0.8940   [0.8610, 0.9004]", "-1234   [-1300, -1101]", "≈ uninformative", "? inconclusive"):
        assert whole in text


def test_a_measured_report(measured: Report) -> None:
    text = shown(overview(measured))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "n = 24" in text and "a1.h1 -> logits@END" in text
    for outcome in measured.claims:
        assert str(outcome.verdict) in text


def test_only_what_does_not_hold_is_explained(fixed: Report) -> None:
    text = shown(claim_notes(fixed))
    assert text.count("specs/fixed.yaml:") == 6  # a supported claim is there for its violated stratum
    every = only(fixed, Verdict.SUPPORTED)
    calm = replace(every, claims=tuple(replace(outcome, worst=None) for outcome in every.claims))
    assert shown(claim_notes(calm)) == "\n" or not shown(claim_notes(calm)).strip()


def test_names_are_no_markup_and_no_control_codes() -> None:
    spec = FIXED_SPEC.replace("name: fixed", 'name: "[bold red]x[/]"')
    report = fixed_report(spec, model="\x1b[31mred\x07[/nope]")
    report = replace(report, warnings=("[link=x]\x1b]8;;evil\x1b\\",))
    text = shown(overview(report))
    assert "[bold red]x[/]" in text and "[/nope]" in text and "[link=x]" in text
    assert "\x1b" not in text and "\x07" not in text


def test_verdicts_are_coloured_and_readable_without(fixed: Report) -> None:
    coloured = shown(claims_table(fixed), colour=True)
    assert "\x1b[1;31m✗ refuted" in coloured and "\x1b[32m✓ supported" in coloured


def test_edges_are_limited(fixed: Report) -> None:
    text = shown(edges_table(fixed, limit=2))
    assert "2 strongest of 6 edges" in text and "a1.h3 -> logits@END" in text and "a0.h1" not in text


def test_strata_of_one_claim(fixed: Report) -> None:
    text = shown(strata_table(fixed, 3))
    assert "-0.42" in text and "worst" in text and "0.723" not in text
    assert "no strata" in shown(strata_table(fixed, 1))


def test_a_report_without_claims_or_scores(fixed: Report) -> None:
    bare = replace(fixed, claims=(), scores={}, errors=(), warnings=())
    text = shown(overview(bare))
    assert "Claims" not in text and "embed -> a0.h1.v" in text
    assert estimate_lines(bare) == []
    assert "logit_diff" in shown(summary_panel(bare))


def test_no_line_ends_in_blanks(fixed: Report) -> None:
    stream = io.StringIO()
    Console(file=stream, width=80).print(overview(fixed))
    lines = stream.getvalue().splitlines()
    assert len(lines) > 20 and not [line for line in lines if line != line.rstrip()]
