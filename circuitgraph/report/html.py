"""The report as a page that loads nothing from anywhere, and as a short card for notebooks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import networkx as nx

from circuitgraph.errors import SurroundingsError
from circuitgraph.render import svg_of, to_mermaid
from circuitgraph.render.compose import edge_name, effect_of
from circuitgraph.render.palette import VERDICT_MARK
from circuitgraph.render.text import decimals_for as table_decimals
from circuitgraph.render.text import markup, plain
from circuitgraph.report.bars import bound_bar, effect_bar
from circuitgraph.report.numbers import decimals_for, figure, interval, plain_figure
from circuitgraph.report.style import FRAGMENT, PAGE
from circuitgraph.report.tables import methods_of, sorted_edges
from circuitgraph.report.wording import (
    RUN_NAMES,
    claims_title,
    estimate_text,
    estimate_texts,
    limits,
    metric_text,
    place_of,
    verdict_counts,
    verdict_text,
    violation,
    with_interval,
)
from circuitgraph.spec import dump
from circuitgraph.statistics import Verdict
from circuitgraph.validation.outcome import Outcome

if TYPE_CHECKING:
    from circuitgraph.report.report import Report

EDGE_ROWS = 1000
"""More rows than this make a page that browsers struggle with; edges.csv has them all."""

_MINUS = re.compile(r"(?<![\w-])-(?=[\d∞])")


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
        _runs(report),
        _edges(report, graph),
        _strata(report),
        _provenance(report),
    )
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{_text(report.spec.name)} · circuitgraph</title>",
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
    yield f"<h1>{_text(spec.name)}</h1>"
    if spec.about:
        yield f"<p>{_text(spec.about, 2000)}</p>"
    told = [f"model {_text(report.model)}", _text(metric_text(report)), f"n = {report.contrast.n}"]
    told += [f"rule {report.circuit.rule}", f"ablation {_text(report.circuit.ablation)}"]
    told += [f"source {_text(spec.source)}"] if spec.source else []
    yield f'<p class="quiet">{" · ".join(told)}</p>'
    counts = verdict_counts(report)
    if counts:
        chips = (
            f'<span class="verdict {verdict.value}">{VERDICT_MARK[verdict.value]} {count} {verdict.value}</span>'
            for verdict, count in counts.items()
        )
        yield f'<p class="verdicts">{"".join(chips)}</p>'
    yield '<div class="tiles">'
    for name in ("circuit", "complement"):
        run = report.runs.get(name)
        if run is not None:
            share = "undefined" if run.faithfulness is None else f"{run.faithfulness:.3f}"
            yield _tile(f"f({name})", _signed(share), f"KL from clean {plain_figure(float(run.kl.mean()))} nats")
    value, ends = with_interval(report.contrast).split(" ", 1)
    unit = "" if report.unit == "metric" else f" {report.unit}"
    yield _tile("contrast, clean − ablated", f"{_signed(value)}{_text(unit)}", _signed(ends))
    yield "</div>"


def _tile(name: str, value: str, below: str) -> str:
    return f'<div class="tile"><span>{name}</span><b>{value}</b><span>{below}</span></div>'


def _warnings(report: Report) -> Iterator[str]:
    for warning in report.warnings:
        yield f'<p class="warning">{_text(warning, 3000)}</p>'


def _claims(report: Report) -> Iterator[str]:
    if not report.claims:
        return
    title, _, told = claims_title(report).partition(" (")
    yield f"<h2>{title}<small>{_text(told.rstrip(')'))}</small></h2>"
    head = '<th>verdict</th><th>claim</th><th class="figure">estimate</th><th>interval</th><th>against the bound</th>'
    yield from _table_start(head)
    for index, outcome in enumerate(report.claims):
        value, ends = estimate_texts(outcome)
        found = outcome.estimate
        told = f"{value}, interval {ends}, {_bound_told(outcome)}"
        bar = bound_bar(
            found.value, found.interval.low, found.interval.high, limits(outcome.bound), _signed(told)
        )
        place = place_of(report, index)
        title = f' title="{_text(place)}"' if place else ""
        yield (
            f'<tr><td>{_chip(outcome.verdict)}</td><td class="claim"{title}>{_signed(_text(outcome.text))}'
            f'{_notes(outcome, place)}</td><td class="figure">{_signed(value)}</td>'
            f'<td class="interval">{_signed(ends)}</td><td class="bar">{bar}</td></tr>'
        )
    yield "</tbody></table></div>"


def _bound_told(outcome: Outcome) -> str:
    return " and ".join(f"{name.replace('_', ' ')} {bound:g}" for name, bound in outcome.bound.items())


def _notes(outcome: Outcome, place: str) -> str:
    notes = [_signed(_text(note, 2000)) for note in outcome.notes]
    if place and outcome.verdict is not Verdict.SUPPORTED:
        notes.append(f"<code>{_text(place)}</code>")
    return f'<ul class="notes">{"".join(f"<li>{note}</li>" for note in notes)}</ul>' if notes else ""


def _diagram(graph: nx.MultiDiGraph, svg: str | None) -> Iterator[str]:
    yield "<h2>Circuit</h2>"
    if svg is not None:
        yield f"<figure>{svg}</figure>"
    else:
        yield "<p>There is no Graphviz here to draw it. As Mermaid:</p>"
        yield f"<pre>{markup(to_mermaid(graph))}</pre>"


def _runs(report: Report) -> Iterator[str]:
    unit = "" if report.unit == "metric" else f", {report.unit}"
    yield f"<h2>Runs<small>{_text(report.metric)}{_text(unit)}</small></h2>"
    heads = ("mean", "std", "n", "f", "KL from clean, nats")
    yield from _table_start("<th>run</th>" + "".join(f'<th class="figure">{head}</th>' for head in heads))
    decimals = table_decimals(max(float(abs(run.values).max()) for run in report.runs.values()))
    for name, run in report.runs.items():
        count = len(run.values)
        cells = (
            figure(float(run.values.mean()), decimals),
            figure(float(run.values.std(ddof=1)), decimals) if count > 1 else "",
            str(count),
            "" if run.faithfulness is None else f"{run.faithfulness:.3f}",
            plain_figure(float(run.kl.mean())),
        )
        figures = "".join(f'<td class="figure">{_signed(cell)}</td>' for cell in cells)
        yield f"<tr><td>{_text(RUN_NAMES.get(name, name))}</td>{figures}</tr>"
    yield "</tbody></table></div>"


def _edges(report: Report, graph: nx.MultiDiGraph) -> Iterator[str]:
    methods, rows = methods_of(graph), sorted_edges(graph)
    unit = "" if report.unit == "metric" else f" in {report.unit}"
    shown = rows[:EDGE_ROWS]
    many = f"{len(rows)}" if len(shown) == len(rows) else f"the strongest {len(shown)} of {len(rows)}"
    told = f"{many}; effect on the metric when corrupted{unit}" if methods else many
    yield f"<h2>Edges<small>{_text(told)}</small></h2>"
    heads = "".join(f'<th class="figure">{_text(m.replace("_", "-"))}</th><th>95 % interval</th>' for m in methods)
    yield from _table_start(f"<th>edge</th>{heads}{'<th></th>' if methods else ''}<th>claim</th>")
    first = next(iter(methods), "")
    ends = [abs(effect_of(data, f"{first}{end}") or 0.0) for *_, data in shown for end in ("", "_low", "_high")]
    largest = max(ends, default=0.0)
    decimals = {m: table_decimals(max((abs(effect_of(e[3], m) or 0.0) for e in shown), default=0.0)) for m in methods}
    for source, target, key, data in shown:
        cells = "".join(_effect(data, method, decimals[method]) for method in methods)
        name = _text(edge_name(source, target, data, key))
        if methods:
            cells += f'<td class="bar">{_edge_bar(data, first, largest, decimals[first])}</td>'
        judged = _chip(Verdict(data["verdict"])) if data.get("verdict") else ""
        outside = "" if data.get("in_circuit", True) else ' class="outside"'
        said = "" if data.get("in_circuit", True) else " <small>not in the circuit</small>"
        yield f'<tr{outside}><td class="name"><code>{name}</code>{said}</td>{cells}<td>{judged}</td></tr>'
    yield "</tbody></table></div>"
    for error in report.errors:
        yield f'<p class="quiet">{_signed(_text(estimate_text(error)))}</p>'


def _effect(data: dict[str, Any], method: str, decimals: int) -> str:
    effect = effect_of(data, method)
    if effect is None:
        return "<td></td><td></td>"
    sign = "lowers" if effect < 0 else "raises" if effect > 0 else ""
    low, high = effect_of(data, f"{method}_low"), effect_of(data, f"{method}_high")
    ends = "" if low is None or high is None else interval(low, high, decimals)
    value = _signed(figure(effect, decimals))
    return f'<td class="figure {sign}">{value}</td><td class="interval">{_signed(ends)}</td>'


def _edge_bar(data: dict[str, Any], method: str, largest: float, decimals: int) -> str:
    effect = effect_of(data, method)
    if effect is None:
        return ""
    low, high = effect_of(data, f"{method}_low"), effect_of(data, f"{method}_high")
    return effect_bar(effect, low, high, largest, _signed(figure(effect, decimals)))


def _strata(report: Report) -> Iterator[str]:
    with_strata = [outcome for outcome in report.claims if outcome.strata]
    if not with_strata:
        return
    yield "<h2>By factor<small>each claim's estimate at every level; η² is the share of variance explained</small></h2>"
    for outcome in with_strata:
        against = violation(outcome)
        said = f' <span class="raises">{_signed(_text(against))}</span>' if against else ""
        yield f"<details><summary>{_signed(_text(outcome.text))}{said}</summary>"
        yield '<div class="scroll"><table class="narrow"><thead><tr><th>factor</th><th>η²</th><th>level</th>'
        yield '<th class="figure">n</th><th class="figure">value</th><th></th></tr></thead><tbody>'
        yield from _strata_rows(outcome)
        yield "</tbody></table></div></details>"


def _strata_rows(outcome: Outcome) -> Iterator[str]:
    decimals = decimals_for(s.value for s in outcome.strata if s.value is not None)
    before = None
    for stratum in outcome.strata:
        new, before = stratum.factor != before, stratum.factor
        explained = outcome.explained.get(stratum.factor)
        share = f"{explained:.2f}" if new and explained is not None else ""
        worst = outcome.worst is not None and outcome.worst == stratum
        yield (
            f"<tr><td>{_text(stratum.factor) if new else ''}</td><td>{share}</td><td>{_text(stratum.level)}</td>"
            f'<td class="figure">{stratum.n}</td><td class="figure">{_signed(figure(stratum.value, decimals))}</td>'
            f"<td>{'<small>worst</small>' if worst else ''}</td></tr>"
        )


def _provenance(report: Report) -> Iterator[str]:
    kept = report.provenance
    yield f"<h2>Provenance<small>{report.seconds:.1f} s</small></h2>"
    yield '<div class="scroll"><table class="narrow"><tbody>'
    versions = ", ".join(f"{name} {version}" for name, version in kept.versions.items())
    seeds = ", ".join(f"{name} {seed}" for name, seed in kept.seeds.items())
    for name, value in (("versions", versions), ("seeds", seeds)):
        if value:
            yield f"<tr><td>{name}</td><td>{_text(value, 2000)}</td></tr>"
    for name, value in kept.hashes.items():
        yield f"<tr><td>SHA-256 of the {_text(name)}</td><td><code>{_text(value)}</code></td></tr>"
    yield "</tbody></table></div>"
    yield f"<details><summary>The spec</summary><pre>{_lines(dump(report.spec))}</pre></details>"


def _table_start(head: str) -> Iterable[str]:
    return ('<div class="scroll"><table>', f"<thead><tr>{head}</tr></thead>", "<tbody>")


def _chip(verdict: Verdict) -> str:
    return f'<span class="verdict {verdict.value}">{verdict_text(verdict)}</span>'


def _text(text: object, limit: int = 300) -> str:
    """Text of others, on one line, without anything that could act as markup."""
    return markup(plain(text, limit))


def _lines(text: str) -> str:
    """Text of others with its line breaks."""
    return "\n".join(markup(plain(line.replace(" ", "\u00a0"), 2000)) for line in text.splitlines())


def _signed(text: str) -> str:
    """Numbers in `text` with a typographic minus; arrows and hyphens stay."""
    return _MINUS.sub("−", text)
