from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.errors import Problem, SpecError
from circuitgraph.resolve import Circuit, resolve
from circuitgraph.spec.model import Spec

GPT2 = ResidualGraph("gpt2", layers=12, heads=12, d_model=768, vocab=50257, context=1024, name="gpt2")
SMALL = ResidualGraph("gpt2", layers=2, heads=4, d_model=64, vocab=64, context=64, name="small")
ATTN_ONLY = ResidualGraph(
    "gpt2", layers=2, heads=4, d_model=64, vocab=64, context=64, has_mlp=False, name="zoo:induction"
)

Read = Callable[..., Circuit]
Refused = Callable[..., tuple[Problem, ...]]


def spec_of(positions: dict[str, Any] | None = None, factors: list[str] | None = None, **parts: Any) -> Spec:
    return Spec.model_validate(
        {
            "circuitgraph": 1,
            "name": "test",
            "model": "zoo:induction",
            "task": {
                "prompts": {"zoo": "repeated-tokens"},
                "metric": "logit_diff",
                "positions": positions or {},
                "factors": factors or [],
            },
            **parts,
        }
    )


@pytest.fixture
def gpt2() -> ResidualGraph:
    return GPT2


@pytest.fixture
def small() -> ResidualGraph:
    return SMALL


@pytest.fixture
def attn_only() -> ResidualGraph:
    return ATTN_ONLY


@pytest.fixture
def read() -> Read:
    """Resolve a spec built from its parts, against the small model unless `graph` says otherwise."""

    def run(graph: ResidualGraph = SMALL, known: set[str] | None = None, **parts: Any) -> Circuit:
        return resolve(spec_of(**parts), graph, known_positions=known)

    return run


@pytest.fixture
def refused() -> Refused:
    """The problems that a spec built from its parts is refused for."""

    def run(
        graph: ResidualGraph = SMALL,
        known: set[str] | None = None,
        known_factors: set[str] | None = None,
        **parts: Any,
    ) -> tuple[Problem, ...]:
        with pytest.raises(SpecError) as caught:
            resolve(spec_of(**parts), graph, known_positions=known, known_factors=known_factors)
        return caught.value.problems

    return run
