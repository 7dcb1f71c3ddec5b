"""The JSON Schema says of a file what the loader says, wherever a schema can say it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from circuitgraph.errors import SpecError
from circuitgraph.spec import Document, Spec, json_schema, loads
from circuitgraph.spec.schema import _FIELDS

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "spec_errors"

GOOD = """\
circuitgraph: 1
name: all forms
x-anything: {a: 1}
model: {id: gpt2, revision: main, dtype: float32, device: cpu}
task:
  prompts:
    template: "{A} and {B}"
    corrupt: ["{C} and {B}"]
    slots: {A: [Mary], B: {file: names.txt}, C: [Ann]}
    answer: " {A}"
    foil: " {B}"
    seed: 3
  metric: logit_diff
  positions: {END: last, PREV: END-1, É: -2, AND: {token: " and", occurrence: 2}}
  factors: gap
ablation: {mean: {by: [template], over: clean}}
rule: any-edge
nodes:
  a: a0.h1
  b: [a1.h0, "5.1"]
  c: {members: a*.h*, at: END, role: everything}
edges: a -> b.k
paths: {main: embed -> a -> logits, other: [embed -> logits]}
claims:
  - faithful: {at_least: 0.9, at_most: 2}
  - complete: {at_most: 0.1}
  - minimal: {each_at_least: 0.02, per: node}
  - beats_random:
  - effect: {of: a -> b.k, at_most: -1, direction: denoising}
  - no_effect: {of: embed -> logits, within: 0.1}
  - attends: {heads: [b], from: END, to: END-1, at_least: 0.5}
"""

BEYOND_A_SCHEMA = {"template_uneven", "template_missing", "not_finite", "surrogate"}
"""What lies between two keys or outside JSON."""


def _read(case: str) -> Document | None:
    """The document, None where the YAML itself is at fault."""
    try:
        document = Document.read((GOLDEN / f"{case}.yaml").read_bytes())
    except SpecError:
        return None
    return None if document.problems else document


BAD = {path.stem: found for path in sorted(GOLDEN.glob("*.yaml")) if (found := _read(path.stem)) is not None}


def _validator() -> Any:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_good_specs_pass() -> None:
    loads(GOOD)
    assert list(_validator().iter_errors(Document.read(GOOD).data)) == []
    minimal = (
        "circuitgraph: 1\nname: x\nmodel: m\n"
        "task: {prompts: {file: p.jsonl}, metric: python:a.b:c}\npaths: embed -> logits\n"
    )
    loads(minimal)
    assert _validator().is_valid(Document.read(minimal).data)


def test_x_keys_pass() -> None:
    data = {**Document.read(GOOD).data, "x-more": [1]}
    assert _validator().is_valid(data)
    assert not _validator().is_valid({**data, "more": [1]})


@pytest.mark.parametrize("case", BAD)
def test_bad_specs_fail(case: str) -> None:
    assert _validator().is_valid(BAD[case].data) == (case in BEYOND_A_SCHEMA)


def test_every_field_is_described() -> None:
    for part, fields in _FIELDS.items():
        assert list(fields) == part.keys(), part.__name__
    schema = json_schema()
    assert set(schema["properties"]) == set(Spec.keys())
    assert schema["additionalProperties"] is False
    for key, field in schema["properties"].items():
        assert "description" in field or "$ref" in field, key
