"""Methods by name, samples of edges, and the error that stands beside an estimate."""

from __future__ import annotations

import numpy as np
import pytest

from circuitgraph.attribution.attribute import (
    EdgeScores,
    attribute,
    check_metric,
    errors_of,
    estimate_error,
    exact_requests,
    exact_scores,
    positions_of,
    sample_edges,
)
from circuitgraph.attribution.methods import DEFAULT_STEPS, NAMES, Method, method_named
from circuitgraph.errors import InputError, TaskError
from circuitgraph.names import Edge
from circuitgraph.plan.variants import noising
from tests.agreement.cases import ABLATIONS, Case, random_rows
from tests.oracle.random_models import random_gpt2

CASE = Case(random_gpt2(7), random_rows((4, 6), 13, seed=0), ABLATIONS["corrupt"])
EDGES = CASE.edges


def scores(method: Method, *rows: list[float], edges: tuple[Edge, ...] = EDGES[:3]) -> EdgeScores:
    return EdgeScores(method, edges, np.array(rows))


# Names.


def test_methods_by_name() -> None:
    assert [method_named(name).key for name in NAMES] == ["exact", "eap", "eap_ig", "eap_ig_left"]
    assert method_named("EAP_IG", 7) == Method("eap-ig", 7, "midpoint")
    assert method_named(" eap-ig-left ") == Method("eap-ig", DEFAULT_STEPS, "left")
    assert [method_named(name).is_estimate for name in NAMES] == [False, True, True, True]


@pytest.mark.parametrize(("name", "hint"), [("eapig", "eap-ig"), ("Exat", "exact"), ("shapley", None)])
def test_unknown_methods_are_refused(name: str, hint: str | None) -> None:
    with pytest.raises(InputError, match="use exact, eap, eap-ig, eap-ig-left") as caught:
        method_named(name)
    (problem,) = caught.value.problems
    assert problem.code == "unknown-method"
    assert problem.hint == (None if hint is None else f"did you mean {hint}?")


def test_no_steps_are_refused() -> None:
    with pytest.raises(InputError, match="at least 1, not 0"):
        method_named("eap-ig", 0)


@pytest.mark.parametrize(
    "metric", ["logit_diff", "prob_diff", "log_prob", "loss", "kl", "accuracy", "python:a:b"]
)
def test_which_metrics_an_estimate_can_work_with(metric: str) -> None:
    for name in NAMES:
        refuses = name != "exact" and (metric == "accuracy" or (metric == "kl" and name == "eap"))
        if refuses:
            with pytest.raises(TaskError):
                check_metric(metric, method_named(name))
        else:
            check_metric(metric, method_named(name))


# Scores.


def test_means_are_over_examples() -> None:
    assert scores(Method("eap"), [1.0, 2.0, -3.0], [3.0, 2.0, 5.0]).mean.tolist() == [2.0, 2.0, 1.0]


def test_exact_scores_are_the_noised_metric_less_the_clean_one() -> None:
    edges = [*EDGES[3:5], Edge(EDGES[3].source, EDGES[3].target, "END")]
    assert exact_requests(edges) == [noising([edge]) for edge in edges]
    readings = CASE.session().run(CASE.plan([noising([edge]) for edge in edges]))
    found = exact_scores(readings, edges)
    assert (found.method, found.edges) == (Method("exact"), tuple(edges))
    for column, edge in enumerate(edges):
        wanted = readings.values[noising([edge])] - readings.clean
        assert found.values[:, column].tolist() == wanted.tolist()
    assert exact_scores(readings, []).values.shape == (2, 0)


def test_positions_are_named_once() -> None:
    placed = [Edge(edge.source, edge.target, place) for edge in EDGES[:2] for place in ("END", None, "A")]
    assert positions_of(placed) == ("A", "END")


def test_the_order_of_edges_is_the_callers() -> None:
    methods = [Method("exact"), Method("eap"), Method("eap-ig", 2)]
    forth, back = (attribute(CASE.session(), edges, methods) for edges in (EDGES, EDGES[::-1]))
    assert list(forth) == ["exact", "eap", "eap_ig"]
    for key in forth:
        assert back[key].edges == forth[key].edges[::-1]
        np.testing.assert_allclose(back[key].values[:, ::-1], forth[key].values, rtol=0, atol=1e-12)


def test_the_progress_told_adds_up_to_the_cost() -> None:
    for method, cost in ((Method("eap"), 4.0), (Method("eap-ig", 3), 11.0)):
        for budget in (1, 2**29):
            told: list[float] = []
            attribute(CASE.session(budget), EDGES, [method], told.append)
            assert sum(told) == pytest.approx(cost)
    told = []
    plan = CASE.plan(noising([edge]) for edge in EDGES)
    CASE.session(1).run(plan, told.append)
    assert sum(told) == pytest.approx(plan.cost)


# Errors.


def test_an_error_is_of_the_means_on_shared_edges() -> None:
    exact = scores(Method("exact"), [1.0, -4.0, 0.0], [3.0, -4.0, 2.0])
    estimate = scores(
        Method("eap"),
        [9.0, 2.0, 0.5, -3.0],
        [9.0, 2.0, 0.5, -3.0],
        edges=(EDGES[5], EDGES[0], EDGES[2], EDGES[1]),
    )
    found = estimate_error(estimate, exact)
    assert (found.method, found.edges) == ("eap", 3)
    assert found.worst_miss == 1.0 and found.worst_edge == EDGES[1]
    assert found.largest_exact == 4.0
    assert found.rank_correlation == pytest.approx(1.0)
    flat = estimate_error(scores(Method("eap"), [1.0, 1.0, 1.0]), exact)
    assert flat.rank_correlation is None and flat.worst_miss == 5.0


def test_without_exact_scores_the_error_is_measured_on_a_sample() -> None:
    session = CASE.session()
    found = attribute(session, EDGES, [Method("exact"), Method("eap"), Method("eap-ig", 2)])
    both = errors_of(session, found)
    assert [error.method for error in both] == ["eap", "eap_ig"]
    estimates = {key: value for key, value in found.items() if key != "exact"}
    assert errors_of(session, estimates) == both  # fewer edges than a sample
    assert errors_of(session, {"exact": found["exact"]}) == ()


def test_samples_are_seeded_in_order_and_without_repeats() -> None:
    edges = tuple(EDGES)
    sample = sample_edges(edges, 10, seed=1)
    assert len(set(sample)) == 10 and sorted(sample, key=edges.index) == list(sample)
    assert sample == sample_edges(edges, 10, seed=1) != sample_edges(edges, 10, seed=2)
    assert sample_edges(edges, len(edges)) == sample_edges(edges, 999) == edges
