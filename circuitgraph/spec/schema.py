"""JSON Schema (Draft 2020-12) of the YAML as people write it, for editors to complete and check from.

Short forms are in it: a list for a group, one text for a list, claims as mappings of one key, `x-` keys.
What a schema cannot say (names against a model, arrows, bounds between keys) `circuitgraph check` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from circuitgraph.spec.ablation import MeanAblation, MeanOptions, ResampleAblation, ResampleOptions
from circuitgraph.spec.claims import CLAIM_TYPES
from circuitgraph.spec.model import METRICS, DtypeName, Group, ModelRef, RuleName, Spec, Task, TokenPosition
from circuitgraph.spec.prompts import PROMPT_TYPES, SlotFile
from circuitgraph.spec.strict import Strict

Json = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_ID = "urn:circuitgraph:spec:1"

# \w means ASCII in the regular expressions of JSON Schema; names may be of any script.
_WORD = r"^[^\s\d@+.{}-][^\s@+.{}-]*$"
_PLACE = r"^[^\s\d@+.{}-][^\s@+.{}-]*([+-][0-9]+)?$"

_TEXT: Json = {"type": "string"}
_FILLED: Json = {"type": "string", "minLength": 1}
_WORDED: Json = {"type": "string", "pattern": r"\S"}
_NUMBER: Json = {"type": "number"}
_SHARE: Json = {"type": "number", "minimum": 0, "maximum": 1}
_COUNT: Json = {"type": "integer", "minimum": 1}
_SEED: Json = {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}
_POSITION: Json = {"type": "string", "pattern": r"^[^@]*\S"}
_DIRECTION: Json = {"enum": ["noising", "denoising"]}


def _listed(item: Json, least: int = 0) -> Json:
    """A list of items, or one text."""
    items: Json = {"type": "array", "items": item}
    if least:
        items["minItems"] = least
    return {"oneOf": [items, item]}


def _said(schema: Json, description: str) -> Json:
    return {**schema, "description": description}


def _optional(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


_AT_LEAST = _said(_optional(_NUMBER), "Lower bound.")
_AT_MOST = _said(_optional(_NUMBER), "Upper bound.")
_OF = _said(_WORDED, "An edge (a0.h1 -> a1.h0.k), a node or a group; of the circuit or not.")
_EXAMPLES = _said(_COUNT, "How many examples to make.")
_PROMPT_SEED = _said(_SEED, "Seed of the examples.")
_EFFECT_OF = _said(
    _DIRECTION, "noising: corrupt these, all else clean. denoising: restore these, all else ablated."
)

_FIELDS: dict[type[Strict], dict[str, Json]] = {
    ModelRef: {
        "id": _said(_WORDED, "zoo:NAME, a directory (relative to the spec file) or a hub id."),
        "revision": _said(_optional(_WORDED), "Revision on the hub."),
        "dtype": _said(_optional({"enum": list(get_args(DtypeName))}), "Type of the weights."),
        "device": _said(_optional(_WORDED), "Where to run: cpu, cuda, cuda:1, auto."),
    },
    PROMPT_TYPES["zoo"]: {
        "zoo": _said(_WORDED, "A built-in generator."),
        "examples": _EXAMPLES,
        "seed": _PROMPT_SEED,
    },
    PROMPT_TYPES["template"]: {
        "template": _said(_listed(_FILLED, 1), "Clean prompts with {SLOT}s."),
        "corrupt": _said(
            _optional(_listed(_FILLED, 1)), "As many corrupt prompts, over the same slots and more."
        ),
        "slots": {
            "type": "object",
            "propertyNames": {"pattern": _WORD},
            "additionalProperties": {
                "oneOf": [{"type": "array", "items": _FILLED, "minItems": 1}, {"$ref": "#/$defs/slot_file"}]
            },
            "description": "The values of every slot.",
        },
        "answer": _said(_optional(_FILLED), 'What counts as right: " {A}".'),
        "foil": _said(_optional(_FILLED), "What the answer is compared with (logit_diff, prob_diff)."),
        "examples": _EXAMPLES,
        "seed": _PROMPT_SEED,
    },
    PROMPT_TYPES["file"]: {"file": _said(_WORDED, "A jsonl file, relative to the spec file.")},
    PROMPT_TYPES["python"]: {
        "python": {
            "type": "string",
            "pattern": r"^[^:\s]+:[^:\s]+$",
            "description": "package.module:function; runs with --allow-code only.",
        }
    },
    SlotFile: {"file": _said(_WORDED, "A text file with one value a line.")},
    TokenPosition: {
        "token": _said(_FILLED, "The token's text."),
        "occurrence": _said(_COUNT, "Which one, counted from 1."),
    },
    Task: {
        "prompts": {
            "oneOf": [{"$ref": f"#/$defs/prompts_{kind}"} for kind in PROMPT_TYPES],
            "description": "Where the prompts come from.",
        },
        "metric": {
            "anyOf": [{"enum": list(METRICS)}, {"type": "string", "pattern": r"^python:[^:\s]+:[^:\s]+$"}],
            "description": "How the answer is scored.",
        },
        "positions": {
            "type": "object",
            "propertyNames": {"pattern": _WORD},
            "additionalProperties": {
                "oneOf": [
                    {"type": "integer"},
                    {"type": "string", "pattern": _PLACE},
                    {"$ref": "#/$defs/token_position"},
                ]
            },
            "description": "Names for places of the prompt: last, an index, NAME+1, or a token.",
        },
        "factors": _said(_listed(_WORDED), "Covariates the report explains variance by."),
    },
    MeanOptions: {
        "by": _said(_listed(_WORDED), "Factors within whose levels the mean is taken."),
        "over": _said({"enum": ["clean", "corrupt"]}, "Whose mean."),
    },
    ResampleOptions: {"seed": _said(_SEED, "Seed of the draw.")},
    MeanAblation: {"mean": {"$ref": "#/$defs/mean_options"}},
    ResampleAblation: {"resample": {"$ref": "#/$defs/resample_options"}},
    Group: {
        "members": _said(_listed(_WORDED, 1), "Heads, MLPs, wildcards, ranges or other groups."),
        "at": _said(_optional(_POSITION), "The position where the members write."),
        "role": _said(_optional(_TEXT), "What the group does."),
    },
    CLAIM_TYPES["faithful"]: {"at_least": _AT_LEAST, "at_most": _AT_MOST},
    CLAIM_TYPES["complete"]: {"at_most": _said(_NUMBER, "Upper bound.")},
    CLAIM_TYPES["minimal"]: {
        "each_at_least": _said(_SHARE, "Least drop when one part is taken out."),
        "per": _said({"enum": ["edge", "node"]}, "What is taken out."),
    },
    CLAIM_TYPES["beats_random"]: {
        "circuits": _said(_COUNT, "How many random circuits."),
        "at_least": _said(_SHARE, "Share of them to exceed."),
    },
    CLAIM_TYPES["effect"]: {
        "of": _OF,
        "at_least": _AT_LEAST,
        "at_most": _AT_MOST,
        "direction": _EFFECT_OF,
    },
    CLAIM_TYPES["no_effect"]: {
        "of": _OF,
        "within": {"type": "number", "exclusiveMinimum": 0, "description": "Half the width of nothing."},
        "direction": _EFFECT_OF,
    },
    CLAIM_TYPES["attends"]: {
        "heads": _said(_listed(_WORDED, 1), "Heads or groups of heads."),
        "from": _said(_POSITION, "Where they attend from."),
        "to": _said(_POSITION, "Where they attend to."),
        "at_least": _said(_optional(_SHARE), "Lower bound on the mean attention."),
        "at_most": _said(_optional(_SHARE), "Upper bound on the mean attention."),
    },
    Spec: {
        "circuitgraph": {"const": 1, "description": "Version of the spec language."},
        "name": _said(_WORDED, "What the hypothesis is called."),
        "about": _said(_optional(_TEXT), "What it says, in a sentence."),
        "source": _said(_optional(_TEXT), "Where it comes from."),
        "model": {
            "oneOf": [_WORDED, {"$ref": "#/$defs/model"}],
            "description": "zoo:NAME, ./directory, a hub id, or a mapping with id.",
        },
        "task": {"$ref": "#/$defs/task"},
        "ablation": {
            "oneOf": [
                {"enum": ["corrupt", "zero", "mean", "resample"]},
                {"$ref": "#/$defs/mean"},
                {"$ref": "#/$defs/resample"},
            ],
            "description": "What replaces the rest of the model.",
        },
        "rule": _said(_optional({"enum": list(get_args(RuleName))}), "How the edge set is read."),
        "nodes": {
            "type": "object",
            "propertyNames": _WORDED,
            "additionalProperties": {"oneOf": [_listed(_WORDED, 1), {"$ref": "#/$defs/group"}]},
            "description": "Named groups of components.",
        },
        "edges": _said(_listed(_WORDED, 1), "The edges of the circuit: SOURCE -> READER.PORT."),
        "paths": {
            "oneOf": [
                _listed(_WORDED, 1),
                {"type": "object", "propertyNames": _WORDED, "additionalProperties": _listed(_WORDED, 1)},
            ],
            "description": "Paths from embed to logits, as a list or as named lists.",
        },
        "claims": {
            "type": "array",
            "items": {"oneOf": [{"$ref": f"#/$defs/claim_{kind}"} for kind in CLAIM_TYPES]},
            "description": "What must hold.",
        },
    },
}


def json_schema() -> Json:
    """The JSON Schema of a spec file, Draft 2020-12."""
    parts: dict[str, type[Strict]] = {
        "model": ModelRef,
        "task": Task,
        **{f"prompts_{kind}": prompts for kind, prompts in PROMPT_TYPES.items()},
        "slot_file": SlotFile,
        "token_position": TokenPosition,
        "mean": MeanAblation,
        "mean_options": MeanOptions,
        "resample": ResampleAblation,
        "resample_options": ResampleOptions,
        "group": Group,
    }
    claims = {f"claim_{kind}": _claim(kind, claim) for kind, claim in CLAIM_TYPES.items()}
    return {
        "$schema": DIALECT,
        "$id": SCHEMA_ID,
        "title": "circuitgraph spec, version 1",
        **_object(Spec, "A circuit hypothesis that a model can refute."),
        "patternProperties": {"^x-": {"description": "Ignored: a place for anchors."}},
        "anyOf": [_given("nodes"), _given("edges"), _given("paths")],
        "$defs": {**{name: _object(part) for name, part in parts.items()}, **claims},
    }


def _given(key: str) -> Json:
    """`key` is there and not an empty list or mapping."""
    return {"required": [key], "properties": {key: {"minProperties": 1, "minItems": 1}}}


def _object(part: type[Strict], description: str | None = None) -> Json:
    fields = _FIELDS[part]
    infos = zip(part.keys(), part.model_fields.values(), strict=True)
    required = [key for key, info in infos if info.is_required()]
    found: Json = {
        "description": description or " ".join(str(part.__doc__).split()),
        "type": "object",
        "properties": {key: _with_default(part, key, schema) for key, schema in fields.items()},
        "additionalProperties": False,
    }
    return {**found, "required": required} if required else found


def _with_default(part: type[Strict], key: str, schema: Json) -> Json:
    info = dict(zip(part.keys(), part.model_fields.values(), strict=True))[key]
    plain = isinstance(info.default, (str, int, float))
    return {**schema, "default": info.default} if plain else schema


def _claim(kind: str, claim: type[Strict]) -> Json:
    body = _object(claim)
    if {"at_least", "at_most"} <= set(body["properties"]):
        body["anyOf"] = [_bound("at_least"), _bound("at_most")]
    anything: Json = (
        {"oneOf": [body, {"type": "null"}]} if "required" not in body and "anyOf" not in body else body
    )
    return {
        "description": body["description"],
        "type": "object",
        "properties": {kind: anything},
        "required": [kind],
        "additionalProperties": False,
    }


def _bound(key: str) -> Mapping[str, Any]:
    return {"required": [key], "properties": {key: {"type": "number"}}}
