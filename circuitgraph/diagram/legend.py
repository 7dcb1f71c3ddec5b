"""Title and legend of a diagram, as HTML-like labels of its DOT.

The legend explains only what the diagram uses. A picture that does not name its rule is not a result, so the
title always does.
"""

from __future__ import annotations

from circuitgraph.diagram import palette
from circuitgraph.diagram.picture import Picture
from circuitgraph.diagram.text import decimals_for, markup, number, wrapped

PORT_MEANING = {
    "q": "into a query",
    "k": "into a key",
    "v": "into a value",
}


def caption(picture: Picture) -> str:
    """Name, what it is about, and the facts a result must name."""
    rows = [_row(f'<FONT POINT-SIZE="17"><B>{markup(picture.title)}</B></FONT>')]
    for line in wrapped(picture.about, 90, 2):
        rows.append(_row(_quiet(line, 11)))
    rows.extend(_row(_quiet(fact, 10, palette.INK)) for fact in picture.facts)
    rows.extend(_row(_quiet(line, 10, palette.INK)) for line in wrapped(picture.verdicts, 110, 3))
    rows.extend(_row(_quiet(note, 10, palette.REFUTED)) for note in picture.notes)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2">{"".join(rows)}</TABLE>'


def legend(picture: Picture) -> str:
    """What colours, styles, widths and marks mean."""
    blocks = [_ports(picture), _signs(picture), _marks(picture)]
    cells = "".join(f'<TD VALIGN="TOP">{block}</TD>' for block in blocks if block)
    if not cells:
        return ""
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="10" CELLPADDING="0"><TR>{cells}</TR></TABLE>'


def _ports(picture: Picture) -> str:
    used = {edge.port for edge in picture.edges}
    rows: list[tuple[str, str]] = []
    for port in ("q", "k", "v", "in"):
        if port in used:
            sample = _sample(palette.UNMEASURED, 2, palette.line_style(port).upper())
            rows.append(
                (
                    sample + (_chip(port) if port != "in" else '<TD WIDTH="14"></TD>'),
                    _inputs(picture) if port == "in" else PORT_MEANING[port],
                )
            )
    if any(len(port) > 1 and port != "in" for port in used):
        rows.append((_sample(palette.UNMEASURED, 2, "SOLID") + _chip("qkv"), "several ports of one head"))
    return _block(rows)


def _inputs(picture: Picture) -> str:
    """What the edges without a letter end in: MLPs, the logits or both."""
    ends = {edge.target for edge in picture.edges if edge.port == "in"}
    kinds = {node.kind for node in picture.nodes if node.name in ends}
    names = [name for kind, name in (("mlp", "an MLP"), ("logits", "the logits")) if kind in kinds]
    return f"into {' or '.join(names or ['a node'])}"


def _signs(picture: Picture) -> str:
    rows: list[tuple[str, str]] = []
    signs = {edge.sign for edge in picture.edges if edge.effect is not None}
    if signs and picture.method is not None:
        method = picture.method.replace("_", "-")
        unit = f" {picture.unit}" if picture.unit else ""
        widest = number(picture.largest, decimals_for(picture.largest))
        if -1 in signs:
            rows.append((_sample(palette.SUPPORTS, 4), "ablating it lowers the metric"))
        if 1 in signs:
            rows.append((_sample(palette.OPPOSES, 4), "ablating it raises the metric"))
        rows.append((_sample(palette.NO_EFFECT, 1), f"width = |{method} effect|, widest {widest}{unit}"))
    if any(edge.effect is None for edge in picture.edges):
        rows.append((_sample(palette.UNMEASURED, 2), "not measured"))
    return _block(rows)


def _marks(picture: Picture) -> str:
    rows: list[tuple[str, str]] = []
    verdicts = {edge.verdict for edge in picture.edges}
    for verdict, mark in palette.VERDICT_MARK.items():
        if verdict in verdicts:
            ink = palette.VERDICT_INK[verdict]
            cell = f'<FONT POINT-SIZE="11" COLOR="{ink}"><B>{mark}</B></FONT>'
            frame = f' BORDER="1" COLOR="{ink}"' if verdict == "refuted" else ""
            rows.append((f'<TD WIDTH="16"{frame}>{cell}</TD>', f"claim {verdict}"))
    if any(edge.faded for edge in picture.edges):
        rows.append((_sample(palette.SUPPORTS + "50", 2), "faded: below 8 % of the widest"))
    if not all(edge.in_circuit for edge in picture.edges) or not all(
        node.in_circuit for node in picture.nodes
    ):
        rows.append((_sample(palette.UNMEASURED + "80", 2), "pale, dashed frame: not in the circuit"))
    return _block(rows)


def _chip(port: str) -> str:
    text = f'<FONT POINT-SIZE="8" COLOR="{palette.port_ink(port)}">{port}</FONT>'
    return f'<TD BGCOLOR="{palette.port_fill(port)}" WIDTH="14">{text}</TD>'


def _sample(colour: str, width: int, style: str = "SOLID") -> str:
    """A cell that shows a line of that colour, width and style: the bottom side of an empty box."""
    line = f'BORDER="{width}" SIDES="B" COLOR="{colour}" STYLE="{style}"'
    # Graphviz counts the border on all four sides, drawn or not
    cell = f'<TD {line} WIDTH="26" HEIGHT="{2 * width + 1}" FIXEDSIZE="TRUE"></TD>'
    return f'<TD><TABLE BORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>{cell}</TR></TABLE></TD>'


def _block(rows: list[tuple[str, str]]) -> str:
    if not rows:
        return ""
    # every sample sits in its own table so that text starts at one edge whatever the samples' cells
    lines = "".join(
        '<TR><TD ALIGN="LEFT"><TABLE BORDER="0" CELLBORDER="0" CELLSPACING="1" CELLPADDING="1"><TR>'
        f'{sample}</TR></TABLE></TD><TD ALIGN="LEFT">{_quiet(text, 10)}</TD></TR>'
        for sample, text in rows
    )
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{lines}</TABLE>'


def _row(content: str) -> str:
    return f"<TR><TD>{content}</TD></TR>"


def _quiet(text: str, size: int, colour: str = palette.QUIET) -> str:
    return f'<FONT POINT-SIZE="{size}" COLOR="{colour}">{markup(text)}</FONT>'
