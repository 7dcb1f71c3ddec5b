"""From a graph to what its diagram shows: which edges, whose effects, with which chips and marks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import networkx as nx

from circuitgraph.diagram import palette
from circuitgraph.diagram.boxes import boxes_and_tags
from circuitgraph.diagram.picture import Chip, DrawnEdge, DrawnNode, Picture, Rank
from circuitgraph.diagram.text import decimals_for, number, plain, sign_shown
from circuitgraph.errors import InputError, Problem

METHOD_ORDER = ("exact", "eap_ig", "eap_ig_left", "eap")
PORT_ORDER = {"q": 0, "k": 1, "v": 2, "in": 3}

LABELLED_EDGES = 20
"""Up to this many edges each prints its effect; above it only verdicts are printed."""
FADED_BELOW = 0.08
"""In a crowded diagram, edges below this share of the largest effect are faded."""
DRAWN_EDGES = 400
"""More lines than this are unreadable and slow to lay out: the strongest are drawn and the title says so."""


def compose(
    graph: nx.MultiDiGraph,
    *,
    method: str | None = None,
    only_circuit: bool = True,
    min_effect: float | None = None,
) -> Picture:
    """Decide what a diagram of `graph` shows.

    Args:
        graph: A circuit's graph as `circuitgraph.report.graph` makes it, measured or not.
        method: Whose effects give width and sign ("exact", "eap", "eap-ig"); the best measured one if None.
        only_circuit: Leave out edges that are not in the circuit, unless a claim names them.
        min_effect: Leave out edges whose |effect| is measured and smaller, unless a claim names them.

    Raises:
        InputError: `method` was not measured, or `min_effect` is no finite number >= 0.
    """
    _check_minimum(min_effect)
    chosen = _method(graph, method)
    every = sorted(graph.edges(keys=True, data=True), key=lambda e: _edge_order(graph, e))
    wanted = [e for e in every if e[3].get("in_circuit", True) or _claimed(e[3]) or not only_circuit]
    strong = [e for e in wanted if _strong_enough(e[3], chosen, min_effect)]
    effects = [abs(x) for e in strong if (x := effect_of(e[3], chosen)) is not None]
    largest = max(effects, default=0.0)
    decimals = decimals_for(largest)
    crowded = len(strong) > LABELLED_EDGES

    lines = [_line(e, chosen, largest, decimals, crowded, _unit(graph)) for e in strong]
    if crowded:
        lines = _merged(lines)
    notes: list[str] = []
    if len(strong) < len(wanted):
        least = number(min_effect or 0.0, decimals)
        notes.append(f"{len(wanted) - len(strong)} edges with |effect| < {least} not drawn")
    if len(lines) > DRAWN_EDGES:
        notes.append(f"only the {DRAWN_EDGES} strongest of {len(lines)} lines drawn")
        lines = _strongest(lines, DRAWN_EDGES)

    nodes = _nodes(graph, lines, only_circuit)
    names = {dot.name for dot in nodes}
    boxes, tags = boxes_and_tags(graph.graph.get("groups") or (), names)
    return Picture(
        title=plain(graph.graph.get("name") or "circuit", 90),
        about=plain(graph.graph.get("about") or "", 400),
        facts=_facts(graph, decimals),
        verdicts=_verdicts(graph.graph.get("verdicts")),
        notes=tuple(notes),
        nodes=tuple(replace(dot, tags=tags.get(dot.name, ())) for dot in nodes),
        edges=tuple(lines),
        boxes=boxes,
        method=chosen,
        unit=_unit(graph),
        largest=largest,
        crowded=crowded,
    )


def effect_of(data: Mapping[str, Any], method: str | None) -> float | None:
    """The edge's effect by `method`, None where not measured or not finite."""
    value = None if method is None else data.get(method)
    if value is None or not math.isfinite(float(value)):
        return None
    return float(value)


def _check_minimum(min_effect: float | None) -> None:
    if min_effect is not None and not (math.isfinite(min_effect) and min_effect >= 0):
        raise InputError(
            Problem(
                "bad-minimum", f"min_effect is {min_effect}: a finite number >= 0 is needed", "min_effect"
            )
        )


def _method(graph: nx.MultiDiGraph, asked: str | None) -> str | None:
    """Attribute name of the method drawn; methods are "eap-ig" to people and `eap_ig` as attributes."""
    listed = [str(name).replace("-", "_") for name in graph.graph.get("methods") or ()]
    known = dict.fromkeys([*METHOD_ORDER, *listed])
    measured = [m for m in known if any(m in data for *_, data in graph.edges(data=True))]
    if asked is None:
        return measured[0] if measured else None
    name = asked.replace("-", "_")
    if name not in measured:
        has = (
            ", ".join(m.replace("_", "-") for m in measured) or "no effects at all: run validate or attribute"
        )
        raise InputError(
            Problem(
                "no-such-method", f'method "{plain(asked)}" was not measured: the graph has {has}', "method"
            )
        )
    return name


def _unit(graph: nx.MultiDiGraph) -> str:
    return plain(graph.graph.get("unit") or "", 24)


def rank_of(data: Mapping[str, Any]) -> Rank:
    """The horizontal line a node sits on: embed, then per layer attention and MLP, then logits."""
    kind = str(data.get("kind", "head"))
    if kind in ("embed", "logits"):
        return (0 if kind == "embed" else 2, -1, kind)
    layer = data.get("layer")
    return (1, int(layer) if layer is not None else -1, "mlp" if kind == "mlp" else "attention")


def _node_order(name: str, data: Mapping[str, Any]) -> tuple[Rank, int, str]:
    head = data.get("head")
    return (rank_of(data), int(head) if head is not None else -1, name)


def _edge_order(graph: nx.MultiDiGraph, edge: tuple[Any, ...]) -> tuple[Any, ...]:
    source, target, key, data = edge
    port = PORT_ORDER.get(str(data.get("port", key)), 9)
    nodes = graph.nodes
    return (_node_order(target, nodes[target]), port, _node_order(source, nodes[source]), str(key))


def _strong_enough(data: Mapping[str, Any], method: str | None, minimum: float | None) -> bool:
    effect = effect_of(data, method)
    return minimum is None or effect is None or abs(effect) >= minimum or _claimed(data)


def _claimed(data: Mapping[str, Any]) -> bool:
    """Whether a claim names the edge; one about several edges need not give each a verdict."""
    return bool(data.get("verdict") or data.get("claims"))


def _line(
    edge: tuple[Any, ...], method: str | None, largest: float, decimals: int, crowded: bool, unit: str
) -> DrawnEdge:
    source, target, key, data = edge
    effect = effect_of(data, method)
    share = abs(effect) / largest if effect is not None and largest > 0 else 0.0
    verdict = data.get("verdict")
    mark = palette.VERDICT_MARK.get(str(verdict), "") if verdict else ""
    figure = "" if effect is None or crowded else number(effect, decimals, signed=True)
    return DrawnEdge(
        source=str(source),
        target=str(target),
        keys=(str(key),),
        port=str(data.get("port", key)),
        position=None if data.get("position") is None else str(data["position"]),
        effect=effect,
        share=share,
        sign=0 if effect is None else sign_shown(effect, decimals),
        verdict=str(verdict) if verdict else None,
        in_circuit=bool(data.get("in_circuit", True)),
        mark=mark,
        figure=figure,
        faded=crowded and method is not None and not verdict and share < FADED_BELOW,
        tooltip=tuple(_tooltip(edge, decimals, unit)),
    )


def edge_name(source: str, target: str, data: Mapping[str, Any], key: str) -> str:
    """Canonical text of an edge: a0.h3 -> a1.h1.k@END."""
    port = str(data.get("port", key))
    at = "" if data.get("position") is None else f"@{data['position']}"
    return plain(f"{source} -> {target}{'' if port == 'in' else '.' + port}{at}")


def _tooltip(edge: tuple[Any, ...], decimals: int, unit: str) -> Iterable[str]:
    source, target, key, data = edge
    yield edge_name(str(source), str(target), data, str(key))
    found = [name for name in METHOD_ORDER if effect_of(data, name) is not None]
    for name in found:
        text = f"{name.replace('_', '-')}: {number(float(data[name]), decimals, signed=True)} {unit}".rstrip()
        low, high = effect_of(data, f"{name}_low"), effect_of(data, f"{name}_high")
        if low is not None and high is not None:
            text += f" [{number(low, decimals)}, {number(high, decimals)}]"
        yield text
    if not found:
        yield "not measured"
    if data.get("verdict"):
        yield f"claim {plain(data['verdict'])}"
    if not data.get("in_circuit", True):
        yield "not in the circuit"


def _merged(lines: list[DrawnEdge]) -> list[DrawnEdge]:
    """Unmeasured, unjudged edges of the same pair and position as one line: its port reads "qkv"."""
    bundles: dict[tuple[object, ...], list[DrawnEdge]] = {}
    for line in lines:
        alone = line.effect is not None or line.verdict is not None
        one = (line.source, line.target, line.position, line.in_circuit)
        bundles.setdefault((*one, line.keys) if alone else one, []).append(line)
    return [
        replace(
            bundle[0],
            keys=tuple(key for line in bundle for key in line.keys),
            port="".join(line.port for line in bundle),
            tooltip=tuple(text for line in bundle for text in line.tooltip[:1]) + bundle[0].tooltip[1:],
        )
        for bundle in bundles.values()
    ]


def _strongest(lines: list[DrawnEdge], count: int) -> list[DrawnEdge]:
    """The `count` lines to keep, in their order: judged ones first, then the circuit's, then by size."""
    order = sorted(
        range(len(lines)), key=lambda i: (not lines[i].verdict, not lines[i].in_circuit, -lines[i].share, i)
    )
    kept = set(order[:count])
    return [line for i, line in enumerate(lines) if i in kept]


def _nodes(graph: nx.MultiDiGraph, lines: list[DrawnEdge], only_circuit: bool) -> list[DrawnNode]:
    touched = {line.source for line in lines} | {line.target for line in lines}
    nodes: list[DrawnNode] = []
    for name, data in sorted(graph.nodes(data=True), key=lambda item: _node_order(*item)):
        in_circuit = bool(data.get("in_circuit", True))
        if not (name in touched or (in_circuit and only_circuit)):
            continue
        nodes.append(
            DrawnNode(
                name=str(name),
                kind=str(data.get("kind", "head")),
                rank=rank_of(data),
                chips=tuple(_chips(str(name), lines)),
                tags=(),
                in_circuit=in_circuit,
                tooltip=tuple(_about_node(str(name), data, in_circuit)),
            )
        )
    return nodes


def _chips(name: str, lines: list[DrawnEdge]) -> list[Chip]:
    """Chips of a node, by port and position; a port without letter or position has none unless it prints."""
    ends: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        if line.target == name:
            ends.setdefault(line.chip, []).append(index)
    chips: list[Chip] = []
    for key, indexes in ends.items():
        first = lines[indexes[0]]
        at = "" if first.position is None else f"@{plain(first.position, 24)}"
        text = (first.port if first.port != "in" else "") + at
        printed: list[int | None] = [i for i in indexes if lines[i].mark or lines[i].figure]
        slots = printed if len(printed) == len(indexes) else [*printed, None]
        if text or printed:
            chips.append(Chip(key, first.port, text, tuple(slots)))
    return sorted(chips, key=lambda chip: (PORT_ORDER.get(chip.port[:1], 9), len(chip.port), chip.key))


def _about_node(name: str, data: Mapping[str, Any], in_circuit: bool) -> Iterable[str]:
    yield plain(name)
    groups = [plain(group, 40) for group in data.get("groups") or ()]
    if groups:
        yield f"in {', '.join(groups)}"
    if not in_circuit:
        yield "not in the circuit"


def _facts(graph: nx.MultiDiGraph, decimals: int) -> tuple[str, ...]:
    """What a result must name: model, metric on the clean and the ablated run, n, rule, ablation."""
    about = graph.graph
    metric = plain(about.get("metric") or "metric", 40)
    clean, ablated = about.get("metric_clean"), about.get("metric_corrupt")
    first = [plain(about["model"], 60)] if about.get("model") else []
    if clean is not None and ablated is not None:
        unit = f" {_unit(graph)}" if _unit(graph) else ""
        runs = f"{number(float(clean), 2)} clean → {number(float(ablated), 2)} ablated"
        first.append(f"{metric} {runs}{unit}")
    else:
        first.append(metric)
    if about.get("examples") is not None:
        first.append(f"n = {about['examples']}")
    rule = f"rule: {plain(about.get('rule') or 'circuit', 40)}"
    ablation = f"ablation: {plain(about.get('ablation') or 'corrupt', 60)}"
    return (" · ".join(first), f"{rule} · {ablation}")


def _verdicts(kinds: object) -> str:
    """How many claims have each verdict; those refuted by their kind, since no edge may show them."""
    if not isinstance(kinds, Mapping):
        return ""
    told: list[str] = []
    for verdict, mark in palette.VERDICT_MARK.items():
        found = [plain(kind, 24) for kind in kinds.get(verdict) or ()]
        if found:
            named = f": {', '.join(dict.fromkeys(found))}" if verdict == "refuted" else ""
            told.append(f"{mark} {len(found)} {verdict}{named}")
    return f"claims: {' · '.join(told)}" if told else ""
