"""A spec file as text, plain data and places: where every key, item and value is written.

`where` always names a place in the *normalised* spec (`nodes.<group>.members[2]`, `claims[3].effect.of`). The
document finds the spot in the file whichever short form the author used, and prints the path as it was
written (`nodes.<group>[2]`).
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Any

from circuitgraph.errors import Problem, SpecError
from circuitgraph.spec.yaml_marks import Entry, Node, Place, Unreadable, Where, read_tree, written

MAX_BYTES = 1_000_000
"""Largest spec file."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IGNORED = "x-"


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A spec file that could be read as YAML.

    Attributes:
        text: The file's content, without a byte order mark.
        file: What messages call the file, None for text from elsewhere.
        data: The top-level mapping as plain Python, without its `x-` keys. Read-only: aliases share parts.
        root: The tree of marks.
        problems: What is wrong with the YAML itself: duplicate keys, tags, keys that are no text.
    """

    text: str
    file: str | None
    data: dict[str, Any]
    root: Entry
    problems: tuple[Problem, ...] = ()

    @staticmethod
    def read(content: str | bytes, file: str | None = None) -> Document:
        """Read a spec file's content.

        Args:
            content: The text, or the file's bytes (UTF-8, with or without a byte order mark).
            file: What messages call the file.

        Raises:
            SpecError: Not UTF-8, too large, no YAML, no mapping, empty, several documents, too many nodes.
        """
        text = _decoded(content, file)
        try:
            root, problems = read_tree(text, file)
        except Unreadable as error:
            raise SpecError(error.problems) from None
        if root is None or root.node.data is None:
            raise SpecError(
                [*problems, Problem("empty-file", "the spec is empty", file=file, line=1, column=1)]
            )
        if root.node.kind != "mapping":
            kind = "a list" if root.node.kind == "list" else "a single value"
            message = f"a spec is a mapping (circuitgraph: 1, name: ..., ...), this file is {kind}"
            hint = 'put a space behind the ":"' if ":" in root.node.text else None
            raise SpecError([*problems, Problem("no-mapping", message, "", file, *root.place, hint)])
        data = {key: value for key, value in root.node.data.items() if not key.startswith(_IGNORED)}
        return Document(text, file, data, root, tuple(problems))

    def place(self, where: Where, *, key: bool = False) -> Place:
        """Line and column (from 1) of the value at `where`, or of its key.

        A path that leads to nothing in the file gives the innermost part that does exist: the mapping that
        lacks a key, the text that stands for a list.
        """
        entry, _ = self._find(where)
        return entry.key if key and entry.key is not None else entry.place

    def written(self, where: Where) -> str:
        """The path as the author wrote it: nodes.induction[2] for nodes.induction.members[2]."""
        return written(self._find(where)[1])

    def source(self, where: Where) -> str | None:
        """The text of the scalar at `where` as written (5.10, not 5.1); None for lists and mappings."""
        node = self._find(where)[0].node
        return node.text if node.kind == "scalar" else None

    def problem(
        self, where: Where, code: str, message: str, hint: str | None = None, key: bool = False
    ) -> Problem:
        """A problem with the value (or the key) at `where`."""
        return Problem(code, message, self.written(where), self.file, *self.place(where, key=key), hint)

    def _find(self, where: Where) -> tuple[Entry, Where]:
        entry, path = self.root, list[str | int]()
        for part in where:
            step = _step(entry.node, part)
            if step is None and len(path) == 2 and path[0] == "claims" and len(entry.node.entries) == 1:
                ((kind, body),) = entry.node.entries.items()
                step = _step(body.node, part)
                if step is not None:
                    path.append(kind)
            if step is not None:
                entry = step
                path.append(part)
            elif entry.node.kind == "mapping":
                break
        return entry, tuple(path)


def problem_at(
    document: Document | None,
    where: Where,
    code: str,
    message: str,
    hint: str | None = None,
    key: bool = False,
) -> Problem:
    """A problem at `where` of a spec, with its line where the spec came from a file."""
    if document is not None:
        return document.problem(where, code, message, hint, key)
    shown = where
    if len(where) > 3 and where[0] == "nodes" and where[2] == "members":
        shown = (*where[:2], *where[3:])
    return Problem(code, message, written(shown), hint=hint)


def _step(node: Node, part: str | int) -> Entry | None:
    """The child `part` of a node; None where it has none (also where a short form leaves the level out)."""
    if isinstance(part, str):
        return node.entries.get(part)
    return node.items[part] if node.kind == "list" and 0 <= part < len(node.items) else None


def _decoded(content: str | bytes, file: str | None) -> str:
    def refuse(code: str, message: str, line: int = 1, column: int = 1, hint: str | None = None) -> SpecError:
        return SpecError(Problem(code, message, "", file, line, column, hint))

    if len(content) > MAX_BYTES:
        raise refuse("too-large", "the file is larger than 1 MB: a spec has to be smaller")
    if isinstance(content, str):
        text = content.removeprefix("\ufeff")
    else:
        if content.startswith(_UTF16) or b"\x00" in content[:4]:
            raise refuse("encoding", "the file is UTF-16 or UTF-32: a spec is UTF-8", hint="save it as UTF-8")
        content = content.removeprefix(codecs.BOM_UTF8)
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            before = content[: error.start].decode("utf-8")
            line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
            byte = f"0x{content[error.start]:02x}"
            said = f"the byte {byte} is not UTF-8: a spec is UTF-8"
            raise refuse("encoding", said, line, column, "save it as UTF-8") from None
    if found := _UNPRINTABLE.search(text):
        before = text[: found.start()]
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        said = f"the character U+{ord(found[0]):04X} is not allowed in YAML"
        raise refuse("character", said, line, column)
    return text
