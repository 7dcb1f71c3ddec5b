"""The base of every part of a spec, and errors in the words of its author.

pydantic decides what is wrong; every message is replaced here by one that names what was expected and what is
there. All problems of a mapping come at once: those of its values, its unknown and missing keys, and those
that `checks` finds between its keys.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema
from typing_extensions import LiteralString

from circuitgraph.errors import quoted

Where = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something wrong inside a mapping, `where` seen from that mapping."""

    where: Where
    code: str
    message: str
    hint: str | None = None
    key: bool = False
    expected: str | None = None
    names: bool = False

    @property
    def error(self) -> PydanticCustomError:
        """The same as an error pydantic carries."""
        message = self.message if self.hint is None else f"{self.message} (hint: {self.hint})"
        context: dict[str, Any] = {
            "shown": message,
            "message": self.message,
            "hint": self.hint,
            "key": self.key,
            "expected": self.expected,
            "names": self.names,
        }
        return PydanticCustomError(cast(LiteralString, self.code), "{shown}", context)


def wrong(code: str, message: str, hint: str | None = None, *, key: bool = False) -> PydanticCustomError:
    """An error about the value being validated, to be raised in a validator."""
    return Wrong((), code, message, hint, key).error


def refuse(title: str, found: Iterable[tuple[Wrong, Any]]) -> ValidationError:
    """One validation error of several things wrong, each with the value it is about."""
    return ValidationError.from_exception_data(
        title, [InitErrorDetails(type=one.error, loc=one.where, input=value) for one, value in found]
    )


def described(value: object, text: str | None = None) -> str:
    """What a value is, for people; `text` is how a number was written."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and text is None and value.bit_length() > 256:
        return "a huge number"
    if isinstance(value, (int, float)):
        return f"the number {str(value if text is None else text)[:40]}"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, (list, tuple)) else f"a {type(value).__name__}"


def mismatch(
    expected: str, value: object, where: Where = (), *, names: bool = False, text: str | None = None
) -> Wrong:
    """A value of the wrong type.

    Args:
        expected: What belongs there ("a list of edges").
        value: What is there.
        where: Its place.
        names: Whether component names belong there, which YAML may have read as numbers (`5.1`).
        text: How the value is written in the file.
    """
    hint = None
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and (names or expected.startswith("text")):
        shown = str(value) if text is None else text
        layer, dot, index = shown.partition(".")
        hint = f'quote it: "{shown}"'
        if names and dot and layer.isdecimal() and index.isdecimal():
            hint = f'quote it ("{shown}") or write a{int(layer)}.h{int(index)}'
        elif names and shown.isdecimal():
            hint = f"write a{int(shown)} for the heads of layer {int(shown)}, m{int(shown)} for its MLP"
    elif isinstance(value, Mapping) and expected.startswith("a list"):
        hint = 'start every item with "- "'
    said = f"expected {expected}, got {described(cast(object, value), text)}"
    return Wrong(where, "wrong-type", said, hint, expected=expected, names=names)


def closest(token: str, allowed: Iterable[str]) -> str | None:
    """The hint "did you mean ...?" for a misspelt token, if one is near."""
    near = difflib.get_close_matches(token.lower(), list(allowed), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else None


def choices(allowed: Sequence[str]) -> str:
    """The allowed tokens as people list them: a, b or c."""
    return allowed[0] if len(allowed) == 1 else f"{', '.join(allowed[:-1])} or {allowed[-1]}"


def unknown(noun: str, token: str, allowed: Sequence[str], *, key: bool = False) -> Wrong:
    """A token that is none of the allowed ones."""
    said = f"unknown {noun} {quoted(token)}: use {choices(allowed)}"
    return Wrong((), f"unknown-{noun}", said, closest(token, allowed), key)


@dataclass(frozen=True, slots=True)
class Says:
    """Annotation that names what belongs in a place, for messages about anything else being there.

    Attributes:
        what: "a list of edges", "text".
        names: Whether it holds component names.
        noun: For a choice of tokens: what they are ("rule").
    """

    what: str
    names: bool = False
    noun: str = "choice"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Wrap the annotated type's validation."""

        def check(value: Any, inner: core_schema.ValidatorFunctionWrapHandler) -> Any:
            try:
                return inner(value)
            except ValidationError as error:
                raise _retold(error, "spec", self._own) from None

        return core_schema.no_info_wrap_validator_function(check, handler(source))

    def _own(self, kind: str, value: Any, context: Mapping[str, Any]) -> Wrong:
        if kind == "literal_error" and isinstance(value, str):
            allowed = [
                token.strip("' ") for token in str(context["expected"]).replace(" or ", ",").split(",")
            ]
            return unknown(self.noun, value, allowed)
        if kind == "finite_number" and isinstance(value, float):
            return Wrong((), "not-finite", f"expected a finite number, got {value}")
        for bound, words in _BOUNDS.items():
            if kind == bound:
                limit = next(iter(context.values()))
                return Wrong((), "out-of-bounds", f"must be {words} {limit:g}, got {value:g}")
        if kind == "too_short":
            return Wrong((), "empty", f"{self.what} must not be empty")
        return mismatch(self.what, value, names=self.names)


_BOUNDS = {
    "greater_than_equal": "at least",
    "greater_than": "greater than",
    "less_than_equal": "at most",
    "less_than": "less than",
}


def _retold(error: ValidationError, title: str, own: Any) -> ValidationError:
    """Replace the messages about the value itself by `own`; those from inside are already in our words."""
    found: list[InitErrorDetails] = []
    for detail in error.errors(include_url=False):
        context = detail.get("ctx", {})
        told: PydanticCustomError
        if "shown" in context:
            told = PydanticCustomError(cast(LiteralString, detail["type"]), "{shown}", context)
        else:
            told = own(detail["type"], detail["input"], context).error
        found.append(InitErrorDetails(type=told, loc=detail["loc"], input=detail["input"]))
    return ValidationError.from_exception_data(title, found)


class Strict(BaseModel):
    """Base of every part of a spec: no unknown keys, no coercion, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    @classmethod
    def keys(cls) -> list[str]:
        """The keys of this mapping as a spec writes them."""
        return [str(info.validation_alias or name) for name, info in cls.model_fields.items()]

    @classmethod
    def checks(cls, data: Mapping[str, Any]) -> Iterable[Wrong]:
        """What is wrong between the keys. `data` is unvalidated: anything may be in it."""
        del data
        return ()

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, data: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        between = list(cls.checks(cast(Any, data))) if isinstance(data, Mapping) else []
        given = cast(object, data)
        try:
            made = handler(data)
        except ValidationError as error:
            retold = _retold_model(cls, error)
            raise ValidationError.from_exception_data(
                cls.__name__,
                [*retold, *(InitErrorDetails(type=one.error, loc=one.where, input=given) for one in between)],
            ) from None
        if between:
            raise refuse(cls.__name__, [(one, given) for one in between])
        return made


def _retold_model(cls: type[Strict], error: ValidationError) -> list[InitErrorDetails]:
    found: list[InitErrorDetails] = []
    allowed = cls.keys()
    for detail in error.errors(include_url=False):
        kind, loc, value, context = detail["type"], detail["loc"], detail["input"], detail.get("ctx", {})
        if "shown" in context:
            told = PydanticCustomError(cast(LiteralString, kind), "{shown}", context)
        elif kind == "extra_forbidden":
            key = str(loc[-1])
            said = f"unknown key {quoted(key)}: use {choices(allowed)}"
            told = Wrong((), "unknown-key", said, closest(key, allowed), key=True).error
        elif kind == "missing":
            told = Wrong((), "missing-key", f"missing key {quoted(loc[-1])}").error
        elif not loc:
            told = mismatch(f"a mapping of {', '.join(allowed)}", value).error
        else:
            told = mismatch("another value", value).error
        found.append(InitErrorDetails(type=told, loc=loc, input=value))
    return found


def _listed(value: Any) -> Any:
    if isinstance(value, str):
        return [value]
    return list(cast(tuple[Any, ...], value)) if isinstance(value, tuple) else value


def _encodable(value: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise wrong("character", "holds half of a character (a lone surrogate)")
    return value


def _filled(value: str) -> str:
    if not value:
        raise wrong("empty", "must not be empty")
    return _encodable(value)


def worded(value: str) -> str:
    """Refuse a text of nothing but spaces."""
    if not value.strip():
        raise wrong("empty", "must not be empty")
    return _encodable(value)


ONE_OR_MORE = BeforeValidator(_listed)
"""One string is accepted where a list is expected."""

Prose = Annotated[str, AfterValidator(_encodable), Says("text")]
Filled = Annotated[str, AfterValidator(_filled), Says("text")]
Text = Annotated[str, AfterValidator(worded), Says("text")]
Name = Annotated[str, AfterValidator(worded), Says("a name", names=True)]
Finite = Annotated[float, Field(allow_inf_nan=False), Says("a number")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), Says("a number from 0 to 1")]
Above = Annotated[float, Field(gt=0, allow_inf_nan=False), Says("a number above 0")]
Positive = Annotated[int, Field(ge=1), Says("a whole number")]
Seed = Annotated[int, Field(ge=0, lt=2**32), Says("a whole number")]
Factors = Annotated[list[Text], Says("a list of factors"), ONE_OR_MORE]
