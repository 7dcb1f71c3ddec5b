"""From path chains to concrete paths, counted before they are listed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import prod

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.errors import quoted
from circuitgraph.names import EMBED, LOGITS, Node, Path, Port
from circuitgraph.resolve.arrows import Hop, pair_position, read_chain, split_chain
from circuitgraph.resolve.circuit import Where
from circuitgraph.resolve.edges import impossible_pair
from circuitgraph.resolve.groups import Scope
from circuitgraph.resolve.problems import Mistake, Problems, plural

PATH_LIMIT = 10_000
"""How many port-labelled paths one item may stand for."""

STATES_PER_NODE = 32
"""How many readings of a chain, per node of the model, are followed at most.

A chain needs about as many as it has `**`; only overlapping wildcards after a `**` can make more, and then
exponentially many.
"""


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
        hops = read_chain(texts, self._scope, report, stars=True)
        if hops is None:
            return
        try:
            _check_ends(text, hops)
            _check_pairs(hops, self._scope.graph)
            found = enumerate_paths(text, hops, self._scope.graph)
        except Mistake as mistake:
            report(mistake)
            return
        if not any(hop.any for hop in hops):
            combinations = prod(len(hop.reads()) for hop in hops[1:])
            if combinations > len(found):
                self._problems.note(
                    where,
                    f"{combinations - len(found):,} of {plural(combinations, 'combination')} cannot be paths "
                    "and are left out",
                )
        if any(hop.selector.position is not None for hop in hops):
            self._problems.note(where, "positions on a path are checked but do not limit it yet")
        again = sum(path in kept for path in found)
        if again:
            self._problems.note(where, f"{plural(again, 'path')} already in {name}: merged")
        kept.update(dict.fromkeys(found))


def _check_ends(text: str, hops: tuple[Hop, ...]) -> None:
    starts, ends = hops[0].selector.kind == "embed", hops[-1].selector.kind == "logits"
    if starts and ends:
        return
    whole = f"{'' if starts else 'embed -> '}{text.strip()}{'' if ends else ' -> logits'}"
    message = f"{quoted(text.strip())}: a path runs from embed to logits"
    raise Mistake("path-ends", message, f"did you mean {whole}?")


def _check_pairs(hops: tuple[Hop, ...], graph: ResidualGraph) -> None:
    for index, (source, target) in enumerate(pairwise(hops)):
        if source.any or target.any:
            continue
        pair_position(source, target, first=index == 0)
        if source.named and target.named:
            writer, reader = source.members[0].node, target.members[0].node
            if not any(graph.allows(writer, port) for port in target.reads()):
                raise impossible_pair(source, target, writer, reader, graph)


class PathWalks:
    """The paths of one chain as the walks of an automaton over the model's ports.

    A state is the set of hops a walk may have reached, as bits: several `**` can read one path in several
    ways, and the set makes every path one walk, so that counts are exact. States are found forwards,
    completions counted backwards; the work is pairs of node and state, not paths.
    """

    def __init__(self, graph: ResidualGraph, hops: tuple[Hop, ...]) -> None:
        """Count the completions of every state; `hops` starts at `embed` and ends at `logits`.

        Raises:
            Mistake: The chain can be read in too many ways to follow.
        """
        self._graph = graph
        self._stars = sum(1 << index for index, hop in enumerate(hops) if hop.any)
        self._matches = [0] * len(graph.ports)
        for index, hop in enumerate(hops):
            for port in hop.reads():
                self._matches[graph.port_index[port]] |= 1 << index
        self._usable = [
            index
            for index, port in enumerate(graph.ports)
            if self._matches[index] or (self._stars and port.node != LOGITS)
        ]
        self._done = 1 << (len(hops) - 1)
        self._start = self._skip(1)
        self._steps: dict[tuple[Node, int], list[tuple[Port, int]]] = {}
        self._completions = self._count_completions()

    @property
    def count(self) -> int:
        """How many paths there are."""
        return self._completions.get((EMBED, self._start), 0)

    def paths(self) -> Iterator[Path]:
        """Every path once, in causal order."""
        stack: list[tuple[tuple[Port, ...], Node, int]] = [((), EMBED, self._start)]
        while stack:
            via, node, state = stack.pop()
            if node == LOGITS:
                yield Path(via)
                continue
            for port, after in reversed(self._steps[node, state]):
                if self._completions[port.node, after]:
                    stack.append(((*via, port), port.node, after))

    def _skip(self, state: int) -> int:
        """Add the `**` hops that may follow, each standing for no component."""
        while (wider := state | ((state << 1) & self._stars)) != state:
            state = wider
        return state

    def _steps_from(self, writer: int, state: int) -> list[tuple[Port, int]]:
        found: list[tuple[Port, int]] = []
        graph, stars = self._graph, state & self._stars
        for index in self._usable:
            if graph.reads[index] <= writer:
                continue
            port = graph.ports[index]
            after = ((state << 1) & self._matches[index]) | (0 if port.node == LOGITS else stars)
            if after:
                found.append((port, self._skip(after)))
        return found

    def _count_completions(self) -> dict[tuple[Node, int], int]:
        states: dict[Node, set[int]] = {EMBED: {self._start}}
        most = STATES_PER_NODE * len(self._graph.nodes)
        for writer, node in enumerate(self._graph.writers):
            for state in states.get(node, ()):
                steps = self._steps_from(writer, state)
                self._steps[node, state] = steps
                if len(self._steps) > most:
                    raise Mistake(
                        "too-many-paths",
                        "too many ways to read the wildcards after **: these paths cannot be counted",
                        "split the path, or name components in place of wildcards",
                    )
                for port, after in steps:
                    states.setdefault(port.node, set()).add(after)
        completions = {(LOGITS, state): int(bool(state & self._done)) for state in states.get(LOGITS, ())}
        for node in reversed(self._graph.writers):
            for state in states.get(node, ()):
                completions[node, state] = sum(
                    completions[port.node, after] for port, after in self._steps[node, state]
                )
        return completions


def enumerate_paths(
    text: str, hops: tuple[Hop, ...], graph: ResidualGraph, limit: int = PATH_LIMIT
) -> list[Path]:
    """Every port-labelled path of a chain, in causal order.

    Raises:
        Mistake: There are more than `limit` (they are counted, not listed), or there is none.
    """
    walks = PathWalks(graph, hops)
    if walks.count > limit:
        raise Mistake(
            "too-many-paths",
            f"{quoted(text.strip())} stands for {walks.count:,} paths: one item holds at most {limit:,}",
            "name components or ports in place of wildcards",
        )
    if walks.count == 0:
        raise Mistake(
            "no-path-left",
            f"{quoted(text.strip())} holds no path: no choice of its nodes runs forwards through the model",
        )
    return list(walks.paths())
