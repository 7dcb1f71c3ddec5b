from __future__ import annotations

import pytest

from .conftest import Read, Refused


def test_groups_hold_components_wildcards_ranges_aliases_and_groups(read: Read) -> None:
    circuit = read(
        nodes={
            "everything": ["early", "late", "m*"],
            "early": {"members": ["a0.h0-1", "0.3"], "role": "moves tokens"},
            "late": ["L1H2"],
        }
    )
    members = {name: " ".join(map(str, group.members)) for name, group in circuit.groups.items()}
    assert members == {
        "everything": "a0.h0 a0.h1 a0.h3 m0 a1.h2 m1",
        "early": "a0.h0 a0.h1 a0.h3",
        "late": "a1.h2",
    }
    assert list(circuit.groups) == ["everything", "early", "late"]
    assert circuit.groups["early"].role == "moves tokens"


def test_a_member_twice_counts_once(read: Read) -> None:
    assert len(read(nodes={"x": ["a0.h1", "0.1", "a0.h1"]}).groups["x"].members) == 1


@pytest.mark.parametrize(
    ("member", "code", "hint"),
    [
        ("a1.h0.q", "port-in-group", "write a1.h0"),
        ("a1.h0@END", "position-in-group", "limit the group: {members: [a1.h0], at: END}"),
        ("embed", "embed-in-group", None),
        ("logits", "logits-in-group", None),
        ("m0.n3", "neurons-unsupported", "the whole MLP is m0"),
        ("a1.h9", "no-such-head", None),
        ("elsewhere", "unknown-name", None),
        ("a1h0", "unknown-name", "did you mean a1.h0?"),
    ],
)
def test_what_groups_do_not_hold(member: str, code: str, hint: str | None, refused: Refused) -> None:
    (problem,) = refused(nodes={"x": ["a0.h1", member]}, edges=["x -> logits"])
    assert (problem.code, problem.where, problem.hint) == (code, "nodes.x[1]", hint)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("a5", "reserved-name"),
        ("M1", "reserved-name"),
        ("L1H0", "reserved-name"),
        ("Embed", "reserved-name"),
        ("a*.h*", "reserved-name"),
        ("two words", "bad-group-name"),
        ("2nd", "bad-group-name"),
        ("x.q", "bad-group-name"),
    ],
)
def test_group_names(name: str, code: str, refused: Refused) -> None:
    (problem,) = refused(nodes={name: ["a0.h1"]})
    assert problem.code == code


def test_a_cycle_is_reported_once(refused: Refused) -> None:
    (problem,) = refused(
        nodes={"x": ["y"], "y": ["z", "m0"], "z": ["x"]}, edges=["x -> logits", "y -> logits", "z -> logits"]
    )
    assert (problem.code, problem.where, problem.message) == (
        "group-cycle",
        "nodes.z[0]",
        "group x holds itself: x -> y -> z -> x",
    )


def test_what_follows_from_a_bad_group_is_not_reported_again(refused: Refused) -> None:
    problems = refused(
        known=set(),
        nodes={"bad": ["a9.h0"], "outer": ["bad", "m0"], "late": {"members": ["m1"], "at": "NOWHERE"}},
        edges=["bad -> logits", "embed -> outer", "late -> logits", "a0.h9 -> bad"],
        paths=["embed -> bad -> logits"],
        claims=[
            {"effect": {"of": "bad", "at_most": 0}},
            {"no_effect": {"of": "outer -> logits", "within": 1}},
            {"attends": {"heads": ["bad"], "from": "NOWHERE", "to": "NOWHERE", "at_least": 0.1}},
        ],
    )
    assert [(p.where, p.code) for p in problems] == [
        ("nodes.bad[0]", "no-such-layer"),
        ("nodes.late.at", "no-such-position"),
        ("edges[3]", "no-such-head"),
        ("claims[2].attends.from", "no-such-position"),
        ("claims[2].attends.to", "no-such-position"),
    ]
