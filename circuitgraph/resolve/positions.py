"""Position expressions: `END`, `MATCH+1`, `S2-1`, checked against the names a task can give."""

from __future__ import annotations

from collections.abc import Collection

from circuitgraph.errors import quoted
from circuitgraph.resolve.problems import Mistake, closest
from circuitgraph.task.names import parse_position

_LISTED = 12


class Positions:
    """The position names a spec may use: those of `task.positions` and those its prompts bring."""

    def __init__(self, declared: Collection[str], brought: Collection[str] | None) -> None:
        """Keep the names; `brought` is None while the prompts are unknown, and then any name passes."""
        self._known = None if brought is None else frozenset(declared) | frozenset(brought)

    def read(self, text: str) -> str:
        """The canonical form of a position expression: `MATCH+1`, and `END` for `END+0`.

        Raises:
            Mistake: It is no position expression, or its name is not known.
        """
        text = text.strip()
        found = parse_position(text)
        if found is None:
            raise Mistake(
                "bad-position",
                f"{quoted(text)} is no position: use the name of one, or NAME+1, NAME-2",
                "declare indices and tokens under task.positions, for example {LAST: -1}",
            )
        if self._known is not None and found.name not in self._known:
            raise self._unknown(found.name)
        return str(found)

    def _unknown(self, name: str) -> Mistake:
        known = sorted(self._known or ())
        if not known:
            return Mistake(
                "no-such-position",
                f"unknown position {quoted(name)}: the prompts bring none and task.positions declares none",
                f"declare it, for example task.positions: {{{name}: last}}",
            )
        listed = ", ".join(known[:_LISTED]) + (", ..." if len(known) > _LISTED else "")
        near = closest(name, known)
        hint = f"did you mean {near}?" if near else f"or declare {name} under task.positions"
        return Mistake("no-such-position", f"unknown position {quoted(name)}: use {listed}", hint)
