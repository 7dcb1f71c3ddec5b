"""Mermaid flowchart of a diagram, for pages that draw it themselves (GitHub, notebooks, wikis)."""

from __future__ import annotations

from collections.abc import Iterator

from circuitgraph.diagram import palette
from circuitgraph.diagram.dot import width_of
from circuitgraph.diagram.picture import Box, DrawnEdge, DrawnNode, Picture
from circuitgraph.diagram.text import mermaid, plain, yaml_string

SHAPES = {"head": ('("', '")'), "mlp": ('["', '"]'), "embed": ('[["', '"]]'), "logits": ('[["', '"]]')}
COMMENT_SIGNS = "=()[]%'"
"""What a comment holds as it is: nothing that starts a directive, or markup in a page around the text."""
DASHES = {"dashed": "8 4", "dotted": "2 3"}


def mermaid_text(picture: Picture) -> str:
    """The diagram as a Mermaid flowchart, embed at the bottom."""
    return "\n".join(_chart(picture)) + "\n"


def _chart(picture: Picture) -> Iterator[str]:
    yield "---"
    yield f"title: {yaml_string(' · '.join(part for part in (picture.title, picture.verdicts) if part))}"
    yield "---"
    yield "flowchart BT"
    for text in (*picture.facts, *filter(None, [picture.verdicts]), *picture.notes):
        yield f"  %% {mermaid(text, COMMENT_SIGNS)}"
    ids = {node.name: f"n{index}" for index, node in enumerate(picture.nodes)}
    nodes = {node.name: node for node in picture.nodes}
    boxed = {name for box in picture.boxes for name in box.members}
    for node in picture.nodes:
        if node.name not in boxed:
            yield f"  {_node(node, ids)}"
    for box in picture.boxes:
        yield from _box(box, nodes, ids, "  ")
    for edge in picture.edges:
        arrow = "--x" if edge.refuted else "-->"
        text = _edge_text(edge)
        middle = f'|"{text}"|' if text else ""
        yield f"  {ids[edge.source]} {arrow}{middle} {ids[edge.target]}"
    yield from _styles(picture)


def _node(node: DrawnNode, ids: dict[str, str]) -> str:
    opening, closing = SHAPES.get(node.kind, SHAPES["head"])
    tags = "".join(f" · {mermaid(tag)}" for tag in node.tags)
    return f"{ids[node.name]}{opening}{mermaid(plain(node.name, 40))}{tags}{closing}:::{_class(node)}"


def _class(node: DrawnNode) -> str:
    if not node.in_circuit:
        return "outside"
    return {"mlp": "mlp", "embed": "bar", "logits": "bar"}.get(node.kind, "head")


def _box(box: Box, nodes: dict[str, DrawnNode], ids: dict[str, str], indent: str) -> Iterator[str]:
    yield f'{indent}subgraph g{box.index} ["{mermaid(": ".join(box.caption))}"]'
    inner = {name for part in box.inner for name in part.members}
    for member in sorted(set(box.members) - inner, key=list(nodes).index):
        yield f"{indent}  {_node(nodes[member], ids)}"
    for part in box.inner:
        yield from _box(part, nodes, ids, indent + "  ")
    yield f"{indent}end"


def _edge_text(edge: DrawnEdge) -> str:
    port = "" if edge.port == "in" else edge.port
    at = "" if edge.position is None else f"@{plain(edge.position, 24)}"
    return mermaid(" ".join(part for part in (port + at, edge.mark, edge.figure) if part))


def _styles(picture: Picture) -> Iterator[str]:
    yield f"  classDef head fill:{palette.PAPER},stroke:{palette.FRAME},color:{palette.INK}"
    yield f"  classDef mlp fill:{palette.MLP_FILL},stroke:{palette.FRAME},color:{palette.INK}"
    yield f"  classDef bar fill:{palette.BAR},stroke:{palette.BAR},color:{palette.PAPER}"
    outside = f"fill:{palette.PAPER},stroke:{palette.NO_EFFECT},color:{palette.QUIET}"
    yield f"  classDef outside {outside},stroke-dasharray:4 3"
    for box in _all_boxes(picture.boxes):
        fill, border = palette.tint(box.index)
        yield f"  style g{box.index} fill:{fill},stroke:{border},color:{palette.INK}"
    for index, edge in enumerate(picture.edges):
        style = f"stroke:{edge.colour},stroke-width:{width_of(edge, picture):g}px"
        dashes = DASHES.get(palette.line_style(edge.port))
        style += f",stroke-dasharray:{dashes}" if dashes else ""
        style += ",stroke-opacity:0.35" if edge.faded else "" if edge.in_circuit else ",stroke-opacity:0.55"
        yield f"  linkStyle {index} {style}"


def _all_boxes(boxes: tuple[Box, ...]) -> Iterator[Box]:
    for box in boxes:
        yield box
        yield from _all_boxes(box.inner)
