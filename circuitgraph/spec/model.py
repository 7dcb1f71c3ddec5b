"""The spec as pydantic models: what a YAML file becomes, and what Python users build directly.

Strict on purpose: unknown keys are refused, `"3"` is no number, `true` no integer. Names, arrows and positions stay
the text the user wrote; `circuitgraph.resolve` reads them against a model. A spec built in Python, dumped and loaded
again is equal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

MetricName = Literal["logit_diff", "prob_diff", "log_prob", "kl", "loss", "accuracy"]
RuleName = Literal["circuit", "any-edge", "path", "sender-receiver"]
DtypeName = Literal["float64", "float32", "bfloat16", "float16"]
METRICS: tuple[str, ...] = get_args(MetricName)

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[int, Field(ge=1)]


class Strict(BaseModel):
    """Base of every part of a spec: no unknown keys, no coercion, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ModelRef(Strict):
    """Which model: long form of `model:`. `id` is `zoo:NAME`, a directory or a hub id."""

    id: str
    revision: str | None = None
    dtype: DtypeName | None = None
    device: str | None = None


class ZooPrompts(Strict):
    """Prompts of a built-in generator."""

    zoo: str
    examples: Positive = 128
    seed: int = 0


class SlotFile(Strict):
    """Slot values read from a text file, one a line."""

    file: str


class TemplatePrompts(Strict):
    """Prompts made by filling slots of templates."""

    template: list[str]
    corrupt: list[str] | None = None
    slots: dict[str, list[str] | SlotFile]
    answer: str | None = None
    foil: str | None = None
    examples: Positive = 128
    seed: int = 0


class FilePrompts(Strict):
    """Prompts from a jsonl file, relative to the spec file."""

    file: str


class PythonPrompts(Strict):
    """Prompts from a Python function (needs `--allow-code`)."""

    python: str


Prompts = ZooPrompts | TemplatePrompts | FilePrompts | PythonPrompts


class TokenPosition(Strict):
    """The n-th occurrence of a token (its text) in the row."""

    token: str
    occurrence: Positive = 1


PositionSpec = int | str | TokenPosition
"""`last`, an index (negative from the end), `NAME+1`, or a token's occurrence."""


class Task(Strict):
    """What the model is asked, and how the answer is scored."""

    prompts: Prompts
    metric: str
    positions: dict[str, PositionSpec] = {}
    factors: list[str] = []


class MeanOptions(Strict):
    """Mean over the data set, per position; per level of the factors in `by`; of the clean or the corrupt prompts."""

    by: list[str] = []
    over: Literal["clean", "corrupt"] = "clean"


class MeanAblation(Strict):
    """Long form of `ablation: mean`."""

    mean: MeanOptions


class ResampleOptions(Strict):
    """Activations of another row of equal length, drawn with `seed`."""

    seed: int = 0


class ResampleAblation(Strict):
    """Long form of `ablation: resample`."""

    resample: ResampleOptions


Ablation = Literal["corrupt", "zero", "mean", "resample"] | MeanAblation | ResampleAblation


class Group(Strict):
    """A named set of components. `at` limits where its members write."""

    members: list[str]
    at: str | None = None
    role: str | None = None


class Claim(Strict):
    """Base of the claims; `kind` is the key it is written under."""

    @property
    def kind(self) -> str:
        """The key of the claim in a spec."""
        return CLAIM_KINDS[type(self)]


class _Bounded(Claim):
    @model_validator(mode="after")
    def _ordered(self) -> _Bounded:
        low, high = getattr(self, "at_least", None), getattr(self, "at_most", None)
        if low is None and high is None:
            raise ValueError("a claim needs a bound: at_least or at_most")
        if low is not None and high is not None and low > high:
            raise ValueError(f"at_least ({low}) must not exceed at_most ({high})")
        return self


class Faithful(_Bounded):
    """f(C): the share of the metric's contrast the circuit alone recovers."""

    at_least: Finite | None = None
    at_most: Finite | None = None


class Complete(Claim):
    """f of the complement: what is left without the circuit."""

    at_most: Finite


class Minimal(Claim):
    """Every edge (or node) of the circuit changes f by at least this much when taken out."""

    each_at_least: Share
    per: Literal["edge", "node"] = "edge"


class BeatsRandom(Claim):
    """Share of size-matched random circuits that are less faithful than this one."""

    circuits: Positive = 100
    at_least: Share = 0.95


class Effect(_Bounded):
    """Effect of an edge, node or group: noising unless `direction: denoising`."""

    of: str
    at_least: Finite | None = None
    at_most: Finite | None = None
    direction: Literal["noising", "denoising"] = "noising"


class NoEffect(Claim):
    """The effect is equivalent to nothing: within plus or minus `within`."""

    of: str
    within: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    direction: Literal["noising", "denoising"] = "noising"


class Attends(_Bounded):
    """Mean attention of `heads`, on the clean run, from one position to another."""

    heads: str | list[str]
    from_: Annotated[str, Field(alias="from")]
    to: str
    at_least: Share | None = None
    at_most: Share | None = None

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, validate_by_name=True, validate_by_alias=True
    )


CLAIM_KINDS: dict[type[Claim], str] = {
    Faithful: "faithful",
    Complete: "complete",
    Minimal: "minimal",
    BeatsRandom: "beats_random",
    Effect: "effect",
    NoEffect: "no_effect",
    Attends: "attends",
}
CLAIM_TYPES: dict[str, type[Claim]] = {kind: claim for claim, kind in CLAIM_KINDS.items()}


class Spec(Strict):
    """A circuit hypothesis. `claims` hold `Claim` objects; in YAML each is a mapping of one key, its kind."""

    circuitgraph: Literal[1]
    name: str
    about: str | None = None
    source: str | None = None
    model: str | ModelRef
    task: Task
    ablation: Ablation = "corrupt"
    rule: RuleName | None = None
    nodes: dict[str, Group] = {}
    edges: list[str] = []
    paths: dict[str, list[str]] = {}
    claims: list[Any] = []

    @property
    def model_ref(self) -> ModelRef:
        """The model in its long form."""
        return self.model if isinstance(self.model, ModelRef) else ModelRef(id=self.model)

    _file: Path | None = None
