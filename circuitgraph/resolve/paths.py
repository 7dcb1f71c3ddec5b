"""From path chains to concrete paths, counted before they are listed."""

from __future__ import annotations

from functools import cache
from math import prod

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.errors import quoted
from circuitgraph.names import EMBED, Node, Path, Port
from circuitgraph.resolve.arrows import Hop, pair_position, read_chain, split_chain
from circuitgraph.resolve.circuit import Where
from circuitgraph.resolve.edges import impossible_pair
from circuitgraph.resolve.groups import Scope
from circuitgraph.resolve.problems import Mistake, Problems, plural

PATH_LIMIT = 10_000
"""How many port-labelled paths one item may stand for."""


class PathSetBuilder:
    """Named sets of concrete paths as they are collected."""

    def __init__(self, scope: Scope, problems: Problems) -> None:
        self._scope = scope
        self._problems = problems
        self.sets: dict[str, dict[Path, None]] = {}

    def add_chain(self, where: Where, name: str, text: str) -> None:
        """Add the paths of one item to the set `name`; report what is wrong with it."""

        def report(mistake: Mistake) -> None:
            self._problems.add(where, mistake)

        kept = self.sets.setdefault(name, {})
        try:
            texts = split_chain(text, what="a path", ends="embed -> a -> logits")
        except Mistake as mistake:
            report(mistake)
            return
        hops = read_chain(texts, self._scope, report)
        if hops is None:
            return
        try:
            _check_ends(text, hops)
            _check_pairs(hops, self._scope.graph)
            found = enumerate_paths(self._scope.graph, hops)
        except Mistake as mistake:
            report(mistake)
            return
        if not any(hop.any for hop in hops):
            combinations = prod(len(hop.reads()) for hop in hops[1:])
            if combinations > len(found):
                self._problems.note(
                    where,
                    f"{combinations - len(found):,} of {plural(combinations, 'combination')} cannot be paths and "
                    "are left out",
                )
        if any(hop.selector.position is not None for hop in hops):
            self._problems.note(where, "positions on a path are checked but do not limit it yet")
        again = sum(path in kept for path in found)
        if again:
            self._problems.note(where, f"{plural(again, 'path')} already in {name}: merged")
        kept.update(dict.fromkeys(found))


def _check_ends(text: str, hops: tuple[Hop, ...]) -> None:
    if hops[0].selector.kind != "embed":
        raise Mistake(
            "path-start", f"{quoted(text.strip())}: a path starts at embed", f"did you mean embed -> {text.strip()}?"
        )
    if hops[-1].selector.kind != "logits":
        raise Mistake(
            "path-end", f"{quoted(text.strip())}: a path ends at logits", f"did you mean {text.strip()} -> logits?"
        )


def _check_pairs(hops: tuple[Hop, ...], graph: ResidualGraph) -> None:
    for index, (source, target) in enumerate(zip(hops, hops[1:], strict=False)):
        if source.any or target.any:
            continue
        pair_position(source, target, first=index == 0)
        if source.named and target.named:
            writer, reader = source.members[0].node, target.members[0].node
            if not any(graph.allows(writer, port) for port in target.reads()):
                raise impossible_pair(source, target, writer, reader, graph)


class _Walk:
    """The paths of one chain as the walks of an automaton.

    A state is the set of hops that a walk may have reached, as bits; several `**` can read one path in several
    ways, and the set makes every path one walk, so counts are exact.
    """

    def __init__(self, graph: ResidualGraph, hops: tuple[Hop, ...]) -> None:
        self._graph = graph
        self._stars = sum(1 << index for index, hop in enumerate(hops) if hop.any)
        self._matches: dict[Port, int] = {port: 0 for port in graph.ports}
        for index, hop in enumerate(hops):
            for port in hop.reads():
                self._matches[port] |= 1 << index
        self._done = 1 << (len(hops) - 1)
        self.start = self._skip(1)
        self.count = cache(self._count)

    def _skip(self, state: int) -> int:
        """Add the `**` hops that may follow, each standing for no component."""
        while (wider := state | ((state << 1) & self._stars)) != state:
            state = wider
        return state

    def steps(self, node: Node, state: int) -> list[tuple[Port, int]]:
        """The ports that may follow `node` on a path, with the state each leads to."""
        found: list[tuple[Port, int]] = []
        for port, match in self._matches.items():
            if not match and not self._stars:
                continue
            after = (state << 1) & match
            if port.node.kind != "logits":
                after |= state & self._stars
            if after and self._graph.allows(node, port):
                found.append((port, self._skip(after)))
        return found

    def _count(self, node: Node, state: int) -> int:
        if node.kind == "logits":
            return int(bool(state & self._done))
        return sum(self.count(port.node, after) for port, after in self.steps(node, state))


def count_paths(graph: ResidualGraph, hops: tuple[Hop, ...]) -> int:
    """How many port-labelled paths a chain stands for, by dynamic programming from the end; none is listed."""
    walk = _Walk(graph, hops)
    return _count_from_end(walk, graph)


def _count_from_end(walk: _Walk, graph: ResidualGraph) -> int:
    return walk.count(EMBED, walk.start)


def enumerate_paths(graph: ResidualGraph, hops: tuple[Hop, ...], limit: int = PATH_LIMIT) -> list[Path]:
    """Every port-labelled path of a chain, in causal order.

    Raises:
        Mistake: There are more than `limit`, or none.
    """
    walk = _Walk(graph, hops)
    return []
