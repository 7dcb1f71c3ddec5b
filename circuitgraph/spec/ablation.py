"""What an ablated writer writes instead of its own output: `ablation:`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import BeforeValidator, Field

from circuitgraph.errors import quoted
from circuitgraph.spec.strict import Factors, Says, Seed, Strict, closest, mismatch, unknown, wrong

AblationName = Literal["corrupt", "zero", "mean", "resample"]


class MeanOptions(Strict):
    """Mean over the data set, per position; per level of the factors in `by`; of clean or corrupt prompts."""

    by: Factors = Field(default_factory=list)
    over: Annotated[Literal["clean", "corrupt"], Says("clean or corrupt")] = "clean"


class MeanAblation(Strict):
    """Long form of `ablation: mean`."""

    mean: MeanOptions


class ResampleOptions(Strict):
    """Activations of another row of equal length, drawn with `seed`."""

    seed: Seed = 0


class ResampleAblation(Strict):
    """Long form of `ablation: resample`."""

    resample: ResampleOptions


def _read_ablation(value: Any) -> Any:
    names = get_args(AblationName)
    if value in names if isinstance(value, str) else isinstance(value, (MeanAblation, ResampleAblation)):
        return value
    if isinstance(value, str):
        raise unknown("ablation", value, names).error
    if not isinstance(value, Mapping):
        raise mismatch("an ablation: corrupt, zero, mean, resample or a mapping", value).error
    options = cast(Mapping[str, Any], value)
    if "mean" in options:
        return MeanAblation.model_validate(options)
    if "resample" in options:
        return ResampleAblation.model_validate(options)
    for key in options:
        if key in names:
            raise wrong("wrong-type", f"the ablation {key} has no options", f"write ablation: {key}")
    said = f"expected {{mean: {{by: [factor]}}}} or {{resample: {{seed: 0}}}}, got {described_keys(options)}"
    raise wrong("unknown-ablation", said, closest(str(next(iter(options), "")), ("mean", "resample")))


def described_keys(mapping: Mapping[str, Any]) -> str:
    """A mapping by its keys, for messages."""
    keys = ", ".join(quoted(key) for key in list(mapping)[:8])
    return f"a mapping of {keys}" if keys else "an empty mapping"


Ablation = Annotated[AblationName | MeanAblation | ResampleAblation, BeforeValidator(_read_ablation)]
