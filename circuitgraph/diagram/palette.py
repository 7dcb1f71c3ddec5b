"""Colours and line styles of the diagrams.

Nothing is told by colour alone: the sign of an effect is the line's colour and a printed number or tooltip,
the port is the chip's letter, the tip's colour and the line style, a verdict is a mark. The hues are those of
Okabe & Ito 2008 ("Color universal design"), which stay apart under the common kinds of colour blindness;
their yellow is darkened, since a thin yellow line is lost on white.
"""

from __future__ import annotations

from typing import Final

BLUE: Final = "#0072B2"
VERMILION: Final = "#D55E00"

SUPPORTS: Final = BLUE
"""Ablating the edge lowers the metric: the edge works for it."""
OPPOSES: Final = VERMILION
"""Ablating the edge raises the metric: the edge works against it."""
UNMEASURED: Final = "#7A828E"
NO_EFFECT: Final = "#A3A9B3"
REFUTED: Final = "#B00020"

INK: Final = "#1F2733"
QUIET: Final = "#5B6472"
BAR: Final = "#2F3B4E"
PAPER: Final = "#FFFFFF"
FRAME: Final = "#8A94A3"
MLP_FILL: Final = "#E6E9EE"

# fill (chip background, arrow tip) and the ink that reads on it
PORT_FILL: Final[dict[str, str]] = {"q": "#CC79A7", "k": "#009E73", "v": "#D2A900", "in": "#4A5260"}
PORT_INK: Final[dict[str, str]] = {"q": "#FFFFFF", "k": "#FFFFFF", "v": "#1F2733", "in": "#FFFFFF"}
SEVERAL_FILL: Final = "#4A5260"
LINE_STYLE: Final[dict[str, str]] = {"q": "dashed", "k": "dotted", "v": "solid", "in": "solid"}

# box and border of a group, repeated after the last
GROUP_TINTS: Final[tuple[tuple[str, str], ...]] = (
    ("#EAF3FA", "#7FB2D6"),
    ("#FBF1E2", "#D9A95B"),
    ("#E8F5EF", "#6DB89C"),
    ("#F8ECF3", "#CE93B6"),
    ("#F1EEFA", "#9D92CC"),
    ("#F4F4E2", "#B4B06A"),
    ("#EEF1F4", "#9AA5B4"),
)

VERDICT_MARK: Final[dict[str, str]] = {
    "supported": "✓",
    "refuted": "✗",
    "inconclusive": "?",
    "uninformative": "≈",
}
VERDICT_INK: Final[dict[str, str]] = {
    "supported": "#1B6E4F",
    "refuted": REFUTED,
    "inconclusive": "#6B5A00",
    "uninformative": QUIET,
}

FONT: Final = "Helvetica,Arial,DejaVu Sans,sans-serif"


def port_fill(port: str) -> str:
    """Colour of a port's chip and arrow tip; several ports drawn as one line share a neutral one."""
    return PORT_FILL.get(port, SEVERAL_FILL)


def port_ink(port: str) -> str:
    """Colour of the letter on a port's chip."""
    return PORT_INK.get(port, "#FFFFFF")


def line_style(port: str) -> str:
    """Line style of a port: q dashed, k dotted, v and in solid."""
    return LINE_STYLE.get(port, "solid")


def tint(index: int) -> tuple[str, str]:
    """Fill and border of the `index`-th group's box."""
    return GROUP_TINTS[index % len(GROUP_TINTS)]
