"""Edge scores straight from their definitions: one autograd call, or one patched run, per edge."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Literal

import torch
from torch import Tensor

from tests.oracle.gpt2 import Oracle
from tests.oracle.model import Edge, Outputs, Port

Metric = Callable[[Tensor], Tensor]
"""From the logits of one row, [T, V], to a scalar."""
Limits = Mapping[Edge, Collection[int] | None]
"""Edges to score; one with token indices is ablated at these positions only."""


def logit_diff(answer: int, foil: int, position: int = -1) -> Metric:
    """Return the metric logit(answer) - logit(foil) at one position."""
    return lambda logits: logits[position, answer] - logits[position, foil]


def exact(
    oracle: Oracle, i: int, baseline: Outputs, metric: Metric, edges: Limits | Iterable[Edge] | None = None
) -> dict[Edge, float]:
    """Return metric(edge ablated, all else live) - metric(clean), per edge, for row `i`.

    Args:
        oracle: With rows.
        i: Row.
        baseline: b_u for every writer, [T, D] each.
        metric: Of the row's logits.
        edges: The edges to score, all by default, each with the positions at which it is ablated.
    """
    length = len(oracle.clean[i])
    clean = metric(oracle.run(oracle.clean[i])[1])
    effects: dict[Edge, float] = {}
    for edge, where in _limits(oracle, edges).items():
        kept: dict[Edge, Collection[int] | None] = dict.fromkeys(oracle.edges())
        kept[edge] = set() if where is None else set(range(length)) - set(where)
        effects[edge] = float(metric(oracle.evaluate(i, kept, "circuit", baseline)) - clean)
    return effects


def eap(
    oracle: Oracle, i: int, baseline: Outputs, metric: Metric, edges: Limits | Iterable[Edge] | None = None
) -> dict[Edge, float]:
    """Return (b_u - y_u) · ∂metric/∂(private input of the port) at the clean run, per edge, for row `i`.

    Source: Syed, Rager & Conmy 2023, arXiv:2310.10348. Arguments as in `exact`.
    """
    return _scores(oracle, i, baseline, metric, edges, [1.0])


def eap_ig(
    oracle: Oracle,
    i: int,
    baseline: Outputs,
    metric: Metric,
    steps: int,
    rule: Literal["midpoint", "left"] = "midpoint",
    edges: Limits | Iterable[Edge] | None = None,
) -> dict[Edge, float]:
    """Return EAP with the gradient averaged over runs from b_embed + α (e - b_embed), per edge, for row `i`.

    α = (k + ½)/steps for "midpoint", k/steps for "left" (the published code's rule), k = 0 … steps - 1.
    Source: Hanna, Pezzelle & Belinkov 2024, arXiv:2403.17806 (inputs variant). Other arguments as in `exact`.
    """
    shift = {"midpoint": 0.5, "left": 0.0}[rule]
    return _scores(oracle, i, baseline, metric, edges, [(k + shift) / steps for k in range(steps)])


def _scores(
    oracle: Oracle,
    i: int,
    baseline: Outputs,
    metric: Metric,
    edges: Limits | Iterable[Edge] | None,
    alphas: list[float],
) -> dict[Edge, float]:
    clean, _ = oracle.run(oracle.clean[i])
    limits = _limits(oracle, edges)
    scores = dict.fromkeys(limits, 0.0)
    for alpha in alphas:
        embedding = clean["embed"]
        if alpha != 1.0:
            embedding = baseline["embed"] + alpha * (clean["embed"] - baseline["embed"])
        nudges: dict[Port, Tensor] = {
            port: torch.zeros_like(embedding, requires_grad=True) for port in oracle.ports()
        }
        value = metric(oracle.forward(embedding, nudges)[1])
        for (writer, reader, key), where in limits.items():
            (gradient,) = torch.autograd.grad(value, nudges[reader, key], retain_graph=True)
            products = ((baseline[writer] - clean[writer]) * gradient).sum(-1)
            total = products.sum() if where is None else products[sorted(where)].sum()
            scores[writer, reader, key] += float(total) / len(alphas)
    return scores


def _limits(oracle: Oracle, edges: Limits | Iterable[Edge] | None) -> Limits:
    if edges is None:
        return dict.fromkeys(oracle.edges())
    return edges if isinstance(edges, Mapping) else dict.fromkeys(edges)
