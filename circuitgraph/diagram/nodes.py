"""Nodes of a diagram as HTML-like DOT tables: name, tags, port chips, effects of the edges that end there.

An effect is printed where its edge ends, in a cell of its own under the port's chip: a number floating beside
a line can be read as its neighbour's, a number in the cell the line ends in cannot.
"""

from __future__ import annotations

from circuitgraph.diagram import palette
from circuitgraph.diagram.picture import Chip, DrawnEdge, DrawnNode, Picture
from circuitgraph.diagram.text import markup, plain

BAR_WIDTH = 200
NODE_WIDTH = 44


def table(node: DrawnNode, picture: Picture) -> str:
    """The node's label."""
    fill, ink, border, style = _look(node)
    bar = node.kind in ("embed", "logits")
    rows = [
        f'<TR><TD WIDTH="{BAR_WIDTH if bar else NODE_WIDTH}" CELLPADDING="{5 if bar else 3}">'
        f'<FONT COLOR="{ink}">{markup(plain(node.name, 40))}</FONT></TD></TR>'
    ]
    rows += [
        f'<TR><TD><FONT POINT-SIZE="8" COLOR="{palette.QUIET}">{markup(tag)}</FONT></TD></TR>'
        for tag in node.tags
    ]
    if node.chips:
        rows.append(f'<TR><TD CELLPADDING="2">{_ports(node, picture)}</TD></TR>')
    return (
        f'<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1" STYLE="{style}" BGCOLOR="{fill}"'
        f' COLOR="{border}">{"".join(rows)}</TABLE>'
    )


def port_of(edge: DrawnEdge, index: int, target: DrawnNode) -> str:
    """Where in its target's table the edge ends: ":p3:s", or nothing for the node itself."""
    for place, chip in enumerate(target.chips):
        if chip.key == edge.chip:
            slot = f"s{index}" if index in chip.slots else f"p{place}"
            return f":{slot}:s"
    return ""


def _look(node: DrawnNode) -> tuple[str, str, str, str]:
    """Fill, ink, border, style: heads round, MLPs square, embed and logits dark bars, outsiders dashed."""
    if node.kind in ("embed", "logits"):
        return palette.BAR, palette.PAPER, palette.BAR, "ROUNDED"
    fill, style = (palette.MLP_FILL, "SOLID") if node.kind == "mlp" else (palette.PAPER, "ROUNDED")
    if node.in_circuit:
        return fill, palette.INK, palette.FRAME, style
    return (
        palette.PAPER,
        palette.QUIET,
        palette.NO_EFFECT,
        "DASHED" if style == "SOLID" else f"{style},DASHED",
    )


def _ports(node: DrawnNode, picture: Picture) -> str:
    """Chips in one row; below them, where effects or verdicts are printed, a cell for each such edge."""
    printed = any(slot is not None for chip in node.chips for slot in chip.slots)
    rows: list[str] = []
    if any(chip.text for chip in node.chips):
        cells = (_chip(chip, place, ported=not printed) for place, chip in enumerate(node.chips))
        rows.append(f"<TR>{''.join(cells)}</TR>")
    if printed:
        cells = (_slot(slot, place, picture) for place, chip in enumerate(node.chips) for slot in chip.slots)
        rows.append(f"<TR>{''.join(cells)}</TR>")
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="1" CELLPADDING="2">{"".join(rows)}</TABLE>'


def _chip(chip: Chip, place: int, ported: bool) -> str:
    if not chip.text:
        return f'<TD COLSPAN="{len(chip.slots)}"></TD>'
    port = f' PORT="p{place}"' if ported else ""
    fill, ink = palette.port_fill(chip.port), palette.port_ink(chip.port)
    return (
        f'<TD{port} COLSPAN="{len(chip.slots)}" BGCOLOR="{fill}" WIDTH="16">'
        f'<FONT POINT-SIZE="8" COLOR="{ink}">{markup(chip.text)}</FONT></TD>'
    )


def _slot(slot: int | None, place: int, picture: Picture) -> str:
    if slot is None:
        return f'<TD PORT="p{place}" WIDTH="10"></TD>'
    edge = picture.edges[slot]
    parts: list[str] = []
    if edge.mark:
        ink = palette.VERDICT_INK.get(edge.verdict or "", palette.INK)
        parts.append(f'<FONT COLOR="{ink}"><B>{markup(edge.mark)}</B></FONT>')
    if edge.figure:
        parts.append(f'<FONT COLOR="{edge.colour}">{markup(edge.figure)}</FONT>')
    frame = f'BORDER="1" COLOR="{palette.REFUTED}" ' if edge.refuted else ""
    text = f'<FONT POINT-SIZE="9">{" ".join(parts)}</FONT>'
    return f'<TD PORT="s{slot}" {frame}BGCOLOR="{palette.PAPER}">{text}</TD>'
