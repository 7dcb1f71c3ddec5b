"""Names: canonical text reads back as itself; a selector means what a plain filter over the model means."""

from __future__ import annotations

import re
from itertools import combinations, product

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.errors import SpecError
from circuitgraph.names import Edge, Node, Path
from circuitgraph.resolve import Circuit, resolve
from circuitgraph.resolve.arrows import read_chain, split_chain
from circuitgraph.resolve.groups import Scope
from circuitgraph.resolve.paths import PathWalks
from circuitgraph.resolve.positions import Positions
from circuitgraph.resolve.problems import Mistake, Problems
from circuitgraph.resolve.selectors import members, parse_selector
from circuitgraph.spec.model import Spec

law = settings(max_examples=60, deadline=None)


def residual(layers: int, heads: int, has_mlp: bool) -> ResidualGraph:
    return ResidualGraph("gpt2", layers, heads, 8, 8, 8, has_mlp, "tiny")


graphs = st.builds(residual, st.integers(1, 4), st.integers(1, 4), st.booleans())
positions = st.sampled_from([None, "END", "MATCH+1", "S2-3", "位置"])


def hypothesis_of(**parts: object) -> Spec:
    return Spec.model_validate(
        {
            "circuitgraph": 1,
            "name": "law",
            "model": "zoo:induction",
            "task": {"prompts": {"zoo": "repeated-tokens"}, "metric": "logit_diff"},
            **parts,
        }
    )


@st.composite
def edges_of(draw: st.DrawFn) -> tuple[ResidualGraph, Edge]:
    graph = draw(graphs)
    edge = draw(st.sampled_from(list(graph.edges())))
    return graph, Edge(edge.source, edge.target, draw(positions))


@st.composite
def spans(draw: st.DrawFn, count: int) -> tuple[str, range]:
    """An index as text, and what it means."""
    low = draw(st.integers(0, count - 1))
    high = draw(st.integers(low, count - 1))
    return draw(
        st.sampled_from(
            [("*", range(count)), (str(low), range(low, low + 1)), (f"{low}-{high}", range(low, high + 1))]
        )
    )


@st.composite
def selectors(draw: st.DrawFn, graph: ResidualGraph) -> tuple[str, set[Node]]:
    """A name as text, and the nodes it means by a filter over all nodes of the model."""
    kind = draw(st.sampled_from(["a.h", "LH", "a", *(["m", "mlp"] if graph.has_mlp else [])]))
    layer_text, layers = draw(spans(graph.layers))
    index_text, indices = draw(spans(graph.heads))
    if kind in ("m", "mlp"):
        return f"{kind}{layer_text}", {n for n in graph.nodes if n.kind == "mlp" and n.layer in layers}
    if kind == "a":
        return f"a{layer_text}", {n for n in graph.nodes if n.kind == "head" and n.layer in layers}
    text = f"a{layer_text}.h{index_text}" if kind == "a.h" else f"L{layer_text}H{index_text}"
    return text, {n for n in graph.nodes if n.kind == "head" and n.layer in layers and n.index in indices}


@law
@given(graphs)
def test_canonical_nodes_and_ports_read_back(graph: ResidualGraph) -> None:
    for node in graph.nodes:
        selector = parse_selector(str(node))
        assert members(selector, graph) == (node,)
        assert selector.named
    for port in graph.ports:
        selector = parse_selector(str(port))
        assert members(selector, graph) == (port.node,)
        assert selector.ports == (() if port.name == "in" else (port.name,))


@law
@given(edges_of())
def test_canonical_edges_read_back(drawn: tuple[ResidualGraph, Edge]) -> None:
    graph, edge = drawn
    circuit = resolve(hypothesis_of(edges=[str(edge)]), graph)
    assert circuit.edges == (edge,)
    source, target, key = edge.triple
    port, _, position = key.partition("@")
    assert resolve(
        hypothesis_of(edges=[f"{source}->{target}.{port}{'@' * bool(position)}{position}"]), graph
    ).edges == (edge,)


@law
@given(graphs)
def test_aliases_read_as_the_canonical_name(graph: ResidualGraph) -> None:
    for node in graph.nodes:
        match node.kind:
            case "head":
                layer, index = node.layer, node.index
                aliases = [f"L{layer}H{index}", f"l{layer}h{index}", f"{layer}.{index}", f"A{layer}.H{index}"]
                for alias, port in product(aliases, "qkv"):
                    for text in (f"{alias}.{port}", f"{alias}<{port}>", f"{alias}.{port.upper()}"):
                        selector = parse_selector(text)
                        assert (members(selector, graph), selector.ports) == ((node,), (port,))
            case "mlp":
                aliases = [f"mlp{node.layer}", f"MLP{node.layer}", f"M{node.layer}"]
            case "embed":
                aliases = ["input", "Input", "EMBED"]
            case "logits":
                aliases = ["Logits"]
        for alias in aliases:
            assert members(parse_selector(alias), graph) == (node,)


@law
@given(st.data(), graphs)
def test_wildcards_and_ranges_are_filters(data: st.DataObject, graph: ResidualGraph) -> None:
    text, meant = data.draw(selectors(graph))
    found = members(parse_selector(text), graph)
    assert set(found) == meant
    assert list(found) == [node for node in graph.nodes if node in meant]


@law
@given(st.data(), graphs)
def test_an_index_outside_is_refused_and_never_clipped(data: st.DataObject, graph: ResidualGraph) -> None:
    low = data.draw(st.integers(0, 6))
    high = data.draw(st.integers(low, 6))
    for text, count in ((f"a{low}-{high}.h*", graph.layers), (f"a*.h{low}-{high}", graph.heads)):
        try:
            found = {
                n.layer if count is graph.layers and ".h*" in text else n.index
                for n in members(parse_selector(text), graph)
            }
        except Mistake:
            assert high >= count
        else:
            assert found == set(range(low, high + 1))


@law
@given(st.data(), graphs)
def test_an_arrow_is_every_possible_pair(data: st.DataObject, graph: ResidualGraph) -> None:
    source_text, sources = data.draw(selectors(graph))
    target_text, targets = data.draw(selectors(graph))
    ports = data.draw(st.sampled_from(["", "q", "kv", "in"]))
    order = {node: (node.layer, node.kind == "mlp") for node in graph.nodes}
    meant = {
        edge
        for edge in graph.edges()
        if edge.source in sources
        and edge.target.node in targets
        and (not ports or edge.target.name in ([ports] if ports == "in" else list(ports)))
    }
    assert all(order[edge.source] < order[edge.target.node] for edge in meant)
    text = f"{source_text} -> {target_text}{'.' * bool(ports)}{ports}"
    try:
        found = resolve(hypothesis_of(edges=[text]), graph).edges
    except SpecError as error:
        assert not meant
        assert len(error.problems) == 1
    else:
        assert set(found) == meant
        assert len(found) == len(meant)


@law
@given(st.data(), graphs)
def test_nodes_alone_are_the_edges_among_them(data: st.DataObject, graph: ResidualGraph) -> None:
    inner = [node for node in graph.writers if node.kind != "embed"]
    chosen = data.draw(st.lists(st.sampled_from(inner), min_size=1, unique=True))
    circuit = resolve(hypothesis_of(nodes={"g": [str(node) for node in chosen]}), graph)
    kept = {"embed", "logits", *map(str, chosen)}
    assert circuit.edges == tuple(
        edge for edge in graph.edges() if str(edge.source) in kept and str(edge.target.node) in kept
    )


@law
@given(st.data(), graphs)
def test_every_expansion_reads_back_as_the_same_circuit(data: st.DataObject, graph: ResidualGraph) -> None:
    chosen = data.draw(st.lists(st.sampled_from(list(graph.edges())), min_size=1, max_size=20))
    circuit = resolve(hypothesis_of(edges=[str(edge) for edge in chosen]), graph)
    again = resolve(hypothesis_of(edges=[str(edge) for edge in circuit.edges]), graph)
    assert set(circuit.edges) == set(chosen)
    assert again.edges == circuit.edges
    assert len(circuit.notes) == len(chosen) - len(set(chosen))


def every_path(graph: ResidualGraph) -> list[Path]:
    """All port-labelled paths: every choice of ports that runs forwards."""
    inner = [port for port in graph.ports if port.node.kind != "logits"]
    last = graph.ports[-1]
    found = [Path((last,))]
    for length in range(1, 2 * graph.layers + 1):
        for chosen in combinations(inner, length):
            sources = [port.node for port in chosen[:-1]]
            if all(graph.allows(node, port) for node, port in zip(sources, chosen[1:], strict=True)):
                found.append(Path((*chosen, last)))
    return found


def pattern_of(hops: tuple[str, ...], graph: ResidualGraph) -> re.Pattern[str]:
    """A chain as a regular expression over the texts of paths (` -> x` for every port passed)."""
    parts: list[str] = []
    for hop in hops[1:-1]:
        if hop == "**":
            parts.append(r"(?: -> [^ ]+)*?")
            continue
        selector = parse_selector(hop)
        nodes = members(selector, graph)
        ports = [port for node in nodes for port in graph.ports_of(node)]
        ports = [port for port in ports if not selector.ports or port.name in selector.ports]
        parts.append(" -> (?:" + "|".join(re.escape(str(port)) for port in ports) + ")")
    return re.compile("embed" + "".join(parts) + " -> logits")


@law
@given(st.data(), st.builds(residual, st.integers(1, 2), st.integers(1, 2), st.booleans()))
def test_paths_are_those_that_match(data: st.DataObject, graph: ResidualGraph) -> None:
    hop = st.one_of(
        st.just("**"),
        selectors(graph).map(lambda drawn: drawn[0]),
        st.sampled_from([str(port) for port in graph.ports[:-1]]),
    )
    chain = ("embed", *data.draw(st.lists(hop, max_size=4)), "logits")
    problems = Problems(None)
    scope = Scope({}, graph, Positions((), None), problems)
    hops = read_chain(
        split_chain(" -> ".join(chain)), scope, lambda mistake: problems.add((), mistake), stars=True
    )
    assert hops is not None
    walks = PathWalks(graph, hops)
    found = list(walks.paths())
    pattern = pattern_of(chain, graph)
    meant = {path for path in every_path(graph) if pattern.fullmatch(str(path))}
    assert walks.count == len(found) == len(set(found))
    assert set(found) == meant


@law
@given(st.text(max_size=30))
def test_any_text_is_a_name_or_a_mistake(text: str) -> None:
    try:
        selector = parse_selector(text)
    except Mistake as mistake:
        assert mistake.message
    else:
        assert selector.base


@law
@given(st.text(alphabet="aml.hqkv015-*>→@ <{}_embdlogitsE", max_size=24), graphs)
def test_any_edge_text_resolves_or_is_refused(text: str, graph: ResidualGraph) -> None:
    assume(text.strip())
    try:
        circuit = resolve(hypothesis_of(edges=[text]), graph)
    except SpecError as error:
        assert error.problems
    else:
        assert isinstance(circuit, Circuit)
        assert circuit.edges
        assert all(graph.allows(edge.source, edge.target) for edge in circuit.edges)
