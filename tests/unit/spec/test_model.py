"""Specs built in Python: short forms, equality, messages."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from circuitgraph.spec import (
    Attends,
    BeatsRandom,
    Effect,
    Faithful,
    Group,
    MeanAblation,
    MeanOptions,
    ModelRef,
    Spec,
    Task,
    TokenPosition,
    ZooPrompts,
    dump,
    loads,
)

BASE: dict[str, Any] = {
    "circuitgraph": 1,
    "name": "induction",
    "model": "zoo:induction",
    "task": {"prompts": {"zoo": "repeated-tokens"}, "metric": "logit_diff"},
}


def test_short_and_long_forms_are_the_same_spec() -> None:
    short = Spec(
        **BASE,
        nodes={"previous": ["a0.h1"], "induction": "a1.h0"},
        edges="embed -> previous.v",
        paths=("embed -> logits",),
        claims=[
            {"faithful": {"at_least": 1}},
            {"attends": {"heads": "previous", "from": "A", "to": "B", "at_most": 1}},
        ],
    )
    long = Spec(
        circuitgraph=1,
        name="induction",
        model="zoo:induction",
        task=Task(prompts=ZooPrompts(zoo="repeated-tokens"), metric="logit_diff"),
        nodes={"previous": Group(members=["a0.h1"]), "induction": Group(members=["a1.h0"])},
        edges=["embed -> previous.v"],
        paths={"paths": ["embed -> logits"]},
        claims=[Faithful(at_least=1.0), Attends(heads=["previous"], from_="A", to="B", at_most=1.0)],
    )
    assert short == long
    assert loads(dump(short)) == long
    assert [claim.kind for claim in long.claims] == ["faithful", "attends"]
    assert type(long.claims[0].model_dump()["at_least"]) is float


def test_dump_is_what_a_person_would_write() -> None:
    written = """\
circuitgraph: 1
name: induction
model: zoo:induction
task:
  prompts: {zoo: repeated-tokens}
  metric: logit_diff
nodes:
  previous: [a0.h1]
  induction:
    members: [a1.h0]
    at: END
  pasted: ["5.1"]
edges:
  - embed -> previous.v
paths:
  - embed -> logits
claims:
  - faithful: {at_least: 0.9}
  - effect: {of: previous -> induction.k, at_most: -1.0}
"""
    assert dump(loads(written)) == written
    verbose = written.replace("zoo: repeated-tokens", "zoo: repeated-tokens, examples: 128, seed: 0")
    verbose = verbose.replace("[a0.h1]", "{members: a0.h1}").replace("nodes:", "ablation: corrupt\nnodes:")
    assert dump(loads(verbose)) == written


def test_equality_ignores_where_a_spec_came_from() -> None:
    spec = Spec(**BASE, nodes={"a": ["a0"]})
    again = loads(dump(spec), "some/file.yaml")
    assert again.document is not None and spec.document is None
    assert again == spec
    assert spec != Spec(**BASE, nodes={"a": ["a1"]})
    assert spec != "spec"


def test_model_dump_builds_the_same_spec() -> None:
    spec = Spec(**BASE, nodes={"a": ["a0"]}, claims=[{"beats_random": {}}, Effect(of="a", at_most=0)])
    assert Spec(**spec.model_dump()) == spec
    assert spec.model_dump(mode="json")["claims"] == [
        {"beats_random": {}},
        {"effect": {"of": "a", "at_most": 0.0}},
    ]


def test_model_reference() -> None:
    assert Spec(**BASE, nodes={"a": ["a0"]}).model_ref == ModelRef(id="zoo:induction")
    spec = Spec(**{**BASE, "model": {"id": "gpt2", "dtype": "float32"}}, nodes={"a": ["a0"]})
    assert spec.model_ref.dtype == "float32"


def test_ablation_forms() -> None:
    spec = Spec(**BASE, nodes={"a": ["a0"]}, ablation={"mean": {"by": "gap"}})
    assert spec.ablation == MeanAblation(mean=MeanOptions(by=["gap"]))
    assert loads(dump(spec)) == spec


def test_positions() -> None:
    task = {
        **BASE["task"],
        "positions": {"END": "last", "SECOND": 1, "AND": {"token": " and"}, "NEXT": "AND+1"},
    }
    spec = Spec(**{**BASE, "task": task}, nodes={"a": ["a0"]})
    assert spec.task.positions["AND"] == TokenPosition(token=" and", occurrence=1)
    assert loads(dump(spec)) == spec


def test_python_errors_speak_the_users_words() -> None:
    claims = [{"faithful": {"at_least": True}}]
    data: dict[str, Any] = {**BASE, "name": 3, "rul": "path", "nodes": {"a": [5.1]}, "claims": claims}
    with pytest.raises(ValidationError) as caught:
        Spec(**data)
    text = str(caught.value)
    assert "expected text, got the number 3" in text
    assert 'quote it ("5.1") or write a5.h1' in text
    assert "expected a number, got true" in text
    assert "did you mean rule?" in text
    assert "Input should" not in text


def test_claims_alone() -> None:
    assert BeatsRandom() == BeatsRandom(circuits=100, at_least=0.95)
    with pytest.raises(ValidationError, match="a claim needs a bound"):
        Faithful()
    with pytest.raises(ValidationError, match="must not exceed"):
        Faithful(at_least=2, at_most=1)


@pytest.mark.parametrize("metric", ["kl", "loss", "accuracy", "log_prob", "python:pkg.mod:fn"])
def test_a_foil_is_needed_only_where_it_is_compared(metric: str) -> None:
    prompts = {"template": "{A}", "corrupt": "x", "slots": {"A": ["a"]}, "answer": "{A}"}
    Spec(**{**BASE, "task": {"prompts": prompts, "metric": metric}}, nodes={"a": ["a0"]})


def test_corrupt_templates_are_needed_only_by_what_uses_them() -> None:
    prompts = {"template": "{A}", "slots": {"A": ["a"]}}
    base = {**BASE, "task": {"prompts": prompts, "metric": "kl"}, "nodes": {"a": ["a0"]}}
    for ablation in ("zero", "mean", "resample", {"mean": {"over": "clean"}}):
        Spec(**base, ablation=ablation)
    for ablation in ("corrupt", {"mean": {"over": "corrupt"}}):
        with pytest.raises(ValidationError, match="needs corrupt prompts"):
            Spec(**base, ablation=ablation)
