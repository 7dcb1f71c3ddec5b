"""From chains of arrows to concrete edges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.names import EMBED, LOGITS, Edge, Node, Port
from circuitgraph.resolve.arrows import Hop, pair_position, read_chain, shown, split_chain
from circuitgraph.resolve.circuit import Origin, Where
from circuitgraph.resolve.groups import Member, Scope
from circuitgraph.resolve.problems import Mistake, Problems, plural


@dataclass(frozen=True, slots=True)
class Expansion:
    """The edges between two hops.

    Attributes:
        edges: Each once, in causal order of the writers, then of the ports.
        dropped: Pairs from wildcards, ranges or groups that cannot be edges.
        limited: Writers named without their group whose group's `at` limits these edges.
    """

    edges: tuple[Edge, ...]
    dropped: int = 0
    limited: tuple[Node, ...] = ()


def expand_pair(source: Hop, target: Hop, scope: Scope, *, first: bool, limits: bool = True) -> Expansion:
    """Every edge from a member of `source` into a port of `target`.

    Args:
        source: The writing hop.
        target: The reading hop.
        scope: The model and the groups.
        first: Whether `source` starts its chain.
        limits: Whether the `at` of a node's groups limits it even where it is named directly (a circuit says
            where its nodes write; a claim speaks of what it names).

    Raises:
        Mistake: A named pair that cannot be, no pair that can, or two positions for one edge.
    """
    position = pair_position(source, target, first=first)
    ports = target.reads()
    strict = source.named and target.named
    found: dict[Edge, None] = {}
    limited: dict[Node, None] = {}
    dropped = 0
    for member in source.members:
        places = _places(member, position, source, scope, limits=limits)
        if places is None:
            dropped += len(ports)
            continue
        if member.at is None and position is None and places != (None,):
            limited[member.node] = None
        for port in ports:
            if scope.graph.allows(member.node, port):
                found.update((Edge(member.node, port, place), None) for place in places)
            elif strict:
                raise impossible_pair(source, target, member.node, port.node, scope.graph)
            else:
                dropped += 1
    if not found:
        raise _no_pair(source, target, ports, scope.graph)
    return Expansion(tuple(found), dropped, tuple(limited))


def _places(
    member: Member, position: str | None, source: Hop, scope: Scope, *, limits: bool
) -> tuple[str | None, ...] | None:
    """Where the edges out of `member` live; None drops them: it does not write at the position asked for.

    Raises:
        Mistake: A named node or a group does not write at the position asked for.
    """
    if member.at is not None:
        allowed: tuple[str, ...] = (member.at,)
    else:
        allowed = scope.limits.get(member.node, ()) if limits else ()
    if not allowed:
        return (position,)
    if position is None:
        return allowed
    if position in allowed:
        return (position,)
    if source.named or source.selector.kind == "group":
        raise Mistake(
            "position-conflict",
            f"{source.selector.base} writes at {' and '.join(allowed)} only (at: of its group), so no edge "
            f"leaves it at {position}",
            f"write @{allowed[0]}, or leave the position out",
        )
    return None


def impossible_pair(source: Hop, target: Hop, writer: Node, reader: Node, graph: ResidualGraph) -> Mistake:
    """Why two named nodes cannot be joined in this direction."""
    text = f"{shown(source)} -> {shown(target)}"
    if writer == reader:
        return Mistake(
            "self-edge", f"{text} joins {writer} to itself: a component cannot read what it writes"
        )
    if any(graph.allows(reader, port) for port in graph.ports_of(writer)):
        return Mistake(
            "backwards-edge",
            f"{text} runs backwards: a writer must come before its reader",
            f"did you mean {_reversed(source, target, writer, reader)}?",
        )
    kind = "heads" if writer.kind == reader.kind == "head" else "components"
    return Mistake(
        "same-layer-edge",
        f"{text} joins two {kind} of layer {writer.layer} that read the same stream: a writer must come "
        "before its reader",
    )


def _reversed(source: Hop, target: Hop, writer: Node, reader: Node) -> str:
    ports = (
        "".join(target.selector.ports) if writer.kind == "head" and "in" not in target.selector.ports else ""
    )
    position = target.selector.position or source.selector.position
    return f"{reader} -> {writer}{'.' * bool(ports)}{ports}{'' if position is None else f'@{position}'}"


def _no_pair(source: Hop, target: Hop, ports: tuple[Port, ...], graph: ResidualGraph) -> Mistake:
    backwards = any(
        graph.allows(port.node, own)
        for member in source.members
        for own in graph.ports_of(member.node)
        for port in ports
        if port.node != LOGITS
    )
    return Mistake(
        "no-edge-left",
        f"{shown(source)} -> {shown(target)} holds no edge: none of its "
        f"{plural(len(source.members) * len(ports), 'pair')} can be, as a writer must come before its reader",
        f"did you mean {target.selector.base} -> {source.selector.base}?" if backwards else None,
    )


class EdgeSetBuilder:
    """The edges of a circuit as they are collected: merged, absorbed, each with its origins."""

    def __init__(self, scope: Scope, problems: Problems) -> None:
        self._scope = scope
        self._problems = problems
        self.origins: dict[Edge, tuple[Origin, ...]] = {}

    def add_chain(self, where: Where, text: str) -> None:
        """Add the consecutive edges of one item under `edges`; report what is wrong with it."""

        def report(mistake: Mistake) -> None:
            self._problems.add(where, mistake)

        try:
            hops = read_chain(split_chain(text), self._scope, report)
        except Mistake as mistake:
            report(mistake)
            return
        if hops is None:
            return
        origin = Origin(where, text.strip())
        for index, (source, target) in enumerate(pairwise(hops)):
            try:
                expansion = expand_pair(source, target, self._scope, first=index == 0)
            except Mistake as mistake:
                report(mistake)
                continue
            self._explain(where, f"{shown(source)} -> {shown(target)}", expansion)
            self._merge(origin, expansion.edges)

    def add_all(self, nodes: Iterable[Node], where: Where) -> None:
        """Add every possible edge among `nodes`, `embed` and `logits`, at the places its source writes."""
        origin = (Origin(where, "every edge among the nodes"),)
        kept = {EMBED, LOGITS, *nodes}
        limits, graph = self._scope.limits, self._scope.graph
        writers = [node for node in graph.writers if node in kept]
        places = {node: limits.get(node, (None,)) for node in writers}
        index = graph.writer_index
        for port, count in zip(graph.ports, graph.reads, strict=True):
            if port.node in kept:
                for writer in writers:
                    if index[writer] >= count:
                        break
                    for place in places[writer]:
                        self.origins[Edge(writer, port, place)] = origin

    def absorb(self) -> None:
        """Drop edges at a position that are there everywhere; the one everywhere takes over their origins."""
        absorbed: dict[tuple[str, str], int] = {}
        for edge in [edge for edge in self.origins if edge.position is not None]:
            whole = edge.everywhere
            if whole in self.origins:
                gone, kept = self.origins.pop(edge), self.origins[whole]
                self.origins[whole] = _joined(kept, gone)
                key = (self._problems.written(gone[0].where), self._problems.written(kept[0].where))
                absorbed[key] = absorbed.get(key, 0) + 1
        for (gone, kept), count in absorbed.items():
            self._problems.notes.append(
                f"{gone}: {plural(count, 'edge')} at a position absorbed by the same everywhere ({kept})"
            )

    def _explain(self, where: Where, pair: str, expansion: Expansion) -> None:
        if expansion.dropped:
            total = expansion.dropped + len({edge.everywhere for edge in expansion.edges})
            self._problems.note(
                where,
                f"{expansion.dropped:,} of the {plural(total, 'pair')} of {pair} cannot be edges and are "
                "left out",
            )
        for node in expansion.limited:
            places = ", ".join(f"@{place}" for place in self._scope.limits[node])
            self._problems.note(where, f"edges out of {node} are limited to {places}, where its group writes")

    def _merge(self, origin: Origin, edges: tuple[Edge, ...]) -> None:
        twice: dict[str, list[Edge]] = {}
        for edge in edges:
            before = self.origins.get(edge)
            if before is not None:
                twice.setdefault(self._problems.written(before[0].where), []).append(edge)
            self.origins[edge] = _joined(before or (), (origin,))
        for first, merged in twice.items():
            what = f"{merged[0]} is" if len(merged) == 1 else f"{plural(len(merged), 'edge')} are"
            self._problems.note(origin.where, f"{what} already given by {first}: merged")


def _joined(before: tuple[Origin, ...], after: tuple[Origin, ...]) -> tuple[Origin, ...]:
    return tuple(dict.fromkeys((*before, *after)))
