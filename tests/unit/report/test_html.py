"""The page and the notebook card: whole, self-contained, and deaf to markup in names."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from circuitgraph.report import Report
from circuitgraph.report.bars import bound_bar, effect_bar
from circuitgraph.report.html import report_html
from tests.unit.report.reports import FIXED_SPEC, fixed_report

VOID = {"meta", "br", "img", "link", "input", "hr"}
HOSTILE = "</title></style><script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;"


class Tree(HTMLParser):
    """Collects tags and attributes; fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("fragment", [False, True])
def test_it_is_well_formed_and_loads_nothing(measured: Report, fragment: bool) -> None:
    text = report_html(measured, fragment=fragment)
    tree = Tree(text)
    assert not {tag for tag, _ in tree.tags} & {"script", "link", "img", "iframe", "object", "image", "use"}
    for _, attributes in tree.tags:
        assert not {"src", "href", "xlink:href", "data", "srcset"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
    assert "@import" not in text and "url(" not in text


def test_the_page_shows_everything(fixed: Report) -> None:
    text = report_html(fixed)
    words = " ".join(Tree(text).words)
    for outcome in fixed.claims:
        assert re.sub(r"(?<![\w-])-(?=\d)", "−", outcome.text) in words
        assert str(outcome.verdict) in words
    for expected in (
        "arXiv:0000.00000",
        "0.894",
        "[−6.2, −4.1]",
        "specs/fixed.yaml:22:5",
        "a1.h3 -> logits@END",
        "all but the circuit",
        "12",
        "circuitgraph 0.1.0",
        "ab" * 32,
        "A warning of more than one line",
        "eap against exact on 5 edges",
        "  - embed -> previous_token.v",
    ):
        assert expected in words, expected
    assert text.count("<svg") >= 1 + len(fixed.claims)


def test_the_fragment_is_short(fixed: Report) -> None:
    text = fixed._repr_html_()
    assert text.startswith('<div class="cg">') and text.rstrip().endswith("</div>")
    assert "f(circuit) ≥ 0.9" in text and "<figure>" in text
    assert "Provenance" not in text and "<html" not in text and "<body" not in text


def test_styles_of_the_fragment_stay_in_it(fixed: Report) -> None:
    style = re.findall(r"<style>(.*?)</style>", fixed._repr_html_(), re.DOTALL)[0]
    selectors = re.findall(r"([^{}]+)\{", style)
    assert all(part.strip().startswith(".cg") for each in selectors for part in each.split(","))


@pytest.mark.parametrize("fragment", [False, True])
def test_hostile_names_stay_text(fragment: bool) -> None:
    quoted = HOSTILE.replace('"', '\\"')
    spec = FIXED_SPEC.replace("name: fixed", f'name: "{quoted}"').replace(
        "role: writes the previous token", f'role: "{quoted}"'
    )
    report = fixed_report(spec, model=HOSTILE)
    claims = tuple(replace(outcome, text=HOSTILE, notes=(HOSTILE,)) for outcome in report.claims)
    report = replace(report, claims=claims, warnings=(HOSTILE,), factors={HOSTILE: ()})
    tree = Tree(report_html(report, fragment=fragment))
    assert not {tag for tag, _ in tree.tags} & {"script", "img"}
    assert not any(name.startswith("on") for _, attributes in tree.tags for name in attributes)
    assert HOSTILE in tree.words


def test_without_graphviz_the_page_shows_the_mermaid_text(
    fixed: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    monkeypatch.setenv("PATH", "")
    assert "flowchart" in fixed._repr_html_() and "<figure" not in fixed._repr_html_()
    assert fixed._repr_svg_() is None


def test_the_svg_of_a_notebook(measured: Report) -> None:
    svg = measured._repr_svg_()
    assert svg is not None and svg.startswith("<svg")
    Tree(svg)


@pytest.mark.parametrize(("value", "low", "high"), [(0.5, 0.4, 0.6), (2.0, -float("inf"), float("inf"))])
def test_bars_stay_in_their_frame(value: float, low: float, high: float) -> None:
    bar = bound_bar(value, low, high, (0.9, float("inf")), "told")
    numbers = [float(x) for x in re.findall(r'\b(?:x|x1|x2|cx)="([^"]+)"', bar)]
    assert numbers and all(0 <= x <= 160 for x in numbers)
    assert "nan" not in bar and "inf" not in bar and "<title>told</title>" in bar


def test_bars_show_which_side_of_the_bound() -> None:
    def places(value: float) -> tuple[float, float]:
        bar = bound_bar(value, value - 0.01, value + 0.01, (0.9, float("inf")), "")
        point, limit = re.search(r'cx="([^"]+)"', bar), re.search(r'"limit" x1="([^"]+)"', bar)
        assert point and limit
        return float(point[1]), float(limit[1])

    below, above = places(0.8), places(0.95)
    assert below[0] < below[1] and above[0] > above[1]


def test_bars_without_numbers() -> None:
    nan, inf = float("nan"), float("inf")
    assert bound_bar(nan, -inf, inf, (-inf, inf), "x") == ""
    assert "circle" not in bound_bar(nan, -inf, inf, (0.5, inf), "x")
    assert effect_bar(0.0, None, None, 0.0, "x") == ""
    assert "length down" in effect_bar(-1.0, -2.0, -0.5, 2.0, "x")
