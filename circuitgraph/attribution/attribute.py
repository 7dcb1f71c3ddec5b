"""Score edges: exactly, or by a first-order estimate with its error beside it.

All methods take the same arguments and return the same thing, in the metric's unit and with the sign of the noising
effect: metric(edge ablated) − metric(clean), per example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circuitgraph.attribution.methods import Method
from circuitgraph.engine import traces
from circuitgraph.engine.gradients import estimate_edges, interpolations
from circuitgraph.engine.runs import writer_differences
from circuitgraph.engine.session import Readings, Session, check_finite
from circuitgraph.errors import Problem, TaskError
from circuitgraph.names import Edge
from circuitgraph.plan.compile import compile_plan
from circuitgraph.plan.masks import pair_of
from circuitgraph.plan.variants import Request, noising
from circuitgraph.statistics import rank_correlation, worst_miss

Values = NDArray[np.float64]
Progress = Callable[[float], None]

SAMPLED_EDGES = 64
"""How many edges the error of an estimate is measured on, unless exact scores are there anyway."""


@dataclass(frozen=True)
class EdgeScores:
    """Scores of one method.

    Attributes:
        method: How they were found.
        edges: The edges, in causal order.
        values: Per example, [n, edges], in the metric's unit.
    """

    method: Method
    edges: tuple[Edge, ...]
    values: Values

    @property
    def mean(self) -> Values:
        """Mean over examples, [edges]."""
        return self.values.mean(axis=0)


@dataclass(frozen=True)
class EstimateError:
    """How far an estimate is from exact patching, on a sample of edges.

    Attributes:
        method: Key of the estimate.
        edges: How many edges were compared.
        rank_correlation: Spearman's, of the mean scores; None where one side is constant.
        worst_miss: The largest |estimate − exact| of the mean scores, in the metric's unit.
        worst_edge: Where it occurs.
        largest_exact: The largest |exact| among the compared edges, for scale.
    """

    method: str
    edges: int
    rank_correlation: float | None
    worst_miss: float
    worst_edge: Edge
    largest_exact: float


def positions_of(edges: Iterable[Edge]) -> tuple[str, ...]:
    """Position expressions that edges name, sorted."""
    return tuple(sorted({edge.position for edge in edges if edge.position is not None}))


def exact_requests(edges: Iterable[Edge]) -> list[Request]:
    """The runs exact patching needs: one a edge."""
    return [noising([edge]) for edge in edges]


def exact_scores(readings: Readings, edges: Sequence[Edge]) -> EdgeScores:
    """Exact scores from readings that hold the runs of `exact_requests`."""
    columns = [readings.values[noising([edge])] - readings.clean for edge in edges]
    values = np.stack(columns, axis=1) if columns else np.empty((len(readings.clean), 0))
    return EdgeScores(Method("exact"), tuple(edges), values)


def attribute(
    session: Session, edges: Sequence[Edge], methods: Sequence[Method], progress: Progress | None = None
) -> dict[str, EdgeScores]:
    """Score edges by each method.

    Args:
        session: Model, task and ablation.
        edges: What to score; edges with a position are scored at that position alone.
        methods: At least one.
        progress: Told of work done, in bare forwards over all examples.

    Returns:
        Method key ("exact", "eap", "eap_ig") -> scores.

    Raises:
        TaskError: A gradient method with a metric that has no gradient (accuracy), or with one whose gradient
            vanishes at the clean run (eap with kl).
    """
    found: dict[str, EdgeScores] = {}
    for method in methods:
        check_metric(session.task.metric, method)
        if method.kind == "exact":
            rows = len(session.task.rows)
            plan = compile_plan(session.graph, session.ablation.kind, rows, exact_requests(edges))
            found[method.key] = exact_scores(session.run(plan, progress), edges)
        else:
            found[method.key] = _estimates(session, edges, method, progress)
    return found


def check_metric(metric: str, method: Method) -> None:
    """Refuse estimates that cannot say anything about a metric."""
    if not method.is_estimate:
        return
    if metric == "accuracy":
        message = (
            f"{method.kind} needs a metric with a gradient and accuracy has none: use logit_diff or log_prob"
        )
        raise TaskError(Problem("no-gradient", message))
    if metric == "kl" and method.kind == "eap":
        message = (
            "the gradient of kl at the clean run is zero, so every eap score would be: use eap-ig or exact"
        )
        raise TaskError(Problem("no-gradient", message))


def _estimates(
    session: Session, edges: Sequence[Edge], method: Method, progress: Progress | None
) -> EdgeScores:
    places = positions_of(edges)
    pairs = np.array([pair_of(session.graph, edge) for edge in edges], dtype=np.int64)
    values = np.empty((len(session.task.rows), len(edges)))
    with session.exclusive():
        for batch in session.batches(places):
            baseline = session.baseline(batch)
            parts = session.parts
            if method.kind == "eap":
                clean, leaves = traces.capture_with_grad(
                    session.envoy, parts, batch.clean, batch.readout, None
                )
                runs = [(clean, leaves)]
            else:
                clean = traces.capture(session.envoy, parts, batch.clean, batch.readout)
                between = interpolations(clean.embed, baseline.embed, method.steps, method.rule)
                runs = (
                    traces.capture_with_grad(session.envoy, parts, batch.clean, batch.readout, embed)
                    for embed in between
                )
            check_finite(clean.logits, batch, "clean")
            metric = session.metric(batch, clean.logits.detach())
            differences = writer_differences(parts, clean, baseline)
            scores = estimate_edges(session, batch, metric, differences, runs, places)
            for place, found in scores.items():
                columns = [column for column, edge in enumerate(edges) if edge.position == place]
                here = found[:, pairs[columns]].to("cpu").double().numpy()
                values[batch.first : batch.first + len(batch), columns] = here
            if progress is not None:
                work = 4.0 if method.kind == "eap" else 2.0 + 3.0 * method.steps
                progress(work * len(batch) / len(session.task.rows))
    return EdgeScores(method, tuple(edges), values)


def estimate_error(estimate: EdgeScores, exact: EdgeScores) -> EstimateError:
    """Compare mean scores on the edges both have.

    Source: definitions §3: next to an estimate its error against exact patching, as rank correlation and worst miss.
    """
    place = {edge: column for column, edge in enumerate(estimate.edges)}
    shared = [(place[edge], column) for column, edge in enumerate(exact.edges) if edge in place]
    ours = estimate.mean[[mine for mine, _ in shared]]
    truth = exact.mean[[other for _, other in shared]]
    miss = worst_miss(ours, truth)
    return EstimateError(
        method=estimate.method.key,
        edges=len(shared),
        rank_correlation=rank_correlation(ours, truth),
        worst_miss=abs(miss.error),
        worst_edge=exact.edges[shared[miss.index][1]],
        largest_exact=float(np.abs(truth).max()),
    )


def sample_edges(edges: Sequence[Edge], count: int = SAMPLED_EDGES, seed: int = 0) -> tuple[Edge, ...]:
    """A seeded uniform sample of edges, in their order; all of them if there are no more than `count`."""
    if len(edges) <= count:
        return tuple(edges)
    chosen = np.random.default_rng(seed).choice(len(edges), size=count, replace=False)
    return tuple(edges[index] for index in sorted(chosen))


def errors_of(
    session: Session,
    scores: Mapping[str, EdgeScores],
    progress: Progress | None = None,
    seed: int = 0,
) -> tuple[EstimateError, ...]:
    """The error of every estimate among `scores`, against exact scores of the same edges or of a sample of them."""
    estimates = [found for found in scores.values() if found.method.is_estimate]
    if not estimates or not estimates[0].edges:
        return ()
    exact = scores.get("exact")
    if exact is None:
        sample = sample_edges(estimates[0].edges, seed=seed)
        exact = attribute(session, sample, [Method("exact")], progress)["exact"]
    return tuple(estimate_error(estimate, exact) for estimate in estimates)
