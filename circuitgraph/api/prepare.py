"""Everything that happens before a weight is loaded: spec, config, data, names. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circuitgraph.arch.config import HasConfig, check_weights, read_config, residual_graph, residual_graph_of
from circuitgraph.arch.location import Location, locate
from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.errors import InputError, ModelError, Problem, SpecError, TaskError
from circuitgraph.resolve import Circuit, resolve
from circuitgraph.spec import Spec, load, problem_at
from circuitgraph.task import Task, Tokenizer, build_task, known_factors, known_positions, load_tokenizer


@dataclass(frozen=True)
class Prepared:
    """A spec read against its model's config and its data; nothing measured.

    Attributes:
        spec: As written.
        location: Where the model is; None for a model given in memory.
        graph: The model's residual graph.
        circuit: The hypothesis resolved.
        task: Its rows.
        notes: What people should know about the model's files.
    """

    spec: Spec
    location: Location | None
    graph: ResidualGraph
    circuit: Circuit
    task: Task
    notes: tuple[str, ...] = ()


def as_spec(spec: Spec | str | Path) -> Spec:
    """The spec itself, or the one in a file."""
    return spec if isinstance(spec, Spec) else load(spec)


def prepare(
    spec: Spec | str | Path | Prepared,
    *,
    model: Any = None,
    allow_code: bool = False,
    to_run: bool = False,
) -> Prepared:
    """Read everything but the weights.

    Args:
        spec: A spec or the path of one. What is prepared already comes back as it is.
        model: A Hugging Face model in memory to be used instead of the spec's; its config is read.
        allow_code: Whether `python:` entries may run.
        to_run: Whether it is to be measured: then a model directory without weights is an error, not a note,
            and so is a rule that is not run by this version.

    Raises:
        InputError: Anything is wrong; problems of names and of data come together, sorted by place.
        SurroundingsError: The model's config is on a hub that cannot be reached.
    """
    if isinstance(spec, Prepared):
        return spec
    spec = as_spec(spec)
    location, graph, tokenizer, notes = _model(spec, model, to_run)
    problems: list[Problem] = []
    circuit, task = None, None
    try:
        circuit = resolve(
            spec, graph, known_positions=known_positions(spec), known_factors=known_factors(spec)
        )
    except SpecError as error:
        problems += error.problems
    try:
        task = build_task(spec, graph, tokenizer, allow_code=allow_code)
    except TaskError as error:
        problems += error.problems
    if circuit is None or task is None:
        kind = SpecError if circuit is None else TaskError
        raise kind(dict.fromkeys(problems))
    _check_positions(spec, circuit, task)
    if to_run:
        check_rule(spec, circuit)
    return Prepared(spec, location, graph, circuit, task, notes)


def _model(
    spec: Spec, model: HasConfig | None, to_run: bool
) -> tuple[Location | None, ResidualGraph, Tokenizer | None, tuple[str, ...]]:
    ref = spec.model_ref
    if model is not None:
        graph = residual_graph_of(model.config, ref.id)  # type: ignore[attr-defined]
        return None, graph, _tokenizer_if_found(spec), ()
    try:
        location = locate(ref, spec.directory)
        graph = residual_graph(read_config(location), ref.id)
        notes = check_weights(location, required=to_run)
        return location, graph, load_tokenizer(location), notes
    except ModelError as error:
        raise at_model(error, spec) from error


def at_model(error: ModelError, spec: Spec) -> ModelError:
    """The error, its problems placed at the spec's `model:` entry where they have no place of their own."""
    return ModelError(
        problem_at(spec.document, ("model",), problem.code, problem.message, problem.hint)
        if problem.line is None and problem.file is None
        else problem
        for problem in error.problems
    )


def _tokenizer_if_found(spec: Spec) -> Tokenizer | None:
    """The tokenizer of the model the spec names, for a model given in memory; rows of ids need none."""
    try:
        location = locate(spec.model_ref, spec.directory)
    except InputError:
        return None
    return load_tokenizer(location) if location.directory is not None else None


def _check_positions(spec: Spec, circuit: Circuit, task: Task) -> None:
    """Every position that edges and claims name must be in every row."""
    problems: list[Problem] = []
    for name in circuit.positions:
        try:
            task.index(name)
        except TaskError as error:
            where = _first_use(circuit, name)
            problems += (
                problem_at(spec.document, where, problem.code, problem.message, problem.hint)
                for problem in error.problems
            )
    if problems:
        raise TaskError(problems)


def check_rule(spec: Spec, circuit: Circuit) -> None:
    """Refuse a rule that resolves but is not run by this version.

    Raises:
        SpecError: The rule is such a one.
    """
    from circuitgraph.validation.hypothesis import Hypothesis

    try:
        Hypothesis(circuit)
    except SpecError as error:
        raise SpecError(
            problem_at(spec.document, ("rule",), problem.code, problem.message, problem.hint)
            for problem in error.problems
        ) from error


def _first_use(circuit: Circuit, position: str) -> tuple[str | int, ...]:
    for edge, origins in circuit.origins.items():
        if edge.position == position:
            return origins[0].where
    for claim in circuit.claims:
        if position in (claim.query, claim.key) or any(edge.position == position for edge in claim.edges):
            return claim.origin.where
    return ("task", "positions")
