"""`check` and `explain`: what a spec says and what it would cost, without a weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuitgraph.cli.failures import Failure, failure_of, worst
from circuitgraph.cli.options import AllowCode, AsJson, Quiet, Seed, SpecFile, SpecFiles
from circuitgraph.cli.output import say, say_json
from circuitgraph.errors import EXIT_INVALID, EXIT_SUPPORTED, CircuitGraphError

if TYPE_CHECKING:
    from pathlib import Path

    from circuitgraph.api import Check, Prepared
    from circuitgraph.plan.compile import Plan


def check(
    specs: SpecFiles, allow_code: AllowCode = False, as_json: AsJson = False, quiet: Quiet = False
) -> int:
    """Find what is wrong with specs, without loading a weight.

    Reads the spec, the model's config, the data and the tokenizer, and reports every problem at once.
    """
    codes: list[int] = []
    answers: list[dict[str, object]] = []
    for path in specs:
        code, answer = _check_one(path, allow_code=allow_code, silent=as_json, quiet=quiet)
        codes.append(code)
        answers.append({"spec": str(path), **answer})
    if as_json:
        say_json(answers[0] if len(answers) == 1 else {"ok": not any(codes), "specs": answers})
    return worst(codes)


def _check_one(path: Path, *, allow_code: bool, silent: bool, quiet: bool) -> tuple[int, dict[str, object]]:
    from circuitgraph import api

    try:
        found = api.check(path, allow_code=allow_code)
    except CircuitGraphError as error:
        failure = failure_of(error, file=str(path))
    else:
        if found.ok:
            if not silent and not quiet:
                say(f"{path}: ok, {_size(found)}")
                say_notes(found.notes)
            return EXIT_SUPPORTED, found.to_json()
        failure = Failure(EXIT_INVALID, found.problems)
    if not silent:
        failure.say()
    return failure.code, failure.answer


def _size(found: Check) -> str:
    counts = {"node": found.nodes, "edge": found.edges, "path": found.paths, "example": found.examples}
    return ", ".join(f"{count} {noun}{'s' if count != 1 else ''}" for noun, count in counts.items())


def say_notes(notes: tuple[str, ...]) -> None:
    """Print what was merged, dropped or read as something else."""
    for note in notes:
        say(f"  note: {note}")


def explain(
    spec: SpecFile,
    seed: Seed = 0,
    allow_code: AllowCode = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Show the plan that would run, and its cost."""
    from circuitgraph import api

    prepared = api.prepare(spec, allow_code=allow_code)
    plan = api.explain(prepared, seed=seed)
    if as_json:
        say_json(_plan_json(prepared, plan))
    elif not quiet:
        circuit = prepared.circuit
        size = f"{len(circuit.nodes)} nodes, {len(circuit.edges)} edges"
        say(f"{prepared.spec.name}: {size}, rule {circuit.rule}")
        say_notes(circuit.notes)
        say(str(plan))
    return EXIT_SUPPORTED


def _plan_json(prepared: Prepared, plan: Plan) -> dict[str, object]:
    return {
        "ok": True,
        "spec": prepared.spec.name,
        "model": plan.graph.name,
        "examples": plan.examples,
        "baseline": plan.baseline,
        "steps": [
            {
                "form": step.form,
                "rule": step.rule,
                "variants": len(step.variants),
                "start": step.start,
                "live": [str(node) for node in step.live],
                "cost": step.cost,
            }
            for step in plan.steps
        ],
        "attention": len(plan.attention),
        "cost": plan.cost,
        "notes": list(prepared.circuit.notes),
    }
