"""What a diagram shows, before any format: which nodes and edges, their boxes, chips, widths and marks."""

from __future__ import annotations

from dataclasses import dataclass

from circuitgraph.diagram import palette

Rank = tuple[int, int, str]
"""(stage, layer, what): stage 0 embed, 1 blocks, 2 logits; `what` orders attention before the MLP."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A port of a node as drawn: the little labelled cell that edges end in.

    Attributes:
        key: Port and position ("q@END").
        text: What it says, empty for the one port of an MLP or of logits.
        slots: The places under it, at least one: an edge whose effect or verdict is printed there (its index
            in `Picture.edges`), or None for the place that all other edges share.
    """

    key: str
    port: str
    text: str
    slots: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class DrawnNode:
    """A node as drawn."""

    name: str
    kind: str
    rank: Rank
    chips: tuple[Chip, ...]
    tags: tuple[str, ...]
    in_circuit: bool
    tooltip: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DrawnEdge:
    """An edge as drawn, or several unmeasured ones of the same pair.

    Attributes:
        keys: Keys of the graph's edges it stands for.
        port: "q", "k", "v", "in", or several letters.
        effect: Mean effect in the metric's unit, None where not measured.
        share: |effect| over the largest drawn, 0 where not measured.
        sign: Sign of the effect as printed: 0 where it rounds to zero or was not measured.
        mark: Sign of its verdict, empty without one.
        figure: Its effect as printed, empty where not measured or where the diagram is crowded.
    """

    source: str
    target: str
    keys: tuple[str, ...]
    port: str
    position: str | None
    effect: float | None
    share: float
    sign: int
    verdict: str | None
    in_circuit: bool
    mark: str
    figure: str
    faded: bool
    tooltip: tuple[str, ...]

    @property
    def chip(self) -> str:
        """Key of the chip it ends in."""
        return self.port if self.position is None else f"{self.port}@{self.position}"

    @property
    def colour(self) -> str:
        """Sign of the effect as a colour; what rounds to zero has none."""
        if self.effect is None:
            return palette.UNMEASURED
        return (palette.NO_EFFECT, palette.OPPOSES, palette.SUPPORTS)[self.sign]

    @property
    def refuted(self) -> bool:
        """Whether a claim about this edge was refuted."""
        return self.verdict == "refuted"


@dataclass(frozen=True, slots=True)
class Box:
    """A declared group drawn as a box; boxes nest but never overlap."""

    name: str
    index: int
    caption: tuple[str, ...]
    members: tuple[str, ...]
    inner: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A whole diagram, format aside; `verdicts` sums up the claims, empty where there are none."""

    title: str
    about: str
    facts: tuple[str, ...]
    verdicts: str
    notes: tuple[str, ...]
    nodes: tuple[DrawnNode, ...]
    edges: tuple[DrawnEdge, ...]
    boxes: tuple[Box, ...]
    method: str | None
    unit: str
    largest: float
    crowded: bool

    @property
    def ranks(self) -> tuple[Rank, ...]:
        """The ranks in use, from embed to logits."""
        return tuple(sorted({dot.rank for dot in self.nodes}))
