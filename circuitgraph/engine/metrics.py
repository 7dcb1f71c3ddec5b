"""Metrics of a run, one number per example, from the logits at the readout position (each row's last token).

Every metric is differentiable except `accuracy`. Effects are metric(intervened) − metric(clean).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from circuitgraph.errors import Problem, TaskError
from circuitgraph.task.rows import Row

Logits = Float[Tensor, "*lanes batch vocab"]
Values = Float[Tensor, "*lanes batch"]

MetricFunction = Callable[[Tensor, Sequence[Row]], Tensor]
"""A `python:` metric: (logits [batch, vocab] at the readout, rows) -> [batch]."""

UNITS = {
    "logit_diff": "logits",
    "prob_diff": "probability",
    "log_prob": "nats",
    "kl": "nats",
    "loss": "nats",
    "accuracy": "share",
}


class Metric:
    """A named metric bound to the rows of a batch."""

    def __init__(
        self,
        name: str,
        rows: Sequence[Row],
        clean: Float[Tensor, "batch vocab"],
        function: MetricFunction | None = None,
    ) -> None:
        """`clean` are the clean run's readout logits (the reference of `kl`); `rows` bring answers and foils.

        `function` computes a `python:` metric.
        """
        self.rows = tuple(rows)
        self.function = function
        self.name = name
        self.clean = clean
        vocab = clean.shape[-1]
        self.answers = _chosen([row.answers for row in rows], vocab, clean.device)
        self.foils = _chosen([row.foils for row in rows], vocab, clean.device)

    def __call__(self, logits: Logits) -> Values:
        """Metric per lane and example, in its unit (`UNITS`)."""
        if self.function is not None:
            return _of_user(self.function, logits, self.rows, self.name)
        return METRICS[self.name](self, logits)


def unit_of(metric: str) -> str:
    """The unit of a metric by name; a `python:` metric brings its own, which we do not know."""
    return UNITS.get(metric, "metric")


def _of_user(function: MetricFunction, logits: Tensor, rows: Sequence[Row], name: str) -> Tensor:
    """Call the spec author's function lane by lane and check what comes back."""
    lanes = logits.reshape(-1, *logits.shape[-2:])
    values: list[Tensor] = []
    for lane in lanes:
        value = function(lane, rows)
        if not isinstance(value, Tensor) or value.shape != (len(rows),):
            shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            message = (
                f"{name} must return one number an example, a tensor of shape ({len(rows)},): got {shape}"
            )
            raise TaskError(Problem("bad-metric-value", message, where="task.metric"))
        values.append(value)
    return torch.stack(values).reshape(logits.shape[:-1])


def _chosen(ids: Sequence[Sequence[int]], vocab: int, device: torch.device) -> Bool[Tensor, "batch vocab"]:
    chosen = torch.zeros(len(ids), vocab, dtype=torch.bool)
    for row, tokens in enumerate(ids):
        chosen[row, list(tokens)] = True
    return chosen.to(device)


def _mean_logit(logits: Tensor, chosen: Tensor) -> Tensor:
    weight = chosen.to(logits.dtype)
    return (logits * weight).sum(-1) / weight.sum(-1)


def _log_share(logits: Tensor, chosen: Tensor) -> Tensor:
    picked = logits.masked_fill(~chosen, -torch.inf)
    return picked.logsumexp(-1) - logits.logsumexp(-1)


def _logit_diff(metric: Metric, logits: Tensor) -> Tensor:
    return _mean_logit(logits, metric.answers) - _mean_logit(logits, metric.foils)


def _prob_diff(metric: Metric, logits: Tensor) -> Tensor:
    probs = logits.softmax(-1)
    return (probs * metric.answers).sum(-1) - (probs * metric.foils).sum(-1)


def _log_prob(metric: Metric, logits: Tensor) -> Tensor:
    return _log_share(logits, metric.answers)


def _loss(metric: Metric, logits: Tensor) -> Tensor:
    return -_log_share(logits, metric.answers)


def _accuracy(metric: Metric, logits: Tensor) -> Tensor:
    best = logits.argmax(-1, keepdim=True)
    hit = metric.answers.expand_as(logits).gather(-1, best).squeeze(-1)
    return hit.to(logits.dtype)


def _kl(metric: Metric, logits: Tensor) -> Tensor:
    """KL(clean ‖ run) of the next-token distribution, in nats; 0 at the clean run."""
    reference = metric.clean.log_softmax(-1)
    return (reference.exp() * (reference - logits.log_softmax(-1))).sum(-1)


METRICS: dict[str, Callable[..., Tensor]] = {
    "logit_diff": _logit_diff,
    "prob_diff": _prob_diff,
    "log_prob": _log_prob,
    "kl": _kl,
    "loss": _loss,
    "accuracy": _accuracy,
}
