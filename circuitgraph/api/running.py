"""`validate`, `attribute` and `explain`: prepare → plan → run → judge → report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from circuitgraph.api.opening import memory_guard, open_session, read_plan
from circuitgraph.api.prepare import Prepared, check_rule, prepare
from circuitgraph.api.reporting import make_report, silences
from circuitgraph.errors import InputError, Problem, quoted
from circuitgraph.names import Edge
from circuitgraph.spec import Spec

if TYPE_CHECKING:
    from circuitgraph.attribution.attribute import EdgeScores
    from circuitgraph.plan.compile import Plan
    from circuitgraph.report.report import Report

Scope = Literal["circuit", "all"]
Progress = Callable[[str, float, float], None]
"""Called with (what is running, work done, work in all), in bare forward passes over the examples."""


def explain(spec: Spec | str | Path | Prepared, *, allow_code: bool = False, seed: int = 0) -> Plan:
    """The plan `validate` would run, from the model's config alone; print it.

    Raises:
        InputError: As `prepare`.
    """
    from circuitgraph.validation.hypothesis import Hypothesis

    prepared = prepare(spec, allow_code=allow_code)
    check_rule(prepared.spec, prepared.circuit)
    return _plan(prepared, Hypothesis(prepared.circuit, seed))


def validate(
    spec: Spec | str | Path | Prepared,
    *,
    model: Any = None,
    allow_code: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """Measure a circuit hypothesis and judge its claims.

    Args:
        spec: A spec, the path of one, or what `prepare` made of it.
        model: A Hugging Face causal language model to use instead of the one the spec names.
        allow_code: Whether `python:` entries may run.
        seed: Seed of the random rivals and of the resampling.
        progress: Told of the work done.

    Returns:
        The report: runs, verdicts, a networkx graph with the exact effect of every edge of the circuit, EAP
        beside it where the metric has a gradient.

    Raises:
        InputError: Spec, data or model are wrong; nothing was run, or nothing came of it.
        SurroundingsError: Memory, hub or an optional package failed.
    """
    from circuitgraph.attribution.methods import Method
    from circuitgraph.validation.hypothesis import Hypothesis

    started = time.perf_counter()
    prepared = prepare(spec, model=model, allow_code=allow_code, to_run=True)
    hypothesis = Hypothesis(prepared.circuit, seed)
    plan = _plan(prepared, hypothesis)
    # Torch takes seconds to import; what is wrong with the spec is said before.
    from circuitgraph.attribution.attribute import attribute as score
    from circuitgraph.attribution.attribute import errors_of, exact_scores
    from circuitgraph.validation.judging import Bench, judge_claims

    session, notes = open_session(prepared, model, allow_code)
    edges = prepared.circuit.edges
    metric = prepared.task.metric
    gradient = edges and metric not in ("accuracy", "kl") and not metric.startswith("python:")
    total = plan.cost + (4.0 if gradient else 0.0)
    told = _telling(progress, "validating", total)
    readings = read_plan(session, prepared, plan, told)
    scores: dict[str, EdgeScores] = {}
    if edges:
        scores["exact"] = exact_scores(readings, edges)
    if gradient:
        with memory_guard():
            scores |= score(session, edges, [Method("eap")], told)
    bench = Bench(hypothesis, readings, prepared.task, seed)
    return make_report(
        prepared,
        bench,
        claims=judge_claims(bench),
        scores=scores,
        errors=errors_of(session, scores) if gradient else (),
        warnings=(*notes, *prepared.circuit.notes, *silences(prepared, judged=True)),
        session=session,
        started=started,
    )


def attribute(
    spec: Spec | str | Path | Prepared,
    *,
    methods: str | Sequence[str] = ("exact", "eap"),
    scope: Scope = "circuit",
    steps: int = 5,
    model: Any = None,
    allow_code: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """Score the circuit's edges, or all edges of the model.

    Args:
        spec: A spec, the path of one, or what `prepare` made of it.
        methods: One or several of exact, eap, eap-ig (midpoint rule), eap-ig-left (the published rule).
        scope: "circuit", or "all" edges of the model; one that the circuit limits to a position is scored there.
        steps: Steps of the integrated methods.
        model: As in `validate`.
        allow_code: As in `validate`.
        seed: As in `validate`.
        progress: As in `validate`.

    Returns:
        A report without claims. Next to estimates `errors` holds their error against exact patching.

    Raises:
        InputError: As `validate`; a method that cannot work with the metric.
    """
    from circuitgraph.attribution.methods import NAMES, method_named
    from circuitgraph.validation.hypothesis import Hypothesis

    started = time.perf_counter()
    names = [methods] if isinstance(methods, str) else methods
    wanted = [method_named(name, steps) for name in dict.fromkeys(names)]
    if not wanted:
        raise InputError(Problem("no-method", f"name at least one method: {', '.join(NAMES)}"))
    if scope not in ("circuit", "all"):
        raise InputError(Problem("unknown-scope", f"unknown scope {quoted(scope)}: use circuit or all"))
    prepared = prepare(spec, model=model, allow_code=allow_code, to_run=True)
    from circuitgraph.attribution.attribute import attribute as score
    from circuitgraph.attribution.attribute import check_metric, errors_of
    from circuitgraph.plan.compile import compile_plan
    from circuitgraph.validation.judging import Bench

    for method in wanted:
        check_metric(prepared.task.metric, method)
    edges = _scored_edges(prepared, scope)
    session, notes = open_session(prepared, model, allow_code)
    hypothesis = Hypothesis(prepared.circuit, seed)
    plan = compile_plan(prepared.graph, session.ablation.kind, len(prepared.task.rows), _own_runs(hypothesis))
    readings = read_plan(session, prepared, plan)
    told = _telling(progress, "scoring edges", _scoring_cost(prepared, edges, wanted))
    with memory_guard():
        scores = score(session, edges, wanted, told)
    return make_report(
        prepared,
        Bench(hypothesis, readings, prepared.task, seed),
        claims=(),
        scores=scores,
        errors=errors_of(session, scores, seed=seed),
        warnings=(*notes, *prepared.circuit.notes, *silences(prepared, judged=False)),
        session=session,
        started=started,
    )


def _own_runs(hypothesis: Any) -> list[Any]:
    return [hypothesis.kept, hypothesis.complement] if hypothesis.circuit.edges else []


def _plan(prepared: Prepared, hypothesis: Any) -> Plan:
    from circuitgraph.plan.compile import compile_plan
    from circuitgraph.plan.variants import noising

    exact = [noising([edge]) for edge in prepared.circuit.edges]
    requests = [*hypothesis.requests(), *exact]
    return compile_plan(prepared.graph, prepared.circuit.ablation.kind, len(prepared.task.rows), requests)


def _scored_edges(prepared: Prepared, scope: Scope) -> tuple[Edge, ...]:
    if scope == "all":
        placed = tuple(edge for edge in prepared.circuit.edges if edge.position is not None)
        limited = {edge.everywhere for edge in placed}
        return (*(edge for edge in prepared.graph.edges() if edge not in limited), *placed)
    if not prepared.circuit.edges:
        message = "the circuit has no edges to score (only paths): use scope all"
        raise InputError(Problem("no-edges", message))
    return prepared.circuit.edges


def _scoring_cost(prepared: Prepared, edges: Sequence[Edge], methods: Iterable[Any]) -> float:
    from circuitgraph.attribution.attribute import exact_requests
    from circuitgraph.plan.compile import compile_plan

    total = 0.0
    for method in methods:
        if method.kind == "exact":
            kind, rows = prepared.circuit.ablation.kind, len(prepared.task.rows)
            total += compile_plan(prepared.graph, kind, rows, exact_requests(edges)).cost
        else:
            total += 4.0 if method.kind == "eap" else 2.0 + 3.0 * method.steps
    return total


def _telling(progress: Progress | None, what: str, total: float) -> Callable[[float], None] | None:
    if progress is None:
        return None
    done = 0.0
    progress(what, 0.0, total)

    def told(amount: float) -> None:
        nonlocal done
        done += amount
        progress(what, min(done, total), total)

    return told
