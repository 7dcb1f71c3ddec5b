"""The oracle against what it does not share: Hugging Face, explicit trees, finite differences."""

from __future__ import annotations

import random
from collections.abc import Collection
from functools import cache
from typing import get_args

import pytest
import torch

from tests.oracle.attribution import eap, eap_ig, exact, logit_diff
from tests.oracle.gpt2 import BaselineKind, Oracle, Rule
from tests.oracle.model import Edge, Outputs
from tests.oracle.random_models import random_gpt2
from tests.oracle.unfolded import evaluate_leaves, evaluate_unfolded

CLEAN = [[1, 5, 2, 9, 5], [3, 3, 7], [12, 0, 4, 8, 6], [2]]
CORRUPT = [[4, 5, 11, 9, 6], [3, 10, 7], [1, 0, 4, 2, 9], [8]]
PARTNER = [2, 1, 0, 3]
LABELS = ["x", "y", "x", "y"]
RULES: tuple[Rule, ...] = get_args(Rule)
KINDS: tuple[BaselineKind, ...] = get_args(BaselineKind)
SHAPES = {
    "one layer": {"layers": 1, "heads": 2},
    "attention only": {"layers": 2, "heads": 2, "attn_only": True},
    "with MLPs": {"layers": 2, "heads": 2},
    "inverse-layer scale": {"layers": 2, "heads": 1, "scale_attn_by_inverse_layer_idx": True},
    "no width scale": {"layers": 2, "heads": 1, "scale_attn_weights": False, "activation_function": "relu"},
    "three layers": {"layers": 3, "heads": 3},
}


@cache
def oracle_of(shape: str) -> Oracle:
    return Oracle(random_gpt2(11, **SHAPES[shape]), CLEAN, CORRUPT)  # pyright: ignore[reportArgumentType]


def baseline_of(oracle: Oracle, kind: BaselineKind, i: int) -> Outputs:
    return oracle.baseline(kind, i, partner=PARTNER)


def random_edges(oracle: Oracle, i: int, seed: int) -> dict[Edge, Collection[int] | None]:
    """Return about half of the edges, a third of them at some positions only (possibly none)."""
    draw = random.Random(seed)
    length = len(oracle.clean[i])
    kept: dict[Edge, Collection[int] | None] = {}
    for edge in oracle.edges():
        if draw.random() < draw.choice((0.3, 0.7)):
            limited = draw.random() < 1 / 3
            kept[edge] = {t for t in range(length) if draw.random() < 0.5} if limited else None
    return kept


def largest(x: torch.Tensor, y: torch.Tensor) -> float:
    assert x.shape == y.shape
    return float((x - y).abs().max())


@pytest.mark.parametrize("shape", SHAPES)
def test_run_is_the_hugging_face_forward_pass(shape: str) -> None:
    model = random_gpt2(11, **SHAPES[shape])  # pyright: ignore[reportArgumentType]
    oracle = oracle_of(shape)
    for row in CLEAN:
        with torch.no_grad():
            expected = model(torch.tensor([row]), output_hidden_states=True)
        outputs, logits = oracle.run(row)
        stream = sum(outputs.values()) + oracle.bias_before("logits")
        normed = oracle.norm("ln_f", torch.as_tensor(stream))
        assert largest(logits, expected.logits[0]) < 1e-12
        assert largest(normed, expected.hidden_states[-1][0]) < 1e-12


def test_the_graph_of_a_model_with_mlps() -> None:
    oracle = oracle_of("with MLPs")
    assert oracle.writers() == ["embed", "a0.h0", "a0.h1", "m0", "a1.h0", "a1.h1", "m1"]
    assert oracle.sources("a1.h1") == ["embed", "a0.h0", "a0.h1", "m0"]
    assert oracle.sources("m1") == ["embed", "a0.h0", "a0.h1", "m0", "a1.h0", "a1.h1"]
    assert oracle.sources("logits") == oracle.writers()
    assert len(oracle.edges()) == 2 * 3 * 1 + 3 + 2 * 3 * 4 + 6 + 7
    assert ("a0.h0", "m0", "in") in oracle.edges() and ("a0.h0", "a0.h1", "q") not in oracle.edges()


def test_the_graph_of_gpt2_small_has_the_published_size() -> None:
    oracle = Oracle(random_gpt2(0, layers=12, heads=12, head_width=1))
    assert len(oracle.edges()) == 32491


def test_attention_only_has_no_mlp_nodes_and_refuses_mlps_that_write() -> None:
    assert oracle_of("attention only").writers() == ["embed", "a0.h0", "a0.h1", "a1.h0", "a1.h1"]
    model = random_gpt2(0)
    model.config.attn_only = True
    with pytest.raises(ValueError, match="MLP of layer 0 writes"):
        Oracle(model)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", RULES)
def test_end_points_are_exact(shape: str, kind: BaselineKind, rule: Rule) -> None:
    oracle = oracle_of(shape)
    for i, row in enumerate(CLEAN):
        baseline = baseline_of(oracle, kind, i)
        ablated = oracle.out(oracle.bias_before("logits") + sum(baseline.values()))
        assert largest(oracle.evaluate(i, oracle.edges(), rule, baseline), oracle.run(row)[1]) == 0
        assert largest(oracle.evaluate(i, [], rule, baseline), ablated) < 1e-13
    other = {"corrupt": CORRUPT[0], "resample": CLEAN[PARTNER[0]]}.get(kind)
    if other:
        nothing = oracle.evaluate(0, [], rule, baseline_of(oracle, kind, 0))
        assert largest(nothing, oracle.run(other)[1]) == 0


@pytest.mark.parametrize("shape", ["one layer", "attention only", "with MLPs"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", RULES)
def test_one_copy_per_component_equals_the_unfolded_tree(shape: str, kind: BaselineKind, rule: Rule) -> None:
    oracle = oracle_of(shape)
    for seed, i in enumerate((0, 1)):
        edges, baseline = random_edges(oracle, i, seed), baseline_of(oracle, kind, i)
        memoised = oracle.evaluate(i, edges, rule, baseline)
        assert largest(memoised, evaluate_unfolded(oracle, i, edges, rule, baseline)) < 1e-12


@pytest.mark.parametrize("shape", ["one layer", "attention only", "with MLPs"])
@pytest.mark.parametrize("rule", RULES)
def test_under_corrupt_it_equals_the_rule_of_the_leaves(shape: str, rule: Rule) -> None:
    oracle = oracle_of(shape)
    for seed in range(3):
        edges = [edge for edge in oracle.edges() if random.Random(f"{seed}{edge}").random() < 0.5]
        memoised = oracle.evaluate(1, edges, rule, baseline_of(oracle, "corrupt", 1))
        assert largest(memoised, evaluate_leaves(oracle, 1, edges, rule)) < 1e-12


def test_sparse_sets_leave_components_unreached() -> None:
    """A component without a kept edge at or above it is at its baseline, under `any-edge` and zero."""
    oracle = oracle_of("with MLPs")
    baseline = baseline_of(oracle, "zero", 0)
    for edges in ([("embed", "m1", "in")], [("a0.h0", "logits", "in")], [("embed", "a1.h0", "k")]):
        memoised = oracle.evaluate(0, edges, "any-edge", baseline)
        assert largest(memoised, evaluate_unfolded(oracle, 0, edges, "any-edge", baseline)) < 1e-12
    assert oracle.reached([("embed", "m0", "in")]) == {"m0", "a1.h0", "a1.h1", "m1", "logits"}
    only_m1 = oracle.evaluate(0, [("embed", "m1", "in")], "any-edge", baseline)
    stream = oracle.bias_before("m1") + oracle.run(CLEAN[0])[0]["embed"]
    assert largest(only_m1, oracle.out(oracle.bias_before("logits") + oracle.mlp(1, stream))) < 1e-13


def test_the_rules_and_the_ablations_differ() -> None:
    oracle = oracle_of("with MLPs")
    edges = random_edges(oracle, 0, 5)
    found = [
        oracle.evaluate(0, edges, rule, baseline_of(oracle, kind, 0)) for rule in RULES for kind in KINDS
    ]
    for a, x in enumerate(found):
        assert all(largest(x, y) > 1e-3 for y in found[:a])


def test_positions_limit_the_stream_that_is_read() -> None:
    oracle = oracle_of("with MLPs")
    baseline = baseline_of(oracle, "corrupt", 0)
    everything = oracle.edges()
    clean = oracle.run(CLEAN[0])[1]
    late = oracle.evaluate(0, everything, "circuit", baseline, positions={3, 4})
    assert largest(late[:3], oracle.run(CORRUPT[0])[1][:3]) < 1e-12
    cut: dict[Edge, Collection[int] | None] = dict.fromkeys(everything)
    cut["embed", "a0.h0", "k"] = {0, 1, 3, 4}  # the token at 2 is seen by rows 2, 3 and 4 only
    moved = (oracle.evaluate(0, cut, "circuit", baseline) - clean).abs().amax(-1)
    assert (moved[:2] == 0).all() and (moved[2:] > 1e-6).all()
    cut["embed", "a0.h0", "k"], cut["embed", "a0.h0", "q"] = None, {0, 1, 3, 4}
    straight = [edge for edge in everything if edge[1] in ("a0.h0", "logits")]
    with_cut = {edge: cut[edge] for edge in straight}
    moved = (
        (
            oracle.evaluate(0, with_cut, "circuit", baseline)
            - oracle.evaluate(0, straight, "circuit", baseline)
        )
        .abs()
        .amax(-1)
    )
    assert (moved > 1e-6).tolist() == [False, False, True, False, False]


def test_mean_is_per_position_over_the_rows_that_have_it() -> None:
    oracle = oracle_of("with MLPs")
    first = [oracle.run(row)[0]["m0"] for row in CLEAN]
    mean = oracle.baseline("mean", 0)["m0"]
    assert largest(mean[0], torch.stack([x[0] for x in first]).mean(0)) < 1e-15
    assert largest(mean[4], (first[0][4] + first[2][4]) / 2) < 1e-15
    assert largest(oracle.baseline("mean", 3, by=LABELS)["m0"][0], (first[1][0] + first[3][0]) / 2) < 1e-15
    other = [oracle.run(row)[0]["m0"] for row in CORRUPT]
    over = oracle.baseline("mean", 2, by=LABELS, over="corrupt")["m0"]
    assert largest(over, (other[0] + other[2]) / 2) < 1e-15


def test_bad_requests_are_refused() -> None:
    oracle = oracle_of("with MLPs")
    zero = baseline_of(oracle, "zero", 1)
    with pytest.raises(ValueError, match="no such edge"):
        oracle.evaluate(1, [("a1.h0", "a0.h0", "q")], "circuit", zero)
    with pytest.raises(ValueError, match="lacks a position"):
        oracle.evaluate(1, {("embed", "m0", "in"): {3}}, "circuit", zero)
    with pytest.raises(ValueError, match="partner of its own length"):
        oracle.baseline("resample", 0, partner=[1, 0, 3, 2])
    with pytest.raises(ValueError, match="differ in length"):
        Oracle(random_gpt2(0), [[1, 2]], [[1]])


@pytest.mark.parametrize("shape", ["attention only", "with MLPs"])
def test_eap_is_the_slope_of_a_small_patch(shape: str) -> None:
    """Ablating by h·(b - y) changes the metric by h·EAP, to second order in h (central difference)."""
    oracle, metric, step = oracle_of(shape), logit_diff(4, 7), 1e-5
    clean, baseline = oracle.run(CLEAN[0])[0], baseline_of(oracle, "corrupt", 0)
    scores = eap(oracle, 0, baseline, metric)

    def slightly(h: float) -> dict[Edge, float]:
        return exact(oracle, 0, {u: clean[u] + h * (baseline[u] - clean[u]) for u in clean}, metric)

    up, down = slightly(step), slightly(-step)
    for edge, score in scores.items():
        assert score == pytest.approx((up[edge] - down[edge]) / (2 * step), abs=1e-7)
    assert max(map(abs, scores.values())) > 0.1


def test_attribution_by_position_adds_up_and_exact_does_not_have_to() -> None:
    oracle, metric = oracle_of("with MLPs"), logit_diff(4, 7)
    baseline = baseline_of(oracle, "corrupt", 0)
    edge: Edge = ("embed", "a1.h0", "k")
    parts = [eap(oracle, 0, baseline, metric, {edge: {t}})[edge] for t in range(5)]
    assert sum(parts) == pytest.approx(eap(oracle, 0, baseline, metric, [edge])[edge], abs=1e-13)
    whole = exact(oracle, 0, baseline, metric, [edge])[edge]
    assert exact(oracle, 0, baseline, metric, {edge: set(range(5))})[edge] == whole != 0


def test_integrated_gradients_of_the_embedding_are_complete() -> None:
    """The scores of the edges that leave `embed` sum to metric(corrupt) - metric(clean) as steps grow.

    The gradient along the embedding is the sum of the gradients of every port that reads it, so their sum is
    the path integral; the midpoint rule converges to it at second order, the left rule at first.
    """
    oracle, metric = oracle_of("with MLPs"), logit_diff(4, 7)
    baseline = baseline_of(oracle, "corrupt", 0)
    leaving = [edge for edge in oracle.edges() if edge[0] == "embed"]
    total = metric(oracle.run(CORRUPT[0])[1]) - metric(oracle.run(CLEAN[0])[1])
    errors = {}
    for steps in (8, 32):
        midpoint = sum(eap_ig(oracle, 0, baseline, metric, steps, "midpoint", leaving).values())
        errors[steps] = abs(midpoint - float(total))
    left = sum(eap_ig(oracle, 0, baseline, metric, 32, "left", leaving).values())
    assert errors[32] < errors[8] / 8  # second order: 16 in the limit
    assert errors[32] < abs(left - float(total)) < 0.2 * abs(float(total))
