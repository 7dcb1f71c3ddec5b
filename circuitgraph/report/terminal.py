"""Reports on a terminal: tables and lines for rich, readable from 80 columns on.

Everything a spec's author wrote is put in as plain text, never as rich's markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from circuitgraph.diagram.compose import edge_name, effect_of
from circuitgraph.diagram.palette import VERDICT_MARK
from circuitgraph.diagram.text import decimals_for as table_decimals
from circuitgraph.diagram.text import plain
from circuitgraph.report.numbers import decimals_for, figure, interval, plain_figure
from circuitgraph.report.tables import methods_of, sorted_edges
from circuitgraph.report.wording import (
    RUN_NAMES,
    claims_title,
    estimate_text,
    estimate_texts,
    metric_text,
    place_of,
    verdict_counts,
    verdict_text,
    violation,
    with_interval,
)
from circuitgraph.statistics import Stratum, Verdict

if TYPE_CHECKING:
    from circuitgraph.report.report import Report
    from circuitgraph.validation.outcome import Outcome

VERDICT_STYLE = {
    Verdict.SUPPORTED: "green",
    Verdict.REFUTED: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.UNINFORMATIVE: "magenta",
}
QUIET = "dim"
LONGEST_TEXT = 300


class Trimmed:
    """Something for the terminal without the blanks that rich puts at the end of lines."""

    def __init__(self, content: RenderableType) -> None:
        self.content = content

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in console.render_lines(self.content, options, pad=False):
            while line and not line[-1].control:
                kept = line[-1].text.rstrip(" ")
                if kept:
                    line[-1] = Segment(kept, line[-1].style)
                    break
                line.pop()
            yield from line
            yield Segment.line()


def overview(report: Report, *, edges: int = 20) -> Group:
    """All of it: summary, claims with what speaks against them, the strongest edges, estimates, warnings."""
    parts: list[RenderableType] = [summary_panel(report)]
    if report.claims:
        parts += ["", claims_table(report)]
        notes = claim_notes(report)
        parts += ["", notes] if notes.renderables else []
    if edges > 0 and report.graph.number_of_edges():
        parts += ["", edges_table(report, edges)]
    below = [*estimate_lines(report), *warning_lines(report)]
    return Group(Trimmed(Group(*parts, *(["", *below] if below else []))))


def summary_panel(report: Report) -> Panel:
    """What was measured: model, metric, contrast, the circuit and its complement, rule, examples, time."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style=QUIET, no_wrap=True)
    facts.add_column()
    for name, value in _facts(report):
        facts.add_row(name, value)
    counts = verdict_counts(report)
    title = Text(_clean(report.spec.name, 60), style="bold")
    said = Text(" · ").join(
        Text(verdict_text(verdict, count), style=VERDICT_STYLE[verdict]) for verdict, count in counts.items()
    )
    return Panel(
        facts,
        title=title,
        title_align="left",
        subtitle=said if counts else None,
        subtitle_align="left",
        box=box.ROUNDED,
        border_style=QUIET,
        expand=False,
    )


def claims_table(report: Report) -> Table:
    """Every claim with its verdict, its estimate and interval."""
    table = _table(claims_title(report))
    table.add_column("verdict", no_wrap=True)
    table.add_column("claim", overflow="fold")
    table.add_column("estimate", justify="right", no_wrap=True)
    table.add_column("interval", no_wrap=True)
    for outcome in report.claims:
        value, ends = estimate_texts(outcome)
        table.add_row(_verdict(outcome.verdict), Text(_clean(outcome.text)), value, Text(ends))
    return table


def claim_notes(report: Report) -> Group:
    """What speaks against claims: notes and place of those not supported, violated strata of the others."""
    lines: list[RenderableType] = []
    for index, outcome in enumerate(report.claims):
        supported = outcome.verdict is Verdict.SUPPORTED
        worst = violation(outcome)
        notes = (() if worst is None else (worst,)) if supported else outcome.notes
        if supported and not notes:
            continue
        head = Text.assemble(
            (VERDICT_MARK[outcome.verdict.value], VERDICT_STYLE[outcome.verdict]),
            f" {_clean(outcome.text)}",
        )
        lines.append(head)
        lines += [_indented(note) for note in notes]
        place = place_of(report, index)
        if place:
            lines.append(_indented(place, QUIET))
    return Group(*lines)


def strata_table(report: Report, claim: int | None = None) -> Group:
    """Estimates at every level of every factor: of one claim (its index), or of all that have strata."""
    tables: list[RenderableType] = []
    for index, outcome in enumerate(report.claims):
        if outcome.strata and claim in (None, index):
            tables.append(_strata(outcome))
    if not tables:
        return Group(Text("No factors are declared, so there are no strata.", QUIET))
    return Group(*[part for table in tables for part in ("", table)][1:])


def edges_table(report: Report, limit: int = 20) -> Table:
    """The strongest edges: every method's effect, the exact one's interval, and verdicts."""
    graph = report.graph
    methods = methods_of(graph)
    rows = sorted_edges(graph)
    shown = rows[:limit]
    unit = "" if report.unit == "metric" else f", {report.unit}"
    many = "edges" if len(rows) == len(shown) else f"{len(shown)} strongest of {len(rows)} edges"
    table = _table(f"Effects of {many}{unit}" if methods else many.capitalize())
    table.add_column("edge", overflow="fold")
    for place, method in enumerate(methods):
        table.add_column(method.replace("_", "-"), justify="right", no_wrap=True)
        if place == 0:
            table.add_column("interval", no_wrap=True)
    table.add_column("claim", no_wrap=True)
    decimals = {method: table_decimals(_largest(shown, method)) for method in methods}
    for source, target, key, data in shown:
        inside = data.get("in_circuit", True)
        cells: list[RenderableType] = [Text(edge_name(source, target, data, key) + ("" if inside else " *"))]
        for place, method in enumerate(methods):
            effect = effect_of(data, method)
            cells.append("" if effect is None else figure(effect, decimals[method]))
            if place == 0:
                cells.append(Text(_ends(data, method, decimals[method])))
        cells.append(_verdict(Verdict(data["verdict"])) if data.get("verdict") else "")
        table.add_row(*cells, style=None if inside else QUIET)
    if any(not data.get("in_circuit", True) for *_, data in shown):
        table.caption = "* not in the circuit"
    return table


def estimate_lines(report: Report) -> list[Text]:
    """How far each estimate is from exact patching."""
    return [Text(_clean(estimate_text(error)), QUIET) for error in report.errors]


def warning_lines(report: Report) -> list[Text]:
    """The report's warnings."""
    return [
        Text.assemble(("warning: ", "yellow"), _clean(warning, 10 * LONGEST_TEXT))
        for warning in report.warnings
    ]


def _facts(report: Report) -> Iterator[tuple[str, RenderableType]]:
    yield "model", Text(_clean(report.model))
    yield "metric", Text(_clean(metric_text(report)))
    yield "contrast", Text(f"{with_interval(report.contrast)}, n = {report.contrast.n}")
    for name in ("circuit", "complement"):
        if name in report.runs:
            yield name, Text(_run_text(report, name))
    yield "rule", Text(f"{report.circuit.rule}, ablation {_clean(report.circuit.ablation)}")
    yield "time", Text(_time(report.seconds))


def _run_text(report: Report, name: str) -> str:
    run = report.runs[name]
    decimals = decimals_for(float(each.values.mean()) for each in report.runs.values())
    share = "f undefined" if run.faithfulness is None else f"f = {figure(run.faithfulness, 3)}"
    mean = figure(float(run.values.mean()), decimals)
    kl = plain_figure(float(run.kl.mean()))
    return f"{share}, metric {mean}, KL {kl} nats ({RUN_NAMES[name]})"


def _strata(outcome: Outcome) -> Table:
    table = _table(_clean(outcome.text))
    table.add_column("factor", overflow="fold")
    table.add_column("level", overflow="fold")
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    decimals = decimals_for(s.value for s in outcome.strata if s.value is not None)
    before = None
    for stratum in outcome.strata:
        new = stratum.factor != before
        explained = outcome.explained.get(stratum.factor)
        share = "" if explained is None else f" (η² {explained:.2f})"
        before = stratum.factor
        table.add_row(
            Text(f"{_clean(stratum.factor, 40)}{share}" if new else ""),
            Text(_clean(stratum.level, 40)),
            str(stratum.n),
            figure(stratum.value, decimals),
            Text("worst" if _same(stratum, outcome.worst) else "", QUIET),
        )
    return table


def _same(stratum: Stratum, worst: Stratum | None) -> bool:
    return worst is not None and (stratum.factor, stratum.level) == (worst.factor, worst.level)


def _table(title: str) -> Table:
    return Table(
        title=Text(title, style="bold"),
        title_justify="left",
        caption_justify="left",
        caption_style=QUIET,
        box=box.SIMPLE_HEAD,
        show_edge=False,
        header_style=QUIET,
        pad_edge=False,
    )


def _verdict(verdict: Verdict) -> Text:
    return Text(verdict_text(verdict), style=VERDICT_STYLE[verdict])


def _indented(text: str, style: str = "") -> Padding:
    return Padding(Text(_clean(text, 10 * LONGEST_TEXT), style=style), (0, 0, 0, 2))


def _largest(rows: Iterable[tuple[Any, ...]], method: str) -> float:
    return max((abs(effect_of(row[3], method) or 0.0) for row in rows), default=0.0)


def _ends(data: dict[str, Any], method: str, decimals: int) -> str:
    low, high = effect_of(data, f"{method}_low"), effect_of(data, f"{method}_high")
    return "" if low is None or high is None else interval(low, high, decimals)


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def _clean(text: object, limit: int = LONGEST_TEXT) -> str:
    """Text of others on one line, without control characters that a terminal would act on."""
    return plain(text, limit)
