"""Edge scores: exact patching and gradient estimates against one run, or one autograd call, per edge."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from circuitgraph.attribution.attribute import EdgeScores, attribute
from circuitgraph.attribution.methods import Method
from circuitgraph.names import Edge
from tests.agreement.cases import ABLATIONS, Case, named, random_rows
from tests.oracle import attribution as oracle
from tests.oracle.hand_built import linear_model
from tests.oracle.random_models import random_gpt2

EXACT = 1e-10
MODEL = random_gpt2(41)
ROWS = random_rows((6, 4, 6, 4), 13, seed=9, answers=2, foils=3)
each_ablation = pytest.mark.parametrize("ablation", ABLATIONS)
METRICS = ("logit_diff", "prob_diff", "log_prob", "loss")


def metric_of(case: Case, i: int) -> oracle.Metric:
    """The case's metric of row `i` written out, from logits [T, V]."""
    row = case.rows[i]
    answers, foils = list(row.answers), list(row.foils)
    clean = case.oracle.run(row.clean)[1][-1].log_softmax(-1).detach()

    def of(logits: Tensor) -> Tensor:
        last = logits[-1]
        shares = torch.exp(last) / torch.exp(last).sum()
        match case.metric:
            case "logit_diff":
                return last[answers].mean() - last[foils].mean()
            case "prob_diff":
                return shares[answers].sum() - shares[foils].sum()
            case "log_prob":
                return torch.log(shares[answers].sum())
            case "loss":
                return -torch.log(shares[answers].sum())
            case "kl":
                return (clean.exp() * (clean - torch.log(shares))).sum()
            case other:
                raise AssertionError(other)

    return of


def edges_of(case: Case) -> list[Edge]:
    """Every edge, and some at one position."""
    placed = [Edge(e.source, e.target, place) for e in case.edges[::3] for place in ("A", "END")]
    return [*case.edges, *placed]


def agree(case: Case, scores: EdgeScores, rows: tuple[int, ...] = (0, 1)) -> None:
    """Assert that every score, per example, is the oracle's; two rows of different length."""
    method = scores.method
    for i in rows:
        metric, baseline = metric_of(case, i), case.baselines[i]
        for place in (None, "A", "END"):
            columns = [column for column, edge in enumerate(scores.edges) if edge.position == place]
            where = None if place is None else {case.rows[i].positions[place]}
            wanted = {named(scores.edges[column]): where for column in columns}
            if method.kind == "exact":
                found = oracle.exact(case.oracle, i, baseline, metric, wanted)
            elif method.kind == "eap":
                found = oracle.eap(case.oracle, i, baseline, metric, wanted)
            else:
                found = oracle.eap_ig(case.oracle, i, baseline, metric, method.steps, method.rule, wanted)
            for column in columns:
                edge = scores.edges[column]
                assert scores.values[i, column] == pytest.approx(found[named(edge)], abs=EXACT), (
                    i,
                    str(edge),
                )


def score(case: Case, method: Method, budget: int = 2**29) -> EdgeScores:
    return attribute(case.session(budget), edges_of(case), [method])[method.key]


@each_ablation
def test_eap_is_one_autograd_call_per_edge(ablation: str) -> None:
    case = Case(MODEL, ROWS, ABLATIONS[ablation])
    agree(case, score(case, Method("eap")))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("attn_only", [True, False])
def test_eap_of_every_metric(metric: str, attn_only: bool) -> None:
    case = Case(random_gpt2(42, attn_only=attn_only), ROWS, ABLATIONS["corrupt"], metric)
    agree(case, score(case, Method("eap")))


@pytest.mark.parametrize(
    ("ablation", "rule"), [*((name, "midpoint") for name in ABLATIONS), ("corrupt", "left"), ("zero", "left")]
)
def test_eap_ig_is_the_mean_gradient_between_the_embeddings(
    ablation: str, rule: Literal["midpoint", "left"]
) -> None:
    case = Case(MODEL, ROWS, ABLATIONS[ablation])
    agree(case, score(case, Method("eap-ig", 3, rule)))


@pytest.mark.parametrize("metric", ["kl", "log_prob"])
def test_eap_ig_of_other_metrics(metric: str) -> None:
    case = Case(MODEL, ROWS, ABLATIONS["corrupt"], metric)
    scores = score(case, Method("eap-ig", 2))
    agree(case, scores)
    assert np.abs(scores.values).max() > 1e-3


def test_the_rule_is_part_of_the_result() -> None:
    case = Case(MODEL, ROWS, ABLATIONS["corrupt"])
    left, midpoint = (score(case, Method("eap-ig", 2, rule)).values for rule in ("left", "midpoint"))
    assert np.abs(left - midpoint).max() > 1e-2


def test_many_steps_of_either_rule_meet() -> None:
    """Both are Riemann sums of one integral, which neither the step nor the rule is part of."""
    case = Case(MODEL, ROWS, ABLATIONS["corrupt"])
    left, midpoint = (score(case, Method("eap-ig", 50, rule)).values for rule in ("left", "midpoint"))
    coarse = score(case, Method("eap-ig", 2, "left")).values
    assert np.abs(left - midpoint).max() < 0.2 * np.abs(coarse - midpoint).max()


@each_ablation
def test_exact_is_one_patched_run_per_edge(ablation: str) -> None:
    case = Case(MODEL, ROWS, ABLATIONS[ablation])
    agree(case, score(case, Method("exact")), rows=(2, 3))


@pytest.mark.parametrize("metric", [*METRICS, "kl"])
def test_exact_of_every_metric(metric: str) -> None:
    case = Case(MODEL, ROWS, ABLATIONS["zero"], metric)
    agree(case, score(case, Method("exact")), rows=(1,))


@pytest.mark.parametrize("method", [Method("eap"), Method("eap-ig", 2), Method("exact")], ids=lambda m: m.key)
@pytest.mark.parametrize("ablation", ["mean by factor", "corrupt"])
def test_scores_do_not_depend_on_the_batches(method: Method, ablation: str) -> None:
    case = Case(MODEL, ROWS, ABLATIONS[ablation])
    one_by_one = score(case, method, budget=1)
    np.testing.assert_allclose(one_by_one.values, score(case, method).values, rtol=0, atol=1e-12)


@pytest.mark.parametrize("attn_only", [True, False])
@pytest.mark.parametrize("attention", ["uniform", "live"])
@pytest.mark.parametrize("ablation", ["corrupt", "zero", "mean"])
def test_on_a_linear_model_eap_is_exact(
    attention: Literal["uniform", "live"], ablation: str, attn_only: bool
) -> None:
    model, linear = linear_model(attention, attn_only=attn_only)
    case = Case(model, ROWS, ABLATIONS[ablation])
    methods = [Method("exact"), Method("eap"), Method("eap-ig", 2)]
    found = attribute(case.session(), case.edges, methods)
    exact = found["exact"].values
    size = np.abs(exact).max()
    inside = np.array([named(edge) in linear for edge in case.edges])
    gap = np.abs(found["eap"].values - exact).max(axis=0) / size
    assert gap[inside].max() < EXACT
    if attention == "uniform":
        assert inside.all()
        assert np.abs(found["eap_ig"].values - exact).max() / size < EXACT
    else:
        assert gap[~inside].max() > 1e-3
