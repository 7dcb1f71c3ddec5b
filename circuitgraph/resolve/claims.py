"""The names in claims: what `effect` and `no_effect` act on, whose attention `attends` reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from circuitgraph.errors import quoted
from circuitgraph.names import EMBED, LOGITS, Edge, Node
from circuitgraph.resolve.arrows import read_chain, shown, split_chain
from circuitgraph.resolve.circuit import Origin, ResolvedClaim, Where, causal_order
from circuitgraph.resolve.edges import expand_pair
from circuitgraph.resolve.groups import Scope
from circuitgraph.resolve.problems import AlreadyReported, Mistake, Problems, plural
from circuitgraph.spec.model import Attends, Claim, Effect, Minimal, NoEffect


def resolve_claim(claim: Claim, where: Where, scope: Scope, problems: Problems) -> ResolvedClaim:
    """Make the names of one claim concrete; report what is wrong with them.

    Args:
        claim: The claim as written.
        where: Its list item, ("claims", 3).
        scope: The model and the groups.
        problems: Where problems go; the result is not to be used if there are any.
    """
    inside = (*where, claim.kind)
    if isinstance(claim, (Effect, NoEffect)):
        edges = _effect_edges(claim.of, (*inside, "of"), scope, problems)
        return ResolvedClaim(claim, Origin(where, f"{claim.kind} {claim.of.strip()}"), edges=edges)
    if isinstance(claim, Attends):
        return ResolvedClaim(
            claim,
            Origin(where, f"{claim.kind} {', '.join(name.strip() for name in claim.heads)}"),
            heads=_heads(claim.heads, (*inside, "heads"), scope, problems),
            query=_position(claim.from_, (*inside, "from"), scope, problems),
            key=_position(claim.to, (*inside, "to"), scope, problems),
        )
    return ResolvedClaim(claim, Origin(where, claim.kind))


def check_parts(claims: Iterable[ResolvedClaim], edges: Sequence[Edge], problems: Problems) -> None:
    """Report `minimal` claims per node about circuits without a head or an MLP: there is nothing to take out."""
    components = {node for edge in edges for node in (edge.source, edge.target.node)} - {EMBED, LOGITS}
    for resolved in claims:
        claim = resolved.claim
        if isinstance(claim, Minimal) and claim.per == "node" and edges and not components:
            message = "the circuit has no head and no MLP to take out"
            problems.add(
                (*resolved.origin.where, "minimal"), Mistake("nothing-to-take-out", message, "use per: edge")
            )


def _effect_edges(text: str, where: Where, scope: Scope, problems: Problems) -> tuple[Edge, ...]:
    def report(mistake: Mistake) -> None:
        problems.add(where, mistake)

    try:
        if "->" not in text and "→" not in text:
            return causal_order(scope.graph, _edges_out_of(text, scope))
        texts = split_chain(text)
        if len(texts) > 2:
            raise Mistake(
                "not-an-edge",
                f"{quoted(text.strip())} is a chain of {len(texts)} names: a claim is about one edge, node "
                "or group",
                "give each edge a claim of its own",
            )
        hops = read_chain(texts, scope, report)
        if hops is None:
            return ()
        source, target = hops
        expansion = expand_pair(source, target, scope, first=True, limits=False)
    except Mistake as mistake:
        report(mistake)
        return ()
    except AlreadyReported:
        return ()
    if expansion.dropped:
        problems.note(
            where,
            f"{plural(expansion.dropped, 'pair')} of {shown(source)} -> {shown(target)} cannot be edges and "
            "are left out",
        )
    return causal_order(scope.graph, expansion.edges)


def _edges_out_of(text: str, scope: Scope) -> list[Edge]:
    """Every edge of the model out of the members of a node or group.

    Raises:
        Mistake: It is no writer, or has a port.
        AlreadyReported: It leads to a group that is itself wrong.
    """
    selector = scope.read(text)
    if selector.kind == "logits":
        raise Mistake("logits-as-writer", "logits writes nothing, so it has no effect of its own")
    if selector.ports:
        raise Mistake(
            "port-on-writer",
            f"{selector.text}: the effect of a node is that of what it writes, and ports are where it reads",
            f"write {selector.base}, or name the edge: embed -> {selector.text}",
        )
    edges: list[Edge] = []
    for member in scope.members(selector):
        if selector.position is not None and member.at not in (None, selector.position):
            raise Mistake(
                "position-conflict",
                f"{selector.base} is limited to {member.at}: it has no effect at {selector.position}",
                f"write {selector.base}, or name its members",
            )
        place = selector.position or member.at
        edges.extend(
            Edge(member.node, port, place)
            for port in scope.graph.ports
            if scope.graph.allows(member.node, port)
        )
    return edges


def _heads(written: list[str], where: Where, scope: Scope, problems: Problems) -> tuple[Node, ...]:
    found: set[Node] = set()
    for index, text in enumerate(written):
        try:
            found.update(_heads_of(text, scope))
        except Mistake as mistake:
            problems.add((*where, index), mistake)
        except AlreadyReported:
            continue
    return tuple(node for node in scope.graph.writers if node in found)


def _heads_of(text: str, scope: Scope) -> list[Node]:
    """The heads one name stands for.

    Raises:
        Mistake: It stands for anything else, or has a port or a position.
        AlreadyReported: It leads to a group that is itself wrong.
    """
    selector = scope.read(text)
    if selector.ports:
        message = f"{selector.text}: attention belongs to a head, not to its ports"
        raise Mistake("not-a-head", message, f"write {selector.base}")
    if selector.position is not None:
        message = f"{text.strip()}: the positions of attention go under from and to"
        raise Mistake("not-a-head", message, f"write {selector.base}")
    nodes = [member.node for member in scope.members(selector)]
    others = list(dict.fromkeys(str(node) for node in nodes if node.kind != "head"))
    if others:
        listed = ", ".join(others[:4]) + (", ..." if len(others) > 4 else "")
        holds = f" holds {listed}" if selector.kind == "group" else " is no head"
        raise Mistake("not-a-head", f"{selector.base}{holds}: only heads attend")
    return nodes


def _position(text: str, where: Where, scope: Scope, problems: Problems) -> str | None:
    try:
        return scope.positions.read(text)
    except Mistake as mistake:
        problems.add(where, mistake)
        return None
