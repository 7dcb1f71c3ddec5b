"""Rows of a jsonl file: what is read, and that every kind of bad row is named with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.errors import InputError, TaskError
from circuitgraph.task import Task, Tokenizer, build_task
from tests.unit.task.samples import make_spec


@pytest.fixture(autouse=True)
def beside_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spec built in Python has its paths relative to the working directory."""
    monkeypatch.chdir(tmp_path)


def build(
    content: str | bytes | list[dict[str, object]],
    graph: ResidualGraph,
    tokenizer: Tokenizer | None,
    *,
    metric: str = "kl",
    ablation: str = "zero",
    factors: tuple[str, ...] = (),
) -> Task:
    if isinstance(content, list):
        content = "\n".join(json.dumps(row) for row in content)
    Path("pairs.jsonl").write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    task = {"prompts": {"file": "pairs.jsonl"}, "metric": metric, "factors": list(factors)}
    return build_task(make_spec(task, ablation=ablation), graph, tokenizer)


def problems(error: InputError) -> list[str]:
    return [str(problem) for problem in error.problems]


def test_text_and_ids_are_read_alike(graph: ResidualGraph, bpe: Tokenizer) -> None:
    clean, corrupt = "Then, Mary and John gave a drink to", "Then, Mary and Tom gave a drink to"
    text = {"clean": clean, "corrupt": corrupt, "answer": " Mary", "foil": [" John", " Tom"]}
    ids = {
        "clean": bpe.encode(clean),
        "corrupt": bpe.encode(corrupt),
        "answer": bpe.single(" Mary"),
        "foil": [bpe.single(" John"), bpe.single(" Tom")],
        "positions": {"S": 3, "END": -1},
        "factors": {"gap": 2, "who": "Mary", "easy": True, "share": 0.5},
    }
    task = build([text, ids], graph, bpe, metric="logit_diff", ablation="corrupt")
    first, second = task.rows
    assert (first.clean, first.corrupt, first.answers, first.foils) == (
        second.clean,
        second.corrupt,
        second.answers,
        second.foils,
    )
    assert dict(second.positions) == {"S": 3, "END": len(second.clean) - 1}
    assert dict(second.factors) == {"gap": 2, "who": "Mary", "easy": True, "share": 0.5}
    assert [row.where for row in task.rows] == ["pairs.jsonl:1", "pairs.jsonl:2"]


def test_lines_count_from_one_with_blank_ones_a_mark_and_windows_ends(graph: ResidualGraph) -> None:
    content = b'\xef\xbb\xbf\r\n{"clean": [1]}\r\n\r\n  \r\n{"clean": [2, 3]}\r\n'
    task = build(content, graph, None)
    assert [(row.where, row.clean) for row in task.rows] == [
        ("pairs.jsonl:2", (1,)),
        ("pairs.jsonl:5", (2, 3)),
    ]


def test_other_line_separators_inside_text_end_no_row(graph: ResidualGraph, bpe: Tokenizer) -> None:
    task = build('{"clean": "Mary\u2028and John"}\n{"clean": [1]}', graph, bpe)
    assert [row.where for row in task.rows] == ["pairs.jsonl:1", "pairs.jsonl:2"]


BAD_ROWS: list[tuple[str, str]] = [
    ('{"clean": [1], "anwser": 2}', ':1: unknown key "anwser": use clean, corrupt, answer, foil, positions, '
     "factors\n  hint: did you mean answer?"),
    ('{"clean": [1], "clean": [2]}', ':1: key "clean" is given twice'),
    ('{"clean": [1], "positions": {"A": 0, "A": 0}}', ':1: key "A" is given twice'),
    ('{"clean": [1]', ":1: not JSON at column 14: Expecting ',' delimiter"),
    ('{"clean": [NaN]}', ":1: NaN is no number of JSON"),
    ('{"clean": [1], "factors": {"x": -Infinity}}', ":1: -Infinity is no number of JSON"),
    ('{"clean": [1], "\\u001b[31m": 2}', ':1: unknown key "\\x1b[31m": use clean, corrupt, answer, foil, positions, '
     "factors"),
    ("[1, 2]", ":1: a row is an object with clean, corrupt, answer, foil, not [1, 2]"),
    ("3", ":1: a row is an object with clean, corrupt, answer, foil, not 3"),
    ('{"clean": ' + "[" * 100_000, ":1: has a number too long, or lists nested too deeply, to be read"),
    ("{}", ":1: clean is missing: every row needs a prompt"),
    ('{"clean": null}', ":1: clean is missing: every row needs a prompt"),
    ('{"clean": ""}', ":1 clean: is empty: a prompt has at least one token"),
    ('{"clean": []}', ":1 clean: is empty: a prompt has at least one token"),
    ('{"clean": 3}', ":1 clean: must be text or a list of token ids, not 3"),
    ('{"clean": [1, true]}', ":1 clean: true is no token id: ids are whole numbers from 0"),
    ('{"clean": [1.0]}', ":1 clean: 1.0 is no token id: ids are whole numbers from 0"),
    ('{"clean": [-1]}', ":1 clean: -1 is no token id: ids are whole numbers from 0"),
    ('{"clean": ["a"]}', ':1 clean: "a" is no token id: ids are whole numbers from 0'),
    ('{"clean": [400]}', ":1 clean: token id 400 is outside the vocabulary of ./model (0..399)"),
    (json.dumps({"clean": [1] * 33}), ":1 clean: has 33 tokens: ./model takes at most 32"),
    ('{"clean": "a\\ud800"}', ':1 clean: "a\\ud800": it holds half of a surrogate pair, which is no character'),
    ('{"clean": [1, 2], "corrupt": [3]}', ":1 corrupt: clean has 2 tokens, corrupt has 1 tokens: "
     "they must have as many"),
    ('{"clean": " Mary and", "corrupt": " Zoe and"}', ':1 corrupt: clean " Mary and" has 2 tokens, corrupt '
     '" Zoe and" has 5 tokens: they must have as many'),
    ('{"clean": [1], "answer": "Mary"}', ':1 answer: "Mary" is 2 tokens ("Mar", "y"): it must be one token\n'
     '  hint: " Mary" (with the leading space) is one token'),
    ('{"clean": [1], "answer": ""}', ':1 answer: "" is no token: it must be one token'),
    ('{"clean": [1], "answer": []}', ":1 answer: is an empty list: give at least one token"),
    ('{"clean": [1], "answer": {"a": 1}}', ':1 answer: must be text, a token id, or a list of either, '
     'not {"a": 1}'),
    ('{"clean": [1], "answer": true}', ":1 answer: must be text, a token id, or a list of either, not true"),
    ('{"clean": [1], "answer": [5, 5]}', ':1 answer: "&" is listed twice'),
    ('{"clean": [1], "answer": [5, 6], "foil": [7, 6]}', ":1 foil: \"'\" is both answer and foil: they must differ"),
    ('{"clean": [1], "positions": [1]}', ":1 positions: must be a mapping from name to index, not [1]"),
    ('{"clean": [1], "positions": {"A": 1}}', ":1 positions.A: 1 is outside the row of 1 tokens"),
    ('{"clean": [1], "positions": {"A": -2}}', ":1 positions.A: -2 is outside the row of 1 tokens"),
    ('{"clean": [1], "positions": {"A": 0.0}}', ":1 positions.A: must be a whole number, not 0.0"),
    ('{"clean": [1], "positions": {"A+1": 0}}', ':1 positions.A+1: "A+1" is no name: use letters, digits and _, '
     "not starting with a digit"),
    ('{"clean": [1], "positions": {"last": 0}}', ':1 positions.last: "last" is taken: it stands for the last token '
     "in task.positions"),
    ('{"clean": [1], "factors": 3}', ":1 factors: must be a mapping from name to level, not 3"),
    ('{"clean": [1], "factors": {"x": null}}', ":1 factors.x: must be text, a finite number, true or false, "
     "not null"),
    ('{"clean": [1], "factors": {"x": 1e999}}', ":1 factors.x: must be text, a finite number, true or false, "
     "not Infinity"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), BAD_ROWS, ids=[message[:40] for _, message in BAD_ROWS])
def test_one_bad_row_one_problem(line: str, message: str, graph: ResidualGraph, bpe: Tokenizer) -> None:
    with pytest.raises(TaskError) as caught:
        build(line, graph, bpe)
    assert problems(caught.value) == ["pairs.jsonl" + message]


def test_bytes_that_are_no_text_are_found_on_their_line(graph: ResidualGraph) -> None:
    with pytest.raises(TaskError) as caught:
        build(b'{"clean": [1]}\n{"clean": "\xff"}\n', graph, None)
    assert str(caught.value) == "pairs.jsonl:2: byte 12 of the line is not UTF-8: save the file as UTF-8"


def test_unknown_words_of_prompts_and_answers(graph: ResidualGraph, words: Tokenizer) -> None:
    with pytest.raises(TaskError) as caught:
        build([{"clean": "the dragon sat on a dragon", "answer": "griffin"}], graph, words)
    assert problems(caught.value) == [
        'pairs.jsonl:1 clean: the tokenizer does not know "dragon"',
        'pairs.jsonl:1 answer: "griffin" is unknown to the tokenizer: it must be one token',
    ]


@pytest.mark.parametrize(
    ("metric", "missing"),
    [
        ("logit_diff", ["answer", "foil"]),
        ("prob_diff", ["answer", "foil"]),
        ("log_prob", ["answer"]),
        ("loss", ["answer"]),
        ("accuracy", ["answer"]),
    ],
)
def test_a_metric_says_what_it_needs(metric: str, missing: list[str], graph: ResidualGraph) -> None:
    with pytest.raises(TaskError) as caught:
        build([{"clean": [1]}], graph, None, metric=metric)
    assert problems(caught.value) == [
        f"pairs.jsonl:1: {key} is missing: the metric {metric} needs it" for key in missing
    ]


def test_declared_factors_must_be_in_every_row(graph: ResidualGraph) -> None:
    rows: list[dict[str, object]] = [
        {"clean": [1], "factors": {"gap": 1}},
        {"clean": [1], "factors": {"gpa": 1}},
        {"clean": [1]},
    ]
    with pytest.raises(TaskError) as caught:
        build(rows, graph, None, factors=("gap",))
    assert problems(caught.value) == [
        'pairs.jsonl:2 factors: the factor "gap" of task.factors is missing: it has gpa',
        'pairs.jsonl:3 factors: the factor "gap" of task.factors is missing: it has none',
    ]


def test_text_without_a_tokenizer_is_said_once(graph: ResidualGraph) -> None:
    rows: list[dict[str, object]] = [{"clean": "Mary"}, {"clean": [1], "answer": " Mary"}, {"clean": [1]}]
    with pytest.raises(TaskError) as caught:
        build(rows, graph, None)
    assert str(caught.value) == (
        "task.prompts: clean is text, but ./model has no tokenizer.json to read it with\n"
        "  hint: write lists of token ids, or put the model's tokenizer.json into its directory"
    )


def test_a_vocabulary_larger_than_the_model_is_found(bpe: Tokenizer) -> None:
    small = ResidualGraph("gpt2", 1, 1, 4, vocab=100, context=32)
    with pytest.raises(
        TaskError, match=r"clean: token id \d+ is outside the vocabulary of model \(0\.\.99\)"
    ):
        build([{"clean": " Mary"}], small, bpe)


def test_everything_is_reported_at_once_up_to_fifty(graph: ResidualGraph) -> None:
    rows: list[dict[str, object]] = [{"clean": [-1]} for _ in range(60)]
    with pytest.raises(TaskError) as caught:
        build(rows, graph, None)
    assert [problem.line for problem in caught.value.problems] == [*range(1, 51), 51]
    assert problems(caught.value)[-1] == "pairs.jsonl:51: and 10 more problems"


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n \n\n"])
def test_a_file_without_rows(content: bytes, graph: ResidualGraph) -> None:
    with pytest.raises(TaskError) as caught:
        build(content, graph, None)
    assert str(caught.value) == 'task.prompts.file: "pairs.jsonl" has no rows'


def test_files_that_cannot_be_read(graph: ResidualGraph, tmp_path: Path) -> None:
    def refused(name: str) -> str:
        spec = make_spec({"prompts": {"file": name}, "metric": "kl"}, ablation="zero")
        with pytest.raises(TaskError) as caught:
            build_task(spec, graph, None)
        return str(caught.value)

    (tmp_path / "folder").mkdir()
    (tmp_path / "wide.jsonl").write_text('{"clean": [1]}', encoding="utf-16")
    assert refused("gone.jsonl") == (
        'task.prompts.file: "gone.jsonl" does not exist\n  hint: a path in a spec is relative to the spec file'
    )
    assert refused("folder") == 'task.prompts.file: "folder" is a directory: name a file'
    assert refused("wide.jsonl") == 'task.prompts.file: "wide.jsonl" is UTF-16: save it as UTF-8'
    assert "cannot be read: File name too long" in refused("x" * 5000)
