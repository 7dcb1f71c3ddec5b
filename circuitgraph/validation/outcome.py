"""What comes of a claim: an estimate, its interval, the bound, and a verdict that shows its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from circuitgraph.names import Edge
from circuitgraph.statistics import Estimate, Stratum, Summary, Verdict


@dataclass(frozen=True)
class PartDrop:
    """What taking one part out of the circuit does, as a share of the contrast (`minimal`)."""

    part: str
    drop: float
    low: float
    high: float


@dataclass(frozen=True)
class Outcome:
    """A judged claim.

    Attributes:
        kind: faithful, complete, minimal, beats_random, effect, no_effect, attends.
        text: The claim in one line ("effect of a0.h1 -> a1.h0.k ≤ -1").
        verdict: supported, refuted, inconclusive or uninformative.
        estimate: Point estimate with its interval and n.
        bound: The bounds as written ({"at_least": 0.9}).
        unit: Unit of the estimate ("share", "logits", ...).
        notes: What a reader must know, as whole sentences.
        where: "file:line:column" of the claim.
        edges: The edges the claim is about, empty for whole-circuit claims.
        summary: Per-example values at a glance, where there are any.
        strata: The estimate at each level of each declared factor.
        worst: The stratum that speaks most against the claim.
        explained: Factor -> η², the share of the per-example variance it explains.
        rivals_passing: Share of random alternatives that satisfy the bound too; None where there are none.
        parts: Every part's drop (`minimal`), or every head's mean (`attends`).
        failing: Names of the parts shown to lie below the bound, corrected for their number (`minimal`).
    """

    kind: str
    text: str
    verdict: Verdict
    estimate: Estimate
    bound: Mapping[str, float]
    unit: str
    notes: tuple[str, ...] = ()
    where: str = ""
    edges: tuple[Edge, ...] = ()
    summary: Summary | None = None
    strata: tuple[Stratum, ...] = ()
    worst: Stratum | None = None
    explained: Mapping[str, float] = field(default_factory=dict[str, float])
    rivals_passing: float | None = None
    parts: tuple[PartDrop, ...] = ()
    failing: tuple[str, ...] = ()
