"""Random alternatives: of the right size, connected, drawn from a seed, outside the circuit."""

from __future__ import annotations

import random
from itertools import combinations, pairwise
from math import comb

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.names import EMBED, LOGITS, Edge, Node, Port, head
from circuitgraph.validation.random_circuits import (
    random_circuit,
    random_circuits,
    random_path,
    random_targets,
    whole_outputs,
)

SMALL = ResidualGraph("gpt2", layers=3, heads=3, d_model=12, vocab=13, context=12, name="small")
GPT2 = ResidualGraph("gpt2", layers=12, heads=12, d_model=768, vocab=50257, context=1024, name="gpt2")
EDGES = list(SMALL.edges())


def on_paths(edges: frozenset[Edge]) -> set[Edge]:
    """The edges that lie on a path from embed to logits within the set."""
    graph = nx.DiGraph((edge.source, edge.target.node) for edge in edges)
    graph.add_nodes_from((EMBED, LOGITS))
    alive = (nx.descendants(graph, EMBED) | {EMBED}) & (nx.ancestors(graph, LOGITS) | {LOGITS})
    return {edge for edge in edges if edge.source in alive and edge.target.node in alive}


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_path_runs_from_embed_to_logits(seed: int) -> None:
    path = random_path(SMALL, random.Random(seed))[::-1]
    assert path[0].source == EMBED and path[-1].target.node == LOGITS
    for one, following in pairwise(path):
        assert one.target.node == following.source
    assert all(SMALL.allows(edge.source, edge.target) for edge in path)
    assert all(edge.position is None for edge in path)


@settings(max_examples=80, deadline=None)
@given(size=st.integers(1, len(EDGES) // 2), seed=st.integers(0, 10_000))
def test_exactly_the_size_and_connected(size: int, seed: int) -> None:
    """Every edge lies on a path; only the last path may be cut short, for want of one that fits."""
    circuit = random_circuit(SMALL, size, random.Random(seed))
    assert len(circuit) == size and circuit <= set(EDGES)
    assert len(circuit - on_paths(circuit)) <= 2 * SMALL.layers


def test_cuts_are_rare() -> None:
    """Paths that fit are looked for: of many circuits hardly any holds an edge off every path.

    Of two or three edges some must: nothing fits beside embed -> logits but half a path.
    """
    for size in (1, 5, 12, 30):
        circuits = random_circuits(SMALL, size, 50, seed=size)
        assert sum(bool(circuit - on_paths(circuit)) for circuit in circuits) <= 2


@pytest.mark.parametrize("size", [0, len(EDGES) // 2 + 1, len(EDGES) - 1, len(EDGES)])
def test_sizes_at_the_ends(size: int) -> None:
    circuit = random_circuit(SMALL, size, random.Random(0))
    assert len(circuit) == size and circuit <= set(EDGES)


def test_more_edges_than_there_are() -> None:
    with pytest.raises(ValueError, match=f"no circuit of {len(EDGES) + 1} edges"):
        random_circuit(SMALL, len(EDGES) + 1, random.Random(0))


def test_the_seed_decides() -> None:
    assert random_circuits(SMALL, 9, 20, seed=4) == random_circuits(SMALL, 9, 20, seed=4)
    assert random_circuits(SMALL, 9, 20, seed=4) != random_circuits(SMALL, 9, 20, seed=5)
    assert random_circuits(SMALL, 9, 30, seed=4)[:20] == random_circuits(SMALL, 9, 20, seed=4)
    assert len(set(random_circuits(SMALL, 9, 20, seed=4))) == 20


def test_they_are_of_all_sorts() -> None:
    """Over many draws every port and every writer occurs: nothing is favoured beyond reach."""
    drawn = frozenset().union(*random_circuits(SMALL, 20, 300, seed=0))
    assert {edge.target for edge in drawn} == set(SMALL.ports)
    assert {edge.source for edge in drawn} == set(SMALL.writers)


def test_circuits_of_a_large_model() -> None:
    for circuit in random_circuits(GPT2, 200, 5, seed=0):
        assert len(circuit) == 200 and len(circuit - on_paths(circuit)) <= 2


# Alternatives to the target of an effect.


def out_of(*nodes: Node) -> list[Edge]:
    return [edge for edge in EDGES if edge.source in nodes]


def test_whole_outputs_are_recognised() -> None:
    assert whole_outputs(SMALL, out_of(head(0, 1), head(1, 2))) == {head(0, 1), head(1, 2)}
    assert whole_outputs(SMALL, out_of(head(0, 1))[1:]) == frozenset()
    assert whole_outputs(SMALL, [Edge(head(2, 0), Port(LOGITS, "in"))]) == frozenset()
    last = out_of(head(2, 0))
    assert whole_outputs(SMALL, [Edge(edge.source, edge.target, "END") for edge in last]) == {head(2, 0)}


def test_alternatives_to_edges_are_as_many_edges_outside_the_circuit() -> None:
    target, avoid = EDGES[3:5], EDGES[10:40]
    found = random_targets(SMALL, target, avoid, 50, seed=0)
    assert len(found) == len(set(found)) == 50
    for edges in found:
        assert len(edges) == 2 and not edges & {*target, *avoid}
    assert found == random_targets(SMALL, target, avoid, 50, seed=0)


def test_a_position_takes_its_edge_out_altogether() -> None:
    placed = [Edge(EDGES[3].source, EDGES[3].target, "END")]
    rest = EDGES[:3] + EDGES[5:]
    assert random_targets(SMALL, placed, rest, 50, seed=0) == (frozenset({EDGES[4]}),)


def test_alternatives_to_components_are_components_of_the_same_kind() -> None:
    target, avoid = out_of(head(0, 1), head(1, 2)), out_of(head(2, 0))
    found = random_targets(SMALL, target, avoid, 200, seed=0)
    spare = [n for n in SMALL.writers if n.kind == "head" and n not in (head(0, 1), head(1, 2), head(2, 0))]
    assert len(found) == len(spare) * (len(spare) - 1) // 2
    for edges in found:
        sources = {edge.source for edge in edges}
        assert edges == frozenset(out_of(*sources)) and sources <= set(spare) and len(sources) == 2


def test_where_there_is_nothing_to_draw_from() -> None:
    assert random_targets(SMALL, EDGES[:1], EDGES[1:], 10, seed=0) == ()
    assert random_targets(SMALL, out_of(EMBED), [], 10, seed=0) == ()


# Alternatives to heads.


@pytest.mark.parametrize(("members", "count"), [(1, 8), (2, comb(7, 2)), (4, 5), (5, 0)])
def test_other_heads_in_sets_of_the_same_size(members: int, count: int) -> None:
    sets = rival_heads(SMALL, members)
    others = [node for node in SMALL.writers if node.kind == "head"][members:]
    assert len(sets) == count == len(list(combinations(others, members)))
    assert set(sets) == set(combinations(others, members))


def test_of_too_many_sets_a_hundred_are_drawn_evenly() -> None:
    sets = rival_heads(GPT2, 4)
    assert len(set(sets)) == len(sets) == 100
    assert sets == rival_heads(GPT2, 4) != rival_heads(GPT2, 4, seed=1)
    layers = [node.layer for heads in sets for node in heads]
    assert set(layers) == set(range(12))
    assert all(list(heads) == sorted(heads, key=GPT2.writers.index) for heads in sets)


def rival_heads(graph: ResidualGraph, members: int, seed: int = 0) -> tuple[tuple[Node, ...], ...]:
    """What an `attends` claim about the first `members` heads of a model is compared with."""
    from circuitgraph.resolve.circuit import Ablation, Circuit, Origin, ResolvedClaim
    from circuitgraph.spec.model import Attends
    from circuitgraph.validation.hypothesis import Hypothesis

    heads = tuple(node for node in graph.writers if node.kind == "head")[:members]
    names = [node.name for node in heads]
    claim = Attends.model_validate({"heads": names, "from": "END", "to": "END", "at_least": 0.5})
    resolved = ResolvedClaim(claim, Origin(("claims", 0), ""), heads=heads, query="END", key="END")
    circuit = Circuit(graph, (), {}, {}, (resolved,), "circuit", Ablation())
    return Hypothesis(circuit, seed).rival_heads(resolved)
