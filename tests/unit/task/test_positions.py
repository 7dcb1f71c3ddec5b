"""`task.positions`: what each declaration means in rows of different lengths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgraph.errors import TaskError
from circuitgraph.spec.model import PositionSpec, TokenPosition
from circuitgraph.task.findings import Findings, in_file
from circuitgraph.task.names import PositionExpression, parse_position
from circuitgraph.task.positions import NoSuchPosition, resolve_position, with_declared
from circuitgraph.task.rows import Row
from circuitgraph.task.source import PlacedRows
from circuitgraph.task.tokens import Tokenizer


def _rows(*rows: tuple[tuple[int, ...], dict[str, int]]) -> PlacedRows:
    places = [in_file("pairs.jsonl", line) for line in range(1, len(rows) + 1)]
    return [
        (Row(place.label, ids, positions=positions), place)
        for (ids, positions), place in zip(rows, places, strict=True)
    ]


def _resolved(
    rows: PlacedRows, declared: dict[str, PositionSpec], tokenizer: Tokenizer | None = None
) -> list[dict[str, int]]:
    findings = Findings()
    resolved = with_declared(rows, declared, tokenizer, findings)
    findings.stop_if_any()
    return [dict(row.positions) for row in resolved]


SHORT_AND_LONG = _rows(((5, 6, 7), {"MATCH": 0}), ((5, 6, 7, 8, 9), {"MATCH": 3}))


@pytest.mark.parametrize(
    ("declaration", "expected"),
    [
        ("last", [2, 4]),
        (0, [0, 0]),
        (2, [2, 2]),
        (-1, [2, 4]),
        (-3, [0, 2]),
        ("MATCH", [0, 3]),
        ("MATCH+1", [1, 4]),
        ("last-1", [1, 3]),
    ],
)
def test_one_declaration_per_form(declaration: PositionSpec, expected: list[int]) -> None:
    assert [row["P"] for row in _resolved(SHORT_AND_LONG, {"P": declaration})] == expected


def test_tokens_are_counted_in_the_clean_prompt(bpe: Tokenizer) -> None:
    ids = bpe.encode("Then, Mary and John and Mary")
    rows = _rows((ids, {}))
    declared: dict[str, PositionSpec] = {
        "first": TokenPosition(token=" and"),
        "second": TokenPosition(token=" and", occurrence=2),
    }
    (found,) = _resolved(rows, declared, bpe)
    assert [bpe.text_of(ids[found[name]]) for name in declared] == [" and", " and"]
    assert found["first"] < found["second"]


def test_declarations_may_refer_to_later_ones_and_override_rows() -> None:
    declared: dict[str, PositionSpec] = {"AFTER": "MATCH+1", "MATCH": 1}
    assert _resolved(SHORT_AND_LONG, declared) == [{"MATCH": 1, "AFTER": 2}] * 2


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"P": 3}, "task.positions.P: not in every row: pairs.jsonl:1 (3 is outside its 3 tokens)"),
        ({"P": -4}, "task.positions.P: not in every row: pairs.jsonl:1 (-4 is outside its 3 tokens)"),
        (
            {"P": "MATCH+2"},
            "task.positions.P: not in every row: pairs.jsonl:2 (MATCH+2 is outside its 5 tokens)",
        ),
        (
            {"P": "MATCH-1", "Q": "P-1"},
            "task.positions.P: not in every row: pairs.jsonl:1 (MATCH-1 is outside its 3 tokens)",
        ),
        (
            {"P": "MACTH"},
            'task.positions.P: no position is called "MACTH": rows and declarations have MATCH\n'
            "  hint: did you mean MATCH?",
        ),
        ({"P": "Q", "Q": "P+1"}, "task.positions.P: goes in a circle: P -> Q -> P"),
        ({"MATCH": "MATCH+1"}, "task.positions.MATCH: goes in a circle: MATCH -> MATCH"),
        (
            {"P": TokenPosition(token=" and")},
            "task.positions.P: a token's text needs the model's tokenizer.json, which is missing",
        ),
        ({"last": 0}, 'task.positions.last: "last" is taken: it stands for the last token in task.positions'),
    ],
)
def test_what_is_wrong_is_said_once_at_the_declaration(
    declared: dict[str, PositionSpec], message: str
) -> None:
    with pytest.raises(TaskError) as caught:
        _resolved(SHORT_AND_LONG, declared)
    assert str(caught.value) == message


def test_absent_and_rare_tokens_name_their_rows(bpe: Tokenizer) -> None:
    texts = ["Then, Mary and John", "Then, Mary", "Mary and John and Mary"]
    rows = _rows(*((bpe.encode(text), {}) for text in texts))
    declared: dict[str, PositionSpec] = {"AND": TokenPosition(token=" and", occurrence=2)}
    with pytest.raises(TaskError) as caught:
        _resolved(rows, declared, bpe)
    assert str(caught.value) == (
        'task.positions.AND: not in every row: pairs.jsonl:1 (" and" occurs 1 of 2 times), '
        'pairs.jsonl:2 (" and" never occurs)'
    )


def test_a_declared_token_must_be_one(bpe: Tokenizer) -> None:
    with pytest.raises(TaskError) as caught:
        _resolved(SHORT_AND_LONG, {"P": TokenPosition(token="Mary")}, bpe)
    assert str(caught.value) == (
        'task.positions.P.token: "Mary" is 2 tokens ("Mar", "y"): it must be one token\n'
        '  hint: " Mary" (with the leading space) is one token'
    )


def test_a_failed_override_does_not_fall_back_to_the_row() -> None:
    findings = Findings()
    rows = with_declared(SHORT_AND_LONG, {"MATCH": 4}, None, findings)
    assert [dict(row.positions) for row in rows] == [{}, {"MATCH": 4}]
    assert findings.count == 1


@given(name=st.from_regex(r"[^\W\d]\w{0,6}", fullmatch=True), offset=st.integers(-9999, 9999))
def test_expressions_read_back(name: str, offset: int) -> None:
    expression = PositionExpression(name, offset)
    assert parse_position(str(expression)) == expression


@pytest.mark.parametrize("text", ["", "1A", "A+", "A+-1", "A 1", "A+1+1", "A-B", "@A", "A+\uff11"])
def test_what_is_no_expression(text: str) -> None:
    assert parse_position(text) is None


def test_an_expression_needs_its_name_and_room_in_the_row() -> None:
    row = Row("r", (1, 2, 3), positions={"END": 2})
    assert resolve_position(PositionExpression("END", -2), row) == 0
    with pytest.raises(NoSuchPosition, match=r"^it has no MATCH$"):
        resolve_position(PositionExpression("MATCH"), row)
    with pytest.raises(NoSuchPosition, match=r"^END\+1 is outside its 3 tokens$"):
        resolve_position(PositionExpression("END", 1), row)
