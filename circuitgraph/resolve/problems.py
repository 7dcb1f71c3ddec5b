"""Collecting what is wrong, and what is worth saying, while a spec is resolved."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from circuitgraph.errors import Problem, SpecError
from circuitgraph.spec.document import problem_at

if TYPE_CHECKING:
    from circuitgraph.resolve.circuit import Where
    from circuitgraph.spec.document import Document


class Mistake(Exception):
    """Something wrong with one piece of text, before its place in the document is known.

    Internal to `circuitgraph.resolve`: whoever knows the place turns it into a `Problem`.
    """

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class AlreadyReported(Exception):
    """A name whose declaration is itself wrong: what uses it fails silently, the cause is reported once."""


class Problems:
    """Every problem and note of one spec, in the order they were found."""

    def __init__(self, document: Document | None) -> None:
        self._document = document
        self.found: list[Problem] = []
        self.notes: list[str] = []

    def add(self, where: Where, mistake: Mistake, *, key: bool = False) -> None:
        """Report `mistake` at `where`; with `key`, at the key instead of the value."""
        problem = problem_at(self._document, where, mistake.code, mistake.message, hint=mistake.hint, key=key)
        if problem not in self.found:
            self.found.append(problem)

    def note(self, where: Where, text: str) -> None:
        """Keep a remark for people: something merged, left out or read as something else."""
        self.notes.append(f"{self.written(where)}: {text}")

    def written(self, where: Where) -> str:
        """A place as the author wrote it: `edges[3]`, `nodes.induction[2]`."""
        return problem_at(self._document, where, "", "").where

    def raise_if_any(self) -> None:
        """Raise all problems at once, sorted by place.

        Raises:
            SpecError: At least one problem was reported.
        """
        if self.found:
            raise SpecError(self.found)


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `word`, or None if none is."""
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    match = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[match[0]] if match else None


def plural(count: int, singular: str, many: str | None = None) -> str:
    """`1 edge`, `2 edges`, `32,491 edges`."""
    return f"{count:,} {singular if count == 1 else many or singular + 's'}"
