"""One row, from a mapping of `clean`, `corrupt`, `answer`, `foil`, `positions`, `factors` to a `Row`.

Every source of prompts ends here, so all rows meet the same checks; what is wrong goes to a `Findings`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import cast

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.errors import quoted
from circuitgraph.spec.strict import closest
from circuitgraph.task.findings import PROMPTS, Findings, Place
from circuitgraph.task.names import bad_position_name
from circuitgraph.task.rows import Level, Row
from circuitgraph.task.tokens import NotOneToken, Tokenizer

KEYS = ("clean", "corrupt", "answer", "foil", "positions", "factors")

Ids = tuple[int, ...]


def shown(value: object) -> str:
    """A value in a message, as JSON where it can be, cut at 80 characters."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= 80 else text[:79] + "…"


def whole_number(value: object) -> int | None:
    """The value as an int, or None: booleans and floats are no whole numbers, numpy's integers are."""
    return int(value) if not isinstance(value, bool) and isinstance(value, Integral) else None


def listed(value: object) -> Sequence[object] | None:
    """The value as a sequence, or None: text is no list."""
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return cast("Sequence[object]", value)
    return None


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads rows against a model and a metric.

    Attributes:
        findings: Where problems go.
        graph: Says the vocabulary and the longest prompt.
        tokenizer: Needed by rows that hold text; None where the model has none.
        metric: Metric of the task.
        needs: Keys that the metric needs: of `answer` and `foil`.
        factors: Factors that every row must carry.
    """

    findings: Findings
    graph: ResidualGraph
    tokenizer: Tokenizer | None
    metric: str
    needs: frozenset[str]
    factors: tuple[str, ...]

    def read(self, raw: Mapping[str, object], place: Place) -> Row | None:
        """Read one row; None if anything is wrong with it, which is then reported."""
        before = self.findings.count
        self._check_keys(raw, place)
        clean = self._prompt(raw, "clean", place)
        corrupt = self._prompt(raw, "corrupt", place) if raw.get("corrupt") is not None else None
        if clean is not None and corrupt is not None and len(clean) != len(corrupt):
            self._unequal(raw, clean, corrupt, place)
        answers = self._targets(raw, "answer", place)
        foils = self._targets(raw, "foil", place)
        self._check_contrast(answers, foils, place)
        positions = self._positions(raw.get("positions"), clean, place)
        factors = self._factors(raw.get("factors"), place)
        if clean is None or self.findings.count > before:
            return None
        return Row(place.label, clean, corrupt, answers, foils, positions, factors)

    def _check_keys(self, raw: Mapping[str, object], place: Place) -> None:
        misspelt: set[str] = set()
        for key in raw:
            if key not in KEYS:
                hint = closest(str(key), KEYS)
                misspelt.update(known for known in KEYS if hint is not None and f" {known}?" in hint)
                text = f"unknown key {quoted(key)}: use {', '.join(KEYS)}"
                self.findings.row(place, "", "unknown-key", text, hint)
        if raw.get("clean") is None and "clean" not in misspelt:
            self.findings.row(place, "", "missing-key", "clean is missing: every row needs a prompt")
        for key in sorted(self.needs - misspelt):
            if raw.get(key) is None:
                text = f"{key} is missing: the metric {self.metric} needs it"
                self.findings.row(place, "", "missing-key", text)

    def _prompt(self, raw: Mapping[str, object], key: str, place: Place) -> Ids | None:
        value = raw.get(key)
        items = listed(value)
        if isinstance(value, str):
            ids = self._encoded(value, key, place)
        elif items is not None:
            ids = self._ids(items, key, place)
        else:
            if value is not None:
                text = f"must be text or a list of token ids, not {shown(value)}"
                self.findings.row(place, key, "wrong-type", text)
            return None
        if ids is None:
            return None
        if not ids or value == "":
            self.findings.row(place, key, "empty-prompt", "is empty: a prompt has at least one token")
            return None
        if len(ids) > self.graph.context:
            text = f"has {len(ids)} tokens: {self.graph.name} takes at most {self.graph.context}"
            self.findings.row(place, key, "prompt-too-long", text)
            return None
        return ids

    def _encoded(self, text: str, key: str, place: Place) -> Ids | None:
        if self.tokenizer is None:
            self._no_tokenizer(key)
            return None
        try:
            ids = self.tokenizer.encode(text)
        except ValueError as error:
            self.findings.row(place, key, "bad-text", f"{shown(text)}: {error}")
            return None
        if self.tokenizer.misses(text, ids):
            unknown = ", ".join(quoted(part) for part in dict.fromkeys(self.tokenizer.unknown_parts(text)))
            self.findings.row(place, key, "unknown-token", f"the tokenizer does not know {unknown}")
            return None
        return ids if self._in_vocabulary(ids, key, place) else None

    def _no_tokenizer(self, key: str) -> None:
        self.findings.once(
            PROMPTS,
            "no-tokenizer",
            f"{key} is text, but {self.graph.name} has no tokenizer.json to read it with",
            "write lists of token ids, or put the model's tokenizer.json into its directory",
        )

    def _ids(self, items: Sequence[object], key: str, place: Place) -> Ids | None:
        found = [whole_number(item) for item in items]
        wrong = [item for item, number in zip(items, found, strict=True) if number is None or number < 0]
        if wrong:
            text = f"{shown(wrong[0])} is no token id: ids are whole numbers from 0"
            self.findings.row(place, key, "bad-token-id", text)
            return None
        ids = tuple(number for number in found if number is not None)
        return ids if self._in_vocabulary(ids, key, place) else None

    def _in_vocabulary(self, ids: Ids, key: str, place: Place) -> bool:
        outside = next((token for token in ids if token >= self.graph.vocab), None)
        if outside is None:
            return True
        last = self.graph.vocab - 1
        text = f"token id {outside} is outside the vocabulary of {self.graph.name} (0..{last})"
        self.findings.row(place, key, "bad-token-id", text)
        return False

    def _unequal(self, raw: Mapping[str, object], clean: Ids, corrupt: Ids, place: Place) -> None:
        def described(key: str, ids: Ids) -> str:
            value = raw[key]
            if isinstance(value, str) and self.tokenizer is not None:
                return f"{key} {quoted(value)} has {len(ids)} tokens"
            return f"{key} has {len(ids)} tokens"

        text = f"{described('clean', clean)}, {described('corrupt', corrupt)}: they must have as many"
        self.findings.row(place, "corrupt", "unequal-length", text)

    def _targets(self, raw: Mapping[str, object], key: str, place: Place) -> Ids:
        value = raw.get(key)
        if value is None:
            return ()
        items = listed(value)
        if items is not None and not items:
            self.findings.row(place, key, "no-token", "is an empty list: give at least one token")
            return ()
        found = [self._target(item, key, place) for item in ((value,) if items is None else items)]
        ids = tuple(token for token in found if token is not None)
        twice = next((token for token in ids if ids.count(token) > 1), None)
        if twice is not None:
            self.findings.row(place, key, "repeated-token", f"{self._named(twice)} is listed twice")
        return ids

    def _target(self, item: object, key: str, place: Place) -> int | None:
        if not isinstance(item, str):
            if whole_number(item) is None:
                text = f"must be text, a token id, or a list of either, not {shown(item)}"
                self.findings.row(place, key, "wrong-type", text)
                return None
            ids = self._ids((item,), key, place)
            return ids[0] if ids else None
        if self.tokenizer is None:
            self._no_tokenizer(key)
            return None
        try:
            token = self.tokenizer.single(item)
        except NotOneToken as problem:
            text = f"{problem}: it must be one token"
            self.findings.row(place, key, problem.code, text, problem.hint)
            return None
        except ValueError as error:
            self.findings.row(place, key, "bad-text", f"{shown(item)}: {error}")
            return None
        return token if self._in_vocabulary((token,), key, place) else None

    def _check_contrast(self, answers: Ids, foils: Ids, place: Place) -> None:
        shared = [self._named(token) for token in answers if token in foils]
        if shared:
            text = f"{', '.join(shared)} is both answer and foil: they must differ"
            self.findings.row(place, "foil", "answer-is-foil", text)

    def _named(self, token: int) -> str:
        return f"token {token}" if self.tokenizer is None else quoted(self.tokenizer.text_of(token))

    def _positions(self, value: object, clean: Ids | None, place: Place) -> dict[str, int]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            text = f"must be a mapping from name to index, not {shown(value)}"
            self.findings.row(place, "positions", "wrong-type", text)
            return {}
        found: dict[str, int] = {}
        for name, given in cast("Mapping[object, object]", value).items():
            key, index = f"positions.{name}", whole_number(given)
            complaint = bad_position_name(name)
            if complaint is not None:
                self.findings.row(place, key, "bad-name", complaint)
            elif index is None:
                self.findings.row(place, key, "wrong-type", f"must be a whole number, not {shown(given)}")
            elif clean is not None and not -len(clean) <= index < len(clean):
                text = f"{index} is outside the row of {len(clean)} tokens"
                self.findings.row(place, key, "position-outside", text)
            elif clean is not None:
                found[str(name)] = index % len(clean)
        return found

    def _factors(self, value: object, place: Place) -> dict[str, Level]:
        found: dict[str, Level] = {}
        if isinstance(value, Mapping):
            for name, level in cast("Mapping[object, object]", value).items():
                if not isinstance(name, str):
                    self.findings.row(place, "factors", "wrong-type", f"{shown(name)} is no name of a factor")
                elif (plain := _level(level)) is not None:
                    found[name] = plain
                else:
                    text = f"must be text, a finite number, true or false, not {shown(level)}"
                    self.findings.row(place, f"factors.{name}", "wrong-type", text)
        elif value is not None:
            text = f"must be a mapping from name to level, not {shown(value)}"
            self.findings.row(place, "factors", "wrong-type", text)
            return found
        given = cast("Mapping[str, object]", value or {})
        for name in self.factors:
            if name not in given:
                has = f"it has {', '.join(given)}" if given else "it has none"
                text = f"the factor {quoted(name)} of task.factors is missing: {has}"
                self.findings.row(place, "factors", "missing-factor", text)
        return found


def _level(value: object) -> Level | None:
    """The value as a level of a factor, numpy's numbers as Python's, or None."""
    if isinstance(value, (str, bool)):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) and math.isfinite(float(value)) else None
