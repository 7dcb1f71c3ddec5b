"""YAML text as a tree that knows the line and column of every key, item and value.

Built from the parser's events rather than from loaded data, so that aliases, merge keys and short forms all
keep their places, and so that nothing is ever constructed that the file's author chose. What an alias repeats
is counted before it is built: a billion laughs costs as little as a small file.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

from circuitgraph.errors import Problem, quoted
from circuitgraph.spec.yaml_events import Event, SyntaxTrouble, events
from circuitgraph.spec.yaml_scalars import read_plain

Place = tuple[int, int]
"""Line and column, both from 1; columns count characters."""

Where = tuple[str | int, ...]

MAX_NODES = 10_000
MAX_DEPTH = 64

_ANCHOR = re.compile(r"&[^\s,\[\]{}]+\s+")
_TAG = re.compile(r"!\S*")
_BARE_KEY = re.compile(r"[\w-]+")


@dataclass(slots=True, eq=False)
class Node:
    """A value of the file.

    Attributes:
        kind: scalar, list or mapping.
        place: Where it is written (behind its anchor).
        data: The value as plain Python. Aliased parts are shared, so treat it as read-only.
        text: A scalar's text, without quotes.
        items: Items of a list.
        entries: Values of a mapping, merged keys included.
        size: Number of nodes, keys included, after aliases are expanded.
        depth: Levels of nesting, 1 for a scalar.
    """

    kind: Literal["scalar", "list", "mapping"]
    place: Place
    data: Any = None
    text: str = ""
    items: list[Entry] = field(default_factory=list["Entry"])
    entries: dict[str, Entry] = field(default_factory=dict[str, "Entry"])
    size: int = 1
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A node where it is used: the place of an alias is the alias, not what it repeats."""

    node: Node
    place: Place
    key: Place | None = None


class Unreadable(Exception):
    """The text is no YAML a spec may be written in; `problems` say why."""

    def __init__(self, problems: list[Problem]) -> None:
        """Keep the problems found until reading became impossible, that one included."""
        super().__init__(str(problems[-1]))
        self.problems = problems


def visible(text: str) -> str:
    """The text with everything unprintable escaped: what a file holds must not steer a terminal."""
    return "".join(part if part.isprintable() else part.encode("unicode_escape").decode() for part in text)


def written(where: Where) -> str:
    """A path as people read it: nodes.induction[2]."""
    text = ""
    for part in where:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _BARE_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{quoted(visible(part))}]"
    return text


def read_tree(text: str, file: str | None = None) -> tuple[Entry | None, list[Problem]]:
    """The tree of a YAML text and what is wrong with it short of being unreadable.

    Args:
        text: The file's content, without a byte order mark.
        file: What messages call the file.

    Returns:
        The root, None for an empty file, and the problems: duplicate keys, tags, keys that are no text.

    Raises:
        Unreadable: Syntax errors, several documents, too many nodes, aliases that hold themselves.
    """
    return _Builder(text, file).read()


@dataclass(slots=True)
class _Frame:
    """A list or mapping that is being read."""

    node: Node
    anchor: str | None
    place: Place
    key: tuple[str, Place] | None = None
    awaits_key: bool = True
    merges: list[Node] = field(default_factory=list["Node"])
    merging: bool = False
    ignored: bool = False


class _Builder:
    def __init__(self, text: str, file: str | None) -> None:
        self.text, self.file = text, file
        self.problems: list[Problem] = []
        self.anchors: dict[str, Node] = {}
        self.stack: list[_Frame] = []
        self.root: Entry | None = None
        self.documents = 0
        self.total = 0
        self._lines = [0, *(found.end() for found in re.finditer(r"\r\n|[\n\r\x85\u2028\u2029]", text))]

    def read(self) -> tuple[Entry | None, list[Problem]]:
        take = {
            "document": self._document,
            "alias": self._alias,
            "scalar": self._scalar,
            "list": self._open,
            "mapping": self._open,
            "end": self._close,
        }
        try:
            for event in events(self.text):
                take[event.kind](event)
        except SyntaxTrouble as trouble:
            self._stop("yaml-syntax", trouble.message, trouble.place, trouble.hint)
        return self.root, self.problems

    def _document(self, event: Event) -> None:
        self.documents += 1
        if self.documents > 1:
            said = "a spec is one YAML document: a second one starts here"
            self._stop("several-documents", said, event.place)
        if event.version is not None and event.version != (1, 2):
            version = ".".join(str(part) for part in event.version)
            self._stop("yaml-version", f"a spec is YAML 1.2, the file says YAML {version}", (1, 1))

    def _alias(self, event: Event) -> None:
        name = str(event.anchor)
        shown = quoted(f"*{name}")
        if any(frame.anchor == name for frame in self.stack):
            self._stop("recursive-alias", f"the alias {shown} holds itself", event.place)
        node = self.anchors.get(name)
        if node is None:
            hint = f"quote a text that starts with *: {shown}"
            self._stop("unknown-alias", f"the alias {shown} has no anchor above it", event.place, hint)
        self._count(node.size, event.place)
        self._put(Entry(node, event.place))

    def _scalar(self, event: Event) -> None:
        place = self._place(event)
        self._count(1, place)
        node = Node("scalar", place, event.text, event.text)
        plain = event.plain and event.tag is None
        if plain:
            try:
                node.data = read_plain(node.text)
            except OverflowError:
                self._add("number-too-long", f"the number {quoted(node.text)} is too long", place)
                node.data = 0
        self._tagged(event, place)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        self._put(Entry(node, place), merge_key=plain and node.text == "<<")

    def _open(self, event: Event) -> None:
        place = self._place(event)
        self._count(1, place)
        if len(self.stack) >= MAX_DEPTH:
            self._stop("too-deep", f"nested more than {MAX_DEPTH} levels deep", place)
        self._tagged(event, place)
        node = Node("list", place, []) if event.kind == "list" else Node("mapping", place, {})
        self.stack.append(_Frame(node, event.anchor, place))

    def _close(self, _: Event) -> None:
        frame = self.stack.pop()
        for merged in frame.merges:
            for key, entry in merged.entries.items():
                if key not in frame.node.entries:
                    frame.node.entries[key] = entry
                    frame.node.data[key] = entry.node.data
        if frame.anchor is not None:
            self.anchors[frame.anchor] = frame.node
        self._put(Entry(frame.node, frame.place))

    def _put(self, entry: Entry, *, merge_key: bool = False) -> None:
        if not self.stack:
            self.root = entry
            return
        frame = self.stack[-1]
        node, child = frame.node, entry.node
        node.size += child.size
        node.depth = max(node.depth, child.depth + 1)
        if node.depth + len(self.stack) > MAX_DEPTH:
            self._stop("too-deep", f"nested more than {MAX_DEPTH} levels deep", entry.place)
        if node.kind == "list":
            node.items.append(entry)
            node.data.append(child.data)
        elif frame.awaits_key:
            self._key(frame, entry, merge_key)
        else:
            self._value(frame, entry)

    def _key(self, frame: _Frame, entry: Entry, merge_key: bool) -> None:
        frame.awaits_key, frame.key = False, None
        frame.merging, frame.ignored = merge_key, False
        if merge_key:
            return
        key = entry.node.data
        if entry.node.kind != "scalar":
            self._stop("key-type", "a key must be text, not a list or a mapping", entry.place)
        if not isinstance(key, str):
            text = entry.node.text
            said, hint = (f"got {quoted(text)}", "quote it") if text else ("got nothing", None)
            self._add("key-type", f"a key must be text, {said}", entry.place, hint)
            key, frame.ignored = text, True
        elif (first := frame.node.entries.get(key)) is not None and first.key is not None:
            said = f"duplicate key {quoted(key)}: it is first written in line {first.key[0]}"
            self._add("duplicate-key", said, entry.place, inner=(key,))
            frame.ignored = True
        frame.key = (key, entry.place)

    def _value(self, frame: _Frame, entry: Entry) -> None:
        frame.awaits_key = True
        if frame.merging:
            one = entry.node
            sources = [one] if one.kind == "mapping" else [item.node for item in one.items]
            if not sources or any(source.kind != "mapping" for source in sources):
                self._add("merge-key", "<< takes a mapping (*name) or a list of mappings", entry.place)
            else:
                frame.merges.extend(sources)
            return
        if frame.key is None or frame.ignored:
            return
        key, place = frame.key
        # The parser places a missing value at whatever comes next: its key is where to look.
        empty = entry.node.kind == "scalar" and not entry.node.text and entry.node.data is None
        frame.node.entries[key] = Entry(entry.node, place if empty else entry.place, place)
        frame.node.data[key] = entry.node.data

    def _tagged(self, event: Event, place: Place) -> None:
        if event.tag is None:
            return
        found = _TAG.search(self.text, event.index)
        tag = found[0] if found else event.tag
        self._add("tag", f"the tag {quoted(tag)} is refused: a spec holds plain values only", place)

    def _count(self, nodes: int, place: Place) -> None:
        self.total += nodes
        if self.total > MAX_NODES:
            said = f"more than {MAX_NODES:,} values and keys once aliases are expanded"
            self._stop("too-many-nodes", said, place)

    def _place(self, event: Event) -> Place:
        """Where the value itself begins, behind its anchor."""
        anchor = None if event.anchor is None else _ANCHOR.match(self.text, event.index)
        if anchor is None:
            return event.place
        line = bisect_right(self._lines, anchor.end())
        return line, anchor.end() - self._lines[line - 1] + 1

    def _where(self) -> Where:
        found: list[str | int] = []
        for frame in self.stack:
            if frame.node.kind == "list":
                found.append(len(frame.node.items))
            elif not frame.awaits_key and frame.key is not None:
                found.append(frame.key[0])
        return tuple(found)

    def _add(self, code: str, message: str, place: Place, hint: str | None = None, inner: Where = ()) -> None:
        where = written((*self._where(), *inner))
        self.problems.append(Problem(code, message, where, self.file, *place, hint))

    def _stop(self, code: str, message: str, place: Place, hint: str | None = None) -> NoReturn:
        raise Unreadable([*self.problems, Problem(code, message, "", self.file, *place, hint)])
