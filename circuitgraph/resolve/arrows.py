"""Reading chains of arrows, `a -> b.q@END -> c`, and pairing their hops."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from circuitgraph.errors import quoted
from circuitgraph.names import Node, Port, PortName
from circuitgraph.resolve.groups import Member, Scope
from circuitgraph.resolve.problems import AlreadyReported, Mistake
from circuitgraph.resolve.selectors import Selector

_ARROW = re.compile(r"->|→")
_WRONG_ARROW = re.compile(r"--+>|<[-=]+|←|[=~]+>|⇒|⟶")
_HAS = {"head": "heads have q, k, v", "mlp": "MLPs have one port, in", "logits": "logits has one port, in"}


@dataclass(frozen=True, slots=True)
class Hop:
    """One name of a chain and what it stands for; `members` is empty for the `**` of a path."""

    selector: Selector
    members: tuple[Member, ...]

    @property
    def any(self) -> bool:
        """Whether this is `**`."""
        return self.selector.kind == "any"

    @property
    def named(self) -> bool:
        """Whether this is one component, written out."""
        return self.selector.named

    def ports_of(self, node: Node) -> tuple[PortName, ...]:
        """The ports of `node` that this hop reads through: those written, or all it has."""
        has: tuple[PortName, ...] = ("q", "k", "v") if node.kind == "head" else ("in",)
        if node.kind == "embed":
            return ()
        written = self.selector.ports
        return tuple(port for port in has if port in written) if written else has

    def reads(self) -> tuple[Port, ...]:
        """Every port this hop reads through, in causal order of its members."""
        nodes = dict.fromkeys(member.node for member in self.members)
        return tuple(Port(node, name) for node in nodes for name in self.ports_of(node))


def split_chain(text: str, *, what: str = "an edge", ends: str = "a -> b") -> tuple[str, ...]:
    """Split a chain at its arrows.

    Args:
        text: At least two names joined by `->` or `→`.
        what: What a message calls the chain.
        ends: The form a message shows.

    Raises:
        Mistake: A single name, an empty hop, or an arrow of another kind.
    """
    if wrong := _WRONG_ARROW.search(text):
        raise Mistake(
            "bad-arrow",
            f"{quoted(text.strip())}: {quoted(wrong[0])} is no arrow: {what} is written {ends}, from the "
            "writer to the reader",
        )
    hops = tuple(hop.strip() for hop in _ARROW.split(text))
    if hops == ("",):
        raise Mistake("empty-hop", f"{what} is missing here: write {ends}")
    if len(hops) == 1:
        raise Mistake("single-hop", f"{quoted(text.strip())} is one name: {what} is written {ends}")
    for index, hop in enumerate(hops):
        if not hop:
            side = (
                "before the first"
                if index == 0
                else "after the last"
                if index == len(hops) - 1
                else "between two"
            )
            raise Mistake(
                "empty-hop",
                f"{quoted(text.strip())} lacks a name {side} arrow{'s' * (side == 'between two')}",
            )
    return hops


def read_chain(
    texts: tuple[str, ...], scope: Scope, report: Callable[[Mistake], None], *, stars: bool = False
) -> tuple[Hop, ...] | None:
    """Look up every hop of a chain; report what is wrong with each.

    Args:
        texts: The names of the chain.
        scope: The model and the groups.
        report: Called with every mistake.
        stars: Whether `**` may stand for any number of components (in paths).

    Returns:
        The hops, or None where one of them is wrong (reported here, or before).
    """
    hops: list[Hop] = []
    for index, text in enumerate(texts):
        try:
            selector = scope.read(text)
            hop = Hop(selector, () if selector.kind == "any" and stars else scope.members(selector))
            _check_role(hop, first=index == 0, last=index == len(texts) - 1)
            hops.append(hop)
        except Mistake as mistake:
            report(mistake)
        except AlreadyReported:
            pass
    return tuple(hops) if len(hops) == len(texts) else None


def _check_role(hop: Hop, *, first: bool, last: bool) -> None:
    """Check that a hop can stand where it stands: writers first, readers after.

    Raises:
        Mistake: It cannot.
    """
    selector = hop.selector
    if hop.any:
        return
    if selector.kind == "embed" and not first:
        raise Mistake("embed-as-reader", f"{selector.base} reads nothing: it can only start a chain")
    if selector.kind == "logits" and not last:
        raise Mistake("logits-as-writer", f"{selector.base} writes nothing: it can only end a chain")
    if not selector.ports:
        return
    if first:
        raise Mistake(
            "port-on-writer",
            f"{selector.text} starts the chain, so it writes: ports are where a component reads",
            f"write {selector.base}",
        )
    lacking = [
        port
        for port in selector.ports
        if all(port not in hop.ports_of(member.node) for member in hop.members)
    ]
    if lacking:
        kinds = {member.node.kind for member in hop.members}
        has = " and ".join(words for kind, words in _HAS.items() if kind in kinds)
        raise Mistake("no-such-port", f"{selector.base} has no port {', '.join(lacking)}: {has}")


def pair_position(source: Hop, target: Hop, *, first: bool) -> str | None:
    """The position of the edges between two neighbouring hops, or None for everywhere.

    `@POS` may stand at either end. An edge into k or v lives at a source token, another row than the one
    where the reader then writes: inside a chain the position of a hop whose written ports are k and v only
    belongs to the edge into it, not to the one out of it.

    Args:
        source: The writing hop.
        target: The reading hop.
        first: Whether `source` starts the chain.

    Raises:
        Mistake: The two ends say different positions.
    """
    ports = source.selector.ports
    limits_read_only = not first and bool(ports) and set(ports) <= {"k", "v"}
    before = None if limits_read_only else source.selector.position
    after = target.selector.position
    if before is not None and after is not None and before != after:
        raise Mistake(
            "position-conflict",
            f"{shown(source)} -> {shown(target)} is at {before} at one end and at {after} at the other: an "
            "edge lives at one position of the stream",
            "write the position once",
        )
    return after if before is None else before


def shown(hop: Hop) -> str:
    """A hop as written, with its position."""
    position = hop.selector.position
    return hop.selector.text if position is None else f"{hop.selector.text}@{position}"
