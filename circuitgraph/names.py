"""The names everything else speaks: nodes, ports, edges, paths.

A *writer* adds to the residual stream (embed, a head, an MLP); a *port* is a place where a component reads it
through its norm. An edge joins a writer to a port. These are values, never bare strings with hidden formats;
`str()` gives the canonical form (`a5.h1`, `a5.h1.q`, `a0.h3 -> a5.h1.k`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

NodeKind = Literal["embed", "head", "mlp", "logits"]
PortName = Literal["q", "k", "v", "in"]

ATTENTION_PORTS: tuple[PortName, ...] = ("q", "k", "v")


@dataclass(frozen=True, slots=True)
class Node:
    """A component of the model: `embed`, a head, an MLP, or `logits`.

    `embed` and the heads and MLPs write; heads, MLPs and `logits` read. `layer` and `index` are -1 where
    the kind has none.
    """

    kind: NodeKind
    layer: int = -1
    index: int = -1

    @property
    def name(self) -> str:
        """Canonical name: embed, a5.h1, m5, logits."""
        if self.kind == "head":
            return f"a{self.layer}.h{self.index}"
        if self.kind == "mlp":
            return f"m{self.layer}"
        return self.kind

    def __str__(self) -> str:
        return self.name


EMBED = Node("embed")
LOGITS = Node("logits")


def head(layer: int, index: int) -> Node:
    """The attention head `a{layer}.h{index}`."""
    return Node("head", layer, index)


def mlp(layer: int) -> Node:
    """The MLP block `m{layer}`."""
    return Node("mlp", layer)


@dataclass(frozen=True, slots=True)
class Port:
    """A place where `node` reads the stream through its norm: q, k, v of a head, `in` of an MLP or logits."""

    node: Node
    name: PortName

    def __str__(self) -> str:
        return self.node.name if self.name == "in" else f"{self.node.name}.{self.name}"


@dataclass(frozen=True, slots=True)
class Edge:
    """A writer joined to a port, at every position or at one named position of the stream.

    `position` is a position expression ("END", "MATCH+1") or None for all positions. For q, MLP and logits it is
    the reader's row, for k and v the source token's.
    """

    source: Node
    target: Port
    position: str | None = None
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        # Edge sets of a large model hash each edge thousands of times.
        object.__setattr__(self, "_hash", hash((self.source, self.target, self.position)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def key(self) -> str:
        """Key of the edge in a networkx graph: `k`, `in`, or `q@END` where limited to a position."""
        return self.target.name if self.position is None else f"{self.target.name}@{self.position}"

    @property
    def triple(self) -> tuple[str, str, str]:
        """(source, target, key) as in the result graphs: ("a0.h3", "a5.h1", "k")."""
        return (self.source.name, self.target.node.name, self.key)

    @property
    def everywhere(self) -> Edge:
        """The same edge at all positions."""
        return self if self.position is None else Edge(self.source, self.target)

    def __str__(self) -> str:
        at = "" if self.position is None else f"@{self.position}"
        return f"{self.source} -> {self.target}{at}"


@dataclass(frozen=True, slots=True)
class Path:
    """A path from `embed` to `logits`: a chain of edges, each the input of the next one's source.

    `via` lists the ports passed, in order, the last being logits' own.
    """

    via: tuple[Port, ...]

    def __str__(self) -> str:
        return " -> ".join(["embed", *(str(port) for port in self.via)])

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The edges of the path in order."""
        sources = (EMBED, *(port.node for port in self.via[:-1]))
        return tuple(Edge(source, port) for source, port in zip(sources, self.via, strict=True))
