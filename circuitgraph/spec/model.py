"""The spec as pydantic models: what a YAML file becomes, and what Python users build directly.

Strict on purpose: unknown keys are refused, `"3"` is no number, `true` no integer. Names, arrows and
positions stay the text the user wrote; `circuitgraph.resolve` reads them against a model. A spec built in
Python, dumped and loaded again is equal. The short forms of YAML (a list for a group, one string for a list)
work in Python too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr

from circuitgraph.errors import quoted
from circuitgraph.spec.ablation import (
    Ablation,
    MeanAblation,
    MeanOptions,
    ResampleAblation,
    ResampleOptions,
)
from circuitgraph.spec.claims import (
    CLAIM_KINDS,
    CLAIM_TYPES,
    AnyClaim,
    Attends,
    BeatsRandom,
    Claim,
    Complete,
    Effect,
    Faithful,
    Minimal,
    NoEffect,
    PositionName,
)
from circuitgraph.spec.prompts import (
    FilePrompts,
    Prompts,
    PythonPrompts,
    SlotFile,
    TemplatePrompts,
    ZooPrompts,
    python_entry,
)
from circuitgraph.spec.strict import (
    ONE_OR_MORE,
    Factors,
    Filled,
    Name,
    Positive,
    Prose,
    Says,
    Strict,
    Text,
    Wrong,
    choices,
    closest,
    mismatch,
    worded,
    wrong,
)

if TYPE_CHECKING:
    from circuitgraph.spec.document import Document

__all__ = [
    "CLAIM_KINDS",
    "CLAIM_TYPES",
    "FOIL_METRICS",
    "METRICS",
    "UNNAMED_PATHS",
    "Ablation",
    "Attends",
    "BeatsRandom",
    "Claim",
    "Complete",
    "DtypeName",
    "Effect",
    "Faithful",
    "FilePrompts",
    "Group",
    "MeanAblation",
    "MeanOptions",
    "MetricName",
    "Minimal",
    "ModelRef",
    "NoEffect",
    "PositionSpec",
    "Prompts",
    "PythonPrompts",
    "ResampleAblation",
    "ResampleOptions",
    "RuleName",
    "SlotFile",
    "Spec",
    "Task",
    "TemplatePrompts",
    "TokenPosition",
    "ZooPrompts",
]

MetricName = Literal["logit_diff", "prob_diff", "log_prob", "kl", "loss", "accuracy"]
RuleName = Literal["circuit", "any-edge", "path", "sender-receiver"]
DtypeName = Literal["float64", "float32", "bfloat16", "float16"]
METRICS: tuple[str, ...] = get_args(MetricName)
FOIL_METRICS = frozenset(("logit_diff", "prob_diff"))
"""Metrics that compare the answer with a foil."""

UNNAMED_PATHS = "paths"
"""Name of the path set that a plain list under `paths:` makes."""

_POSITION_NAME = re.compile(r"[^\W\d]\w*")
_POSITION_VALUE = re.compile(r"[^\W\d]\w*([+-][0-9]+)?")
_POSITION_FORMS = 'last, an index, NAME+1 or {token: " and", occurrence: 1}'


class ModelRef(Strict):
    """Which model: long form of `model:`. `id` is `zoo:NAME`, a directory or a hub id."""

    id: Text
    revision: Text | None = None
    dtype: Annotated[DtypeName, Says("a dtype such as float32", noun="dtype")] | None = None
    device: Text | None = None


class TokenPosition(Strict):
    """The n-th occurrence of a token (its text) in the row."""

    token: Filled
    occurrence: Positive = 1


def _read_model(value: Any) -> Any:
    if isinstance(value, ModelRef):
        return value
    if isinstance(value, Mapping):
        return ModelRef.model_validate(value)
    if not isinstance(value, str):
        raise mismatch("a model: zoo:NAME, ./directory, a hub id or a mapping with id", value).error
    if not value.strip():
        raise wrong("empty", "must not be empty")
    return value


def _read_position(value: Any) -> Any:
    if isinstance(value, Mapping):
        return TokenPosition.model_validate(value)
    if isinstance(value, str) and not _POSITION_VALUE.fullmatch(value):
        hint = f"for the place of a token write {{token: {quoted(value)}}}"
        raise wrong("bad-position", f"expected {_POSITION_FORMS}, got the text {quoted(value)}", hint)
    if isinstance(value, (str, TokenPosition)) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise mismatch(_POSITION_FORMS, value).error


def _metric(value: str) -> str:
    if value in METRICS:
        return value
    if value.startswith("python:"):
        python_entry(value.removeprefix("python:"), "python:package.module:function")
        return value
    said = f"unknown metric {quoted(value)}: use {', '.join(METRICS)} or python:module:function"
    raise wrong("unknown-metric", said, closest(value, METRICS))


PositionSpec = Annotated[int | str | TokenPosition, BeforeValidator(_read_position)]
"""`last`, an index (negative from the end), `NAME+1`, or a token's occurrence."""


class Task(Strict):
    """What the model is asked, and how the answer is scored."""

    prompts: Prompts
    metric: Annotated[str, AfterValidator(_metric), Says("a metric such as logit_diff")]
    positions: Annotated[dict[Name, PositionSpec], Says("a mapping from position name to place")] = Field(
        default_factory=dict
    )
    factors: Factors = Field(default_factory=list)

    @classmethod
    def checks(cls, data: Mapping[str, Any]) -> Iterable[Wrong]:
        """Position names, and whether a template brings what the metric scores."""
        positions = data.get("positions")
        for name in cast(Mapping[object, Any], positions) if isinstance(positions, Mapping) else ():
            if isinstance(name, str) and not _POSITION_NAME.fullmatch(name):
                said = f"{quoted(name)} is no position name: letters, digits and _, not starting with a digit"
                yield Wrong(("positions", name), "bad-position-name", said, key=True)
        prompts, metric = data.get("prompts"), data.get("metric")
        if metric not in METRICS or not _is_template(prompts):
            return
        if metric != "kl" and _part(prompts, "answer") is None:
            said = f"the metric {metric} scores an answer: the template has none"
            yield Wrong(("prompts",), "missing-key", said, 'add answer: " {SLOT}"')
        if metric in FOIL_METRICS and _part(prompts, "foil") is None:
            said = f"the metric {metric} compares the answer with a foil: the template has none"
            yield Wrong(("prompts",), "missing-key", said, 'add foil: " {SLOT}"')


Names = Annotated[list[Name], Field(min_length=1), Says("a list of names", names=True), ONE_OR_MORE]


class Group(Strict):
    """A named set of components. `at` limits where its members write."""

    members: Names
    at: PositionName | None = None
    role: Prose | None = None


def _read_group(value: Any) -> Any:
    if isinstance(value, (str, list, tuple)):
        return {"members": cast(Any, value)}
    if isinstance(value, (Group, Mapping)):
        return cast(Any, value)
    raise mismatch("a list of names, or a mapping with members, at and role", value, names=True).error


def _read_paths(value: Any) -> Any:
    return {UNNAMED_PATHS: cast(Any, value)} if isinstance(value, (str, list, tuple)) else value


def _version(value: Any) -> Any:
    if type(value) is not int:
        raise mismatch("the version of the spec language, 1", value).error
    if value != 1:
        raise wrong("unknown-version", f"version {value} of the spec language is unknown: this is version 1")
    return value


Groups = Annotated[
    dict[Name, Annotated[Group, BeforeValidator(_read_group)]],
    Says("a mapping from group name to members"),
]
Edges = Annotated[
    list[Annotated[str, AfterValidator(worded), Says("an edge such as a0.h1 -> a1.h0.k", names=True)]],
    Says("a list of edges"),
    ONE_OR_MORE,
]
PathSet = Annotated[
    list[Annotated[str, AfterValidator(worded), Says("a path such as embed -> a0.h1 -> logits", names=True)]],
    Field(min_length=1),
    Says("a list of paths"),
    ONE_OR_MORE,
]
PathSets = Annotated[
    dict[Name, PathSet], Says("a list of paths, or a mapping from name to list"), BeforeValidator(_read_paths)
]


class Spec(Strict):
    """A circuit hypothesis. `claims` hold `Claim` objects; in YAML each is a mapping of one key, its kind.

    Raises:
        pydantic.ValidationError: (a ValueError) Something is wrong; all of it is listed. `circuitgraph.load`
            raises SpecError with lines and columns instead.
    """

    circuitgraph: Annotated[Literal[1], BeforeValidator(_version)]
    name: Text
    about: Prose | None = None
    source: Prose | None = None
    model: Annotated[str | ModelRef, BeforeValidator(_read_model)]
    task: Task
    ablation: Ablation = "corrupt"
    rule: Annotated[RuleName, Says("circuit, any-edge, path or sender-receiver", noun="rule")] | None = None
    nodes: Groups = Field(default_factory=dict)
    edges: Edges = Field(default_factory=list)
    paths: PathSets = Field(default_factory=dict)
    claims: Annotated[list[AnyClaim], Says("a list of claims")] = Field(default_factory=list[Claim])

    _document: Document | None = PrivateAttr(default=None)

    if TYPE_CHECKING:  # the short forms, which the fields' types do not show

        def __init__(  # noqa: PLR0913
            self,
            *,
            circuitgraph: Literal[1],
            name: str,
            about: str | None = None,
            source: str | None = None,
            model: str | ModelRef | Mapping[str, Any],
            task: Task | Mapping[str, Any],
            ablation: Ablation | Mapping[str, Any] = "corrupt",
            rule: RuleName | None = None,
            nodes: Mapping[str, Group | Mapping[str, Any] | Sequence[str]] = ...,
            edges: Sequence[str] = ...,
            paths: Mapping[str, Sequence[str]] | Sequence[str] = ...,
            claims: Sequence[Claim | Mapping[str, Any]] = ...,
        ) -> None: ...

    @property
    def document(self) -> Document | None:
        """The file this spec was read from, with its lines; None for a spec built in Python."""
        return self._document

    @property
    def directory(self) -> Path:
        """What paths in the spec are relative to: the directory of its file, else the working directory."""
        document = self._document
        return (
            Path.cwd() if document is None or document.file is None else Path(document.file).resolve().parent
        )

    @property
    def model_ref(self) -> ModelRef:
        """The model in its long form."""
        return self.model if isinstance(self.model, ModelRef) else ModelRef(id=self.model)

    def __eq__(self, other: object) -> bool:
        """Whether both say the same; where they were written does not matter."""
        return isinstance(other, Spec) and self.__dict__ == other.__dict__

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    @classmethod
    def checks(cls, data: Mapping[str, Any]) -> Iterable[Wrong]:
        """Something to test, and corrupt prompts where the ablation needs them."""
        parts = ("nodes", "edges", "paths")
        if all(part not in data or data[part] in ({}, [], ()) for part in parts):
            yield Wrong((), "empty-circuit", f"a spec needs at least one of {choices(parts)}")
        prompts = _part(data.get("task"), "prompts")
        if _is_template(prompts) and _part(prompts, "corrupt") is None:
            ablation = data.get("ablation", "corrupt")
            over_corrupt = _part(_part(ablation, "mean"), "over") == "corrupt"
            if ablation == "corrupt" or over_corrupt:
                name = "mean over corrupt" if over_corrupt else "corrupt"
                said = f"the ablation {name} needs corrupt prompts: the template has no corrupt"
                hint = "add corrupt: with as many templates, or choose ablation: zero, mean or resample"
                yield Wrong(("task", "prompts"), "missing-key", said, hint)


def _part(value: Any, name: str) -> Any:
    """A key of a mapping or a field of a model, None where there is none."""
    return cast(Any, value).get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _is_template(prompts: Any) -> bool:
    return isinstance(prompts, TemplatePrompts) or (isinstance(prompts, Mapping) and "template" in prompts)
