"""Templates: what is filled in, where positions land, and what is refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.errors import TaskError
from circuitgraph.task import Row, Task, Tokenizer, build_task, known_factors, known_positions
from circuitgraph.task.slots import parse_template
from tests.unit.task.samples import byte_level_bpe, make_spec

NAMES = ["Mary", "John", "Alice", "Tom"]


def build(
    prompts: dict[str, object], graph: ResidualGraph, tokenizer: Tokenizer | None, **task: object
) -> Task:
    ablation = "corrupt" if "corrupt" in prompts else "zero"
    spec = make_spec({"prompts": prompts, "metric": "kl", **task}, ablation=ablation)
    return build_task(spec, graph, tokenizer)


def refusal(prompts: dict[str, object], graph: ResidualGraph, tokenizer: Tokenizer | None) -> list[str]:
    with pytest.raises(TaskError) as caught:
        build(prompts, graph, tokenizer)
    return [str(problem) for problem in caught.value.problems]


def texts(row: Row, tokenizer: Tokenizer) -> str:
    return "".join(tokenizer.text_of(token) for token in row.clean)


ABBA = "Then, {A} and {B} went to the store. {B} gave a drink to"
BABA = "Then, {B} and {A} went to the park. {B} gave a book to"


def test_indirect_objects(graph: ResidualGraph, bpe: Tokenizer) -> None:
    prompts: dict[str, object] = {
        "template": [ABBA, BABA],
        "corrupt": [ABBA.replace("{B} gave", "{C} gave"), BABA.replace("{B} gave", "{C} gave")],
        "slots": {name: NAMES for name in "ABC"},
        "answer": " {A}",
        "foil": " {B}",
        "examples": 40,
        "seed": 3,
    }
    task = build(prompts, graph, bpe, metric="logit_diff", factors=["A"])
    assert len(task.rows) == 40
    for number, row in enumerate(task.rows):
        a, b1, b2 = (row.clean[row.positions[name]] for name in ("A", "B1", "B2"))
        assert row.corrupt is not None
        assert (a,) == row.answers
        assert (b1,) == (b2,) == row.foils
        assert len({a, b1, row.corrupt[row.positions["B2"]]}) == 3
        assert row.positions["END"] == len(row.clean) - 1
        assert row.positions["A1"] == row.positions["A"]
        assert "B" not in row.positions
        assert dict(row.factors) == {"template": number % 2, "A": bpe.text_of(a).strip()}
        assert (row.positions["A"] < row.positions["B1"]) == (number % 2 == 0)
    assert task.clusters == tuple(number % 2 for number in range(40))


def test_the_seed_decides_and_fewer_examples_are_a_prefix(graph: ResidualGraph, bpe: Tokenizer) -> None:
    def rows(examples: int, seed: int) -> tuple[Row, ...]:
        slots = {"A": NAMES, "B": NAMES}
        prompts: dict[str, object] = {"template": ABBA, "slots": slots, "examples": examples, "seed": seed}
        return build(prompts, graph, bpe).rows

    assert rows(20, 1)[:8] == rows(8, 1)
    assert rows(20, 1) != rows(20, 2)


def test_values_are_drawn_evenly(graph: ResidualGraph, bpe: Tokenizer) -> None:
    prompts: dict[str, object] = {"template": " {A}", "slots": {"A": NAMES}, "examples": 400}
    counts = Counter(texts(row, bpe) for row in build(prompts, graph, bpe).rows)
    # Four values, 400 draws: 5 standard deviations of a count are 43.
    assert all(abs(count - 100) < 43 for count in counts.values())
    assert len(counts) == 4


def test_slots_with_lists_of_their_own_may_agree(graph: ResidualGraph, bpe: Tokenizer) -> None:
    slots = {"A": NAMES, "B": [*NAMES, "Zoe"]}
    prompts: dict[str, object] = {"template": " {A} and {B}", "slots": slots, "examples": 60}
    rows = build(prompts, graph, bpe).rows
    assert any(row.clean[row.positions["A"]] == row.clean[row.positions["B"]] for row in rows)


def test_lists_are_shared_by_content_in_any_order_and_by_file(
    graph: ResidualGraph, bpe: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_bytes(b"\xef\xbb\xbfMary\r\n\r\n John \nMary\n")
    slots = {"A": {"file": "names.txt"}, "B": {"file": "names.txt"}, "C": ["John", "Mary"]}
    prompts: dict[str, object] = {"template": " {A} and {B}", "slots": {k: slots[k] for k in "AB"}}
    found = {texts(row, bpe) for row in build(prompts, graph, bpe).rows}
    assert found == {" Mary and John", " John and Mary"}
    prompts = {"template": " {A} and {C}", "slots": {k: slots[k] for k in "AC"}}
    assert {texts(row, bpe) for row in build(prompts, graph, bpe).rows} == found


def test_doubled_braces_are_braces(graph: ResidualGraph, bpe: Tokenizer) -> None:
    template = parse_template("{{ {A} }} {{{A}}}")
    assert template.fill({"A": "x"})[0] == "{ x } {x}"
    assert template.positions == {"A1", "A2", "END"}


def test_what_is_known_without_rows(graph: ResidualGraph) -> None:
    slots = {"A": NAMES, "B": NAMES}
    task: dict[str, object] = {
        "prompts": {"template": [ABBA, "{A} and {B} gave"], "slots": slots},
        "metric": "kl",
        "positions": {"START": 0},
        "factors": ["A"],
    }
    spec = make_spec(task, ablation="zero")
    # B is used twice in the first template, once in the second: only B1 is in every row.
    assert known_positions(spec) == {"A", "A1", "B1", "END", "START"}
    assert known_factors(spec) == {"template", "A"}


@pytest.mark.parametrize(
    ("prompts", "expected"),
    [
        ({"template": " {A", "slots": {"A": NAMES}}, "task.prompts.template[0]: { has no partner (character 2): "
         "write {{ and }} for braces"),
        ({"template": " {A} }", "slots": {"A": NAMES}}, "task.prompts.template[0]: } has no partner (character 6): "
         "write {{ and }} for braces"),
        ({"template": " {A}", "slots": {"A": NAMES, "B": NAMES}},
         "task.prompts.slots.B: is used in no template, answer or foil"),
        ({"template": " {A} and {B}", "slots": {"A": ["Mary"], "B": ["Mary"]}},
         "task.prompts.slots.A: A, B share one list and never take the same value: 1 is too few\n"
         "  hint: give at least 2 values"),
        ({"template": " {A}", "slots": {"A": ["Mary "]}},
         'task.prompts.slots.A: has the value "Mary ", which ends in a space: its last token would not be its own'),
        ({"template": " {END}", "slots": {"END": NAMES}},
         'task.prompts.slots.END: "END" is taken: it is the position of the last token'),
        ({"template": " {A} and {A1}", "slots": {"A": NAMES, "A1": NAMES}},
         'task.prompts.template[0]: "A1" is both a slot and the position of a use of "A": rename one'),
        ({"template": " {A}", "slots": {"A": {"file": "gone.txt"}}},
         'task.prompts.slots.A.file: "gone.txt" does not exist\n'
         "  hint: a path in a spec is relative to the spec file"),
    ],
)  # fmt: skip
def test_bad_templates(
    prompts: dict[str, object], expected: str, graph: ResidualGraph, bpe: Tokenizer
) -> None:
    assert refusal(prompts, graph, bpe) == [expected]


def test_a_template_needs_a_tokenizer(graph: ResidualGraph) -> None:
    assert refusal({"template": " {A}", "slots": {"A": NAMES}}, graph, None) == [
        "task.prompts: a template is text, but ./model has no tokenizer.json to read it with\n"
        "  hint: put the model's tokenizer.json into its directory"
    ]


def test_a_split_answer_is_said_once_naming_rows(graph: ResidualGraph, bpe: Tokenizer) -> None:
    prompts: dict[str, object] = {
        "template": " {A}",
        "slots": {"A": ["Zoe"]},
        "answer": " {A}",
        "examples": 9,
    }
    assert refusal(prompts, graph, bpe) == [
        "task.prompts.answer: template row 0, template row 1, template row 2 and 6 more: "
        '" Zoe" is 4 tokens (" ", "Z", "o", "e"): it must be one token'
    ]


def test_unequal_lengths_name_the_texts(graph: ResidualGraph, bpe: Tokenizer) -> None:
    prompts: dict[str, object] = {
        "template": " {A} and",
        "corrupt": " {B} and",
        "slots": {"A": ["Mary"], "B": ["Zoe"]},
        "examples": 1,
    }
    assert refusal(prompts, graph, bpe) == [
        'task.prompts.corrupt: template row 0: clean " Mary and" has 2 tokens, corrupt " Zoe and" has 5 tokens: '
        "they must have as many"
    ]


def test_slots_that_shift_though_lengths_agree_are_found(graph: ResidualGraph, bpe: Tokenizer) -> None:
    prompts: dict[str, object] = {
        "template": " {A} and {B}",
        "corrupt": " {B} and {A}",
        "slots": {"A": ["Mary"], "B": ["Zoe"]},
        "examples": 1,
    }
    assert refusal(prompts, graph, bpe) == [
        'task.prompts.corrupt: template row 0: A1 is token 0 of clean " Mary and Zoe", its counterpart is token 3 '
        'of " Zoe and Mary": positions must agree\n  hint: use slot values of equally many tokens'
    ]


def test_the_same_slot_elsewhere_in_other_words_is_found(graph: ResidualGraph, bpe: Tokenizer) -> None:
    prompts: dict[str, object] = {
        "template": " {A} gave to",
        "corrupt": " gave to {A}",
        "slots": {"A": ["Mary"]},
        "examples": 1,
    }
    (problem,) = refusal(prompts, graph, bpe)
    assert "A1 is token 0 of clean" in problem
    assert "its counterpart is token 2 of" in problem


def test_swapped_names_of_one_token_are_fine(graph: ResidualGraph, bpe: Tokenizer) -> None:
    slots = {"A": NAMES, "B": NAMES}
    prompts: dict[str, object] = {"template": " {A} and {B}", "corrupt": " {B} and {A}", "slots": slots}
    for row in build(prompts, graph, bpe).rows:
        assert row.corrupt == row.clean[::-1][:1] + row.clean[1:2] + row.clean[:1]


def test_unknown_words_are_refused(graph: ResidualGraph, words: Tokenizer) -> None:
    prompts: dict[str, object] = {"template": "the {A} sat", "slots": {"A": ["dragon"]}, "examples": 1}
    assert refusal(prompts, graph, words) == [
        'task.prompts: template row 0: clean: the tokenizer does not know "dragon"'
    ]


def test_positions_count_the_token_a_prompt_begins_with(graph: ResidualGraph, words: Tokenizer) -> None:
    prompts: dict[str, object] = {"template": "{A} sat on a mat", "slots": {"A": ["cat"]}, "examples": 1}
    (row,) = build(prompts, graph, words).rows
    assert dict(row.positions) == {"A": 1, "A1": 1, "END": 5}


VALUE = st.text("abMry éß☃🙂.", min_size=1, max_size=4).filter(lambda text: not text[-1].isspace())
LITERAL = st.text("an dto,é🙂 ", max_size=4)
BACKENDS = {trim: byte_level_bpe(trim_offsets=trim) for trim in (True, False)}


@given(
    literals=st.lists(LITERAL, min_size=2, max_size=5),
    values=st.lists(VALUE, min_size=2, max_size=2),
    order=st.lists(st.sampled_from("AB"), min_size=4, max_size=4),
    trim=st.booleans(),
)
def test_a_position_is_the_token_that_holds_the_last_byte_of_its_value(
    literals: list[str], values: list[str], order: list[str], trim: bool
) -> None:
    slots = order[: len(literals) - 1]
    assume(set(slots) == {"A", "B"})
    filling = dict(zip("AB", values, strict=True))
    template = literals[0] + "".join(f"{{{s}}}{text}" for s, text in zip(slots, literals[1:], strict=True))
    graph = ResidualGraph("gpt2", 1, 1, 4, vocab=400, context=400)
    prompts: dict[str, object] = {
        "template": template,
        "slots": {slot: [value] for slot, value in filling.items()},
        "examples": 1,
    }
    assume(values[0] != values[1])
    (row,) = build(prompts, graph, Tokenizer(BACKENDS[trim])).rows

    # A name in a byte-level vocabulary has one character per byte, so byte counts say which token holds what.
    widths = [len(BACKENDS[trim].id_to_token(token) or "") for token in row.clean]
    expected: dict[str, int] = {"END": len(widths) - 1}
    text, uses = literals[0], Counter[str]()
    for slot, literal in zip(slots, literals[1:], strict=True):
        text += filling[slot]
        uses[slot] += 1
        last_byte = len(text.encode()) - 1
        expected[f"{slot}{uses[slot]}"] = next(
            index for index in range(len(widths)) if sum(widths[: index + 1]) > last_byte
        )
        text += literal
    expected.update({slot: expected[f"{slot}1"] for slot, count in uses.items() if count == 1})
    assert dict(row.positions) == expected
