"""The prompts of a spec, ready to run: rows with every declared position, the metric's name, the factors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from circuitgraph.errors import Problem, TaskError, quoted
from circuitgraph.task.names import near_position, parse_position
from circuitgraph.task.positions import NoSuchPosition, name_missing, resolve_position
from circuitgraph.task.rows import Level, Row
from circuitgraph.task.template import TEMPLATE_FACTOR


@dataclass(frozen=True)
class Task:
    """What the model is asked, and how its answer is scored.

    Attributes:
        rows: The examples, at least one; declared positions are in each row's `positions`.
        metric: Name of the metric, or `python:pkg.mod:fn`.
        factors: Declared factors; every row has them.
    """

    rows: tuple[Row, ...]
    metric: str
    factors: tuple[str, ...] = ()

    @cached_property
    def positions(self) -> frozenset[str]:
        """Names of the positions that every row has."""
        names = [frozenset(row.positions) for row in self.rows]
        return names[0].intersection(*names[1:]) if names else frozenset()

    @cached_property
    def clusters(self) -> tuple[Level, ...] | None:
        """For each row its template, where every row has that factor: resamples keep templates together.

        None where all rows share one template: intervals then speak of its examples and of no other template.
        """
        if not all(TEMPLATE_FACTOR in row.factors for row in self.rows):
            return None
        templates = tuple(row.factors[TEMPLATE_FACTOR] for row in self.rows)
        return templates if len(set(templates)) > 1 else None

    @property
    def one_template(self) -> bool:
        """Whether every row was made from the same template."""
        return len({row.factors.get(TEMPLATE_FACTOR) for row in self.rows} - {None}) == 1

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content: rows in order, metric, declared factors; not where rows came from."""
        rows = [_content(row) for row in self.rows]
        content = {"metric": self.metric, "factors": self.factors, "rows": rows}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    def index(self, expression: str) -> list[int]:
        """Index of a position in each row, counted from the row's own first token.

        Args:
            expression: `END`, `MATCH+1`, `S2-2`: a name that rows bring or `task.positions` declares.

        Raises:
            TaskError: It is no position, or some rows lack it; names them.
        """
        parsed = parse_position(expression)
        if parsed is None:
            text = f"{quoted(expression)} is no position: write NAME, NAME+1 or NAME-1"
            raise TaskError(Problem("bad-position", text))
        brought = {name for row in self.rows for name in row.positions}
        if parsed.name not in brought:
            has = f"the rows have {', '.join(sorted(brought))}" if brought else "the rows have none"
            text = f"no position is called {quoted(parsed.name)}: {has}"
            hint = near_position(parsed.name, brought) or "declare it under task.positions"
            raise TaskError(Problem("unknown-position", text, hint=hint))
        found: list[int] = []
        missing: list[tuple[str, str]] = []
        for row in self.rows:
            try:
                found.append(resolve_position(parsed, row))
            except NoSuchPosition as error:
                missing.append((row.where, str(error)))
        if missing:
            text = f"position {parsed} is not in every row: {name_missing(missing)}"
            raise TaskError(Problem("position-missing", text))
        return found


def _content(row: Row) -> Mapping[str, object]:
    return {
        "clean": row.clean,
        "corrupt": row.corrupt,
        "answers": row.answers,
        "foils": row.foils,
        "positions": dict(row.positions),
        "factors": dict(row.factors),
    }
