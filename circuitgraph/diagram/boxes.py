"""Declared groups as boxes on a page: boxes nest or lie apart, they never overlap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from circuitgraph.diagram.picture import Box
from circuitgraph.diagram.text import plain


def boxes_and_tags(
    groups: Iterable[Mapping[str, Any]], drawn: set[str]
) -> tuple[tuple[Box, ...], dict[str, tuple[str, ...]]]:
    """Boxes that nest or are apart, largest outside; a group that would cut a box is a tag on its members."""
    boxes: list[tuple[Box, frozenset[str]]] = []
    tags: dict[str, tuple[str, ...]] = {}
    declared = [
        (index, group, frozenset(map(str, group.get("members") or ())) & drawn)
        for index, group in enumerate(groups)
    ]
    for index, group, members in sorted(declared, key=lambda item: (-len(item[2]), item[0])):
        if not members:
            continue
        name = plain(group.get("name") or "group", 48)
        nests = all(members < other or not members & other for _, other in boxes)
        if nests:
            boxes.append((Box(name, index, tuple(_caption(name, group)), tuple(sorted(members))), members))
        else:
            for member in members:
                tags[member] = (*tags.get(member, ()), name)
    return _nested(boxes), tags


def _nested(boxes: list[tuple[Box, frozenset[str]]]) -> tuple[Box, ...]:
    """Boxes put inside the smallest box that holds them; `boxes` are sorted from large to small."""
    top: list[Box] = []
    rest = list(boxes)
    while rest:
        box, members = rest.pop(0)
        inside = [pair for pair in rest if pair[1] < members]
        rest = [pair for pair in rest if not pair[1] < members]
        top.append(replace(box, inner=_nested(inside)))
    return tuple(sorted(top, key=lambda box: box.index))


def _caption(name: str, group: Mapping[str, Any]) -> Iterable[str]:
    at = group.get("at")
    yield name if at is None else f"{name} @{plain(at, 24)}"
    if group.get("role"):
        yield plain(group["role"], 90)
