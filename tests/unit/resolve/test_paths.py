from __future__ import annotations

import pytest

from circuitgraph.arch.residual import ResidualGraph

from .conftest import Read, Refused


def texts(read: Read, *chains: str, **parts: object) -> list[str]:
    circuit = read(paths=list(chains), **parts)
    (found,) = circuit.paths.values()
    return [str(path) for path in found]


def test_a_path_with_its_ports(read: Read) -> None:
    circuit = read(paths={"main": "embed -> a0.h1.v -> a1.h0.k -> logits"})
    (path,) = circuit.paths["main"]
    assert str(path) == "embed -> a0.h1.v -> a1.h0.k -> logits"
    assert circuit.rule == "path"
    assert circuit.edges == ()
    assert [node.name for node in circuit.nodes] == ["embed", "a0.h1", "a1.h0", "logits"]


def test_a_head_without_ports_means_all_of_them(read: Read) -> None:
    assert texts(read, "embed -> a0.h1 -> m0 -> logits") == [
        f"embed -> a0.h1.{port} -> m0 -> logits" for port in "qkv"
    ]


def test_direct(read: Read) -> None:
    assert texts(read, "embed -> logits") == ["embed -> logits"]


def test_wildcards_and_groups_drop_what_cannot_be(read: Read) -> None:
    circuit = read(
        nodes={"x": ["a0.h1", "a1.h0"]}, paths=["embed -> x.v -> m* -> logits"], edges=["embed -> logits"]
    )
    assert [str(path) for path in circuit.paths["paths"]] == [
        "embed -> a0.h1.v -> m0 -> logits",
        "embed -> a0.h1.v -> m1 -> logits",
        "embed -> a1.h0.v -> m1 -> logits",
    ]
    assert circuit.notes[-1].endswith("1 of 4 combinations cannot be paths and are left out")
    assert circuit.rule == "circuit"
    assert [str(edge) for edge in circuit.edges] == ["embed -> logits"]


def test_stars_stand_for_any_number_of_components(read: Read) -> None:
    tiny = ResidualGraph("gpt2", layers=1, heads=1, d_model=8, vocab=8, context=8, name="tiny")
    assert texts(read, "embed -> ** -> logits", graph=tiny) == [
        "embed -> a0.h0.q -> m0 -> logits",
        "embed -> a0.h0.q -> logits",
        "embed -> a0.h0.k -> m0 -> logits",
        "embed -> a0.h0.k -> logits",
        "embed -> a0.h0.v -> m0 -> logits",
        "embed -> a0.h0.v -> logits",
        "embed -> m0 -> logits",
        "embed -> logits",
    ]
    assert texts(read, "embed -> ** -> ** -> m0 -> ** -> logits", graph=tiny) == [
        "embed -> a0.h0.q -> m0 -> logits",
        "embed -> a0.h0.k -> m0 -> logits",
        "embed -> a0.h0.v -> m0 -> logits",
        "embed -> m0 -> logits",
    ]


def test_sets_keep_their_names_and_merge_repeats(read: Read) -> None:
    circuit = read(paths={"x": ["embed -> m0 -> logits", "embed -> m* -> logits"], "y": ["embed -> logits"]})
    assert {name: len(found) for name, found in circuit.paths.items()} == {"x": 2, "y": 1}
    assert circuit.notes == ("paths.x[1]: 1 path already in x: merged",)


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("a0.h1 -> logits", "path-ends", "did you mean embed -> a0.h1 -> logits?"),
        ("embed -> a0.h1", "path-ends", "did you mean embed -> a0.h1 -> logits?"),
        ("a0.h1 -> m0", "path-ends", "did you mean embed -> a0.h1 -> m0 -> logits?"),
        ("embed -> a1.h0 -> a0.h1.q -> logits", "backwards-edge", "did you mean a0.h1 -> a1.h0.q?"),
        ("embed -> a1 -> a0 -> logits", "no-path-left", None),
        ("embed -> ** -> a0.h1 -> ** -> a0.h2 -> logits", "no-path-left", None),
        ("embed -> **@END -> logits", "bad-name", None),
        ("embed -> a0.h1@END -> m0@S2 -> logits", "position-conflict", "write the position once"),
        ("embed -> a9.h1 -> logits", "no-such-layer", None),
        ("embed -> m0.q -> logits", "no-such-port", None),
        ("embed -> logits -> logits", "logits-as-writer", None),
        ("embed", "single-hop", None),
    ],
)
def test_bad_paths(text: str, code: str, hint: str | None, refused: Refused) -> None:
    (problem,) = refused(paths={"main": [text]})
    assert (problem.code, problem.where, problem.hint) == (code, "paths.main[0]", hint)


def test_stars_are_for_paths_only(refused: Refused) -> None:
    (problem,) = refused(edges=["embed -> ** -> logits"])
    assert problem.message == '"**" stands for components of a path: it is allowed under paths only'


def test_too_many_paths_are_counted_exactly_and_not_listed(gpt2: ResidualGraph, refused: Refused) -> None:
    # Through one layer: nothing, one head port of 36, the MLP, or a head port and the MLP: (1 + 36) * 2 ways.
    (problem,) = refused(graph=gpt2, paths=["embed -> ** -> logits"])
    assert problem.code == "too-many-paths"
    assert f"stands for {74**12:,} paths: one item holds at most 10,000" in problem.message


def test_as_many_as_allowed_are_listed(gpt2: ResidualGraph, read: Read, refused: Refused) -> None:
    assert len(texts(read, "embed -> a0.q -> a1.q -> a2.q -> logits", graph=gpt2)) == 12**3
    (problem,) = refused(graph=gpt2, paths=["embed -> a0.q -> a1.q -> a2.q -> a3.q -> logits"])
    assert f"stands for {12**4:,} paths" in problem.message


def test_positions_on_hops_are_accepted_and_said_not_to_limit(read: Read, refused: Refused) -> None:
    circuit = read(paths=["embed -> a0.h1.v@S2 -> a1.h0.k@S2 -> logits@END"], known={"S2", "END"})
    assert circuit.notes == ("paths.paths[0]: positions on a path are checked but do not limit it yet",)
    (problem,) = refused(paths=["embed -> a0.h1.v@S3 -> logits"], known={"S2", "END"})
    assert problem.code == "no-such-position"


def test_a_chain_with_too_many_readings_is_refused_before_it_hangs(refused: Refused) -> None:
    deep = ResidualGraph("gpt2", layers=16, heads=2, d_model=8, vocab=8, context=8, name="deep")
    nodes = {"some": ["a*.h0", "m*"], "any": ["a*.h*", "m*"]}
    chain = f"embed -> ** -> some{' -> any' * 16} -> logits"
    (problem,) = refused(graph=deep, nodes=nodes, paths=[chain])
    assert problem.code == "too-many-paths"
    assert problem.message.startswith("too many ways to read the wildcards after **")


def test_many_stars_are_no_trouble(read: Read) -> None:
    found = texts(read, f"embed -> {'** -> ' * 30}a1.h1.q -> ** -> logits")
    # Before a1.h1.q: (1 + 12 head ports) * (1 + m0) ways; after it: m1 or nothing.
    assert len(found) == 13 * 2 * 2
    assert all("a1.h1.q" in path for path in found)
