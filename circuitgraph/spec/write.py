"""Plain data as YAML that people like to read: mappings in blocks, short lists and claims in one line.

Texts are quoted only where YAML would read them as something else. Any string survives: what a quoted text
cannot show is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from circuitgraph.spec.yaml_scalars import read_plain

WIDTH = 100
LONGEST_KEY = 100
"""Longer keys are written in the explicit form (`? key`): YAML limits plain ones to 1,024 characters."""

_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./:@+*()<>=;~$^ \-]*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def to_yaml(data: Mapping[str, Any]) -> str:
    """Write a mapping of plain data (mappings, lists, texts, numbers, booleans, None)."""
    return "".join(f"{line}\n" for line in _mapping(data, 0))


def _mapping(data: Mapping[str, Any], indent: int) -> list[str]:
    pad, lines = " " * indent, list[str]()
    for key, value in data.items():
        shown = _text(key)
        head = f"{pad}{shown}:"
        if len(shown) > LONGEST_KEY:
            lines.append(f"{pad}? {shown}")
            head = f"{pad}:"
        lines.extend(_under(head, value, indent + 2, indent))
    return lines


def _under(head: str, value: Any, indent: int, list_indent: int) -> list[str]:
    """A value behind `head`: in the same line where it fits, else in a block below."""
    flow = _flow(value)
    block = isinstance(value, (Mapping, list)) and bool(cast(Any, value))
    if flow is not None and (not block or (_is_leaf(value) and len(head) + 1 + len(flow) <= WIDTH)):
        return [f"{head} {flow}"]
    if isinstance(value, Mapping):
        return [head, *_mapping(cast(Mapping[str, Any], value), indent)]
    return [head, *_list(cast("list[Any]", value), list_indent + 2)]


def _list(items: list[Any], indent: int) -> list[str]:
    pad, lines = " " * indent, list[str]()
    for item in items:
        flow = _flow(item)
        if isinstance(item, Mapping) and item:
            inner = cast(Mapping[str, Any], item)
            first, *rest = _mapping(inner, indent + 2)
            if len(inner) == 1 and flow is not None and len(pad) + len(flow) <= WIDTH:
                ((key, value),) = inner.items()
                lines.append(f"{pad}- {_text(key)}: {_flow(value)}")
            else:
                lines.extend([f"{pad}- {first.lstrip(' ')}", *rest])
        elif flow is not None:
            lines.append(f"{pad}- {flow}")
        else:
            lines.extend([f"{pad}-", *_list(cast("list[Any]", item), indent + 2)])
    return lines


def _is_leaf(value: Any) -> bool:
    """Whether a container reads well in one line: names in a list, options in a mapping, no arrows."""
    parts = (
        list(cast(Mapping[str, Any], value).values())
        if isinstance(value, Mapping)
        else cast("list[Any]", value)
    )
    return all(not isinstance(part, (Mapping, list)) and "->" not in str(part) for part in parts)


def _flow(value: Any) -> str | None:
    """A value in one line; None where a key is too long for that."""
    if isinstance(value, Mapping):
        pairs: list[str] = []
        for key, inner in cast(Mapping[str, Any], value).items():
            shown, flow = _text(key), _flow(inner)
            if len(shown) > LONGEST_KEY or flow is None:
                return None
            pairs.append(f"{shown}: {flow}")
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        items = [_flow(item) for item in cast("list[Any]", value)]
        known = [item for item in items if item is not None]
        return None if len(known) < len(items) else "[" + ", ".join(known) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _text(text: str) -> str:
    """A text, plain where it reads back as itself."""
    plain = _PLAIN.fullmatch(text) and not text.endswith((" ", ":")) and ": " not in text
    if plain and isinstance(_read(text), str):
        return text
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _read(text: str) -> Any:
    try:
        return read_plain(text)
    except OverflowError:
        return None


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    if character.isprintable() and character != "\ufeff":
        return character
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
