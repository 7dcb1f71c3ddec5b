"""The text of templates: `"Then, {A} and {B} went. {A} gave to"`, and the values of their slots."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from circuitgraph.errors import quoted
from circuitgraph.spec.prompts import SlotFile, TemplatePrompts
from circuitgraph.task.findings import PROMPTS, Findings, Where
from circuitgraph.task.jsonl import read_bytes
from circuitgraph.task.names import bad_position_name

SLOTS: Where = (*PROMPTS, "slots")

END = "END"
"""Position of the last token of a filled template."""

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a slot in a filled text.

    Attributes:
        slot: Name of the slot.
        number: Which use of this slot it is, from 1.
        last: Index, in the text, of the last character of the value.
    """

    slot: str
    number: int
    last: int

    @property
    def name(self) -> str:
        """Name of its position: A1."""
        return f"{self.slot}{self.number}"


@dataclass(frozen=True, slots=True)
class Template:
    """Literals with slots between them.

    Attributes:
        literals: One more than there are slots; `{{` and `}}` already read as braces.
        slots: Names, in order of use, with repetitions.
    """

    literals: tuple[str, ...]
    slots: tuple[str, ...]

    def fill(self, values: Mapping[str, str]) -> tuple[str, tuple[Use, ...]]:
        """The text with values in place of slots, and where each landed. Values must not be empty."""
        text, uses = self.literals[0], list[Use]()
        for slot, literal in zip(self.slots, self.literals[1:], strict=True):
            text += values[slot]
            number = 1 + sum(use.slot == slot for use in uses)
            uses.append(Use(slot, number, len(text) - 1))
            text += literal
        return text, tuple(uses)

    @property
    def positions(self) -> frozenset[str]:
        """Names of the positions that a filled text has: `A1`, `A2`, `A` for a slot used once, and END."""
        found = {END}
        for slot in self.slots:
            count = self.slots.count(slot)
            found.update(f"{slot}{number}" for number in range(1, count + 1))
            if count == 1:
                found.add(slot)
        return frozenset(found)


def parse_template(text: str) -> Template:
    """Read a template; `{{` and `}}` stand for braces.

    Raises:
        ValueError: A brace without its partner, or a slot without a name; says at which character, from 1.
    """
    literals, slots, end = [""], list[str](), 0
    for match in _TOKEN.finditer(text):
        literals[-1] += text[end : match.start()]
        end = match.end()
        token, name = match.group(), match.group(1)
        if token in ("{{", "}}"):
            literals[-1] += token[0]
        elif name:
            slots.append(name)
            literals.append("")
        else:
            what = "a slot has no name" if token == "{}" else f"{token} has no partner"
            raise ValueError(f"{what} (character {match.start() + 1}): write {{{{ and }}}} for braces")
    literals[-1] += text[end:]
    return Template(tuple(literals), tuple(slots))


def read_template(text: str, where: Where, findings: Findings) -> Template | None:
    """Read a template whose slots the spec has checked; None if it has a stray brace, reported at `where`."""
    try:
        return parse_template(text)
    except ValueError as error:
        findings.spec(where, "bad-template", str(error))
        return None


def bad_slot_name(slot: str) -> str | None:
    """What is wrong with the name of a slot, whose uses become positions, or None."""
    if slot == END:
        return f"{quoted(slot)} is taken: it is the position of the last token"
    return bad_position_name(slot)


def slot_values(prompts: TemplatePrompts, directory: Path, findings: Findings) -> dict[str, tuple[str, ...]]:
    """The distinct values of every slot, in order; slots with problems, which are reported, are left out."""
    found: dict[str, tuple[str, ...]] = {}
    for slot, given in prompts.slots.items():
        where = (*SLOTS, slot)
        complaint = bad_slot_name(slot)
        if complaint is not None:
            findings.spec(where, "bad-name", complaint, key=True)
            continue
        values = _from_file(given, where, findings, directory) if isinstance(given, SlotFile) else given
        if values is None:
            continue
        bad = next((value for value in values if not value or value[-1].isspace()), None)
        if not values:
            findings.spec(where, "no-values", "has no values")
        elif bad is not None:
            what = "an empty value" if not bad else f"the value {quoted(bad)}, which ends in a space"
            findings.spec(where, "bad-value", f"has {what}: its last token would not be its own")
        else:
            found[slot] = tuple(dict.fromkeys(values))
    return found


def _from_file(given: SlotFile, where: Where, findings: Findings, directory: Path) -> Sequence[str] | None:
    content = read_bytes(directory / given.file, given.file, (*where, "file"), findings)
    if content is None:
        return None
    try:
        lines = content.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        text = f"{quoted(given.file)}: byte {error.start + 1} is not UTF-8: save the file as UTF-8"
        findings.spec((*where, "file"), "bad-encoding", text)
        return None
    return [line.strip() for line in lines if line.strip()]


def sharing(values: Mapping[str, tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Slots by the list they share: slots of one group never take the same value in a row."""
    groups: dict[frozenset[str], list[str]] = {}
    for slot, given in values.items():
        groups.setdefault(frozenset(given), []).append(slot)
    return [tuple(group) for group in groups.values()]
