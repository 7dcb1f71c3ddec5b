"""What a session leaves of the user's model: everything as it was; and what it refuses."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import GPT2LMHeadModel

from circuitgraph.arch.config import residual_graph_of
from circuitgraph.attribution.attribute import attribute
from circuitgraph.attribution.methods import Method
from circuitgraph.engine.session import Readings, Session
from circuitgraph.errors import ModelError, TaskError
from circuitgraph.names import head
from circuitgraph.plan.variants import AttentionRead, denoising, noising
from circuitgraph.task import Task
from tests.agreement.cases import ABLATIONS, Case, random_rows
from tests.oracle.random_models import random_gpt2

ROWS = random_rows((5, 3, 5), 13, seed=3)
TOKENS = torch.tensor([[1, 2, 3, 4]])


def work(model: GPT2LMHeadModel) -> tuple[Readings, np.ndarray]:
    """Everything a session does: patched runs, attention, gradients."""
    case = Case(model, ROWS, ABLATIONS["corrupt"])
    session = case.session()
    acts = [act([edge]) for edge in case.edges[::5] for act in (noising, denoising)]
    readings = session.run(case.plan([*acts, AttentionRead(head(0, 1), "END", "A")]))  # type: ignore[list-item]
    return readings, attribute(session, case.edges, [Method("eap")])["eap"].values


def same(found: tuple[Readings, np.ndarray], wanted: tuple[Readings, np.ndarray]) -> None:
    for name in ("values", "kl", "attention"):
        left, right = getattr(found[0], name), getattr(wanted[0], name)
        for key in right:
            np.testing.assert_allclose(left[key], right[key], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found[1], wanted[1], rtol=0, atol=1e-12)


@pytest.fixture(scope="module")
def wanted() -> tuple[Readings, np.ndarray]:
    return work(random_gpt2(3))


def with_dropout() -> GPT2LMHeadModel:
    model = random_gpt2(3)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.5
    return model


def block(model: GPT2LMHeadModel, layer: int) -> Any:
    return model.transformer.h[layer]


# The model comes back as it was.


def test_training_mode_and_dropout_neither_matter_nor_change(wanted: tuple[Readings, np.ndarray]) -> None:
    model = with_dropout().train()
    model.transformer.h[0].eval()
    block(model, 1).mlp.c_fc.weight.requires_grad_(False)
    training = {name: module.training for name, module in model.named_modules()}
    tracked = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    weights = copy.deepcopy(model.state_dict())
    before = model.config.to_dict(), model.config._attn_implementation
    same(work(model), wanted)
    assert {name: module.training for name, module in model.named_modules()} == training
    assert {name: parameter.requires_grad for name, parameter in model.named_parameters()} == tracked
    assert all(parameter.grad is None for parameter in model.parameters())
    assert (model.config.to_dict(), model.config._attn_implementation) == before
    for name, value in model.state_dict().items():
        assert torch.equal(value, weights[name]), name
    for module in model.modules():
        assert not module._forward_hooks and not module._forward_pre_hooks
        assert not module._backward_hooks and not module._backward_pre_hooks


def test_the_model_still_runs_trains_and_copies_as_before() -> None:
    """nnsight leaves a dispatching `forward` on each module; it must be inert, in copies too."""
    model, fresh = random_gpt2(3), random_gpt2(3)
    work(model)
    for one in (model, fresh):
        one(TOKENS, labels=TOKENS).loss.backward()
    assert torch.equal(model(TOKENS).logits, fresh(TOKENS).logits)
    for mine, theirs in zip(model.parameters(), fresh.parameters(), strict=True):
        assert (mine.grad is None) == (theirs.grad is None)
        assert mine.grad is None or torch.equal(mine.grad, theirs.grad)  # type: ignore[arg-type]
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin.transformer.wte.weight.mul_(2.0)
        fresh.transformer.wte.weight.mul_(2.0)
    assert torch.equal(twin(TOKENS).logits, fresh(TOKENS).logits)
    assert not torch.equal(model(TOKENS).logits, fresh(TOKENS).logits)
    same(work(twin), work(fresh))


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_reading_attention_gives_the_implementation_back(
    implementation: str, wanted: tuple[Readings, np.ndarray]
) -> None:
    model = random_gpt2(3)
    model.set_attn_implementation(implementation)
    same(work(model), wanted)
    assert model.config._attn_implementation == implementation


def test_a_failure_in_the_middle_gives_everything_back(wanted: tuple[Readings, np.ndarray]) -> None:
    model = with_dropout().train()
    case = Case(model, ROWS, ABLATIONS["corrupt"], "python:mine:broken")
    session = case.session()

    def broken(logits: torch.Tensor, rows: object) -> torch.Tensor:
        raise ZeroDivisionError

    session.use_metric(broken)
    with pytest.raises(ZeroDivisionError):
        session.run(case.plan([noising(case.edges[:1])]))
    assert all(module.training for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())
    same(work(model), wanted)


def test_a_model_that_is_done_with_is_freed() -> None:
    model = random_gpt2(3)
    work(model)
    alive = weakref.ref(model)
    del model
    import gc

    gc.collect()
    assert alive() is None


# The caller's surroundings.


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_the_callers_gradient_mode_does_not_matter(
    mode: Callable[[], AbstractContextManager[None]], wanted: tuple[Readings, np.ndarray]
) -> None:
    model = random_gpt2(3)
    with mode():
        found = work(model)
        assert torch.is_inference_mode_enabled() == (mode is torch.inference_mode)
        assert torch.is_grad_enabled() == (mode is torch.enable_grad)
    same(found, wanted)


@pytest.mark.parametrize(
    "settings", [{"pad_token_id": 1}, {"use_cache": False}, {"output_hidden_states": True}]
)
def test_what_the_config_says_of_generation_does_not_matter(
    settings: dict[str, object], wanted: tuple[Readings, np.ndarray]
) -> None:
    model = random_gpt2(3)
    for name, value in settings.items():
        setattr(model.config, name, value)
    same(work(model), wanted)


def test_the_users_own_hooks_still_run(wanted: tuple[Readings, np.ndarray]) -> None:
    model = random_gpt2(3)
    seen: list[int] = []
    handle = model.transformer.h[0].register_forward_hook(lambda *_: seen.append(1))
    same(work(model), wanted)
    before = len(seen)
    model(TOKENS)
    assert 0 < before < len(seen) and len(model.transformer.h[0]._forward_hooks) == 1
    handle.remove()


def test_threads_that_share_a_model_wait_for_each_other(wanted: tuple[Readings, np.ndarray]) -> None:
    model = with_dropout().train()
    with ThreadPoolExecutor(4) as threads:
        for one in [threads.submit(work, model) for _ in range(4)]:
            same(one.result(), wanted)
    assert all(module.training for module in model.modules())


# What is refused.


def refused(model: nn.Module, code: str) -> str:
    case = Case(random_gpt2(3), ROWS, ABLATIONS["corrupt"])
    with pytest.raises(ModelError) as caught:
        session = Session(model, case.graph, Task(ROWS, "logit_diff"), case.ablation)
        session.run(case.plan([]))
    (problem,) = caught.value.problems
    assert problem.code == code
    return problem.message


def test_gradient_checkpointing_is_refused() -> None:
    model = random_gpt2(3)
    model.gradient_checkpointing_enable()
    assert "turn it off" in refused(model, "gradient-checkpointing")


def test_a_model_without_its_head_is_refused() -> None:
    assert "GPT2Model has no transformer.h" in refused(random_gpt2(3).transformer, "no-such-module")


def test_weights_that_are_not_numbers_are_refused() -> None:
    model = random_gpt2(3)
    with torch.no_grad():
        block(model, 1).mlp.c_fc.weight[0, 0] = torch.nan
    assert refused(model, "non-finite-logits") == "row 0: the clean run's logits are NaN or infinite"


def test_the_row_that_overflows_is_named() -> None:
    """Only the second row holds the token; only the corrupt prompt of the third."""
    model = random_gpt2(3)
    with torch.no_grad():
        model.transformer.wte.weight[12] = torch.inf
    plain = tuple(replace(row, clean=(1,) * row.length, corrupt=(2,) * row.length) for row in ROWS)
    for bad, message in (
        (replace(plain[1], clean=(1, 12, 1)), "row 1: the clean run's logits are NaN or infinite"),
        (replace(plain[1], corrupt=(2, 12, 2)), "row 1: the ablated run's logits are NaN or infinite"),
    ):
        case = Case(model, (plain[0], bad, plain[2]), ABLATIONS["corrupt"])
        for budget in (1, 2**29):
            with pytest.raises(ModelError) as caught:
                case.session(budget).run(case.plan([]))
            assert caught.value.problems[0].message == message


def test_attention_only_is_taken_at_its_word_and_checked() -> None:
    model = random_gpt2(3, attn_only=True)
    with torch.no_grad():
        block(model, 1).mlp.c_proj.bias[0] = 1e-30
    graph = residual_graph_of(model.config, "model")
    with pytest.raises(ModelError, match="the MLP of block 1 writes something"):
        Session(model, graph, Task(ROWS, "logit_diff"), ABLATIONS["corrupt"])


@pytest.mark.parametrize(("metric", "kind"), [("accuracy", "eap"), ("accuracy", "eap-ig"), ("kl", "eap")])
def test_estimates_that_could_say_nothing_are_refused(metric: str, kind: str) -> None:
    case = Case(random_gpt2(3), ROWS, ABLATIONS["corrupt"], metric)
    with pytest.raises(TaskError) as caught:
        attribute(case.session(), case.edges, [Method(kind)])  # type: ignore[arg-type]
    assert [problem.code for problem in caught.value.problems] == ["no-gradient"]
