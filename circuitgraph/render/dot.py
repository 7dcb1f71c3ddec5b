"""DOT text of a diagram: stable, sorted, readable; Graphviz only lays it out.

Layers are `rank=same` rows hung on a spine of captions at the left; `newrank` lets groups box nodes of
several rows. Heads are HTML-like tables whose lower cells are their ports, so an edge ends in the port it means.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from circuitgraph.render import palette
from circuitgraph.render.legend import caption, legend
from circuitgraph.render.picture import Box, DrawnEdge, DrawnNode, Picture, Rank
from circuitgraph.render.text import label, markup, plain, quoted

THINNEST, THICKEST = 0.9, 5.0
CROWDED_THINNEST, CROWDED_THICKEST = 0.6, 3.6
UNMEASURED_WIDTH = 1.3


def dot_text(picture: Picture) -> str:
    """The diagram in the DOT language."""
    return "\n".join(_graph(picture)) + "\n"


def width_of(edge: DrawnEdge, picture: Picture) -> float:
    """Line width in points, linear in |effect|."""
    thin, thick = (CROWDED_THINNEST, CROWDED_THICKEST) if picture.crowded else (THINNEST, THICKEST)
    if edge.effect is None:
        return thin + 0.2 if picture.crowded else UNMEASURED_WIDTH
    return round(thin + (thick - thin) * edge.share, 2)


def _graph(picture: Picture) -> Iterator[str]:
    font = quoted(palette.FONT)
    gap = "0.55" if picture.crowded else "0.6"
    yield f"digraph {quoted(picture.title)} {{"
    yield f"  graph [rankdir=BT, newrank=true, compound=true, fontname={font}, bgcolor=\"{palette.PAPER}\","
    yield f"    nodesep={'0.16' if picture.crowded else '0.35'}, ranksep={gap}, pad=0.25, dpi=96, labelloc=t,"
    yield f"    tooltip={label(picture.title)}, label=<{caption(picture)}>];"
    yield f'  node [fontname={font}, fontsize=12, fontcolor="{palette.INK}", shape=plain];'
    yield f'  edge [fontname={font}, fontsize=10, fontcolor="{palette.INK}", arrowsize=0.7];'
    yield ""
    yield '  subgraph "cluster:picture" {'
    yield f"    graph [peripheries=0, labelloc=b, margin=6, label=<{legend(picture)}>];"
    yield from _spine(picture)
    yield ""
    boxed = {name for box in picture.boxes for name in box.members}
    nodes = {node.name: node for node in picture.nodes}
    for node in picture.nodes:
        if node.name not in boxed:
            yield f"    {_node(node, picture)}"
    for box in picture.boxes:
        yield from _box(box, nodes, picture, "    ")
    yield "  }"
    yield ""
    for rank in picture.ranks:
        row = [_spine_name(rank)] + [node.name for node in picture.nodes if node.rank == rank]
        yield f"  {{ rank=same; {'; '.join(quoted(name) for name in row)}; }}"
    yield ""
    for index, edge in enumerate(picture.edges):
        yield f"  {_edge(edge, index, picture)}"
    yield "}"


def _spine_name(rank: Rank) -> str:
    stage, layer, what = rank
    return f"row:{what}" if stage != 1 else f"row:{layer}.{what}"


def _spine(picture: Picture) -> Iterator[str]:
    """Captions of the rows, chained invisibly so that rows keep their order whatever the edges say."""
    for rank in picture.ranks:
        stage, layer, what = rank
        text = "" if stage != 1 else ("attention" if what == "attention" else "MLP") + (f" {layer}" if layer >= 0 else "")
        yield (
            f'    {quoted(_spine_name(rank))} [shape=plaintext, fontsize=10, fontcolor="{palette.FRAME}",'
            f" group=spine, width=0.9, label={label(text)}, tooltip={label(text)}];"
        )
    for lower, upper in pairwise(picture.ranks):
        yield f"    {quoted(_spine_name(lower))} -> {quoted(_spine_name(upper))} [style=invis, weight=50];"


def _box(box: Box, nodes: dict[str, DrawnNode], picture: Picture, indent: str) -> Iterator[str]:
    fill, border = palette.tint(box.index)
    name, *role = box.caption
    text = f'<B>{markup(name)}</B>'
    if role:
        text += f'<BR/><FONT POINT-SIZE="9" COLOR="{palette.QUIET}">{markup(role[0])}</FONT>'
    yield f"{indent}subgraph {quoted(f'cluster:{box.index}')} {{"
    yield (
        f'{indent}  graph [label=<{text}>, labelloc=t, labeljust=l, style="rounded,filled", fillcolor="{fill}",'
        f' color="{border}", fontsize=11, fontcolor="{palette.INK}", margin=9, peripheries=1,'
        f" tooltip={label(*box.caption)}];"
    )
    inner = {name for part in box.inner for name in part.members}
    for member in sorted(set(box.members) - inner, key=list(nodes).index):
        yield f"{indent}  {_node(nodes[member], picture)}"
    for part in box.inner:
        yield from _box(part, nodes, picture, indent + "  ")
    yield f"{indent}}}"


def _node(node: DrawnNode, picture: Picture) -> str:
    return f"{quoted(node.name)} [label=<{_table(node, picture)}>, tooltip={label(*node.tooltip)}];"


def _table(node: DrawnNode, picture: Picture) -> str:
    """A node as a table: its name, its tags, and a row of port chips."""
    fill, ink, border, style = palette.PAPER, palette.INK, palette.FRAME, "ROUNDED"
    padding = 3
    if node.kind in ("embed", "logits"):
        fill, ink, border, padding = palette.BAR, palette.PAPER, palette.BAR, 5
    elif node.kind == "mlp":
        fill, style = palette.MLP_FILL, "SOLID"
    if not node.in_circuit:
        ink, border = palette.QUIET, palette.NO_EFFECT
        style = "DASHED" if style == "SOLID" else f"{style},DASHED"
    wide = ' WIDTH="220"' if node.kind in ("embed", "logits") else ' WIDTH="44"'
    span = max(1, len(node.chips))
    title = f'<FONT COLOR="{ink}">{markup(plain(node.name, 40))}</FONT>'
    rows = [f'<TR><TD COLSPAN="{span}"{wide} CELLPADDING="{padding}">{title}</TD></TR>']
    for tag in node.tags:
        text = f'<FONT POINT-SIZE="8" COLOR="{palette.QUIET}">{markup(tag)}</FONT>'
        rows.append(f'<TR><TD COLSPAN="{span}">{text}</TD></TR>')
    if node.chips:
        rows.append("<TR>" + "".join(_chip(node, index) for index in range(len(node.chips))) + "</TR>")
    doubled = ' CELLSPACING="0"'
    return (
        f'<TABLE BORDER="1" CELLBORDER="0"{doubled} CELLPADDING="1" STYLE="{style}" BGCOLOR="{fill}"'
        f' COLOR="{border}">{"".join(rows)}</TABLE>'
    )


def _chip(node: DrawnNode, index: int) -> str:
    chip = node.chips[index]
    fill, ink = palette.port_fill(chip.port), palette.port_ink(chip.port)
    return (
        f'<TD PORT="p{index}" BGCOLOR="{fill}" WIDTH="16"><FONT POINT-SIZE="8" COLOR="{ink}">'
        f"{markup(chip.text)}</FONT></TD>"
    )


def _edge(edge: DrawnEdge, index: int, picture: Picture) -> str:
    target = next(node for node in picture.nodes if node.name == edge.target)
    chips = [chip.key for chip in target.chips]
    port = f":p{chips.index(edge.chip)}:s" if edge.chip in chips else ""
    fade = "50" if edge.faded else "" if edge.in_circuit else "80"
    tip = palette.port_fill(edge.port) + fade
    attributes = {
        "id": f'"edge{index}"',
        "color": f'"{edge.colour}{fade}"',
        "fillcolor": f'"{tip}"',
        "penwidth": f"{width_of(edge, picture):g}",
        "style": palette.line_style(edge.port),
        "tooltip": label(*edge.tooltip),
    }
    if edge.refuted:
        attributes["arrowhead"] = "normaltee"
    if edge.label:
        attributes["label"] = f"<{_edge_label(edge)}>"
        attributes["labeltooltip"] = label(*edge.tooltip)
    listed = ", ".join(f"{key}={value}" for key, value in attributes.items())
    return f"{quoted(edge.source)} -> {quoted(edge.target)}{port} [{listed}];"


def _edge_label(edge: DrawnEdge) -> str:
    """The effect on paper-coloured ground, so that lines crossing it do not strike it out."""
    mark, _, figure = edge.label.partition(" ")
    if edge.verdict is None:
        mark, figure = "", edge.label
    parts: list[str] = []
    if mark:
        parts.append(f'<FONT COLOR="{palette.VERDICT_INK.get(edge.verdict or "", palette.INK)}"><B>{mark}</B></FONT>')
    if figure:
        parts.append(f'<FONT COLOR="{edge.colour}">{markup(figure)}</FONT>')
    frame = f'BORDER="1" COLOR="{palette.REFUTED}" STYLE="ROUNDED"' if edge.refuted else 'BORDER="0"'
    return (
        f'<TABLE {frame} CELLBORDER="0" CELLSPACING="0" CELLPADDING="1" BGCOLOR="{palette.PAPER}">'
        f"<TR><TD>{' '.join(parts)}</TD></TR></TABLE>"
    )
