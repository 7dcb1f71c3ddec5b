"""The groups of a spec, and what any selector of it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.errors import quoted
from circuitgraph.names import Node
from circuitgraph.resolve.circuit import NodeGroup
from circuitgraph.resolve.positions import Positions
from circuitgraph.resolve.problems import AlreadyReported, Mistake, Problems, closest
from circuitgraph.resolve.selectors import (
    Selector,
    is_group_name,
    members,
    near_component,
    parse_selector,
    reads_as_component,
)
from circuitgraph.spec.model import Group


@dataclass(frozen=True, slots=True)
class Member:
    """A node as a selector reaches it; `at` is the write limit of the group it was reached through."""

    node: Node
    at: str | None = None


class Scope:
    """The names a spec may use: the components of its model and the groups it declares.

    Building a scope reads every group and reports what is wrong with it; a name that leads to a group
    reported as wrong raises `AlreadyReported`.
    """

    def __init__(
        self,
        declared: Mapping[str, Group],
        graph: ResidualGraph,
        positions: Positions,
        problems: Problems,
    ) -> None:
        self.graph = graph
        self.positions = positions
        self._declared = declared
        self._problems = problems
        self._order = {node: index for index, node in enumerate(graph.nodes)}
        self._read: dict[str, tuple[Member, ...] | None] = {}
        self._open: list[str] = []
        for name in declared:
            self._group(name)
        self.groups: dict[str, NodeGroup] = {
            name: NodeGroup(
                name,
                tuple(dict.fromkeys(member.node for member in found)),
                found[0].at if declared[name].at is not None else None,
                declared[name].role,
            )
            for name in declared
            if (found := self._read[name])
        }
        self.limits: dict[Node, tuple[str, ...]] = self._node_limits()

    def read(self, text: str) -> Selector:
        """Parse one name, with its position checked and canonical.

        Raises:
            Mistake: It is no name, or its position is unknown.
        """
        try:
            selector = parse_selector(text)
        except Mistake as mistake:
            near = near_component(text.strip(), self.graph) if mistake.code == "bad-name" else None
            if near is None:
                raise
            raise Mistake(mistake.code, mistake.message, f"did you mean {near}?") from None
        if selector.position is None:
            return selector
        return replace(selector, position=self.positions.read(selector.position))

    def members(self, selector: Selector) -> tuple[Member, ...]:
        """The nodes a selector stands for, in causal order; one entry for each place a node is limited to.

        Raises:
            Mistake: It names nothing that exists.
            AlreadyReported: It leads to a group that is itself wrong.
        """
        if selector.kind != "group":
            return tuple(Member(node) for node in members(selector, self.graph))
        if selector.base not in self._declared:
            near = near_component(selector.base, self.graph) or closest(
                selector.base, [*self._declared, "embed", "logits"]
            )
            raise Mistake(
                "unknown-name",
                f"unknown name {quoted(selector.base)}: {self._available()}",
                f"did you mean {near}?" if near else None,
            )
        found = self._group(selector.base)
        if found is None:
            raise AlreadyReported(selector.base)
        return found

    def _available(self) -> str:
        graph = self.graph
        heads = f"a0.h0..a{graph.layers - 1}.h{graph.heads - 1}"
        mlps = f", m0..m{graph.layers - 1}" if graph.has_mlp else ""
        names = list(self._declared)
        groups = f"the groups {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}" if names else ""
        return f"{graph.name} has {heads}{mlps}, embed and logits" + (
            f"; nodes declares {groups}" if groups else "; no group is declared under nodes"
        )

    def _group(self, name: str) -> tuple[Member, ...] | None:
        """Members of a declared group, or None where it was reported as wrong."""
        if name in self._read:
            return self._read[name]
        where, group = ("nodes", name), self._declared[name]
        before = len(self._problems.found)
        if name in self._open:
            chain = " -> ".join([*self._open[self._open.index(name) :], name])
            raise Mistake("group-cycle", f"group {name} holds itself: {chain}")
        if kind := reads_as_component(name):
            reserved = Mistake(
                "reserved-name", f"a group cannot be called {quoted(name)}: that reads as {kind}"
            )
            self._problems.add(where, reserved, key=True)
        elif not is_group_name(name):
            allowed = "use letters, digits, _ and -, starting with a letter or _"
            self._problems.add(
                where, Mistake("bad-group-name", f"{quoted(name)} is no group name: {allowed}"), key=True
            )
        self._open.append(name)
        found = self._members_of(name, group)
        self._open.pop()
        at = None
        if group.at is not None:
            try:
                at = self.positions.read(group.at)
            except Mistake as mistake:
                self._problems.add((*where, "at"), mistake)
        if at is not None and found is not None:
            found = self._limit(name, found, at)
        wrong = found is None or len(self._problems.found) > before
        self._read[name] = None if wrong else found
        return self._read[name]

    def _members_of(self, name: str, group: Group) -> tuple[Member, ...] | None:
        found: dict[Member, None] = {}
        wrong = False
        for index, text in enumerate(group.members):
            where = ("nodes", name, "members", index)
            try:
                found.update(dict.fromkeys(self._member(text)))
            except Mistake as mistake:
                self._problems.add(where, mistake)
                wrong = True
            except AlreadyReported:
                wrong = True
        if wrong:
            return None
        return tuple(sorted(found, key=lambda member: (self._order[member.node], member.at or "")))

    def _member(self, text: str) -> tuple[Member, ...]:
        selector = self.read(text)
        if selector.ports:
            raise Mistake(
                "port-in-group",
                f"{selector.text}: a group holds components, not ports",
                f"write {selector.base}",
            )
        if selector.position is not None:
            raise Mistake(
                "position-in-group",
                f"{text.strip()}: a member of a group takes no position",
                f"limit the group: {{members: [{selector.text}], at: {selector.position}}}",
            )
        if selector.kind in ("embed", "logits"):
            raise Mistake(
                f"{selector.kind}-in-group",
                f"{selector.text} cannot be in a group: groups hold heads, MLPs and other groups",
            )
        return self.members(selector)

    def _limit(self, name: str, found: tuple[Member, ...], at: str) -> tuple[Member, ...] | None:
        for member in found:
            if member.at not in (None, at):
                self._problems.add(
                    ("nodes", name, "at"),
                    Mistake(
                        "position-conflict",
                        f"group {name} is at {at}, but its member {member.node} is limited to {member.at} by "
                        "a group inside it",
                    ),
                )
                return None
        return tuple(dict.fromkeys(Member(member.node, at) for member in found))

    def _node_limits(self) -> dict[Node, tuple[str, ...]]:
        """Where each limited node writes: the `at` of every group that holds it."""
        limits: dict[Node, set[str]] = {}
        for found in self._read.values():
            for member in found or ():
                if member.at is not None:
                    limits.setdefault(member.node, set()).add(member.at)
        return {node: tuple(sorted(places)) for node, places in limits.items()}
