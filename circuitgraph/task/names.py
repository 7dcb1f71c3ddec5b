"""Position expressions: `END`, `MATCH+1`, `S2-2`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from circuitgraph.errors import quoted

LAST = "last"
"""In a declaration: the last token of the row."""

_NAME = re.compile(r"[^\W\d]\w*")
_EXPRESSION = re.compile(r"\s*([^\W\d]\w*)\s*(?:([+-])\s*([0-9]{1,6}))?\s*")


@dataclass(frozen=True, slots=True)
class PositionExpression:
    """A position of a row relative to a named one.

    Attributes:
        name: A name that rows bring or `task.positions` declares.
        offset: Tokens after it; negative: before it.
    """

    name: str
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.name}{self.offset:+d}" if self.offset else self.name


def parse_position(text: str) -> PositionExpression | None:
    """Read `NAME`, `NAME+1` or `NAME-2`; None if it is neither.

    >>> parse_position("MATCH+1")
    PositionExpression(name='MATCH', offset=1)
    """
    match = _EXPRESSION.fullmatch(text)
    if match is None:
        return None
    name, sign, digits = match.groups()
    return PositionExpression(name, int(f"{sign}{digits}") if digits else 0)


def near_position(name: str, known: Iterable[str]) -> str | None:
    """The hint for a misspelt position name, if one is near; case counts, as names are mostly capitals."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]}?" if near else None


def bad_position_name(name: object) -> str | None:
    """What is wrong with the name of a position, or None."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return f"{quoted(name)} is no name: use letters, digits and _, not starting with a digit"
    if name == LAST:
        return f"{quoted(LAST)} is taken: it stands for the last token in task.positions"
    return None
