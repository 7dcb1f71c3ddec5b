"""Collecting what is wrong with the prompts: where each row is, and all problems at once.

A row of a file is reported at its line of that file. A generated row has no line of its own, so its problems
are reported at the entry of the spec that made it, and a problem that many rows share is reported once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from circuitgraph.errors import Problem, TaskError
from circuitgraph.spec.document import Document, problem_at

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

LIMIT = 50
"""Problems of rows listed before the rest is only counted."""

NAMED = 3
"""Rows named in a message before the rest is only counted."""

Where = tuple[str | int, ...]

PROMPTS: Where = ("task", "prompts")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the problems of one row are reported.

    Attributes:
        label: What messages call the row: "pairs.jsonl:3", "repeated-tokens row 7".
        line: Line of the row in `file`; None for generated rows.
        file: The data file, as the spec names it.
        entries: Keys of a generated row that stand in the spec under their own name.
    """

    label: str
    file: str | None = None
    line: int | None = None
    entries: tuple[str, ...] = ()

    def where(self, key: str) -> tuple[Where, str]:
        """For a generated row: the entry of the spec that `key` comes from, and its name in the message."""
        return ((*PROMPTS, key), "") if key in self.entries else (PROMPTS, f"{key}: " if key else "")


_RowProblem = tuple[Place, str, str, str, str | None]


def in_file(file: str, line: int) -> Place:
    """The place of a row that is a line of a file."""
    return Place(f"{file}:{line}", file, line)


def generated(source: str, number: int, entries: tuple[str, ...] = ()) -> Place:
    """The place of the `number`-th (from 0) row that `source` made; `entries` as in `Place`."""
    return Place(f"{source} row {number}", entries=entries)


def name_rows(labels: Sequence[str]) -> str:
    """Name rows in a message: the first three, and how many more."""
    more = len(labels) - NAMED
    return ", ".join(labels[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _printable(text: str) -> str:
    # Data may hold what a terminal would obey, or cannot show: control characters, halves of surrogate pairs.
    return _UNPRINTABLE.sub(lambda match: match.group().encode("unicode_escape").decode("ascii"), text)


@dataclass(slots=True)
class Findings:
    """Problems found so far.

    Attributes:
        document: The spec file, to place problems of generated rows; None for a spec built in Python.
    """

    document: Document | None = None
    _rows: list[_RowProblem] = field(default_factory=list[_RowProblem])
    _spec: list[Problem] = field(default_factory=list[Problem])
    _repeated: int = 0

    def row(self, place: Place, key: str, code: str, message: str, hint: str | None = None) -> None:
        """Report a problem of one row; `key` is what is wrong in it ("answer"), or empty for the row."""
        shown = hint if hint is None else _printable(hint)
        self._rows.append((place, _printable(key), code, _printable(message), shown))

    def spec(
        self, where: Where, code: str, message: str, hint: str | None = None, *, key: bool = False
    ) -> None:
        """Report a problem of the spec; with `key`, at the key instead of the value."""
        self._spec.append(problem_at(self.document, where, code, _printable(message), hint, key=key))

    def add(self, problems: Sequence[Problem]) -> None:
        """Report problems that are already placed."""
        self._spec.extend(problems)

    def once(self, where: Where, code: str, message: str, hint: str | None = None) -> None:
        """Report a problem of the spec that many rows run into; further ones with its code only count."""
        if not any(problem.code == code for problem in self._spec):
            self.spec(where, code, message, hint)
        self._repeated += 1

    @property
    def count(self) -> int:
        """How many problems were reported so far, repeated ones included."""
        return len(self._rows) + len(self._spec) + self._repeated

    def problems(self) -> list[Problem]:
        """Everything reported, problems of rows capped at `LIMIT` per source."""
        return [*self._spec, *self._of_files(), *self._of_generated()]

    def stop_if_any(self) -> None:
        """Raise what was reported.

        Raises:
            TaskError: Anything was.
        """
        if self.count:
            raise TaskError(self.problems())

    def _of_files(self) -> list[Problem]:
        found = [
            Problem(code, message, key, place.file, place.line, None, hint)
            for place, key, code, message, hint in self._rows
            if place.line is not None
        ]
        found.sort(key=lambda problem: problem.order)
        if len(found) <= LIMIT:
            return found
        rest = len(found) - LIMIT
        after = found[LIMIT]
        text = f"and {rest} more {'problem' if rest == 1 else 'problems'}"
        return [*found[:LIMIT], Problem("more-problems", text, "", after.file, after.line)]

    def _of_generated(self) -> list[Problem]:
        shared: dict[tuple[Where, str, str, str | None], list[str]] = {}
        for place, key, code, message, hint in self._rows:
            if place.line is None:
                where, name = place.where(key)
                shared.setdefault((where, code, name + message, hint), []).append(place.label)
        found: list[Problem] = []
        for (where, code, message, hint), labels in list(shared.items())[:LIMIT]:
            found.append(problem_at(self.document, where, code, f"{name_rows(labels)}: {message}", hint))
        if len(shared) > LIMIT:
            text = f"and {len(shared) - LIMIT} more problems"
            found.append(problem_at(self.document, PROMPTS, "more-problems", text))
        return found
