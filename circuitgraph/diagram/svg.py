"""SVG fit for a page: Graphviz' output with our tooltips, and nothing that a browser would fetch."""

from __future__ import annotations

import re

from circuitgraph.diagram.layout import drawn
from circuitgraph.diagram.text import markup

_PROLOG = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
# Graphviz writes a tooltip as a link without target, which browsers do not show: it becomes the <title>
_TOOLTIP = re.compile(r'<title>[^<]*</title>\s*(<g id="a_[^"]*">)\s*<a xlink:title="([^"]*)">')
_INNER_TOOLTIP = re.compile(r'(<g id="a_[^"]*">)\s*<a xlink:title="([^"]*)">')
_LINK_END = re.compile(r"</a>\s*")

HEADER = '<?xml version="1.0" encoding="UTF-8"?>\n'


def inline_svg(dot: str, title: str) -> str:
    """The `<svg>` element of a laid-out DOT text.

    Args:
        dot: DOT text as `circuitgraph.diagram.dot` writes it.
        title: Accessible name of the picture.

    Raises:
        SurroundingsError: No Graphviz works here.
    """
    text = drawn(dot, "svg").decode("utf-8")
    text = _COMMENT.sub("", _PROLOG.sub("", text))
    text = _TOOLTIP.sub(r"<title>\2</title>\n\1", text)
    text = _INNER_TOOLTIP.sub(r"\1<title>\2</title>", text)
    text = _LINK_END.sub("", text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{markup(title)}" ', 1).rstrip() + "\n"
