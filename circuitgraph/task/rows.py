"""One row of a task: a clean prompt, its corrupt twin, and what to score.

Torch-free: `check` reads and validates rows without a weight in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Level = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Row:
    """One example.

    Attributes:
        where: What messages call the row: "pairs.jsonl:3", "repeated-tokens row 7".
        clean: Token ids of the clean prompt.
        corrupt: Token ids of the corrupt prompt, as many as `clean`; None where the task has none.
        answers: Token ids that count as right; empty where the metric needs none.
        foils: Token ids contrasted with the answers; empty where the metric needs none.
        positions: Name -> index counted from the row's own first token (0-based, never negative).
        factors: Covariate name -> level.
    """

    where: str
    clean: tuple[int, ...]
    corrupt: tuple[int, ...] | None = None
    answers: tuple[int, ...] = ()
    foils: tuple[int, ...] = ()
    positions: Mapping[str, int] = field(default_factory=dict[str, int])
    factors: Mapping[str, Level] = field(default_factory=dict[str, Level])

    @property
    def length(self) -> int:
        """Number of tokens of the prompt."""
        return len(self.clean)
