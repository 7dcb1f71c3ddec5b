"""The claims a spec can make. In YAML each is a mapping of one key, its kind: `faithful: {at_least: 0.9}`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError
from typing_extensions import LiteralString

from circuitgraph.errors import quoted
from circuitgraph.spec.strict import (
    ONE_OR_MORE,
    Above,
    Finite,
    Name,
    Positive,
    Says,
    Share,
    Strict,
    Wrong,
    choices,
    described,
    mismatch,
    unknown,
    worded,
)

Direction = Annotated[Literal["noising", "denoising"], Says("noising or denoising", noun="direction")]
Target = Annotated[str, AfterValidator(worded), Says("an edge, a node or a group", names=True)]


def _position(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        hint = f"give it a name under task.positions: {{HERE: {value}}}"
        raise Wrong((), "wrong-type", f"expected the name of a position, got the number {value}", hint).error
    return value


def _bare_position(value: str) -> str:
    if value.startswith("@"):
        raise Wrong((), "bad-position", f"a position is written without @ here: {quoted(value[1:])}").error
    return value


PositionName = Annotated[
    str,
    AfterValidator(worded),
    AfterValidator(_bare_position),
    Says("the name of a position"),
    BeforeValidator(_position),
]


class Claim(Strict):
    """Base of the claims; `kind` is the key it is written under."""

    @property
    def kind(self) -> str:
        """The key of the claim in a spec."""
        return CLAIM_KINDS[type(self)]


class _Bounded(Claim):
    @classmethod
    def checks(cls, data: Mapping[str, Any]) -> Iterable[Wrong]:
        """At least one bound, and the lower not above the upper."""
        low, high = data.get("at_least"), data.get("at_most")
        if low is None and high is None:
            yield Wrong((), "missing-key", "a claim needs a bound: at_least or at_most")
        elif _is_number(low) and _is_number(high) and cast(float, low) > cast(float, high):
            said = f"at_least ({low:g}) must not exceed at_most ({high:g})"
            yield Wrong(("at_least",), "out-of-bounds", said)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


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
    per: Annotated[Literal["edge", "node"], Says("edge or node")] = "edge"


class BeatsRandom(Claim):
    """Share of size-matched random circuits that are less faithful than this one."""

    circuits: Positive = 100
    at_least: Share = 0.95


class Effect(_Bounded):
    """Effect of an edge, node or group: noising unless `direction: denoising`."""

    of: Target
    at_least: Finite | None = None
    at_most: Finite | None = None
    direction: Direction = "noising"


class NoEffect(Claim):
    """The effect is equivalent to nothing: within plus or minus `within`."""

    of: Target
    within: Above
    direction: Direction = "noising"


class Attends(_Bounded):
    """Mean attention of `heads`, on the clean run, from one position to another."""

    heads: Annotated[list[Name], Field(min_length=1), Says("a list of heads", names=True), ONE_OR_MORE]
    from_: PositionName = Field(validation_alias="from", serialization_alias="from")
    to: PositionName
    at_least: Share | None = None
    at_most: Share | None = None

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)


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

_EXAMPLE = "faithful: {at_least: 0.9}"


def _read_claim(value: Any) -> Any:
    """One item of `claims`: a claim, or a mapping of one key, its kind."""
    if isinstance(value, Claim):
        return value
    kinds = list(CLAIM_TYPES)
    if isinstance(value, str) and value in CLAIM_TYPES:
        hint = f"write {value}: {{...}} with its bounds"
        raise Wrong((), "wrong-type", f"a claim is a mapping of one key, got {described(value)}", hint).error
    if not isinstance(value, Mapping):
        raise mismatch(f"a claim, a mapping such as {_EXAMPLE}", value).error
    claim = cast(Mapping[str, Any], value)
    if len(claim) != 1:
        raise _not_one_key(claim).error
    ((kind, body),) = claim.items()
    if kind not in CLAIM_TYPES:
        one = unknown("claim", str(kind), kinds, key=True)
        raise _inside(str(kind), body, one.error)
    try:
        return CLAIM_TYPES[kind].model_validate({} if body is None else body)
    except ValidationError as error:
        raise _below(kind, error) from None


def _not_one_key(claim: Mapping[str, Any]) -> Wrong:
    if not claim:
        return Wrong((), "empty", f"a claim is a mapping of one key: {choices(list(CLAIM_TYPES))}")
    keys = [str(key) for key in claim]
    said = f"a claim is a mapping of one key, got {', '.join(quoted(key) for key in keys[:8])}"
    empty = [kind for kind in keys if kind in CLAIM_TYPES and claim.get(kind) is None]
    if len(empty) == 1:
        rest = ", ".join(key for key in keys if key != empty[0])
        return Wrong((), "several-keys", said, f"indent {rest} further than {empty[0]}")
    return Wrong((), "several-keys", said, 'start every claim with a "- " of its own')


def _below(kind: str, error: ValidationError) -> ValidationError:
    details = [
        InitErrorDetails(
            type=PydanticCustomError(cast(LiteralString, detail["type"]), "{shown}", detail.get("ctx")),
            loc=(kind, *detail["loc"]),
            input=detail["input"],
        )
        for detail in error.errors(include_url=False)
    ]
    return ValidationError.from_exception_data(kind, details)


def _inside(kind: str, body: Any, error: PydanticCustomError) -> ValidationError:
    return ValidationError.from_exception_data(
        "claim", [InitErrorDetails(type=error, loc=(kind,), input=body)]
    )


def claim_as_written(claim: Claim) -> dict[str, Any]:
    """A claim as YAML writes it: a mapping of one key, without what is left at its default."""
    return {claim.kind: claim.model_dump(by_alias=True, exclude_defaults=True)}


AnyClaim = Annotated[Claim, PlainSerializer(claim_as_written), BeforeValidator(_read_claim)]
"""Any of the claims; read from, and serialised as, a mapping of one key."""
