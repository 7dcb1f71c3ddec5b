"""The page's tables: runs, edges, parts and strata, provenance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import networkx as nx

from circuitgraph.diagram.compose import edge_name, effect_of
from circuitgraph.diagram.text import decimals_for as table_decimals
from circuitgraph.report.bars import bound_bar, effect_bar
from circuitgraph.report.markup import TABLE_END, chip, lines, signed, table_start, text
from circuitgraph.report.numbers import decimals_for, decimals_of, figure, interval, plain_figure, sign_shown
from circuitgraph.report.tables import GraphEdge, methods_of, sorted_edges
from circuitgraph.report.wording import RUN_NAMES, estimate_text, limits, violation
from circuitgraph.spec import dump
from circuitgraph.statistics import Verdict

if TYPE_CHECKING:
    from circuitgraph.report.report import Report
    from circuitgraph.validation.outcome import Outcome

EDGE_ROWS = 1000
"""More rows than this make a page that browsers struggle with; edges.csv has them all."""


def runs(report: Report) -> Iterator[str]:
    """Metric, share and KL of every run."""
    unit = "" if report.unit == "metric" else f", {report.unit}"
    yield f"<h2>Runs<small>{text(report.metric)}{text(unit)}</small></h2>"
    heads = ("mean", "std", "n", "f", "KL from clean, nats")
    yield from table_start("<th>run</th>" + "".join(f'<th class="figure">{head}</th>' for head in heads))
    decimals = table_decimals(max(float(abs(run.values).max()) for run in report.runs.values()))
    for name, run in report.runs.items():
        count = len(run.values)
        cells = (
            figure(float(run.values.mean()), decimals),
            figure(float(run.values.std(ddof=1)), decimals) if count > 1 else "",
            str(count),
            "" if run.faithfulness is None else figure(run.faithfulness, 3),
            plain_figure(float(run.kl.mean())),
        )
        figures = "".join(f'<td class="figure">{signed(cell)}</td>' for cell in cells)
        yield f"<tr><td>{text(RUN_NAMES.get(name, name))}</td>{figures}</tr>"
    yield TABLE_END


def edges(report: Report, graph: nx.MultiDiGraph) -> Iterator[str]:
    """Every edge with every method's effect, and how far estimates are from exact patching."""
    methods, rows = methods_of(graph), sorted_edges(graph)
    unit = "" if report.unit == "metric" else f" in {report.unit}"
    shown = rows[:EDGE_ROWS]
    many = f"{len(rows)}" if len(shown) == len(rows) else f"the strongest {len(shown)} of {len(rows)}"
    told = f"{many}; effect on the metric when ablated{unit}" if methods else many
    yield f"<h2>Edges<small>{text(told)}</small></h2>"
    names = [text(method.replace("_", "-")) for method in methods]
    heads = "".join(f'<th class="figure">{name}</th><th>95 % interval</th>' for name in names)
    head = f"<th>edge</th><th>claim</th>{'<th></th>' if methods else ''}{heads}"
    yield from table_start(head, wide=True)
    first = next(iter(methods), "")
    largest = max(_largest(shown, f"{first}{end}") for end in ("", "_low", "_high"))
    decimals = {method: table_decimals(_largest(shown, method)) for method in methods}
    for source, target, key, data in shown:
        cells = "".join(_effect(data, method, decimals[method]) for method in methods)
        name = text(edge_name(source, target, data, key))
        if methods:
            cells = f'<td class="bar">{_edge_bar(data, first, largest, decimals[first])}</td>{cells}'
        judged = chip(Verdict(data["verdict"])) if data.get("verdict") else ""
        outside = "" if data.get("in_circuit", True) else ' class="outside"'
        said = "" if data.get("in_circuit", True) else " <small>not in the circuit</small>"
        yield f'<tr{outside}><td class="name"><code>{name}</code>{said}</td><td>{judged}</td>{cells}</tr>'
    yield TABLE_END
    for error in report.errors:
        yield f'<p class="quiet">{signed(text(estimate_text(error)))}</p>'


def _largest(rows: list[GraphEdge], name: str) -> float:
    return max((abs(effect_of(data, name) or 0.0) for *_, data in rows), default=0.0)


def _effect(data: dict[str, Any], method: str, decimals: int) -> str:
    effect = effect_of(data, method)
    if effect is None:
        return "<td></td><td></td>"
    sign = ("", "raises", "lowers")[sign_shown(effect, decimals)]
    low, high = effect_of(data, f"{method}_low"), effect_of(data, f"{method}_high")
    ends = "" if low is None or high is None else interval(low, high, decimals)
    value = signed(figure(effect, decimals))
    return f'<td class="figure {sign}">{value}</td><td class="interval">{signed(ends)}</td>'


def _edge_bar(data: dict[str, Any], method: str, largest: float, decimals: int) -> str:
    effect = effect_of(data, method)
    if effect is None:
        return ""
    low, high = effect_of(data, f"{method}_low"), effect_of(data, f"{method}_high")
    effect = effect if sign_shown(effect, decimals) else 0.0
    return effect_bar(effect, low, high, largest, signed(figure(effect, decimals)))


def details(report: Report) -> Iterator[str]:
    """Every claim that has parts or strata, folded up."""
    shown = [outcome for outcome in report.claims if outcome.strata or len(outcome.parts) > 1]
    if not shown:
        return
    told = "parts and factors of each claim; η² is the share of variance explained"
    yield f"<h2>In detail<small>{told}</small></h2>"
    for outcome in shown:
        against = violation(outcome)
        said = f' <span class="raises">{signed(text(against))}</span>' if against else ""
        yield f"<details><summary>{signed(text(outcome.text))}{said}</summary>"
        if len(outcome.parts) > 1:
            yield from _parts(outcome)
        if outcome.strata:
            figures = "".join(f'<th class="figure">{name}</th>' for name in ("n", "value"))
            head = f"<th>factor</th><th>η²</th><th>level</th>{figures}<th></th>"
            yield from table_start(head, narrow=True)
            yield from _strata_rows(outcome)
            yield TABLE_END
        yield "</details>"


def _parts(outcome: Outcome) -> Iterator[str]:
    """Each part's drop (`minimal`) or each head's attention (`attends`)."""
    head = '<th>part</th><th class="figure">value</th><th>interval</th><th>against the bound</th>'
    yield from table_start(head, narrow=True)
    ends_of_all = [end for part in outcome.parts for end in (part.low, part.high)]
    for part in outcome.parts:
        decimals = decimals_of(part.drop, part.low, part.high)
        value, ends = figure(part.drop, decimals), interval(part.low, part.high, decimals)
        told = signed(f"{value}, interval {ends}")
        bar = bound_bar(part.drop, part.low, part.high, limits(outcome.bound), told, also=ends_of_all)
        yield (
            f'<tr><td class="name"><code>{text(part.part)}</code></td><td class="figure">{signed(value)}</td>'
            f'<td class="interval">{signed(ends)}</td><td class="bar">{bar}</td></tr>'
        )
    yield TABLE_END


def _strata_rows(outcome: Outcome) -> Iterator[str]:
    decimals = decimals_for(s.value for s in outcome.strata if s.value is not None)
    before = None
    for stratum in outcome.strata:
        new, before = stratum.factor != before, stratum.factor
        explained = outcome.explained.get(stratum.factor)
        share = f"{explained:.2f}" if new and explained is not None else ""
        worst = "<small>worst</small>" if outcome.worst == stratum else ""
        value = signed(figure(stratum.value, decimals))
        factor = text(stratum.factor) if new else ""
        yield f"<tr><td>{factor}</td><td>{share}</td><td>{text(stratum.level)}</td>"
        yield f'<td class="figure">{stratum.n}</td><td class="figure">{value}</td><td>{worst}</td></tr>'


def provenance(report: Report) -> Iterator[str]:
    """What the result rests on, and the spec itself."""
    kept = report.provenance
    yield f"<h2>Provenance<small>{report.seconds:.1f} s</small></h2>"
    yield '<div class="scroll"><table class="narrow"><tbody>'
    versions = ", ".join(f"{name} {version}" for name, version in kept.versions.items())
    seeds = ", ".join(f"{name} {seed}" for name, seed in kept.seeds.items())
    for name, value in (("versions", versions), ("seeds", seeds)):
        if value:
            yield f"<tr><td>{name}</td><td>{text(value, 2000)}</td></tr>"
    for name, value in kept.hashes.items():
        yield f"<tr><td>SHA-256 of the {text(name)}</td><td><code>{text(value)}</code></td></tr>"
    yield TABLE_END
    yield f"<details><summary>The spec</summary><pre>{lines(dump(report.spec))}</pre></details>"
