from __future__ import annotations

import pytest

from circuitgraph.resolve import Ablation

from .conftest import Read, Refused


@pytest.mark.parametrize(
    ("parts", "rule"),
    [
        ({"edges": ["embed -> logits"]}, "circuit"),
        ({"nodes": {"x": ["m0"]}}, "circuit"),
        ({"paths": ["embed -> logits"]}, "path"),
        ({"paths": ["embed -> logits"], "edges": ["embed -> logits"]}, "circuit"),
        ({"paths": ["embed -> logits"], "rule": "path"}, "path"),
        ({"edges": ["embed -> logits"], "rule": "any-edge"}, "any-edge"),
        ({"edges": ["embed -> logits"], "rule": "sender-receiver"}, "sender-receiver"),
    ],
)
def test_rule(parts: dict[str, object], rule: str, read: Read) -> None:
    assert read(**parts).rule == rule


@pytest.mark.parametrize("rule", ["circuit", "any-edge", "sender-receiver"])
def test_paths_alone_are_read_by_path(rule: str, refused: Refused) -> None:
    (problem,) = refused(paths=["embed -> logits"], rule=rule)
    assert (problem.code, problem.where) == ("rule-needs-edges", "rule")


def test_the_rule_path_needs_paths(refused: Refused) -> None:
    (problem,) = refused(edges=["embed -> logits"], rule="path")
    assert (problem.code, problem.where) == ("rule-needs-paths", "rule")


def test_nodes_with_paths(read: Read) -> None:
    nodes, paths = {"x": ["m0"]}, ["embed -> x -> logits"]
    circuit = read(nodes=nodes, paths=paths)
    assert len(circuit.edges) == 3
    assert "the paths are hypotheses about it" in circuit.notes[0]
    assert read(nodes=nodes, paths=paths, rule="path").edges == ()


@pytest.mark.parametrize(
    ("written", "ablation", "text"),
    [
        ("corrupt", Ablation("corrupt"), "corrupt"),
        ("zero", Ablation("zero"), "zero"),
        ("mean", Ablation("mean"), "mean"),
        ({"mean": {"by": ["gap"]}}, Ablation("mean", ("gap",)), "mean by gap"),
        ({"mean": {"over": "corrupt"}}, Ablation("mean", (), "corrupt"), "mean over corrupt"),
        ("resample", Ablation("resample"), "resample (seed 0)"),
        ({"resample": {"seed": 3}}, Ablation("resample", seed=3), "resample (seed 3)"),
    ],
)
def test_ablation(written: object, ablation: Ablation, text: str, read: Read) -> None:
    found = read(edges=["embed -> logits"], ablation=written).ablation
    assert (found, str(found)) == (ablation, text)


def test_factors_of_the_ablation(refused: Refused) -> None:
    (problem,) = refused(
        edges=["embed -> logits"],
        factors=["gap"],
        known_factors={"template"},
        ablation={"mean": {"by": ["gap", "template", "tmplate"]}},
    )
    assert (problem.code, problem.where, problem.message, problem.hint) == (
        "unknown-factor",
        "ablation.mean.by[2]",
        'unknown factor "tmplate": use gap, template',
        "did you mean template?",
    )


def test_every_problem_comes_at_once(refused: Refused) -> None:
    problems = refused(
        nodes={"x": ["a9.h0"]},
        edges=["embed -> a0.h7", "nobody -> logits"],
        paths=["embed -> m0"],
        claims=[{"effect": {"of": "m9", "at_most": 0}}],
    )
    assert {problem.where for problem in problems} == {
        "nodes.x[0]",
        "edges[0]",
        "edges[1]",
        "paths.paths[0]",
        "claims[0].effect.of",
    }
