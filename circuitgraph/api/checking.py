"""`check`: is the spec sound, without loading a weight?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from circuitgraph.api.prepare import Prepared, as_spec, check_rule, prepare
from circuitgraph.errors import InputError, Problem, SpecError
from circuitgraph.spec import Spec


@dataclass(frozen=True)
class Check:
    """What `check` found.

    Attributes:
        problems: Everything wrong, sorted by place.
        notes: What was merged, dropped or read as something else.
        nodes, edges, paths: Size of the resolved circuit; 0 where it could not be resolved.
        examples: Rows of the task.
    """

    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()
    nodes: int = 0
    edges: int = 0
    paths: int = 0
    examples: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def to_json(self) -> dict[str, object]:
        """The machine's answer of `check --json`."""
        return {
            "ok": self.ok,
            "problems": [
                {
                    "file": problem.file,
                    "line": problem.line,
                    "column": problem.column,
                    "where": problem.where,
                    "code": problem.code,
                    "message": problem.message,
                    "hint": problem.hint,
                }
                for problem in self.problems
            ],
            "notes": list(self.notes),
            "circuit": {"nodes": self.nodes, "edges": self.edges, "paths": self.paths},
        }


def check(spec: Spec | str | Path, *, allow_code: bool = False) -> Check:
    """Validate a spec against its model's config and its data; loads neither weights nor torch.

    Raises:
        SurroundingsError: The model's config cannot be reached.
    """
    try:
        prepared = prepare(as_spec(spec), allow_code=allow_code)
    except InputError as error:
        return Check(problems=error.problems)
    circuit = prepared.circuit
    return Check(
        problems=(),
        notes=(*prepared.notes, *circuit.notes, *_not_run(prepared)),
        nodes=len(circuit.nodes),
        edges=len(circuit.edges),
        paths=sum(len(paths) for paths in circuit.paths.values()),
        examples=len(prepared.task.rows),
    )


def _not_run(prepared: Prepared) -> tuple[str, ...]:
    """A note where the spec is sound and this version cannot run it."""
    try:
        check_rule(prepared.spec, prepared.circuit)
    except SpecError as error:
        return tuple(problem.message for problem in error.problems)
    return ()
