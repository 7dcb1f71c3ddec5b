"""What can go wrong, in the words of the person who wrote the spec.

*Invalid* is never *violated*: a bad spec, data file or model is an error (exit code 2) and nothing runs; a claim
that fails is a verdict (exit code 1) and lives in `circuitgraph.validation`, not here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

QUOTE_LIMIT = 80

EXIT_SUPPORTED = 0
EXIT_REFUTED = 1
EXIT_INVALID = 2
EXIT_UNDECIDED = 3
EXIT_SURROUNDINGS = 4
EXIT_INTERRUPTED = 130


def quoted(token: object) -> str:
    """Quote a piece of the user's input for a message, cut at 80 characters."""
    text = str(token)
    if len(text) > QUOTE_LIMIT:
        text = text[: QUOTE_LIMIT - 1] + "…"
    return f'"{text}"'


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the input, and where.

    Printed as ``file:line:column where: message`` with an optional ``hint:`` line.

    Attributes:
        code: Stable identifier, kebab-case ("unknown-key", "no-such-head").
        message: What is wrong and what is allowed.
        where: Path inside the document ("nodes.induction[2]"), empty for the whole file.
        file: The file, or None for a spec built in Python.
        line: 1-based line, or None where the problem has no line.
        column: 1-based column.
        hint: A likely fix, without the "hint:" prefix.
    """

    code: str
    message: str
    where: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None
    hint: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        head = " ".join(part for part in (place, self.where) if part)
        text = f"{head}: {self.message}" if head else self.message
        return f"{text}\n  hint: {self.hint}" if self.hint else text

    @property
    def order(self) -> tuple[str, int, int]:
        """Sort key: file, line, column."""
        return (self.file or "", self.line or 0, self.column or 0)


class CircuitGraphError(Exception):
    """Base of every error this library raises on purpose."""

    exit_code = EXIT_INVALID


class InputError(CircuitGraphError):
    """The input is wrong: a list of problems, sorted by place. Nothing was run or written."""

    exit_code = EXIT_INVALID

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        """Keep the problems, sorted by file and line; a single one may be given bare."""
        found = [problems] if isinstance(problems, Problem) else list(problems)
        self.problems: tuple[Problem, ...] = tuple(sorted(found, key=lambda problem: problem.order))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SpecError(InputError):
    """The spec file is wrong: its YAML, its keys, its types, its names."""


class TaskError(InputError):
    """The prompts are wrong: a row, an answer, a position, a factor, a metric without contrast."""


class ModelError(InputError):
    """The model cannot be used: not a model, unsupported family, missing tensors, non-finite logits."""


class SurroundingsError(CircuitGraphError):
    """The surroundings failed: hub unreachable, out of memory, an optional package missing (exit code 4)."""

    exit_code = EXIT_SURROUNDINGS
