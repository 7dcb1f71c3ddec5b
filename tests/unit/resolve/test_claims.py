from __future__ import annotations

from typing import Any

import pytest

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.errors import SpecError
from circuitgraph.resolve import resolve
from circuitgraph.resolve.circuit import ResolvedClaim
from circuitgraph.spec import loads

from .conftest import Read, Refused

BASE: dict[str, Any] = {
    "nodes": {
        "previous": ["a0.h1"],
        "induction": {"members": ["a1.h0", "a1.h3"], "at": "END"},
        "mixed": ["a1.h0", "m1"],
    },
    "edges": ["embed -> logits"],
}


def effect(read: Read, of: str) -> list[str]:
    (claim,) = read(**BASE, claims=[{"effect": {"of": of, "at_most": 0.0}}]).claims
    return [str(edge) for edge in claim.edges]


def test_an_edge(read: Read) -> None:
    assert effect(read, "a0.h1 -> a1.h3.k@MATCH") == ["a0.h1 -> a1.h3.k@MATCH"]


def test_groups_make_an_edge_set(read: Read) -> None:
    assert effect(read, "previous -> induction.k") == ["a0.h1 -> a1.h0.k", "a0.h1 -> a1.h3.k"]
    assert effect(read, "induction -> logits") == ["a1.h0 -> logits@END", "a1.h3 -> logits@END"]


def test_a_node_is_every_edge_out_of_it_in_the_whole_model(read: Read, small: ResidualGraph) -> None:
    assert effect(read, "a0.h1") == [str(edge) for edge in small.edges() if edge.source.name == "a0.h1"]
    assert len(effect(read, "embed")) == sum(edge.source.name == "embed" for edge in small.edges())
    assert effect(read, "m1") == ["m1 -> logits"]


def test_a_group_at_its_position_and_a_node_as_named(read: Read) -> None:
    assert effect(read, "induction") == [
        "a1.h0 -> m1@END",
        "a1.h3 -> m1@END",
        "a1.h0 -> logits@END",
        "a1.h3 -> logits@END",
    ]
    assert effect(read, "a1.h0") == ["a1.h0 -> m1", "a1.h0 -> logits"]
    assert effect(read, "a1.h0 -> logits") == ["a1.h0 -> logits"]
    assert effect(read, "a1.h0@MATCH+1") == ["a1.h0 -> m1@MATCH+1", "a1.h0 -> logits@MATCH+1"]


def test_claims_add_no_edge_to_the_circuit(read: Read) -> None:
    circuit = read(**BASE, claims=[{"no_effect": {"of": "a0.h1 -> a1.h0.q", "within": 0.1}}])
    assert [str(edge) for edge in circuit.edges] == ["embed -> logits"]


def test_pairs_that_cannot_be_are_noted(read: Read) -> None:
    circuit = read(**BASE, claims=[{"no_effect": {"of": "a*.h* -> m0", "within": 0.1}}])
    assert len(circuit.claims[0].edges) == 4
    assert circuit.notes == (
        "claims[0].no_effect.of: 4 pairs of a*.h* -> m0 cannot be edges and are left out",
    )


def test_origins_and_order(read: Read) -> None:
    written = [
        {"faithful": {"at_least": 0.9}},
        {"effect": {"of": " previous -> induction.k", "at_most": -1.0}},
        {"minimal": {"each_at_least": 0.02}},
        {"attends": {"heads": "induction", "from": "END", "to": "MATCH+1", "at_least": 0.5}},
    ]
    claims: tuple[ResolvedClaim, ...] = read(**BASE, claims=written).claims
    assert [claim.claim.kind for claim in claims] == ["faithful", "effect", "minimal", "attends"]
    assert [(claim.origin.where, claim.origin.text) for claim in claims] == [
        (("claims", 0), "faithful"),
        (("claims", 1), "effect previous -> induction.k"),
        (("claims", 2), "minimal"),
        (("claims", 3), "attends induction"),
    ]
    assert [str(head) for head in claims[3].heads] == ["a1.h0", "a1.h3"]
    assert (claims[3].query, claims[3].key) == ("END", "MATCH+1")


def test_positions_of_edges_and_claims_are_collected(read: Read) -> None:
    circuit = read(
        edges=["embed -> m0@S2"],
        claims=[
            {"attends": {"heads": ["a0", "a0.h1"], "from": "END", "to": "MATCH+1", "at_least": 0.5}},
            {"effect": {"of": "m0@IO", "at_most": 0}},
        ],
    )
    assert circuit.positions == ("END", "IO", "MATCH+1", "S2")
    assert len(circuit.claims[0].heads) == 4


@pytest.mark.parametrize(
    ("of", "code"),
    [
        ("logits", "logits-as-writer"),
        ("a1.h0.q", "port-on-writer"),
        ("embed -> a0.h1 -> logits", "not-an-edge"),
        ("a1.h0 -> a0.h1", "backwards-edge"),
        ("embed -> **", "bad-name"),
        ("**", "bad-name"),
        ("nobody", "unknown-name"),
        ("a1.h9", "no-such-head"),
        ("induction@S2", "position-conflict"),
        ("induction -> logits@S2", "position-conflict"),
        ("embed ->", "empty-hop"),
    ],
)
def test_bad_targets(of: str, code: str, refused: Refused) -> None:
    for claim in ({"effect": {"of": of, "at_most": 0}}, {"no_effect": {"of": of, "within": 0.1}}):
        (problem,) = refused(**BASE, claims=[{"faithful": {"at_least": 0.5}}, claim])
        assert (problem.code, problem.where) == (code, f"claims[1].{next(iter(claim))}.of")


@pytest.mark.parametrize(
    ("heads", "where", "message"),
    [
        ("m1", "heads[0]", "m1 is no head: only heads attend"),
        (["a1.h0", "mixed"], "heads[1]", "mixed holds m1: only heads attend"),
        ("embed", "heads[0]", "embed is no head: only heads attend"),
        ("a1.h0.q", "heads[0]", "a1.h0.q: attention belongs to a head, not to its ports"),
        ("a1.h0@END", "heads[0]", "a1.h0@END: the positions of attention go under from and to"),
    ],
)
def test_only_heads_attend(heads: str | list[str], where: str, message: str, refused: Refused) -> None:
    (problem,) = refused(
        **BASE, claims=[{"attends": {"heads": heads, "from": "END", "to": "END", "at_least": 0.5}}]
    )
    assert (problem.code, problem.where, problem.message) == (
        "not-a-head",
        f"claims[0].attends.{where}",
        message,
    )


def test_minimal_per_node_needs_a_component() -> None:
    text = """\
circuitgraph: 1
name: nothing
model: tiny
task: {prompts: {file: rows.jsonl}, metric: logit_diff}
edges: embed -> logits
claims:
  - minimal: {each_at_least: 0.1, per: node}
"""
    with pytest.raises(SpecError) as caught:
        resolve(loads(text), ResidualGraph("gpt2", 1, 2, 8, 20, 16))
    (problem,) = caught.value.problems
    assert (problem.code, problem.where, problem.line) == ("nothing-to-take-out", "claims[0].minimal", 7)
