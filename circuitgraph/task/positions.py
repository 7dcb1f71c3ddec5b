"""`task.positions`: from declarations to an index in every row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from circuitgraph.errors import quoted
from circuitgraph.spec.model import PositionSpec, TokenPosition
from circuitgraph.task.findings import NAMED, Findings, Where
from circuitgraph.task.names import LAST, PositionExpression, bad_position_name, near_position, parse_position
from circuitgraph.task.rows import Row
from circuitgraph.task.source import PlacedRows
from circuitgraph.task.tokens import NotOneToken, Tokenizer

POSITIONS: Where = ("task", "positions")

_Rule = Callable[[Row], int]


class NoSuchPosition(LookupError):
    """A row lacks a position; the message says how."""


def resolve_position(expression: PositionExpression, row: Row) -> int:
    """Index of a position in a row, counted from its first token.

    Raises:
        NoSuchPosition: The row lacks the name, or the offset leaves the row.
    """
    if expression.name not in row.positions:
        raise NoSuchPosition(f"it has no {expression.name}")
    return _inside(row.positions[expression.name] + expression.offset, str(expression), row)


def name_missing(missing: list[tuple[str, str]]) -> str:
    """Name the rows that lack a position, with what is wrong in each: the first three, and how many more."""
    shown = ", ".join(f"{label} ({why})" for label, why in missing[:NAMED])
    more = len(missing) - NAMED
    return shown + (f" and {more} more" if more > 0 else "")


def with_declared(
    rows: PlacedRows,
    declared: Mapping[str, PositionSpec],
    tokenizer: Tokenizer | None,
    findings: Findings,
) -> list[Row]:
    """Give every row the declared positions; a declaration overrides what the row brings.

    Declarations may refer to one another in any order. What rows lack is reported once per declaration, at
    the declaration, naming the rows.
    """
    brought = {name for row, _ in rows for name in row.positions}
    rules: dict[str, _Rule] = {}
    for name in _in_order(declared, brought, bool(rows), findings):
        rule = _rule(name, declared[name], tokenizer, findings)
        if rule is not None:
            rules[name] = rule
    missing: dict[str, list[tuple[str, str]]] = {name: [] for name in rules}
    resolved: list[Row] = []
    for row, place in rows:
        # A name whose declaration fails must not fall back to what the row brought.
        current = replace(row, positions={k: v for k, v in row.positions.items() if k not in declared})
        for name, rule in rules.items():
            try:
                index = rule(current)
            except NoSuchPosition as error:
                if not _follows(declared[name], missing, place.label):
                    missing[name].append((place.label, str(error)))
                continue
            current = replace(current, positions={**current.positions, name: index})
        resolved.append(current)
    for name, failed in missing.items():
        if failed:
            text = f"not in every row: {name_missing(failed)}"
            findings.spec((*POSITIONS, name), "position-missing", text)
    return resolved


def _follows(declaration: PositionSpec, missing: Mapping[str, list[tuple[str, str]]], label: str) -> bool:
    """Whether a failure follows from one already reported: the name it refers to failed in the same row."""
    expression = _expression(declaration)
    if expression is None:
        return False
    return any(label == failed for failed, _ in missing.get(expression.name, ()))


def _expression(declaration: PositionSpec) -> PositionExpression | None:
    if not isinstance(declaration, str):
        return None
    expression = parse_position(declaration)
    return None if expression is None or expression.name == LAST else expression


def _in_order(
    declared: Mapping[str, PositionSpec], brought: set[str], any_rows: bool, findings: Findings
) -> list[str]:
    """Declared names, those referred to before those that refer; bad ones are reported and left out."""
    order: list[str] = []
    bad: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in order or name in bad:
            return
        where = (*POSITIONS, name)
        if name in trail:
            circle = " -> ".join((*trail[trail.index(name) :], name))
            findings.spec(where, "circular-position", f"goes in a circle: {circle}")
            bad.update(trail[trail.index(name) :])
            return
        complaint = bad_position_name(name)
        if complaint is not None:
            findings.spec(where, "bad-name", complaint, key=True)
            bad.add(name)
            return
        expression = _expression(declared[name])
        if expression is not None and expression.name in declared:
            visit(expression.name, (*trail, name))
            if expression.name in bad:  # already reported there
                bad.add(name)
        elif expression is not None and expression.name not in brought and any_rows:
            names = sorted({*declared, *brought} - {name})
            has = f"rows and declarations have {', '.join(names)}" if names else "rows bring none"
            text = f"no position is called {quoted(expression.name)}: {has}"
            findings.spec(where, "unknown-position", text, near_position(expression.name, names))
            bad.add(name)
        if name not in bad:
            order.append(name)

    for name in declared:
        visit(name, ())
    return order


def _rule(
    name: str, declaration: PositionSpec, tokenizer: Tokenizer | None, findings: Findings
) -> _Rule | None:
    where = (*POSITIONS, name)
    if isinstance(declaration, TokenPosition):
        return _token_rule(declaration, where, tokenizer, findings)
    if isinstance(declaration, int):
        return lambda row: _from_start(declaration, row)
    expression = parse_position(declaration)
    if expression is None:
        allowed = "last, an index, NAME+1, or {token: TEXT, occurrence: 1}"
        text = f"{quoted(declaration)} is no position: use {allowed}"
        findings.spec(where, "bad-position", text)
        return None
    if expression.name == LAST:
        return lambda row: _inside(row.length - 1 + expression.offset, str(expression), row)
    return lambda row: resolve_position(expression, row)


def _token_rule(
    declaration: TokenPosition, where: Where, tokenizer: Tokenizer | None, findings: Findings
) -> _Rule | None:
    if tokenizer is None:
        text = "a token's text needs the model's tokenizer.json, which is missing"
        findings.once(where, "no-tokenizer", text)
        return None
    try:
        token = tokenizer.single(declaration.token)
    except NotOneToken as problem:
        findings.spec((*where, "token"), problem.code, f"{problem}: it must be one token", problem.hint)
        return None
    except ValueError as error:
        findings.spec((*where, "token"), "bad-text", str(error))
        return None

    def rule(row: Row) -> int:
        found = [index for index, here in enumerate(row.clean) if here == token]
        if len(found) < declaration.occurrence:
            times = "never occurs" if not found else f"occurs {len(found)} of {declaration.occurrence} times"
            raise NoSuchPosition(f"{quoted(declaration.token)} {times}")
        return found[declaration.occurrence - 1]

    return rule


def _from_start(index: int, row: Row) -> int:
    return _inside(index if index >= 0 else row.length + index, str(index), row)


def _inside(index: int, text: str, row: Row) -> int:
    if not 0 <= index < row.length:
        raise NoSuchPosition(f"{text} is outside its {row.length} tokens")
    return index
