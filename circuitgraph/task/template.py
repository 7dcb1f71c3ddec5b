"""Prompts made by filling slots of templates: `prompts: {template: ..., slots: ..., answer: " {A}"}`."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from circuitgraph.errors import quoted
from circuitgraph.spec.prompts import TemplatePrompts
from circuitgraph.task.findings import PROMPTS, Findings, Place, generated
from circuitgraph.task.slots import (
    END,
    SLOTS,
    Template,
    Use,
    bad_slot_name,
    parse_template,
    read_template,
    sharing,
    slot_values,
)
from circuitgraph.task.source import PlacedRows, Setting
from circuitgraph.task.tokens import Encoded, Tokenizer

TEMPLATE_FACTOR = "template"
"""Factor of every row: which template made it, its index from 0 as in `task.prompts.template[0]`."""

SOURCE = "template"
ENTRIES = ("corrupt", "answer", "foil")


@dataclass(frozen=True, slots=True)
class _Parts:
    """The templates of a task, read. `corrupt` is empty or as long as `clean`."""

    clean: tuple[Template, ...]
    corrupt: tuple[Template, ...]
    answer: Template | None
    foil: Template | None

    @property
    def all(self) -> tuple[Template, ...]:
        targets = tuple(part for part in (self.answer, self.foil) if part is not None)
        return (*self.clean, *self.corrupt, *targets)


def template_rows(prompts: TemplatePrompts, setting: Setting) -> PlacedRows:
    """Fill the templates, in turn, `examples` times.

    Slots that share a list never take the same value in a row; the same seed gives the same rows, and fewer
    examples a prefix of them. The n-th use of a slot `A` gives the position `A<n>`, and `A` if it is the only
    use: the token that holds the last character of the value. `END` is the last token.

    Everything wrong is reported to the setting's findings; rows with problems are left out.
    """
    findings, tokenizer = setting.findings, setting.reader.tokenizer
    before = findings.count
    values = slot_values(prompts, setting.directory, findings)
    parts = _read(prompts, findings)
    _check_slots(prompts, parts, values, findings)
    if tokenizer is None:
        text = f"a template is text, but {setting.reader.graph.name} has no tokenizer.json to read it with"
        findings.spec(PROMPTS, "no-tokenizer", text, "put the model's tokenizer.json into its directory")
    if findings.count > before or tokenizer is None:
        return []
    draw = random.Random(prompts.seed)
    groups = sharing(values)
    slot_factors = [name for name in setting.reader.factors if name in prompts.slots]
    rows: PlacedRows = []
    for number in range(prompts.examples):
        filling: dict[str, str] = {}
        for group in groups:
            filling.update(zip(group, draw.sample(values[group[0]], len(group)), strict=True))
        place = generated(SOURCE, number, ENTRIES)
        which = number % len(parts.clean)
        raw = _row(parts, which, filling, tokenizer, place, findings)
        if raw is None:
            continue
        raw["factors"] = {TEMPLATE_FACTOR: which, **{slot: filling[slot] for slot in slot_factors}}
        row = setting.reader.read(raw, place)
        if row is not None:
            rows.append((row, place))
    return rows


def template_positions(prompts: TemplatePrompts) -> frozenset[str] | None:
    """Names of the positions that every row will have; None if a template cannot be read."""
    try:
        templates = [parse_template(text) for text in prompts.template]
    except ValueError:
        return None
    names = [template.positions for template in templates]
    return names[0].intersection(*names[1:]) if names else None


def _read(prompts: TemplatePrompts, findings: Findings) -> _Parts:
    def several(key: str, texts: Sequence[str]) -> tuple[Template, ...]:
        read = [read_template(text, (*PROMPTS, key, i), findings) for i, text in enumerate(texts)]
        return tuple(template for template in read if template is not None)

    def one(key: str, text: str | None) -> Template | None:
        return None if text is None else read_template(text, (*PROMPTS, key), findings)

    return _Parts(
        several("template", prompts.template),
        several("corrupt", prompts.corrupt or ()),
        one("answer", prompts.answer),
        one("foil", prompts.foil),
    )


def _check_slots(
    prompts: TemplatePrompts, parts: _Parts, values: Mapping[str, tuple[str, ...]], findings: Findings
) -> None:
    used = {slot for template in parts.all for slot in template.slots}
    written = (*prompts.template, *(prompts.corrupt or ()), prompts.answer, prompts.foil)
    all_read = len(parts.all) == sum(text is not None for text in written)
    for slot in prompts.slots:
        # A template that could not be read may use it.
        if all_read and slot not in used and bad_slot_name(slot) is None:
            findings.spec((*SLOTS, slot), "unused-slot", "is used in no template, answer or foil", key=True)
    for group in sharing(values):
        distinct = len(values[group[0]])
        if distinct < len(group):
            text = f"{', '.join(group)} share one list and never take the same value: {distinct} is too few"
            findings.spec((*SLOTS, group[0]), "too-few-values", text, f"give at least {len(group)} values")
    for i, template in enumerate(parts.clean):
        _check_names(template, i, findings)


def _check_names(template: Template, index: int, findings: Findings) -> None:
    for slot in dict.fromkeys(template.slots):
        count = template.slots.count(slot)
        clash = next((f"{slot}{n}" for n in range(1, count + 1) if f"{slot}{n}" in template.slots), None)
        if clash is not None:
            text = f"{quoted(clash)} is both a slot and the position of a use of {quoted(slot)}: rename one"
            findings.spec((*PROMPTS, "template", index), "ambiguous-position", text)


def _row(
    parts: _Parts,
    which: int,
    filling: Mapping[str, str],
    tokenizer: Tokenizer,
    place: Place,
    findings: Findings,
) -> dict[str, object] | None:
    text, uses = parts.clean[which].fill(filling)
    raw: dict[str, object] = {"clean": text}
    for key, part in (("answer", parts.answer), ("foil", parts.foil)):
        if part is not None:
            raw[key] = part.fill(filling)[0]
    clean = _encoded(text, tokenizer, place, findings)
    if clean is None:
        return None
    positions = {END: len(clean.ids) - 1}
    for use in uses:
        index = clean.last_at(use.last)
        if index is None:
            text = f"{use.name}: no token holds the end of {quoted(filling[use.slot])}"
            findings.row(place, "clean", "value-lost", text)
            return None
        positions[use.name] = index
        if sum(other.slot == use.slot for other in uses) == 1:
            positions[use.slot] = index
    raw["positions"] = positions
    if parts.corrupt:
        other, other_uses = parts.corrupt[which].fill(filling)
        raw["corrupt"] = other
        corrupt = _encoded(other, tokenizer, place, findings)
        if corrupt is None:
            return None
        same_words = parts.clean[which].literals == parts.corrupt[which].literals
        pairs = _pairs(uses, other_uses, by_place=same_words)
        same_length = len(corrupt.ids) == len(clean.ids)
        if same_length and not _aligned(pairs, clean, corrupt, (text, other), place, findings):
            return None
    return raw


def _encoded(text: str, tokenizer: Tokenizer, place: Place, findings: Findings) -> Encoded | None:
    try:
        return tokenizer.encode_spans(text)
    except ValueError as error:
        findings.row(place, "", "bad-text", str(error))
        return None


def _pairs(clean: Sequence[Use], corrupt: Sequence[Use], *, by_place: bool) -> list[tuple[Use, Use]]:
    """Uses that stand for each other: by place where only slots differ, else n-th uses of the same slot."""
    if by_place:
        return list(zip(clean, corrupt, strict=True))
    named = {use.name: use for use in corrupt}
    return [(use, named[use.name]) for use in clean if use.name in named]


def _aligned(
    pairs: Sequence[tuple[Use, Use]],
    clean: Encoded,
    corrupt: Encoded,
    texts: tuple[str, str],
    place: Place,
    findings: Findings,
) -> bool:
    for use, other in pairs:
        here, there = clean.last_at(use.last), corrupt.last_at(other.last)
        if here != there:
            text = (
                f"{use.name} is token {here} of clean {quoted(texts[0])}, its counterpart is token {there} "
                f"of {quoted(texts[1])}: positions must agree"
            )
            hint = "use slot values of equally many tokens"
            findings.row(place, "corrupt", "misaligned", text, hint)
            return False
    return True
