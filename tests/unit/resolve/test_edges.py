from __future__ import annotations

from pathlib import Path

import pytest

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.errors import Problem, SpecError
from circuitgraph.names import Edge
from circuitgraph.resolve import Circuit, resolve
from circuitgraph.spec.load import loads

from .conftest import Read, Refused


def edges(circuit: Circuit) -> set[str]:
    return {str(edge) for edge in circuit.edges}


def one(problems: tuple[Problem, ...]) -> Problem:
    (problem,) = problems
    return problem


def test_a_reader_without_a_port_means_all_its_ports(read: Read) -> None:
    circuit = read(edges=["embed -> a0.h1", "a0.h1 -> m1", "m1 -> logits"])
    assert edges(circuit) == {
        "embed -> a0.h1.q",
        "embed -> a0.h1.k",
        "embed -> a0.h1.v",
        "a0.h1 -> m1",
        "m1 -> logits",
    }


def test_a_chain_is_its_consecutive_edges(read: Read) -> None:
    circuit = read(edges=["embed -> a0.h1.v -> a1.h0.k -> logits"])
    assert [str(edge) for edge in circuit.edges] == [
        "embed -> a0.h1.v",
        "a0.h1 -> a1.h0.k",
        "a1.h0 -> logits",
    ]


def test_one_string_is_a_list(read: Read) -> None:
    assert edges(read(edges="embed -> logits")) == {"embed -> logits"}


def test_aliases_of_other_tools(read: Read) -> None:
    circuit = read(edges=["input->L0H1<v>", "0.1 -> 1.2.k", "mlp0 → logits.in"])
    assert edges(circuit) == {"embed -> a0.h1.v", "a0.h1 -> a1.h2.k", "m0 -> logits"}


def test_groups_and_layers(read: Read) -> None:
    circuit = read(
        nodes={"early": ["a0.h0", "a0.h2"], "late": ["a1.h3"]}, edges=["early -> late.qv", "a1 -> logits"]
    )
    assert edges(circuit) == {
        *(f"a0.h{h} -> a1.h3.{port}" for h in (0, 2) for port in "qv"),
        *(f"a1.h{h} -> logits" for h in range(4)),
    }


def test_ports_of_a_mixed_group_reach_its_heads_and_count_no_mlp(read: Read) -> None:
    circuit = read(nodes={"late": ["a1.h3", "m1"]}, edges=["embed -> late.q", "embed -> late.in"])
    assert edges(circuit) == {"embed -> a1.h3.q", "embed -> m1"}
    assert circuit.notes == ()


def test_pairs_from_wildcards_that_cannot_be_are_dropped_and_counted(read: Read) -> None:
    circuit = read(edges=["a*.h* -> a*.h*.k"])
    assert edges(circuit) == {f"a0.h{i} -> a1.h{j}.k" for i in range(4) for j in range(4)}
    assert circuit.notes == (
        "edges[0]: 48 of the 64 pairs of a*.h* -> a*.h*.k cannot be edges and are left out",
    )


def test_a_named_end_against_a_wildcard_is_dropped_too(read: Read) -> None:
    assert edges(read(edges=["a1.h0 -> m*"])) == {"a1.h0 -> m1"}


def test_the_same_edge_twice_is_merged_with_both_origins(read: Read) -> None:
    circuit = read(edges=["embed -> a0.h1.v", "embed -> logits", "input -> L0H1"])
    edge = next(edge for edge in circuit.edges if str(edge) == "embed -> a0.h1.v")
    assert [(origin.where, origin.text) for origin in circuit.origins[edge]] == [
        (("edges", 0), "embed -> a0.h1.v"),
        (("edges", 2), "input -> L0H1"),
    ]
    assert circuit.notes == ("edges[2]: embed -> a0.h1.v is already given by edges[0]: merged",)
    assert len(circuit.edges) == 4


def test_edges_come_in_causal_order(read: Read, small: ResidualGraph) -> None:
    circuit = read(edges=["a1.h0 -> logits", "a0.h1 -> a1.h0.q", "embed -> a0.h1.v", "embed -> a1.h0.q"])
    order = list(small.edges())
    assert [order.index(edge) for edge in circuit.edges] == sorted(
        order.index(edge) for edge in circuit.edges
    )


@pytest.mark.parametrize(
    ("text", "code", "message", "hint"),
    [
        (
            "a1.h2 -> a0.h3.q",
            "backwards-edge",
            "a1.h2 -> a0.h3.q runs backwards: a writer must come before its reader",
            "did you mean a0.h3 -> a1.h2.q?",
        ),
        (
            "m0 -> a0.h3.q",
            "backwards-edge",
            "m0 -> a0.h3.q runs backwards: a writer must come before its reader",
            "did you mean a0.h3 -> m0?",
        ),
        (
            "a1.h0@END -> m0",
            "backwards-edge",
            "a1.h0@END -> m0 runs backwards: a writer must come before its reader",
            "did you mean m0 -> a1.h0@END?",
        ),
        (
            "a1.h0 -> a1.h0.q",
            "self-edge",
            "a1.h0 -> a1.h0.q joins a1.h0 to itself: a component cannot read what it writes",
            None,
        ),
        (
            "a1.h0 -> a1.h2.q",
            "same-layer-edge",
            "a1.h0 -> a1.h2.q joins two heads of layer 1 that read the same stream: a writer must come "
            "before its reader",
            None,
        ),
        ("m0 -> embed", "embed-as-reader", "embed reads nothing: it can only start a chain", None),
        ("logits -> m0", "logits-as-writer", "logits writes nothing: it can only end a chain", None),
        ("a0.h1 -> m1.q", "no-such-port", "m1 has no port q: MLPs have one port, in", None),
        (
            "m0 -> a1.h1.in",
            "no-such-port",
            "a1.h1 has no port in: heads have q, k, v",
            None,
        ),
        (
            "a0.h1.q -> m1",
            "port-on-writer",
            "a0.h1.q starts the chain, so it writes: ports are where a component reads",
            "write a0.h1",
        ),
    ],
)
def test_named_pairs_that_cannot_be(
    text: str, code: str, message: str, hint: str | None, refused: Refused
) -> None:
    problem = one(refused(edges=[text]))
    assert (problem.code, problem.message, problem.hint) == (code, message, hint)
    assert problem.where == "edges[0]"


def test_wildcards_that_leave_no_edge(refused: Refused) -> None:
    problem = one(refused(edges=["a1 -> a0"]))
    assert problem.code == "no-edge-left"
    assert problem.message.startswith("a1 -> a0 holds no edge: none of its 48 pairs can be")
    assert problem.hint == "did you mean a0 -> a1?"
    assert one(refused(edges=["a1 -> a1"])).hint is None


def test_every_bad_hop_of_a_chain_is_reported(refused: Refused) -> None:
    problems = refused(edges=["a0.h9 -> a1.h9.k -> logits"])
    assert [problem.message[:10] for problem in problems] == ["head a0.h9", "head a1.h9"]


def test_unknown_names_are_suggested(refused: Refused) -> None:
    first, second, third = refused(
        nodes={"induction": ["a1.h0"]}, edges=["inducton -> logits", "a1h0 -> logits", "embed -> logit"]
    )
    assert {first.code, second.code, third.code} == {"unknown-name"}
    assert [p.hint for p in (first, second, third)] == [
        "did you mean induction?",
        "did you mean a1.h0?",
        "did you mean logits?",
    ]


class TestPositions:
    def test_at_either_end(self, read: Read) -> None:
        assert edges(read(edges=["embed@END -> m0", "m0 -> logits@END"])) == {
            "embed -> m0@END",
            "m0 -> logits@END",
        }

    def test_at_both_ends_it_is_the_same(self, read: Read, refused: Refused) -> None:
        assert edges(read(edges=["embed@END -> m0@END+0"])) == {"embed -> m0@END"}
        problem = one(refused(edges=["embed@END -> m0@S2"]))
        assert problem.code == "position-conflict"
        assert "at END at one end and at S2 at the other" in problem.message

    def test_a_hop_inside_a_chain_limits_both_its_edges(self, read: Read) -> None:
        circuit = read(edges=["embed -> m0@END -> logits", "embed -> a1.h0.q@END -> logits"])
        assert edges(circuit) == {
            "embed -> m0@END",
            "m0 -> logits@END",
            "embed -> a1.h0.q@END",
            "a1.h0 -> logits@END",
        }

    def test_a_source_token_of_k_and_v_is_not_where_the_head_writes(self, read: Read) -> None:
        circuit = read(edges=["a0.h1 -> a1.h0.k@MATCH -> logits@END", "a0.h2 -> a1.h1.v@MATCH -> logits"])
        assert edges(circuit) == {
            "a0.h1 -> a1.h0.k@MATCH",
            "a1.h0 -> logits@END",
            "a0.h2 -> a1.h1.v@MATCH",
            "a1.h1 -> logits",
        }

    def test_everywhere_absorbs_a_position(self, read: Read) -> None:
        circuit = read(edges=["embed -> m0@END", "embed -> m0", "embed -> m0@S2"])
        assert edges(circuit) == {"embed -> m0"}
        assert [origin.where for origin in circuit.origins[circuit.edges[0]]] == [
            ("edges", 1),
            ("edges", 0),
            ("edges", 2),
        ]
        assert circuit.notes == (
            "edges[0]: 1 edge at a position absorbed by the same everywhere (edges[1])",
            "edges[2]: 1 edge at a position absorbed by the same everywhere (edges[1])",
        )

    def test_two_positions_are_two_edges(self, read: Read) -> None:
        assert edges(read(edges=["embed -> m0@END", "embed -> m0@S2"])) == {
            "embed -> m0@END",
            "embed -> m0@S2",
        }

    def test_keys_of_edges_at_positions(self, read: Read) -> None:
        (edge,) = read(edges=["embed -> a0.h1.q@MATCH+1"]).edges
        assert edge.triple == ("embed", "a0.h1", "q@MATCH+1")

    @pytest.mark.parametrize("text", ["3", "-1", "END+", "END+२", "END*2", "a b"])
    def test_no_positions(self, text: str, refused: Refused) -> None:
        assert one(refused(edges=[f"embed -> m0@{text}"])).code == "bad-position"

    def test_unknown_positions(self, read: Read, refused: Refused) -> None:
        known, declared = {"MATCH", "S2"}, {"END": "last"}
        read(positions=declared, known=known, edges=["embed -> m0@END-1", "embed -> m0@MATCH+2"])
        problem = one(refused(positions=declared, known=known, edges=["embed -> m0@MACTH+2"]))
        assert (problem.code, problem.message, problem.hint) == (
            "no-such-position",
            'unknown position "MACTH": use END, MATCH, S2',
            "did you mean MATCH?",
        )
        assert "declares none" in one(refused(known=set(), edges=["embed -> m0@END"])).message


class TestWhereNodesWrite:
    def test_at_limits_out_edges_and_not_in_edges(self, read: Read) -> None:
        circuit = read(
            nodes={"late": {"members": ["a1.h0"], "at": "END"}}, edges=["embed -> late", "late -> logits"]
        )
        assert edges(circuit) == {
            "embed -> a1.h0.q",
            "embed -> a1.h0.k",
            "embed -> a1.h0.v",
            "a1.h0 -> logits@END",
        }
        assert circuit.groups["late"].at == "END"

    def test_the_limit_holds_for_the_node_under_its_own_name(self, read: Read) -> None:
        circuit = read(
            nodes={"late": {"members": ["a1.h0"], "at": "END"}}, edges=["a1.h0 -> logits", "a1.h1 -> logits"]
        )
        assert edges(circuit) == {"a1.h0 -> logits@END", "a1.h1 -> logits"}
        assert circuit.notes == ("edges[0]: edges out of a1.h0 are limited to @END, where its group writes",)

    def test_another_position_is_an_error(self, read: Read, refused: Refused) -> None:
        nodes = {"late": {"members": ["a1.h0"], "at": "END"}}
        assert edges(read(nodes=nodes, edges=["late@END -> logits@END"])) == {"a1.h0 -> logits@END"}
        for text in ("late@S2 -> logits", "late -> logits@S2", "a1.h0 -> m1@S2"):
            assert one(refused(nodes=nodes, edges=[text])).code == "position-conflict"

    def test_a_wildcard_drops_nodes_that_write_elsewhere(self, read: Read) -> None:
        circuit = read(nodes={"late": {"members": ["a1.h0"], "at": "END"}}, edges=["a1@S2 -> logits"])
        assert edges(circuit) == {f"a1.h{h} -> logits@S2" for h in (1, 2, 3)}

    def test_a_group_inside_keeps_its_limit(self, read: Read, refused: Refused) -> None:
        nodes = {"all": ["late", "a1.h1"], "late": {"members": ["a1.h0"], "at": "END"}}
        assert edges(read(nodes=nodes, edges=["all -> logits"])) == {"a1.h0 -> logits@END", "a1.h1 -> logits"}
        nodes["all"] = {"members": ["late"], "at": "S2"}  # type: ignore[assignment]
        problem = one(refused(nodes=nodes, edges=["all -> logits"]))
        assert (problem.code, problem.where) == ("position-conflict", "nodes.all.at")

    def test_a_node_of_two_groups_writes_at_both_places(self, read: Read) -> None:
        nodes = {"x": {"members": ["a1.h0"], "at": "END"}, "y": {"members": ["a1.h0"], "at": "S2"}}
        assert edges(read(nodes=nodes, edges=["x -> logits"])) == {"a1.h0 -> logits@END"}
        assert edges(read(nodes=nodes, edges=["a1.h0 -> logits"])) == {
            "a1.h0 -> logits@END",
            "a1.h0 -> logits@S2",
        }


class TestNodesOnly:
    def test_every_edge_among_the_nodes_embed_and_logits(self, read: Read, small: ResidualGraph) -> None:
        circuit = read(nodes={"x": ["a0.h1"], "y": ["a1.h0", "m1"]})
        kept = {"embed", "a0.h1", "a1.h0", "m1", "logits"}
        assert list(circuit.edges) == [
            e for e in small.edges() if {e.source.name, e.target.node.name} <= kept
        ]
        assert circuit.rule == "circuit"
        assert set(circuit.origins) == set(circuit.edges)

    def test_the_whole_of_gpt2_small(self, read: Read, gpt2: ResidualGraph) -> None:
        circuit = read(graph=gpt2, nodes={"all": ["a*.h*", "m*"]})
        assert len(circuit.edges) == 32_491
        assert circuit.edges == tuple(gpt2.edges())

    def test_the_same_as_wildcards_under_edges(self, read: Read, gpt2: ResidualGraph) -> None:
        circuit = read(
            graph=gpt2,
            nodes={"all": ["a*.h*", "m*"]},
            edges=["embed -> all -> logits", "all -> all", "embed -> logits"],
        )
        assert circuit.edges == tuple(gpt2.edges())

    def test_at_limits_what_nodes_write(self, read: Read) -> None:
        circuit = read(nodes={"x": {"members": ["m0"], "at": "END"}, "y": ["m1"]})
        assert edges(circuit) == {
            "embed -> m0",
            "embed -> m1",
            "m0 -> m1@END",
            "embed -> logits",
            "m0 -> logits@END",
            "m1 -> logits",
        }

    def test_an_empty_list_of_edges_is_no_circuit(self, refused: Refused) -> None:
        problem = one(refused(nodes={"x": ["m0"]}, edges=[]))
        assert (problem.code, problem.where) == ("empty-circuit", "edges")


def test_problems_point_into_the_file(small: ResidualGraph, tmp_path: Path) -> None:
    text = """\
circuitgraph: 1
name: test
model: zoo:induction
task: {prompts: {zoo: repeated-tokens}, metric: logit_diff}
edges:
  - embed -> logits
  - a1.h0 -> a0.h1.q
"""
    with pytest.raises(SpecError) as caught:
        resolve(loads(text, str(tmp_path / "x.yaml")), small)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column, problem.where) == (7, 5, "edges[1]")


def test_edges_are_values_of_names(read: Read) -> None:
    assert all(isinstance(edge, Edge) for edge in read(edges=["embed -> logits"]).edges)
