"""Verdicts on real runs: what is true is supported, what is broken is refuted, what is too easy says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from circuitgraph.arch.config import residual_graph_of
from circuitgraph.resolve.circuit import Ablation
from circuitgraph.statistics import Verdict
from circuitgraph.task.rows import Row
from circuitgraph.validation.hypothesis import Hypothesis
from tests.agreement.cases import Case
from tests.oracle import hand_built
from tests.oracle.random_models import random_gpt2
from tests.unit.validation.conftest import CIRCUIT, MODEL, Validate, paper_rows

TRUE: list[dict[str, Any]] = [
    {"faithful": {"at_least": 0.99, "at_most": 1.01}},
    {"minimal": {"each_at_least": 0.3}},
    {"minimal": {"each_at_least": 0.3, "per": "node"}},
    {"beats_random": {"circuits": 100}},
    {"effect": {"of": "a0.h0 -> a1.h0.k", "at_most": -8.0}},
    {"effect": {"of": "a1.h0", "at_most": -23.0, "at_least": -25.0}},
    {"effect": {"of": "a1.h0 -> logits", "direction": "denoising", "at_least": 23.0}},
    {"no_effect": {"of": "embed -> a1.h0.k", "within": 0.01}},
    {"no_effect": {"of": "embed -> a1.h0.k", "direction": "denoising", "within": 0.01}},
    {"attends": {"heads": "a0.h0", "from": "MATCH+1", "to": "MATCH", "at_least": 0.99}},
    {"attends": {"heads": "a1.h0", "from": "END", "to": "MATCH+1", "at_least": 0.98}},
]
BROKEN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"faithful": {"at_least": 0.99}}, {"edges": ["embed -> a0.h0.v", "a0.h1 -> a1.h0.k", *CIRCUIT[2:]]}),
    ({"complete": {"at_most": 0.01}}, {"edges": [*CIRCUIT[:2], "embed -> a1.h0.q", "embed -> a1.h1.v"]}),
    ({"minimal": {"each_at_least": 0.3}}, {"edges": [*CIRCUIT, "a0.h1 -> a1.h0.k"]}),
    ({"minimal": {"each_at_least": 0.3, "per": "node"}}, {"edges": [*CIRCUIT, "embed -> a1.h2.v"]}),
    (
        {"beats_random": {"circuits": 100}},
        {"edges": ["embed -> a0.h1.v", "a0.h1 -> a1.h1.k", "a1.h1 -> logits"]},
    ),
    ({"effect": {"of": "a0.h1 -> a1.h0.k", "at_most": -8.0}}, {}),
    ({"effect": {"of": "a1.h0", "at_most": -25.0}}, {}),
    ({"effect": {"of": "a1.h1 -> logits", "direction": "denoising", "at_least": 23.0}}, {}),
    ({"no_effect": {"of": "a0.h0 -> a1.h0.k", "within": 0.01}}, {}),
    ({"no_effect": {"of": "embed -> a1.h0.v", "direction": "denoising", "within": 0.01}}, {}),
    ({"attends": {"heads": "a0.h0", "from": "MATCH+1", "to": "MATCH+1", "at_least": 0.99}}, {}),
    ({"attends": {"heads": "a1.h0", "from": "END", "to": "MATCH", "at_least": 0.98}}, {}),
]


def test_true_claims_are_supported(judge: Validate) -> None:
    report = judge(*TRUE)
    assert [outcome.kind for outcome in report.claims] == [next(iter(claim)) for claim in TRUE]
    assert {outcome.text: str(outcome.verdict) for outcome in report.claims} == dict.fromkeys(
        [outcome.text for outcome in report.claims], "supported"
    )
    assert report.exit_code == 0 and not report.warnings


@pytest.mark.parametrize(("claim", "parts"), BROKEN, ids=lambda one: next(iter(one), "as it is"))
def test_broken_claims_are_refuted(judge: Validate, claim: dict[str, Any], parts: dict[str, Any]) -> None:
    report = judge(claim, **parts)
    assert report.claims[0].verdict is Verdict.REFUTED, report.claims[0]
    assert report.exit_code == 1


EASY: list[dict[str, Any]] = [
    {"faithful": {"at_least": -0.5}},
    {"complete": {"at_most": 1.5}},
    {"effect": {"of": "a0.h0 -> a1.h0.k", "at_most": 1.0}},
    {"effect": {"of": "a1.h0", "at_most": 1.0}},
    {"attends": {"heads": "a1.h0", "from": "END", "to": "MATCH+1", "at_least": 0.01}},
]


def test_claims_that_anything_satisfies_are_uninformative(judge: Validate) -> None:
    report = judge(*EASY)
    for outcome in report.claims:
        assert outcome.verdict is Verdict.UNINFORMATIVE, outcome.text
        assert outcome.rivals_passing == 1.0
        assert any("satisfy this too" in note for note in outcome.notes)
    assert report.exit_code == 3


def test_completeness_is_easy_where_one_edge_carries_all(judge: Validate) -> None:
    """Without a1.h0 -> logits, or its v with q and k intact, nothing is left: so with many a random circuit gone."""
    report = judge({"complete": {"at_most": 0.01}})
    (outcome,) = report.claims
    assert outcome.estimate.value == pytest.approx(0.0, abs=1e-12)
    rivals = Hypothesis(report.circuit).rivals
    out, value = ("a1.h0", "logits", "in"), ("embed", "a1.h0", "v")
    matching = {("embed", "a1.h0", "q"), ("a0.h0", "a1.h0", "k"), ("embed", "a0.h0", "v")}
    empty = 0
    for rival in rivals:
        taken = {edge.triple for edge in rival.kept.edges}
        empty += out in taken or (value in taken and not taken & matching)
    assert 0.05 < outcome.rivals_passing == empty / len(rivals) < 1  # type: ignore[operator]
    assert outcome.verdict is Verdict.UNINFORMATIVE


def test_a_bound_that_few_rivals_meet_is_not_easy(judge: Validate) -> None:
    (outcome,) = judge({"faithful": {"at_least": 0.9}}).claims
    assert outcome.verdict is Verdict.SUPPORTED and outcome.rivals_passing is not None
    assert outcome.rivals_passing <= 0.05


def test_without_contrast_shares_are_inconclusive_and_effects_are_not(judge: Validate) -> None:
    """Half the rows with answer and foil exchanged: every row has its contrast, their mean has none."""
    rows = paper_rows(24)
    for row in rows[::2]:
        row["answer"], row["foil"] = row["foil"], row["answer"]
    claims = [
        {"faithful": {"at_least": 0.5}},
        {"complete": {"at_most": 0.5}},
        {"minimal": {"each_at_least": 0.3}},
    ]
    report = judge(*claims, {"no_effect": {"of": "embed -> a1.h0.k", "within": 0.01}}, rows=rows)
    assert [str(outcome.verdict) for outcome in report.claims] == [*["inconclusive"] * 3, "supported"]
    assert report.exit_code == 3
    contrast = report.runs["clean"].values - report.runs["corrupt"].values
    assert abs(contrast).min() > 20 and abs(contrast.mean()) < 1
    assert report.contrast.value == pytest.approx(contrast.mean())
    assert any(
        "it may be zero" in warning and f"{contrast.mean():.4g}" in warning for warning in report.warnings
    )
    for outcome in report.claims[:3]:
        assert any("it may be zero" in note for note in outcome.notes)


def test_a_contrast_of_exactly_nothing(judge: Validate) -> None:
    """A row and its mirror: the mean contrast is 0, and nothing fails or warns for it."""
    (row,) = paper_rows(1)
    rows = [row, {**row, "answer": row["foil"], "foil": row["answer"]}]
    report = judge(*TRUE[:4], rows=rows)
    assert [outcome.kind for outcome in report.claims] == ["faithful", "minimal", "minimal", "beats_random"]
    assert report.contrast.value == 0.0
    for outcome in report.claims:
        if outcome.kind != "beats_random":
            assert outcome.verdict is Verdict.INCONCLUSIVE
    assert report.runs["circuit"].faithfulness is None


# The numbers behind the verdicts.


def case_of(rows: list[dict[str, Any]], ablation: Ablation, hf_model: Any) -> Case:
    return Case(
        hf_model,
        tuple(
            Row(
                f"row {i}",
                tuple(r["clean"]),
                tuple(r["corrupt"]),
                (r["answer"],),
                (r["foil"],),
                r["positions"],
            )
            for i, r in enumerate(rows)
        ),
        ablation,
    )


def random_task(examples: int) -> list[dict[str, Any]]:
    draw = np.random.default_rng(3)
    rows: list[dict[str, Any]] = []
    for i in range(examples):
        length = int(draw.integers(3, 7))
        clean, corrupt = draw.integers(0, 13, (2, length)).tolist()
        answer, foil = draw.permutation(13)[:2].tolist()
        rows.append(
            {
                "clean": clean,
                "corrupt": corrupt,
                "answer": answer,
                "foil": foil,
                "positions": {"A": int(draw.integers(length)), "END": length - 1},
                "factors": {"gap": i % 3},
            }
        )
    return rows


@pytest.mark.parametrize("ablation", ["corrupt", "zero", "mean"])
@pytest.mark.parametrize("direction", ["noising", "denoising"])
def test_effects_are_the_oracles(judge: Validate, ablation: str, direction: str) -> None:
    """Of an edge, of an edge at a position, and of a group: every edge out of its members."""
    rows, model = random_task(6), random_gpt2(12)
    case = case_of(rows, Ablation(ablation), model)  # type: ignore[arg-type]
    edges = case.oracle.edges()
    targets = {
        "m0 -> a1.h0.k": {("m0", "a1.h0", "k"): None},
        "embed -> a0.h1.v@A": {("embed", "a0.h1", "v"): "A"},
        "pair": {edge: None for edge in edges if edge[0] in ("a0.h0", "m1")},
    }
    claims = [{"effect": {"of": of, "direction": direction, "at_least": 0.0}} for of in targets]
    report = judge(
        *claims,
        rows=rows,
        ablation=ablation,
        nodes={"pair": ["a0.h0", "m1"]},
        edges=["embed -> logits"],
        hf_model=model,
    )
    for outcome, target in zip(report.claims, targets.values(), strict=True):
        wanted: list[float] = []
        for i, row in enumerate(case.rows):
            everywhere = set(range(row.length))
            acted = {e: everywhere if at is None else {row.positions[at]} for e, at in target.items()}
            if direction == "denoising":
                kept, rule, start = (
                    acted,
                    "any-edge",
                    case.oracle.evaluate(i, {}, "circuit", case.baselines[i]),
                )
            else:
                kept = {edge: everywhere - acted.get(edge, set()) for edge in edges}
                rule, start = "circuit", case.oracle.run(row.clean)[1]
            run = case.oracle.evaluate(i, kept, rule, case.baselines[i])  # type: ignore[arg-type]
            answer, foil = row.answers[0], row.foils[0]
            before, after = (float(logits[-1, answer] - logits[-1, foil]) for logits in (start, run))
            wanted.append(after - before)
        assert outcome.estimate.value == pytest.approx(np.mean(wanted), abs=1e-10)
        assert outcome.estimate.n == len(rows) and outcome.unit == "logits"
        assert outcome.summary is not None and outcome.summary.std == pytest.approx(np.std(wanted, ddof=1))


def test_ratios_are_ratios_of_means_also_in_every_stratum(judge: Validate) -> None:
    rows, model = random_task(24), random_gpt2(12)
    edges = ["embed -> a1.h0", "m0 -> logits", "a1.h0 -> logits", "embed -> m0"]
    claims = [
        {"faithful": {"at_least": 0.0}},
        {"complete": {"at_most": 0.0}},
        {"minimal": {"each_at_least": 0.0}},
    ]
    report = judge(*claims, rows=rows, edges=edges, hf_model=model)
    runs = {name: run.values for name, run in report.runs.items()}
    contrast = runs["clean"] - runs["corrupt"]
    gaps = np.array([row["factors"]["gap"] for row in rows])
    for outcome, run in zip(report.claims, ("circuit", "complement"), strict=False):
        above = runs[run] - runs["corrupt"]
        assert outcome.estimate.value == pytest.approx(above.mean() / contrast.mean())
        assert [stratum.level for stratum in outcome.strata] == [0, 1, 2]
        for stratum in outcome.strata:
            here = gaps == stratum.level
            assert stratum.n == here.sum() == 8
            assert stratum.value == pytest.approx(above[here].mean() / contrast[here].mean())
        margins = [
            -s.value if run == "complement" else s.value for s in outcome.strata if s.value is not None
        ]
        assert outcome.worst == outcome.strata[int(np.argmin(margins))]
        between = sum(8 * (above[gaps == g].mean() - above.mean()) ** 2 for g in range(3))
        assert outcome.explained["gap"] == pytest.approx(between / ((above - above.mean()) ** 2).sum())
    minimal = report.claims[2]
    case = case_of(rows, Ablation("corrupt"), model)
    circuit = {edge.triple for edge in report.circuit.edges}
    assert [part.part for part in minimal.parts] == [str(edge) for edge in report.circuit.edges]
    for part, edge in zip(minimal.parts, report.circuit.edges, strict=True):
        left = circuit - {edge.triple}
        without = [case.oracle.evaluate(i, left, "circuit", b)[-1] for i, b in enumerate(case.baselines)]
        values = [
            float(v[row.answers[0]] - v[row.foils[0]]) for v, row in zip(without, case.rows, strict=True)
        ]
        drop = (runs["circuit"] - values).mean() / contrast.mean()
        assert part.drop == pytest.approx(abs(drop), abs=1e-10)
    assert minimal.estimate.value == pytest.approx(min(part.drop for part in minimal.parts))


def test_attention_is_the_mean_over_heads_and_rows(judge: Validate) -> None:
    rows, model = random_task(6), random_gpt2(12)
    claim = {"attends": {"heads": ["a0.h0", "a1.h1"], "from": "END", "to": "A", "at_least": 0.0}}
    (outcome,) = judge(claim, rows=rows, edges=["embed -> logits"], hf_model=model).claims
    model.set_attn_implementation("eager")
    seen: dict[str, list[float]] = {"a0.h0": [], "a1.h1": []}
    for row in rows:
        with torch.no_grad():
            attentions = model(torch.tensor([row["clean"]]), output_attentions=True).attentions
        for name, layer, head in (("a0.h0", 0, 0), ("a1.h1", 1, 1)):
            seen[name].append(float(attentions[layer][0, head, -1, row["positions"]["A"]]))
    assert outcome.estimate.value == pytest.approx(np.mean(list(seen.values())), abs=1e-12)
    assert {part.part: part.drop for part in outcome.parts} == pytest.approx(
        {name: np.mean(values) for name, values in seen.items()}
    )


def test_beats_random_counts_the_rivals_that_are_further_from_the_model(judge: Validate) -> None:
    """The share that the definition counts, over the rivals' own values."""
    rows, model = random_task(24), random_gpt2(12)
    edges = ["embed -> m0", "m0 -> logits", "embed -> logits"]
    report = judge({"beats_random": {"circuits": 40}}, rows=rows, edges=edges, hf_model=model)
    (outcome,) = report.claims
    case = replace(case_of(rows, Ablation("corrupt"), model))
    rivals = Hypothesis(report.circuit).rivals[:40]
    readings = case.session().run(case.plan(rivals))
    clean = report.runs["clean"].values.mean()
    ours = abs(report.runs["circuit"].values.mean() - clean)
    further = [abs(readings.values[rival].mean() - clean) > ours + 1e-12 for rival in rivals]
    assert 0 < sum(further) < 40
    assert outcome.estimate.value == pytest.approx(np.mean(further))


def test_the_task_of_the_paper_is_what_the_paper_says(judge: Validate) -> None:
    """The rows drawn here obey the derivation, so the effects of every edge are its closed forms."""
    rows = paper_rows(24)
    report = judge(rows=rows)
    closed = [
        hand_built.corrupt_effects(hand_built.Row(row["clean"], row["corrupt"], row["positions"]["MATCH"]))
        for row in rows
    ]
    scores = report.scores["exact"]
    for column, edge in enumerate(scores.edges):
        wanted = [each[edge.triple] for each in closed]
        np.testing.assert_allclose(scores.values[:, column], wanted, rtol=0, atol=1e-11)
    assert residual_graph_of(MODEL.config, "m").has_mlp is False


@pytest.mark.parametrize("ablation", ["zero", "mean", "corrupt"])
def test_validate_runs_under_every_ablation(judge: Validate, ablation: str) -> None:
    """With the estimates that stand beside the exact effects."""
    report = judge({"faithful": {"at_least": -9.0}}, ablation=ablation)
    assert set(report.scores) == {"exact", "eap"} and len(report.errors) == 1
