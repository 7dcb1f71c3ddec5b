"""A prepared spec made ready to run: weights loaded, metric bound, errors placed in the spec."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from circuitgraph.api.prepare import Prepared, at_model
from circuitgraph.errors import ModelError, SurroundingsError, TaskError, quoted
from circuitgraph.spec import Spec, problem_at

if TYPE_CHECKING:
    from circuitgraph.engine.session import Readings, Session
    from circuitgraph.plan.compile import Plan

METRIC = ("task", "metric")


def open_session(prepared: Prepared, model: Any, allow_code: bool) -> tuple[Session, tuple[str, ...]]:
    """Load the spec's model (or take the one in memory) and bind task, ablation and metric to it.

    Returns:
        The session, and what people must know about the model.

    Raises:
        InputError: The weights or the `python:` metric are wrong.
        SurroundingsError: Hub, device or memory failed.
    """
    from circuitgraph.engine.loading import load_model
    from circuitgraph.engine.session import Session

    notes: tuple[str, ...] = ()
    function = _metric_function(prepared, allow_code)
    if prepared.location is not None:
        with _placed_at_model(prepared.spec):
            model, notes = load_model(prepared.location, prepared.spec.model_ref)
    session = Session(model, prepared.graph, prepared.task, prepared.circuit.ablation)
    if function is not None:
        session.use_metric(function)
    return session, notes


def _metric_function(prepared: Prepared, allow_code: bool) -> Callable[..., Any] | None:
    """The spec author's metric where it is code; what goes wrong in it is a problem of the spec."""
    from circuitgraph.task import load_function
    from circuitgraph.task.code import PREFIX, last_line

    spec, name = prepared.spec, prepared.task.metric
    if not name.startswith(PREFIX):
        return None
    function = load_function(name, spec.directory, allow_code=allow_code, document=spec.document)

    def guarded(*args: Any) -> Any:
        try:
            return function(*args)
        except (Exception, SystemExit) as error:
            message = f"{quoted(name)} failed: {last_line(error)}"
            raise TaskError(problem_at(spec.document, METRIC, "code-failed", message)) from error

    return guarded


@contextmanager
def _placed_at_model(spec: Spec) -> Generator[None]:
    """What is wrong with the model is wrong at the spec's `model:` entry."""
    try:
        yield
    except ModelError as error:
        raise at_model(error, spec) from error


def read_plan(
    session: Session, prepared: Prepared, plan: Plan, told: Callable[[float], None] | None = None
) -> Readings:
    """Run a plan.

    Raises:
        InputError: Logits are not finite, or no row shows a contrast between clean and ablated.
        SurroundingsError: Memory ran out.
    """
    with memory_guard(), _placed_at_model(prepared.spec):
        readings = session.run(plan, told)
    _demand_contrast(readings, prepared)
    return readings


@contextmanager
def memory_guard() -> Generator[None]:
    """Running out of memory is a failure of the surroundings, with the next step."""
    import torch

    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise SurroundingsError(
            "out of memory: use fewer examples, a smaller dtype or a larger machine"
        ) from error


def _demand_contrast(readings: Readings, prepared: Prepared) -> None:
    if (readings.clean != readings.ablated).any():
        return
    message = (
        f"no row's {prepared.task.metric} differs between the clean run and the {prepared.circuit.ablation} "
        "ablation, so there is nothing to explain: check prompts and metric"
    )
    raise TaskError(problem_at(prepared.spec.document, METRIC, "no-contrast", message))
