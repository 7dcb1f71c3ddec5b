"""DOT text of a diagram: stable, sorted, readable; Graphviz only lays it out.

Layers are `rank=same` rows hung on a spine of captions at the left; `newrank` lets groups box nodes of
several rows. Nodes are HTML-like tables whose lower cells are their ports, so an edge ends in the port it
means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from circuitgraph.diagram import palette
from circuitgraph.diagram.legend import caption, legend
from circuitgraph.diagram.nodes import port_of, table
from circuitgraph.diagram.picture import Box, DrawnEdge, DrawnNode, Picture, Rank
from circuitgraph.diagram.text import label, markup, quoted, wrapped

THINNEST, THICKEST = 0.9, 5.0
CROWDED_THINNEST, CROWDED_THICKEST = 0.6, 3.6
UNMEASURED_WIDTH = 1.3
# length of the tip in the port's colour: a quarter of a row, as a share of the line within these bounds
TIP_ROWS, SHORTEST_TIP, LONGEST_TIP = 0.25, 0.02, 0.2


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
    gap = "0.45" if picture.crowded else "0.75"
    yield f"digraph {quoted(picture.title)} {{"
    yield f'  graph [rankdir=BT, newrank=true, compound=true, fontname={font}, bgcolor="{palette.PAPER}",'
    yield f"    nodesep={'0.16' if picture.crowded else '0.35'}, ranksep={gap}, pad=0.25, labelloc=t,"
    yield f"    tooltip={label(picture.title)}, label=<{caption(picture)}>];"
    yield f'  node [fontname={font}, fontsize=12, fontcolor="{palette.INK}", shape=plain];'
    yield f'  edge [fontname={font}, fontsize=10, fontcolor="{palette.INK}", arrowsize=0.7];'
    yield ""
    yield '  subgraph "cluster:picture" {'
    yield f"    graph [peripheries=0, labelloc=t, margin=6, label=<{legend(picture)}>];"
    yield from _spine(picture)
    yield ""
    boxed = {name for box in picture.boxes for name in box.members}
    nodes = {node.name: node for node in picture.nodes}
    for node in picture.nodes:
        if node.name not in boxed:
            yield f"    {_node(node, picture)}"
    for box in picture.boxes:
        yield from _box(box, nodes, "    ", picture)
    yield "  }"
    yield ""
    captions = list(_caption_ranks(picture.boxes, nodes))
    for rank in picture.ranks:
        row = [_spine_name(rank), *(_caption_name(box) for box, place in captions if place == rank)]
        row += [node.name for node in picture.nodes if node.rank == rank]
        yield f"  {{ rank=same; {'; '.join(quoted(name) for name in row)}; }}"
    for box, place in captions:
        for rank in picture.ranks:
            row = [name for name in nodes if name in box.members and nodes[name].rank == rank]
            # members of boxes inside are in the order of those
            row = [name for name in row if not any(name in part.members for part in box.inner)] or row[:1]
            start = [_caption_name(box)] if rank == place else []
            for left, right in pairwise([*start, *row]):
                yield f"  {quoted(left)} -> {quoted(right)} [style=invis];"
    yield ""
    for index, edge in enumerate(picture.edges):
        yield f"  {_edge(edge, index, picture, nodes)}"
    yield "}"


def _spine_name(rank: Rank) -> str:
    stage, layer, what = rank
    return f"row:{what}" if stage != 1 else f"row:{layer}.{what}"


def _spine(picture: Picture) -> Iterator[str]:
    """Captions of the rows, chained invisibly so that rows keep their order whatever the edges say."""
    for rank in picture.ranks:
        stage, layer, what = rank
        text = (
            ""
            if stage != 1
            else ("attention" if what == "attention" else "MLP") + (f" {layer}" if layer >= 0 else "")
        )
        yield (
            f'    {quoted(_spine_name(rank))} [shape=plaintext, fontsize=10, fontcolor="{palette.FRAME}",'
            f" group=spine, width=0.9, label={label(text)}, tooltip={label(text)}];"
        )
    for lower, upper in pairwise(picture.ranks):
        yield f"    {quoted(_spine_name(lower))} -> {quoted(_spine_name(upper))} [style=invis, weight=50];"


def _box(box: Box, nodes: dict[str, DrawnNode], indent: str, picture: Picture) -> Iterator[str]:
    fill, border = palette.tint(box.index)
    yield f"{indent}subgraph {quoted(f'cluster:{box.index}')} {{"
    yield (
        f'{indent}  graph [label="", style="rounded,filled", fillcolor="{fill}", color="{border}", margin=8,'
        f" peripheries=1, tooltip={label(*box.caption)}];"
    )
    yield f"{indent}  {quoted(_caption_name(box))} [label=<{_caption(box)}>, tooltip={label(*box.caption)}];"
    inner = {name for part in box.inner for name in part.members}
    for member in sorted(set(box.members) - inner, key=list(nodes).index):
        yield f"{indent}  {_node(nodes[member], picture)}"
    for part in box.inner:
        yield from _box(part, nodes, indent + "  ", picture)
    yield f"{indent}}}"


def _caption_ranks(boxes: tuple[Box, ...], nodes: dict[str, DrawnNode]) -> Iterator[tuple[Box, Rank]]:
    """The row of each box's caption: where it has the fewest members, so that it costs least width."""
    for box in boxes:
        counts = Counter(nodes[name].rank for name in box.members)
        yield box, min(counts, key=lambda rank: (counts[rank], rank))
        yield from _caption_ranks(box.inner, nodes)


def _caption_name(box: Box) -> str:
    return f"caption:{box.index}"


def _caption(box: Box) -> str:
    """A box's caption is a node: lines are routed around nodes, but across a cluster's own label."""
    name, *role = box.caption
    texts = [f'<FONT POINT-SIZE="11"><B>{markup(line)}</B></FONT>' for line in wrapped(name, 20, 3)]
    texts += [
        f'<FONT POINT-SIZE="9" COLOR="{palette.QUIET}">{markup(line)}</FONT>'
        for line in wrapped(" ".join(role), 22, 4)
    ]
    rows = [f'<TR><TD ALIGN="LEFT">{text}</TD></TR>' for text in texts]
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{"".join(rows)}</TABLE>'


def _node(node: DrawnNode, picture: Picture) -> str:
    return f"{quoted(node.name)} [label=<{table(node, picture)}>, tooltip={label(*node.tooltip)}];"


def _edge(edge: DrawnEdge, index: int, picture: Picture, nodes: dict[str, DrawnNode]) -> str:
    attributes = {
        "id": f'"edge{index}"',
        "color": f'"{_colours(edge, picture, nodes)}"',
        "penwidth": f"{width_of(edge, picture):g}",
        "style": palette.line_style(edge.port),
        "tooltip": label(*edge.tooltip),
    }
    if edge.refuted:
        attributes["arrowhead"] = "normaltee"
    listed = ", ".join(f"{key}={value}" for key, value in attributes.items())
    end = quoted(edge.target) + port_of(edge, index, nodes[edge.target])
    return f"{quoted(edge.source)} -> {end} [{listed}];"


def _colours(edge: DrawnEdge, picture: Picture, nodes: dict[str, DrawnNode]) -> str:
    """Sign along the shaft, port at the tip; a refuted edge is doubled by a line in the colour of refusal."""
    fade = "50" if edge.faded else "" if edge.in_circuit else "80"
    shaft = f"{edge.colour}{fade}"
    if edge.refuted:
        return f"{palette.REFUTED}:{shaft}"
    if edge.port == "in":
        return shaft
    rows = picture.ranks.index(nodes[edge.target].rank) - picture.ranks.index(nodes[edge.source].rank)
    tip = min(LONGEST_TIP, max(SHORTEST_TIP, TIP_ROWS / max(1, rows)))
    return f"{shaft};{1 - tip:.3g}:{palette.port_fill(edge.port)}{fade}"
