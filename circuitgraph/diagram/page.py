"""A self-contained HTML page: the diagram, and its edges as a table. It loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx

from circuitgraph.diagram import palette
from circuitgraph.diagram.compose import METHOD_ORDER, edge_name, effect_of
from circuitgraph.diagram.picture import Picture
from circuitgraph.diagram.text import decimals_for, markup, number, plain, sign_shown

STYLE = f"""
:root {{ color-scheme: light; }}
body {{ font: 15px/1.5 system-ui, Helvetica, Arial, sans-serif; color: {palette.INK};
  background: {palette.PAPER}; margin: 2rem auto; padding: 0 1.5rem; max-width: 1400px; }}
figure {{ margin: 0 0 2rem; overflow-x: auto; text-align: center; }}
figure svg {{ max-width: 100%; height: auto; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
caption {{ text-align: left; font-weight: 600; padding-bottom: .5rem; }}
th, td {{ padding: .25rem .9rem; border-bottom: 1px solid #E3E7EC; text-align: left; white-space: nowrap; }}
th {{ color: {palette.QUIET}; font-weight: 600; }}
td.figure, th.figure {{ text-align: right; }}
td.interval {{ color: {palette.QUIET}; }}
.lowers {{ color: {palette.SUPPORTS}; }}
.raises {{ color: {palette.OPPOSES}; }}
.refuted {{ color: {palette.REFUTED}; font-weight: 600; }}
tr.outside {{ color: {palette.QUIET}; }}
code {{ font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .95em; }}
"""

TABLE_ROWS = 2000
"""More rows than this make a page that browsers struggle with; edges.csv has them all."""


def page(graph: nx.MultiDiGraph, picture: Picture, svg: str) -> str:
    """The page's text."""
    title = markup(picture.title)
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            f"<figure>\n{svg}</figure>",
            *_table(graph, picture),
            "</body>",
            "</html>",
            "",
        )
    )


def _table(graph: nx.MultiDiGraph, picture: Picture) -> Iterator[str]:
    shown = {(edge.source, edge.target, key) for edge in picture.edges for key in edge.keys}
    rows = [e for e in graph.edges(keys=True, data=True) if (str(e[0]), str(e[1]), str(e[2])) in shown]
    methods = [m for m in METHOD_ORDER if any(effect_of(data, m) is not None for *_, data in rows)]
    if picture.method is not None and picture.method not in methods:
        methods.append(picture.method)
    order = {(edge.source, edge.target, key): i for i, edge in enumerate(picture.edges) for key in edge.keys}
    rows.sort(
        key=lambda e: (-abs(effect_of(e[3], picture.method) or 0.0), order[str(e[0]), str(e[1]), str(e[2])])
    )
    largest = max((abs(effect_of(data, m) or 0.0) for *_, data in rows for m in methods), default=0.0)
    decimals = decimals_for(largest)
    unit = f", {picture.unit}" if picture.unit else ""
    yield '<div class="scroll">'
    yield "<table>"
    yield f"<caption>{len(rows)} edges, effect on the metric when ablated{markup(unit)}</caption>"
    heads = "".join(
        f'<th class="figure">{markup(m.replace("_", "-"))}</th><th>95 % interval</th>' for m in methods
    )
    yield f"<thead><tr><th>edge</th>{heads}<th>verdict</th></tr></thead>"
    yield "<tbody>"
    for source, target, key, data in rows[:TABLE_ROWS]:
        cells = "".join(_effect_cells(data, method, decimals) for method in methods)
        verdict = str(data.get("verdict") or "")
        mark = palette.VERDICT_MARK.get(verdict, "")
        name = markup(edge_name(str(source), str(target), data, str(key)))
        outside = "" if data.get("in_circuit", True) else ' class="outside" title="not in the circuit"'
        refuted = ' class="refuted"' if verdict == "refuted" else ""
        judged = f"<td{refuted}>{mark} {markup(plain(verdict))}</td>"
        yield f"<tr{outside}><td><code>{name}</code></td>{cells}{judged}</tr>"
    yield "</tbody>"
    yield "</table>"
    yield "</div>"
    if len(rows) > TABLE_ROWS:
        yield f"<p>The strongest {TABLE_ROWS} of {len(rows)} edges.</p>"


def _effect_cells(data: dict[str, object], method: str, decimals: int) -> str:
    effect = effect_of(data, method)
    if effect is None:
        return "<td></td><td></td>"
    sign = ("", "raises", "lowers")[sign_shown(effect, decimals)]
    low, high = effect_of(data, f"{method}_low"), effect_of(data, f"{method}_high")
    interval = "" if low is None or high is None else f"[{number(low, decimals)}, {number(high, decimals)}]"
    figure = number(effect, decimals, signed=True)
    return f'<td class="figure {sign}">{figure}</td><td class="interval">{interval}</td>'
