"""The residual graph of a model: its writers, its ports, and which may feed which.

Everything here follows from a handful of integers of the model's config; no weight and no torch is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from circuitgraph.names import ATTENTION_PORTS, EMBED, LOGITS, Edge, Node, Port, head, mlp


@dataclass(frozen=True)
class ResidualGraph:
    """Shape of a decoder seen as writers and ports of one residual stream.

    Attributes:
        family: Row of the family table (`circuitgraph.arch.families`).
        layers: Number of blocks.
        heads: Query heads per block.
        d_model: Width of the stream.
        vocab: Number of token ids.
        context: Longest prompt in tokens.
        has_mlp: False for attention-only models: no `m*` nodes then.
        name: What messages call the model ("zoo:induction", "gpt2").
    """

    family: str
    layers: int
    heads: int
    d_model: int
    vocab: int
    context: int
    has_mlp: bool = True
    name: str = "model"

    @cached_property
    def writers(self) -> tuple[Node, ...]:
        """Every writer in causal order: embed, then per layer its heads and its MLP."""
        found = [EMBED]
        for layer in range(self.layers):
            found.extend(head(layer, index) for index in range(self.heads))
            if self.has_mlp:
                found.append(mlp(layer))
        return tuple(found)

    @cached_property
    def writer_index(self) -> dict[Node, int]:
        """Place of each writer in `writers`."""
        return {node: index for index, node in enumerate(self.writers)}

    @cached_property
    def ports(self) -> tuple[Port, ...]:
        """Every port in causal order; within a block all q, then all k, then all v."""
        found: list[Port] = []
        for layer in range(self.layers):
            found.extend(Port(head(layer, i), name) for name in ATTENTION_PORTS for i in range(self.heads))
            if self.has_mlp:
                found.append(Port(mlp(layer), "in"))
        return (*found, Port(LOGITS, "in"))

    @cached_property
    def port_index(self) -> dict[Port, int]:
        """Place of each port in `ports`."""
        return {port: index for index, port in enumerate(self.ports)}

    @cached_property
    def reads(self) -> tuple[int, ...]:
        """For each port, how many of `writers` precede it: a port reads a prefix of the writers."""
        return tuple(self._writers_before(port.node) for port in self.ports)

    def _writers_before(self, node: Node) -> int:
        if node.kind == "logits":
            return len(self.writers)
        per_layer = self.heads + int(self.has_mlp)
        before = 1 + node.layer * per_layer
        return before + self.heads if node.kind == "mlp" else before

    def ports_of(self, node: Node) -> tuple[Port, ...]:
        """The ports of a reader; none for `embed`."""
        if node.kind == "head":
            return tuple(Port(node, name) for name in ATTENTION_PORTS)
        return () if node.kind == "embed" else (Port(node, "in"),)

    def allows(self, source: Node, target: Port) -> bool:
        """Whether `source` writes before `target` reads."""
        place = self.writer_index.get(source)
        return place is not None and place < self.reads[self.port_index[target]]

    def edges(self) -> Iterator[Edge]:
        """Every edge of the model, in causal order of the port, then of the writer."""
        for port, count in zip(self.ports, self.reads, strict=True):
            for writer in self.writers[:count]:
                yield Edge(writer, port)

    @property
    def edge_count(self) -> int:
        """How many edges `edges()` yields: 32,491 for GPT-2 small."""
        return sum(self.reads)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every node: the writers and `logits`."""
        return (*self.writers, LOGITS)
