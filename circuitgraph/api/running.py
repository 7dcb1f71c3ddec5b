"""`validate`, `attribute` and `explain`: prepare → plan → run → judge → report."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from circuitgraph.api.prepare import Prepared, at_model, check_rule, prepare
from circuitgraph.errors import InputError, ModelError, Problem, TaskError, quoted
from circuitgraph.names import Edge
from circuitgraph.spec import Spec, problem_at

if TYPE_CHECKING:
    from circuitgraph.attribution.attribute import EdgeScores
    from circuitgraph.engine.session import Readings, Session
    from circuitgraph.plan.compile import Plan
    from circuitgraph.report.report import Report
    from circuitgraph.validation.judging import Bench

Scope = Literal["circuit", "all"]
Progress = Callable[[str, float, float], None]
"""Called with (what is running, work done, work in all), in bare forward passes over the examples."""

METRIC = ("task", "metric")

PACKAGES = ("circuitgraph", "torch", "nnsight", "transformers", "networkx", "numpy", "scipy")


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

    session, notes = _session(prepared, model, allow_code)
    edges = prepared.circuit.edges
    metric = prepared.task.metric
    gradient = edges and metric not in ("accuracy", "kl") and not metric.startswith("python:")
    total = plan.cost + (4.0 if gradient else 0.0)
    told = _telling(progress, "validating", total)
    readings = _readings(session, prepared, plan, told)
    scores: dict[str, EdgeScores] = {}
    if edges:
        scores["exact"] = exact_scores(readings, edges)
    if gradient:
        scores |= score(session, edges, [Method("eap")], told)
    bench = Bench(hypothesis, readings, prepared.task, seed)
    return _report(
        prepared,
        bench,
        claims=judge_claims(bench),
        scores=scores,
        errors=errors_of(session, scores) if gradient else (),
        warnings=(*notes, *prepared.circuit.notes, *_silences(prepared)),
        session=session,
        started=started,
    )


def attribute(
    spec: Spec | str | Path | Prepared,
    *,
    methods: Sequence[str] = ("exact", "eap"),
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
        methods: exact, eap, eap-ig (midpoint rule), eap-ig-left (the published rule).
        scope: "circuit" or "all".
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
    from circuitgraph.attribution.methods import method_named
    from circuitgraph.validation.hypothesis import Hypothesis

    started = time.perf_counter()
    wanted = [method_named(name, steps) for name in dict.fromkeys(methods)]
    if not wanted or scope not in ("circuit", "all"):
        raise InputError(Problem("bad-call", "name at least one method, and scope circuit or all"))
    prepared = prepare(spec, model=model, allow_code=allow_code, to_run=True)
    from circuitgraph.attribution.attribute import attribute as score
    from circuitgraph.attribution.attribute import check_metric, errors_of
    from circuitgraph.plan.compile import compile_plan
    from circuitgraph.validation.judging import Bench

    for method in wanted:
        check_metric(prepared.task.metric, method)
    edges = _scored_edges(prepared, scope)
    session, notes = _session(prepared, model, allow_code)
    hypothesis = Hypothesis(prepared.circuit, seed)
    plan = compile_plan(prepared.graph, session.ablation.kind, len(prepared.task.rows), _own_runs(hypothesis))
    readings = _readings(session, prepared, plan)
    told = _telling(progress, "scoring edges", _scoring_cost(prepared, edges, wanted))
    scores = score(session, edges, wanted, told)
    return _report(
        prepared,
        Bench(hypothesis, readings, prepared.task, seed),
        claims=(),
        scores=scores,
        errors=errors_of(session, scores, seed=seed),
        warnings=(*notes, *prepared.circuit.notes),
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
        return (*prepared.graph.edges(), *placed)
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


def _session(prepared: Prepared, model: Any, allow_code: bool) -> tuple[Session, tuple[str, ...]]:
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


def _readings(
    session: Session, prepared: Prepared, plan: Plan, told: Callable[[float], None] | None = None
) -> Readings:
    with _placed_at_model(prepared.spec):
        readings = session.run(plan, prepared.circuit.positions, told)
    _demand_contrast(readings, prepared)
    return readings


def _silences(prepared: Prepared) -> tuple[str, ...]:
    """What a reader of the verdicts might take for granted and must not."""
    found: list[str] = []
    if not prepared.circuit.claims:
        found.append("The spec makes no claims: the circuit was measured and nothing was judged.")
    if prepared.task.one_template:
        found.append("All rows share one template: intervals speak of its examples, not of other templates.")
    return tuple(found)


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


def _demand_contrast(readings: Readings, prepared: Prepared) -> None:
    if (readings.clean != readings.ablated).any():
        return
    message = (
        f"no row's {prepared.task.metric} differs between the clean run and the {prepared.circuit.ablation} "
        "ablation, so there is nothing to explain: check prompts and metric"
    )
    raise TaskError(problem_at(prepared.spec.document, METRIC, "no-contrast", message))


def _report(
    prepared: Prepared,
    bench: Bench,
    *,
    claims: tuple[Any, ...],
    scores: dict[str, EdgeScores],
    errors: tuple[Any, ...],
    warnings: tuple[str, ...],
    session: Session,
    started: float,
) -> Report:
    import hashlib

    from circuitgraph.engine.loading import weights_hash
    from circuitgraph.engine.metrics import unit_of
    from circuitgraph.report.report import MeasuredRun, Provenance, Report
    from circuitgraph.spec import dump
    from circuitgraph.validation.judging import contrast_estimate

    readings, hypothesis = bench.readings, bench.hypothesis
    runs = {
        "clean": MeasuredRun(readings.clean, readings.clean * 0.0),
        "corrupt": MeasuredRun(readings.ablated, readings.ablated_kl),
    }
    defined = float(bench.contrast.mean()) != 0.0
    for name, variant in (("circuit", hypothesis.kept), ("complement", hypothesis.complement)):
        if variant in readings.values:
            share = bench.share(variant) if defined else None
            runs[name] = MeasuredRun(readings.values[variant], readings.kl[variant], share)
    clear, contrast = contrast_estimate(bench)
    if not clear:
        interval = contrast.interval
        warnings = (
            *warnings,
            f"The contrast clean − ablated is {contrast.value:.4g} "
            f"[{interval.low:.4g}, {interval.high:.4g}]: it may be zero, so shares of it are inconclusive.",
        )
    directory = prepared.location.directory if prepared.location is not None else None
    return Report(
        spec=prepared.spec,
        circuit=prepared.circuit,
        model=prepared.graph.name,
        metric=prepared.task.metric,
        unit=unit_of(prepared.task.metric),
        runs=runs,
        contrast=contrast,
        claims=claims,
        scores=scores,
        errors=errors,
        warnings=tuple(dict.fromkeys(warnings)),
        provenance=Provenance(
            versions={name: version(name) for name in PACKAGES},
            seeds={"rivals": hypothesis.seed, "bootstrap": bench.seed},
            hashes={
                "spec": hashlib.sha256(dump(prepared.spec).encode()).hexdigest(),
                "data": prepared.task.digest,
                "weights": weights_hash(session.model, directory),
            },
        ),
        factors={name: tuple(labels) for name, labels in bench.labels.items()},
        seconds=time.perf_counter() - started,
    )
