"""Gradients of the metric at every port, contracted with the differences of the writers: EAP and EAP-IG.

The stream is never copied per head: gradients are taken at the outputs of the fused projections, carried back through
the slot weights and the norm's vector-Jacobian product one site at a time, and contracted at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from circuitgraph.engine.batch import Batch
from circuitgraph.engine.metrics import Metric
from circuitgraph.engine.modules import at_path
from circuitgraph.engine.runs import Run
from circuitgraph.engine.session import Session, check_finite
from circuitgraph.engine.traces import Leaves
from circuitgraph.errors import Problem, TaskError
from circuitgraph.plan.sites import Site, sites

Rule = Literal["midpoint", "left"]
Scores = Float[Tensor, "batch pair"]


def port_gradients(
    session: Session, run: Run, leaves: Leaves, metric: Metric
) -> Iterator[tuple[Site, Float[Tensor, "port batch pos d_model"]]]:
    """∂m/∂(private input of p) for every port, site by site, from one backward pass.

    Args:
        session: Model and task.
        run: A run captured with gradients.
        leaves: The tensors of `traces.capture_with_grad`.
        metric: Per-example metric; examples are independent, so one backward serves all.
    """
    inputs = [*leaves["qkv"], *leaves["mlp_in"], *leaves["final"]]
    with torch.enable_grad():
        total = metric(run.logits).sum()
        if not total.requires_grad:
            message = f"{metric.name} has no gradient, so edges can be scored exactly but not estimated"
            raise TaskError(Problem("no-gradient", message, where="task.metric"))
        found = torch.autograd.grad(total, inputs, allow_unused=True)
    gradients = [torch.zeros_like(at) if g is None else g for g, at in zip(found, inputs, strict=True)]
    layers = session.graph.layers
    blocks = session.parts.blocks(session.model)
    family = session.parts.family
    for site in sites(session.graph):
        stream = run.streams[site.index].detach()
        if site.kind == "attn":
            weights = session.parts.layers[site.layer].qkv
            slots = gradients[site.layer].unflatten(-1, (site.ports, session.parts.d_head))
            at_norm = torch.einsum("btpe,ped->pbtd", slots, weights)
            norm = at_path(blocks[site.layer], family.norm_attn)
        elif site.kind == "mlp":
            at_norm = gradients[layers + site.layer][None]
            norm = at_path(blocks[site.layer], family.norm_mlp)
        else:
            at_norm = gradients[-1][None]
            norm = session.parts.final_norm(session.model)
        yield site, _through_norm(norm, stream, at_norm)


def _through_norm(
    norm: torch.nn.Module, stream: Float[Tensor, "batch pos d_model"], at_output: Tensor
) -> Float[Tensor, "port batch pos d_model"]:
    """The norm's vector-Jacobian product at `stream`, for several cotangents at once."""
    with torch.enable_grad():
        x = stream.expand_as(at_output).detach().requires_grad_()
        (gradient,) = torch.autograd.grad(norm(x), x, at_output)
    return gradient


def estimate_edges(
    session: Session,
    batch: Batch,
    metric: Metric,
    differences: Float[Tensor, "batch writer pos d_model"],
    runs: Iterable[tuple[Run, Leaves]],
    places: Sequence[str],
) -> dict[str | None, Scores]:
    """Σ over positions of (b_u − y_u) · mean over runs of ∂m/∂x_p, for every pair.

    Args:
        session: Model and task.
        batch: The examples.
        metric: Metric with the clean run as its reference.
        differences: b_u − y_u of every writer.
        runs: Runs captured with gradients, one after the other; each is freed before the next.
        places: Position expressions for which scores at that position alone are wanted besides.

    Returns:
        None -> scores over all positions, position -> scores at that position; [batch, pair] in the flat pair order.

    Raises:
        ModelError: Logits of a run are NaN or infinite.
    """
    rows = torch.arange(len(batch), device=differences.device)
    flat = differences.flatten(2)
    totals: dict[str | None, list[Tensor]] = {place: [] for place in (None, *places)}
    count = 0
    for run, leaves in runs:
        count += 1
        check_finite(run.logits, batch, "interpolated")
        for site, gradient in port_gradients(session, run, leaves, metric):
            by_example = gradient.transpose(0, 1)
            for place, parts in totals.items():
                if place is None:
                    here, delta = by_example.flatten(2), flat[:, : site.reads]
                else:
                    at = batch.positions[place]
                    here, delta = by_example[rows, :, at], differences[rows, : site.reads, at]
                score = (here @ delta.transpose(1, 2)).flatten(1)
                if count == 1:
                    parts.append(score)
                else:
                    parts[site.index] += score
    return {place: torch.cat(parts, dim=1) / count for place, parts in totals.items()}


def interpolations(clean: Tensor, baseline: Tensor, steps: int, rule: Rule) -> list[Tensor]:
    """Embeddings b + α (e − b): α = (k + ½)/n (midpoint) or k/n (left, the published rule), k = 0 … n − 1."""
    shift = 0.5 if rule == "midpoint" else 0.0
    return [baseline + (k + shift) / steps * (clean - baseline) for k in range(steps)]
