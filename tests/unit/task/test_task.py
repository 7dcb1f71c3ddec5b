"""The task as a whole: generated rows, positions by expression, what ablations need, the digest."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from circuitgraph.arch.config import read_config, residual_graph
from circuitgraph.arch.location import locate
from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.errors import Problem, TaskError
from circuitgraph.resolve.circuit import Ablation
from circuitgraph.spec import ModelRef, loads
from circuitgraph.task import (
    Row,
    Task,
    build_task,
    check_ablation,
    known_factors,
    known_positions,
    load_tokenizer,
)
from circuitgraph.zoo import GENERATORS
from tests.unit.task.samples import make_spec

ZOO = {"zoo": "repeated-tokens", "examples": 12, "seed": 5}


@pytest.fixture(scope="module")
def induction() -> ResidualGraph:
    location = locate(ModelRef(id="zoo:induction"), Path())
    return residual_graph(read_config(location), location.id)


def test_rows_of_a_built_in_generator(induction: ResidualGraph) -> None:
    spec = make_spec(
        {"prompts": ZOO, "metric": "logit_diff", "factors": ["gap"], "positions": {"NEXT": "MATCH+1"}}
    )
    task = build_task(spec, induction, None)
    made = GENERATORS["repeated-tokens"](12, 5)
    assert [(row.clean, row.corrupt, row.answers, row.foils, dict(row.factors)) for row in task.rows] == [
        (row.clean, row.corrupt, (row.answer,), (row.foil,), dict(row.factors)) for row in made
    ]
    assert task.index("MATCH+1") == task.index("NEXT") == [row.positions["MATCH"] + 1 for row in made]
    assert task.positions == known_positions(spec) == {"END", "MATCH", "NEXT"}
    assert known_factors(spec) == set(made[0].factors)
    assert task.clusters is None


def test_the_induction_model_reads_text(
    induction: ResidualGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.jsonl").write_text(
        json.dumps({"clean": "cat dog sun cat", "answer": "dog", "foil": "sun"})
    )
    location = locate(ModelRef(id="zoo:induction"), Path())
    spec = make_spec({"prompts": {"file": "p.jsonl"}, "metric": "logit_diff"}, ablation="zero")
    (row,) = build_task(spec, induction, load_tokenizer(location)).rows
    assert row.clean[0] == 0
    assert row.clean[1] == row.clean[4]
    assert row.answers == row.clean[2:3]


def test_an_unknown_generator_names_the_known(induction: ResidualGraph) -> None:
    spec = make_spec({"prompts": {"zoo": "repeated-token"}, "metric": "kl"})
    with pytest.raises(TaskError) as caught:
        build_task(spec, induction, None)
    assert str(caught.value) == (
        'task.prompts.zoo: no built-in data set is called "repeated-token": there is repeated-tokens\n'
        "  hint: did you mean repeated-tokens?"
    )
    assert known_positions(spec) is None
    assert known_factors(spec) is None


def test_rows_too_long_for_the_model_are_one_problem_a_kind(graph: ResidualGraph) -> None:
    spec = make_spec({"prompts": ZOO, "metric": "logit_diff"})
    with pytest.raises(
        TaskError, match=r"repeated-tokens row 0.*: clean: has \d+ tokens: ./model takes at most 4"
    ):
        build_task(spec, replace(graph, context=4), None)


def test_what_files_bring_is_known_only_from_their_rows() -> None:
    spec = make_spec({"prompts": {"file": "p.jsonl"}, "metric": "kl", "positions": {"END": "last"}})
    assert known_positions(spec) is None
    assert known_factors(spec) is None


TASK = Task(
    rows=(
        Row("p:1", (1, 2, 3), positions={"A": 0, "END": 2}, factors={"gap": 1}),
        Row("p:2", (1, 2, 3, 4), corrupt=(1, 2, 3, 5), positions={"END": 3}),
        Row("p:3", (1, 2, 3, 4), positions={"END": 3}),
    ),
    metric="kl",
)


def test_positions_by_expression() -> None:
    assert TASK.index("END") == [2, 3, 3]
    assert TASK.index("END-2") == [0, 1, 1]
    assert TASK.positions == {"END"}


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("A", Problem("position-missing", "position A is not in every row: p:2 (it has no A), p:3 (it has no A)")),
        ("END-3", Problem("position-missing", "position END-3 is not in every row: p:1 (END-3 is outside its "
         "3 tokens)")),
        ("ENDE", Problem("unknown-position", 'no position is called "ENDE": the rows have A, END',
         hint="did you mean END?")),
        ("B", Problem("unknown-position", 'no position is called "B": the rows have A, END',
         hint="declare it under task.positions")),
        ("3", Problem("bad-position", '"3" is no position: write NAME, NAME+1 or NAME-1')),
    ],
)  # fmt: skip
def test_positions_that_rows_lack(expression: str, problem: Problem) -> None:
    with pytest.raises(TaskError) as caught:
        TASK.index(expression)
    assert caught.value.problems == (problem,)


def refusal(ablation: Ablation) -> list[str]:
    with pytest.raises(TaskError) as caught:
        check_ablation(TASK, ablation)
    return [str(problem) for problem in caught.value.problems]


def test_what_ablations_need() -> None:
    check_ablation(TASK, Ablation("zero"))
    check_ablation(TASK, Ablation("mean"))
    hint = "\n  hint: give each row a corrupt prompt, or choose zero, mean or resample"
    assert refusal(Ablation("corrupt")) == [
        f"ablation: ablation corrupt needs a corrupt prompt in every row, some have none: p:1, p:3{hint}"
    ]
    assert refusal(Ablation("mean", by=("gap",), over="corrupt")) == [
        f"ablation: ablation mean over corrupt needs a corrupt prompt in every row, some have none: p:1, p:3{hint}",
        'ablation: mean by "gap" needs this factor in every row, some lack it: p:2, p:3',
    ]
    assert refusal(Ablation("resample")) == [
        "ablation: resample needs another row of equally many tokens for every row, some have none: p:1"
    ]


def test_the_specs_own_ablation_is_checked_with_its_rows(
    graph: ResidualGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.jsonl").write_text('{"clean": [1]}\n{"clean": [-1]}\n')
    spec = make_spec({"prompts": {"file": "p.jsonl"}, "metric": "kl"}, ablation={"mean": {"by": ["gap"]}})
    with pytest.raises(TaskError) as caught:
        build_task(spec, graph, None)
    assert [str(problem) for problem in caught.value.problems] == [
        'ablation: mean by "gap" needs this factor in every row, some lack it: p.jsonl:1',
        "p.jsonl:2 clean: -1 is no token id: ids are whole numbers from 0",
    ]


def test_the_digest_follows_content_not_origin() -> None:
    moved = Task(tuple(replace(row, where="elsewhere") for row in TASK.rows), "kl")
    assert moved.digest == TASK.digest
    changes = [
        replace(TASK, metric="loss"),
        replace(TASK, rows=TASK.rows[::-1]),
        replace(TASK, rows=(replace(TASK.rows[0], positions={"A": 1, "END": 2}), *TASK.rows[1:])),
        replace(TASK, rows=(replace(TASK.rows[0], factors={"gap": 2}), *TASK.rows[1:])),
        replace(TASK, rows=(replace(TASK.rows[0], foils=(3,)), *TASK.rows[1:])),
    ]
    assert len({TASK.digest, *(task.digest for task in changes)}) == 1 + len(changes)


def test_problems_stand_at_their_line_of_the_spec(graph: ResidualGraph) -> None:
    spec = loads(
        "circuitgraph: 1\n"
        "name: x\n"
        "model: ./model\n"
        "task:\n"
        "  prompts: {zoo: repeated}\n"
        "  metric: kl\n"
        "edges: [embed -> logits]\n",
        "x.yaml",
    )
    with pytest.raises(TaskError) as caught:
        build_task(spec, graph, None)
    assert str(caught.value).startswith(
        'x.yaml:5:18 task.prompts.zoo: no built-in data set is called "repeated"'
    )
