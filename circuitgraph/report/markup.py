"""Pieces of HTML that the parts of the page share: escaped text, verdicts, tables."""

from __future__ import annotations

import re
from collections.abc import Iterable

from circuitgraph.diagram.text import markup, plain
from circuitgraph.report.wording import verdict_text
from circuitgraph.statistics import Verdict

_MINUS = re.compile(r"(?<![\w-])-(?=[\d∞])")

TABLE_END = "</tbody></table></div>"


def table_start(head: str, narrow: bool = False, wide: bool = False) -> Iterable[str]:
    """A table up to its rows, in a box that scrolls where the page is too narrow."""
    kind = ' class="narrow"' if narrow else ' class="wide"' if wide else ""
    return (f'<div class="scroll"><table{kind}>', f"<thead><tr>{head}</tr></thead>", "<tbody>")


def chip(verdict: Verdict, count: int | None = None) -> str:
    """A verdict, or how many there are of it, as a coloured label."""
    return f'<span class="verdict {verdict.value}">{verdict_text(verdict, count)}</span>'


def text(told: object, limit: int = 300) -> str:
    """Text of others, on one line, without anything that could act as markup."""
    return markup(plain(told, limit))


def lines(told: str) -> str:
    """Text of others with its line breaks and indents."""
    return "\n".join(
        " " * (len(line) - len(line.lstrip(" "))) + markup(plain(line, 2000)) for line in told.splitlines()
    )


def signed(told: str) -> str:
    """Numbers with a typographic minus; arrows and hyphens stay."""
    return _MINUS.sub("−", told)
