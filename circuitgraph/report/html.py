"""The report as a page that loads nothing from anywhere, and as a short card for notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import networkx as nx

from circuitgraph.diagram import svg_of, to_mermaid
from circuitgraph.diagram.text import markup
from circuitgraph.errors import SurroundingsError
from circuitgraph.report.bars import bound_bar
from circuitgraph.report.html_tables import details, edges, provenance, runs
from circuitgraph.report.markup import TABLE_END, chip, signed, table_start, text
from circuitgraph.report.numbers import figure, plain_figure
from circuitgraph.report.style import FRAGMENT, PAGE
from circuitgraph.report.wording import (
    claims_title,
    estimate_texts,
    limits,
    metric_text,
    place_of,
    verdict_counts,
    with_interval,
)
from circuitgraph.statistics import Verdict

if TYPE_CHECKING:
    from circuitgraph.report.report import Report
    from circuitgraph.validation.outcome import Outcome


def report_html(report: Report, fragment: bool = False) -> str:
    """The report as HTML.

    Args:
        report: The report.
        fragment: A `<div>` for a notebook (summary, claims, diagram) instead of a whole page.
    """
    svg = _svg(report.graph)
    if not fragment:
        return report_page(report, report.graph, svg)
    body = [*_header(report), *_claims(report), *_diagram(report.graph, svg)]
    return "\n".join(('<div class="cg">', f"<style>{FRAGMENT}</style>", *body, "</div>", ""))


def report_page(report: Report, graph: nx.MultiDiGraph, svg: str | None) -> str:
    """The whole page, with a diagram that is already drawn; None where there is no Graphviz."""
    sections = (
        _header(report),
        _warnings(report),
        _claims(report),
        _diagram(graph, svg),
        runs(report),
        edges(report, graph),
        details(report),
        provenance(report),
    )
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{text(report.spec.name)} · circuitgraph</title>",
            f"<style>{PAGE}</style>",
            "</head>",
            '<body class="cg">',
            "<main>",
            *(line for section in sections for line in section),
            "</main>",
            "</body>",
            "</html>",
            "",
        )
    )


def _svg(graph: nx.MultiDiGraph) -> str | None:
    try:
        return svg_of(graph)
    except SurroundingsError:
        return None


def _header(report: Report) -> Iterator[str]:
    spec = report.spec
    yield f"<h1>{text(spec.name)}</h1>"
    if spec.about:
        yield f"<p>{text(spec.about, 2000)}</p>"
    told = [f"model {text(report.model)}", text(metric_text(report)), f"n = {report.contrast.n}"]
    told += [f"rule {report.circuit.rule}", f"ablation {text(report.circuit.ablation)}"]
    told += [f"source {text(spec.source)}"] if spec.source else []
    yield f'<p class="quiet facts">{signed(" · ".join(told))}</p>'
    counts = verdict_counts(report)
    if counts:
        chips = "".join(chip(verdict, count) for verdict, count in counts.items())
        yield f'<p class="verdicts">{chips}</p>'
    yield '<div class="tiles">'
    for name in ("circuit", "complement"):
        run = report.runs.get(name)
        if run is not None:
            share = "undefined" if run.faithfulness is None else figure(run.faithfulness, 3)
            kl = plain_figure(float(run.kl.mean()))
            yield _tile(f"f({name})", signed(share), f"KL from clean {kl} nats")
    value, ends = with_interval(report.contrast).split(" ", 1)
    unit = "" if report.unit == "metric" else f" {text(report.unit)}"
    yield _tile("contrast, clean − ablated", f"{signed(value)}{unit}", signed(ends))
    yield "</div>"


def _tile(name: str, value: str, below: str) -> str:
    return f'<div class="tile"><span>{name}</span><b>{value}</b><span>{below}</span></div>'


def _warnings(report: Report) -> Iterator[str]:
    for warning in report.warnings:
        yield f'<p class="warning">{text(warning, 3000)}</p>'


def _claims(report: Report) -> Iterator[str]:
    if not report.claims:
        return
    title, _, told = claims_title(report).partition(" (")
    yield f"<h2>{title}<small>{text(told.rstrip(')'))}</small></h2>"
    head = '<th>verdict</th><th>claim</th><th class="figure">estimate</th><th>interval</th>'
    yield from table_start(f"{head}<th>against the bound</th>")
    for index, outcome in enumerate(report.claims):
        value, ends = estimate_texts(outcome)
        found = outcome.estimate
        told = f"{value}, interval {ends}, {_bound_told(outcome)}"
        bar = bound_bar(
            found.value, found.interval.low, found.interval.high, limits(outcome.bound), signed(told)
        )
        place = place_of(report, index)
        title = f' title="{text(place)}"' if place else ""
        yield (
            f'<tr><td>{chip(outcome.verdict)}</td><td class="claim"{title}>{signed(text(outcome.text))}'
            f'{_notes(outcome, place)}</td><td class="figure">{signed(value)}</td>'
            f'<td class="interval">{signed(ends)}</td><td class="bar">{bar}</td></tr>'
        )
    yield TABLE_END


def _bound_told(outcome: Outcome) -> str:
    return " and ".join(f"{name.replace('_', ' ')} {bound:g}" for name, bound in outcome.bound.items())


def _notes(outcome: Outcome, place: str) -> str:
    notes = [signed(text(note, 2000)) for note in outcome.notes]
    if place and outcome.verdict is not Verdict.SUPPORTED:
        notes.append(f"<code>{text(place)}</code>")
    return f'<ul class="notes">{"".join(f"<li>{note}</li>" for note in notes)}</ul>' if notes else ""


def _diagram(graph: nx.MultiDiGraph, svg: str | None) -> Iterator[str]:
    yield "<h2>Circuit</h2>"
    if svg is not None:
        yield f"<figure>{svg}</figure>"
    else:
        yield "<p>There is no Graphviz here to draw it. As Mermaid:</p>"
        yield f"<pre>{markup(to_mermaid(graph))}</pre>"
