"""Small pictures in the lines of a table: an interval against its bounds, an effect on a common scale."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

WIDTH = 160
HEIGHT = 14
MIDDLE = HEIGHT / 2
MARGIN = 6


def bound_bar(
    value: float,
    low: float,
    high: float,
    limits: tuple[float, float],
    told: str,
    also: Iterable[float] = (),
) -> str:
    """An interval, its estimate and the region that the bounds allow, as an `<svg>` element.

    Args:
        value: The estimate; not drawn where it is NaN.
        low: Lower end of the interval; drawn to the edge where it has none.
        high: Upper end, likewise.
        limits: The allowed region, ±inf where there is no limit.
        told: The same in words, for those who do not see it.
        also: Values that the scale must hold too, so that several bars share one scale.
    """
    known = [x for x in (value, low, high, *limits, *also) if math.isfinite(x)]
    if not known:
        return ""
    first, last = min(known), max(known)
    room = 0.18 * (last - first) or max(0.1 * abs(last), 1e-9)
    first, last = first - room, last + room

    def x(place: float) -> float:
        share = (min(max(place, first), last) - first) / (last - first)
        return round(MARGIN + share * (WIDTH - 2 * MARGIN), 2)

    start, end = x(limits[0]), x(limits[1])
    parts = [f'<rect class="allowed" x="{start}" y="0" width="{round(end - start, 2)}" height="{HEIGHT}"/>']
    parts.append(_line("axis", MARGIN, WIDTH - MARGIN))
    if not math.isnan(value):
        parts.append(_line("range", x(low), x(high)))
        parts.append(f'<circle class="point" cx="{x(value)}" cy="{MIDDLE}" r="3.5"/>')
    parts += [
        f'<line class="limit" x1="{x(limit)}" x2="{x(limit)}" y1="0" y2="{HEIGHT}"/>'
        for limit in limits
        if math.isfinite(limit)
    ]
    return _svg(parts, told)


def effect_bar(value: float, low: float | None, high: float | None, largest: float, told: str) -> str:
    """An effect with its interval on a scale from -largest to largest, zero in the middle."""
    if not largest > 0.0:
        return ""

    def x(place: float) -> float:
        share = min(max(place / largest, -1.0), 1.0)
        return round(WIDTH / 2 + share * (WIDTH / 2 - MARGIN), 2)

    way = "down" if value < 0 else "up" if value > 0 else ""
    zero = WIDTH / 2
    parts = [f'<line class="zero" x1="{zero}" x2="{zero}" y1="0" y2="{HEIGHT}"/>']
    left, right = sorted((zero, x(value)))
    parts.append(
        f'<rect class="length {way}" x="{left}" y="{MIDDLE - 3}" width="{right - left:.2f}" height="6"/>'
    )
    if low is not None and high is not None:
        parts.append(_line(f"range {way}", x(low), x(high)))
    return _svg(parts, told)


def _line(kind: str, start: float, end: float) -> str:
    return f'<line class="{kind}" x1="{start}" x2="{end}" y1="{MIDDLE}" y2="{MIDDLE}"/>'


def _svg(parts: list[str], told: str) -> str:
    name = escape(told, quote=True)
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return f'<svg role="img" aria-label="{name}" {size}><title>{name}</title>{"".join(parts)}</svg>'
