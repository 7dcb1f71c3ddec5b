"""Where a task's prompts come from: a generator, templates, a file, or a Python function."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, cast

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, TypeAdapter

from circuitgraph.errors import quoted
from circuitgraph.spec.strict import (
    ONE_OR_MORE,
    Filled,
    Positive,
    Says,
    Seed,
    Strict,
    Text,
    Wrong,
    choices,
    closest,
    mismatch,
    wrong,
)

SLOT = re.compile(r"\{([^{}]*)\}")
"""A slot of a template: {NAME}."""

_SLOT_NAME = re.compile(r"[^\W\d]\w*")


def python_entry(value: str, form: str = "package.module:function") -> str:
    """Check the form of a `python:` entry; nothing is imported.

    Raises:
        PydanticCustomError: It is not `form`.
    """
    module, colon, function = value.partition(":")
    if not (colon and function.isidentifier() and all(part.isidentifier() for part in module.split("."))):
        raise wrong("bad-python-entry", f"expected {form}, got {quoted(value)}")
    return value


class ZooPrompts(Strict):
    """Prompts of a built-in generator."""

    zoo: Text
    examples: Positive = 128
    seed: Seed = 0


class SlotFile(Strict):
    """Slot values read from a text file, one a line."""

    file: Text


def _read_slot(value: Any) -> Any:
    if isinstance(value, Mapping):
        return SlotFile.model_validate(value)
    if isinstance(value, (list, tuple)):
        return _TEXTS.validate_python(list(cast("list[Any]", value)))
    if isinstance(value, SlotFile):
        return value
    raise mismatch("a list of texts or {file: names.txt}", value).error


_Texts = Annotated[list[Filled], Field(min_length=1), Says("a list of texts")]
_TEXTS: TypeAdapter[list[str]] = TypeAdapter(_Texts, config=ConfigDict(strict=True, defer_build=True))
_SlotValues = Annotated[_Texts | SlotFile, BeforeValidator(_read_slot)]
_Templates = Annotated[list[Filled], Field(min_length=1), Says("a list of templates"), ONE_OR_MORE]


class TemplatePrompts(Strict):
    """Prompts made by filling slots of templates."""

    template: _Templates
    corrupt: _Templates | None = None
    slots: Annotated[dict[str, _SlotValues], Says("a mapping from slot to its values")]
    answer: Filled | None = None
    foil: Filled | None = None
    examples: Positive = 128
    seed: Seed = 0

    @classmethod
    def checks(cls, data: Mapping[str, Any]) -> Iterable[Wrong]:
        """As many corrupt templates as clean ones; every slot that is used is declared."""
        template, corrupt = _texts(data.get("template")), _texts(data.get("corrupt"))
        if template and corrupt and len(template) != len(corrupt):
            said = f"as many corrupt templates as templates are needed: {len(corrupt)} for {len(template)}"
            yield Wrong(("corrupt",), "uneven-templates", said)
        slots = data.get("slots")
        if not isinstance(slots, Mapping):
            return
        names = [name for name in cast(Mapping[object, Any], slots) if isinstance(name, str)]
        for name in names:
            if not _SLOT_NAME.fullmatch(name):
                said = f"{quoted(name)} is no slot name: letters, digits and _, not starting with a digit"
                yield Wrong(("slots", name), "bad-slot-name", said, key=True)
        for key in ("template", "corrupt"):
            for index, text in enumerate(_texts(data.get(key))):
                yield from _undeclared((key, index), text, names)
        for key in ("answer", "foil"):
            text = data.get(key)
            yield from _undeclared((key,), text, names) if isinstance(text, str) else ()


def _texts(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [value]
    return list(cast("list[Any]", value)) if isinstance(value, (list, tuple)) else []


def _undeclared(where: tuple[str | int, ...], text: Any, slots: list[str]) -> Iterable[Wrong]:
    for name in dict.fromkeys(SLOT.findall(text)) if isinstance(text, str) else ():
        if name not in slots:
            known = f"slots has {choices(slots)}" if slots else "slots is empty"
            yield Wrong(
                where,
                "unknown-slot",
                f"unknown slot {quoted('{' + name + '}')}: {known}",
                closest(name, slots),
            )


class FilePrompts(Strict):
    """Prompts from a jsonl file, relative to the spec file."""

    file: Text


class PythonPrompts(Strict):
    """Prompts from a Python function (needs `--allow-code`)."""

    python: Annotated[str, AfterValidator(python_entry), Says("package.module:function")]


PROMPT_TYPES: dict[str, type[Strict]] = {
    "zoo": ZooPrompts,
    "template": TemplatePrompts,
    "file": FilePrompts,
    "python": PythonPrompts,
}


def _read_prompts(value: Any) -> Any:
    """Choose the kind of prompts by the one key that names it."""
    kinds = list(PROMPT_TYPES)
    if isinstance(value, tuple(PROMPT_TYPES.values())):
        return value
    if not isinstance(value, Mapping):
        raise mismatch(f"a mapping with one of {choices(kinds)}", value).error
    mapping = cast(Mapping[str, Any], value)
    found = [kind for kind in kinds if kind in mapping]
    if len(found) == 1:
        return PROMPT_TYPES[found[0]].model_validate(mapping)
    if found:
        said = f"prompts come from one place: {' and '.join(found)} are both given"
        raise wrong("several-prompts", said)
    near = next((hint for key in mapping if (hint := closest(str(key), kinds))), None)
    raise wrong("missing-key", f"prompts need one of {choices(kinds)}", near)


Prompts = Annotated[
    ZooPrompts | TemplatePrompts | FilePrompts | PythonPrompts, BeforeValidator(_read_prompts)
]
