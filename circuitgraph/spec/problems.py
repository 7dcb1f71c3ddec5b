"""From what pydantic found to problems with lines."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from circuitgraph.errors import Problem
from circuitgraph.spec.document import Document, problem_at
from circuitgraph.spec.strict import described, mismatch


def problems_of(error: ValidationError, document: Document | None) -> list[Problem]:
    """Every problem of a validation error, placed in the document.

    What the YAML reader already reported about a place (a tag, a number that is too long) is not said twice.
    """
    known = {(problem.line, problem.column) for problem in document.problems} if document else set[Any]()
    found = [_problem(dict(detail), document) for detail in error.errors(include_url=False)]
    return [
        problem for problem in found if problem.line is None or (problem.line, problem.column) not in known
    ]


def _problem(detail: dict[str, Any], document: Document | None) -> Problem:
    where: tuple[str | int, ...] = detail["loc"]
    context: dict[str, Any] = detail.get("ctx", {})
    message, hint = context.get("message", detail["msg"]), context.get("hint")
    if where and where[-1] == "[key]" and detail["type"] == "wrong-type":
        where = where[:-1]
    if document is not None and context.get("expected") is not None:
        # Only the file knows that 5.1 was written 5.10.
        text = document.source(where) if _is_number(detail["input"]) else None
        told = mismatch(context["expected"], detail["input"], names=context["names"], text=text)
        message, hint = told.message, told.hint
    if detail["type"] == "missing-key" and message.startswith("missing key"):
        where = where[:-1]
    return problem_at(document, where, detail["type"], message, hint, bool(context.get("key")))


def _is_number(value: object) -> bool:
    return described(value).startswith("the number")
