"""Sites: the places of a forward pass where ports read, in execution order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from circuitgraph.arch.residual import ResidualGraph

SiteKind = Literal["attn", "mlp", "logits"]


@dataclass(frozen=True, slots=True)
class Site:
    """One norm and the ports behind it.

    Attributes:
        kind: attention, MLP, or the final norm.
        layer: The block; the number of layers for `logits`.
        first_port: Place of its first port in the graph's ports.
        ports: How many ports it serves (3 x heads, or 1).
        reads: How many writers precede it.
        index: Place among the sites.
    """

    kind: SiteKind
    layer: int
    first_port: int
    ports: int
    reads: int
    index: int


@lru_cache(maxsize=16)
def sites(graph: ResidualGraph) -> tuple[Site, ...]:
    """Every site in execution order."""
    found: list[Site] = []
    port = 0
    while port < len(graph.ports):
        node = graph.ports[port].node
        kind: SiteKind = "attn" if node.kind == "head" else "mlp" if node.kind == "mlp" else "logits"
        layer = graph.layers if kind == "logits" else node.layer
        count = 3 * graph.heads if kind == "attn" else 1
        found.append(Site(kind, layer, port, count, graph.reads[port], len(found)))
        port += count
    return tuple(found)
