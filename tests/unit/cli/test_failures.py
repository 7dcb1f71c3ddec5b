"""What exceptions become: the exit code, the words, and nothing more."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
import typer
from typer.testing import CliRunner

from circuitgraph.cli.failures import SEVERITY, failure_of, guarded, worst
from circuitgraph.cli.options import AsJson
from circuitgraph.errors import InputError, Problem, SurroundingsError
from circuitgraph.spec import loads

SPEC = """\
circuitgraph: 1
name: a
model: zoo:induction
task: {prompts: {zoo: repeated-tokens}, metric: kl}
nodes: {a: [a0.h0]}
rule: path
"""


def raising(make: Callable[[], object]) -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False)

    def command(as_json: AsJson = False) -> int:
        secret = "a local variable"
        raised = make()
        assert isinstance(raised, BaseException), secret
        raise raised

    app.command()(guarded(command))
    return app


def allocate() -> BaseException:
    try:
        torch.empty(2**58)
    except RuntimeError as error:
        return error
    raise AssertionError("so much memory there is not")


CASES: list[tuple[Callable[[], BaseException], int, str]] = [
    (
        lambda: InputError(Problem("bad", "is bad", "a.b", "f.yaml", 3, 4, "be good")),
        2,
        "f.yaml:3:4 a.b: is bad",
    ),
    (lambda: SurroundingsError("no network\n  hint: plug it in"), 4, "no network\n  hint: plug it in\n"),
    (KeyboardInterrupt, 130, "interrupted"),
    (MemoryError, 4, "out of memory: use fewer examples"),
    (lambda: torch.OutOfMemoryError("CUDA out of memory"), 4, "out of memory: use fewer examples"),
    (allocate, 4, "out of memory: use fewer examples"),
    (lambda: OSError(28, "No space left on device", "out/a"), 4, "out/a: No space left on device\n"),
    (lambda: PermissionError(13, "Permission denied", "out"), 4, "out: Permission denied\n"),
    (lambda: KeyError("x"), 70, "internal error (KeyError), please report it"),
    (lambda: RuntimeError("shapes differ"), 70, "internal error (RuntimeError), please report it"),
    (RecursionError, 70, "internal error (RecursionError), please report it"),
]


@pytest.mark.parametrize(("make", "code", "said"), CASES)
def test_exceptions_become_words(make: Callable[[], BaseException], code: int, said: str) -> None:
    done = CliRunner().invoke(raising(make), [])
    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr.startswith(said)
    assert ("Traceback" in done.stderr) == (code == 70)
    assert "╭" not in done.stderr


@pytest.mark.parametrize(("make", "code", "said"), CASES)
def test_exceptions_become_json(make: Callable[[], BaseException], code: int, said: str) -> None:
    done = CliRunner().invoke(raising(make), ["--json"])
    assert done.exit_code == code
    answer = json.loads(done.stdout)
    assert answer["ok"] is False
    assert len(answer["problems"]) == 1
    message = answer["problems"][0]["message"]
    assert message.startswith(said.rstrip()) or message in said
    assert done.stderr.startswith("Traceback") == (code == 70)


def test_problems_without_a_place_get_the_file_or_the_entry() -> None:
    spec = loads(SPEC, "a.yaml")
    rule = InputError(Problem("rule-not-run", "not run", where="rule"))
    assert str(failure_of(rule, spec).problems[0]) == "a.yaml:6:7 rule: not run"
    metric = InputError(Problem("bad", "is bad", where="task.metric"))
    assert str(failure_of(metric, spec).problems[0]) == "a.yaml:4:49 task.metric: is bad"
    placeless = InputError(Problem("bad", "is bad"))
    assert str(failure_of(placeless, spec, "a.yaml").problems[0]) == "a.yaml: is bad"
    placed = InputError(Problem("bad", "is bad", file="rows.jsonl", line=2))
    assert str(failure_of(placed, spec, "a.yaml").problems[0]) == "rows.jsonl:2: is bad"


def test_the_worst_code_is_wrong_input_then_surroundings_then_verdicts() -> None:
    assert worst([]) == 0
    assert worst([0, 3]) == 3
    assert worst([3, 1, 0]) == 1
    assert worst([1, 4]) == 4
    assert worst([4, 2, 1]) == 2
    assert len(set(SEVERITY)) == len(SEVERITY)
