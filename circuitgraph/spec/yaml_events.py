"""ruamel.yaml's parser behind types of our own: a stream of events, or a complaint in plain words."""

# ruamel.yaml's events and marks carry no types; this module is the only one that touches them.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from circuitgraph.spec.yaml_syntax import in_words

EventKind = Literal["document", "alias", "scalar", "list", "mapping", "end"]

_KINDS: dict[type, EventKind] = {
    DocumentStartEvent: "document",
    AliasEvent: "alias",
    ScalarEvent: "scalar",
    SequenceStartEvent: "list",
    MappingStartEvent: "mapping",
    SequenceEndEvent: "end",
    MappingEndEvent: "end",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One step of reading YAML.

    Attributes:
        kind: A document, list or mapping begins; a scalar; an alias; a list or mapping ends.
        place: Line and column, from 1.
        index: Character of the text.
        anchor: Name of the anchor, or of what an alias repeats.
        tag: Explicit tag.
        text: Text of a scalar.
        plain: Whether a scalar is written without quotes.
        version: Of a document's `%YAML` directive.
    """

    kind: EventKind
    place: tuple[int, int]
    index: int
    anchor: str | None = None
    tag: str | None = None
    text: str = ""
    plain: bool = False
    version: tuple[int, ...] | None = None


class SyntaxTrouble(Exception):
    """The text is not YAML."""

    def __init__(self, message: str, place: tuple[int, int], hint: str | None) -> None:
        """Say what, where (from 1) and how to mend it."""
        super().__init__(message)
        self.message, self.place, self.hint = message, place, hint


def events(text: str) -> Iterator[Event]:
    """The events of a YAML text, read as they are asked for.

    Raises:
        SyntaxTrouble: The text is not YAML.
    """
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            kind = _KINDS.get(type(event))
            if kind is not None:
                yield _event(kind, event)
    except MarkedYAMLError as error:
        opened = None if error.context_mark is None else _place(error.context_mark)
        place = opened or (1, 1) if error.problem_mark is None else _place(error.problem_mark)
        said = in_words(str(error.problem or "unreadable"), str(error.context or ""), opened)
        raise SyntaxTrouble(
            said.message, opened if said.at_opening and opened else place, said.hint
        ) from None
    except (YAMLError, ValueError) as error:
        raise SyntaxTrouble(
            f"the YAML cannot be read: {' '.join(str(error).split())}", (1, 1), None
        ) from None


def _event(kind: EventKind, event: object) -> Event:
    mark = getattr(event, "start_mark")  # noqa: B009 (untyped)
    version = getattr(event, "version", None)
    anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
    return Event(
        kind,
        _place(mark),
        int(mark.index),
        None if anchor is None else str(anchor),
        None if tag is None else str(tag),
        str(getattr(event, "value", "")),
        kind == "scalar" and getattr(event, "style", None) is None,
        None if version is None else tuple(int(part) for part in version),
    )


def _place(mark: object) -> tuple[int, int]:
    return int(getattr(mark, "line", 0)) + 1, int(getattr(mark, "column", 0)) + 1
