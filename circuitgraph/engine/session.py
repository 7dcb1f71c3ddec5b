"""A model and a task, ready to run plans: the engine's front.

`Session` holds the model, its parts and the baseline; `run` executes a plan batch by batch and returns readings per
example. It changes nothing about the user's model that it does not put back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from nnsight import NNsight
from numpy.typing import NDArray
from torch import Tensor, nn

from circuitgraph.arch.families import ATTN_ONLY, family_named
from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.engine import traces
from circuitgraph.engine.baselines import BaselineSource
from circuitgraph.engine.batch import Batch, make_batch
from circuitgraph.engine.metrics import Metric, MetricFunction
from circuitgraph.engine.modules import Parts, at_path
from circuitgraph.engine.patch import plan_patch
from circuitgraph.engine.runs import Baseline, Run
from circuitgraph.errors import ModelError, Problem
from circuitgraph.plan.compile import Plan, Step
from circuitgraph.plan.variants import ABLATED, AttentionRead, Variant
from circuitgraph.resolve.circuit import Ablation
from circuitgraph.task.task import Task

Values = NDArray[np.float64]
Progress = Callable[[float], None]
"""Called with the number of bare-forward units of work just done."""

DEFAULT_BUDGET = 512 * 2**20
"""Bytes of intermediate tensors a chunk may take, unless told otherwise."""

_locks: WeakKeyDictionary[nn.Module, threading.RLock] = WeakKeyDictionary()
_locks_guard = threading.Lock()


def lock_of(model: nn.Module) -> threading.RLock:
    """The lock of an underlying module: two traces of one module must never overlap."""
    with _locks_guard:
        return _locks.setdefault(model, threading.RLock())


@dataclass
class Readings:
    """What a plan measured, per example.

    Attributes:
        metric: Name of the task's metric.
        clean: Metric of the clean run, [n].
        ablated: Metric of the ablated run, [n].
        values: Variant -> metric, [n].
        kl: Variant -> KL(clean ‖ variant) of the next-token distribution in nats, [n].
        ablated_kl: The same of the ablated run.
        attention: Attention read -> probability, [n].
    """

    metric: str
    clean: Values
    ablated: Values
    ablated_kl: Values
    values: dict[Variant, Values] = field(default_factory=dict[Variant, Values])
    kl: dict[Variant, Values] = field(default_factory=dict[Variant, Values])
    attention: dict[AttentionRead, Values] = field(default_factory=dict[AttentionRead, Values])


@dataclass
class Reference:
    """The reference runs of one batch."""

    batch: Batch
    clean: Run
    baseline: Baseline
    metric: Metric
    kl: Metric


class Session:
    """A model, a task and an ablation.

    Args:
        model: A Hugging Face causal language model of a supported family.
        graph: Its residual graph.
        task: Rows with positions resolved.
        ablation: What replaces ablated writers.
        budget: Bytes of intermediate tensors a chunk may take.

    Raises:
        ModelError: Gradient checkpointing is on, the model has no language model head, or an `attn_only` model's
            MLPs write something.
    """

    def __init__(
        self,
        model: nn.Module,
        graph: ResidualGraph,
        task: Task,
        ablation: Ablation,
        budget: int = DEFAULT_BUDGET,
    ) -> None:
        """Wrap the model; no forward pass runs yet."""
        _refuse(model, graph)
        self.model, self.graph, self.task, self.ablation = model, graph, task, ablation
        self.budget = budget
        self.envoy = NNsight(model)
        self.parts = Parts(model, graph)
        self.device = next(model.parameters()).device
        self._baselines = BaselineSource(self)
        self._metric_function: MetricFunction | None = None

    def run(self, plan: Plan, progress: Progress | None = None) -> Readings:
        """Execute a plan over every row of the task.

        Args:
            plan: Compiled for this model and task.
            progress: Told of every piece of work done, in bare forwards over all examples.

        Raises:
            ModelError: Logits of the clean or the ablated run are NaN or infinite.
        """
        n = len(self.task.rows)
        told = progress or (lambda _amount: None)
        readings = Readings(self.task.metric, np.empty(n), np.empty(n), np.empty(n))
        for variant in (variant for step in plan.steps for variant in step.variants):
            readings.values[variant], readings.kl[variant] = np.empty(n), np.empty(n)
        for read in plan.attention:
            readings.attention[read] = np.empty(n)
        with self.exclusive():
            for batch in self.batches(plan.positions):
                rows = slice(batch.first, batch.first + len(batch))
                reference = self.reference(batch)
                readings.clean[rows] = _numpy(reference.metric(reference.clean.logits))
                ablated = self._ablated_logits(reference)
                check_finite(ablated, batch, "ablated")
                readings.ablated[rows] = _numpy(reference.metric(ablated))
                readings.ablated_kl[rows] = _numpy(reference.kl(ablated))
                told(2 * len(batch) / n)
                for step in plan.steps:
                    for variants in self._chunks(step, batch):
                        logits = self.patched_logits(step, variants, reference)
                        values = _numpy(reference.metric(logits))
                        kl = _numpy(reference.kl(logits))
                        for place, variant in enumerate(variants):
                            readings.values[variant][rows] = values[place]
                            readings.kl[variant][rows] = kl[place]
                        told(step.cost * len(variants) / len(step.variants) * len(batch) / n)
                if plan.attention:
                    self._read_attention(plan.attention, batch, readings)
                    told(len(batch) / n)
        return readings

    def reference(self, batch: Batch) -> Reference:
        """Clean run, baseline and metrics of a batch.

        Raises:
            ModelError: The clean run's logits are NaN or infinite.
        """
        clean = traces.capture(self.envoy, self.parts, batch.clean, batch.readout)
        check_finite(clean.logits, batch, "clean")
        return Reference(
            batch,
            clean,
            self._baselines.of(batch),
            self.metric(batch, clean.logits),
            Metric("kl", batch.rows, clean.logits),
        )

    def use_metric(self, function: MetricFunction) -> None:
        """Compute the task's `python:` metric with this function of its author."""
        self._metric_function = function

    def metric(self, batch: Batch, clean: Tensor) -> Metric:
        """The task's metric on a batch; `clean` are the clean run's readout logits."""
        return Metric(self.task.metric, batch.rows, clean, self._metric_function)

    def baseline(self, batch: Batch) -> Baseline:
        """What ablated writers write on a batch."""
        return self._baselines.of(batch)

    def patched_logits(self, step: Step, variants: Sequence[Variant], reference: Reference) -> Tensor:
        """Logits [variant, batch, vocab] at the readout of some variants of a step."""
        batch = reference.batch
        plan = plan_patch(self.parts, step, variants, batch, reference.clean, reference.baseline)
        return traces.patched(self.envoy, self.parts, batch.clean, batch.readout, plan)

    def batches(self, positions: Sequence[str] = ()) -> Iterator[Batch]:
        """The task's rows in order, padded, as many at a time as half the budget holds reference runs of."""
        index = {name: self.task.index(name) for name in positions}
        longest = max(row.length for row in self.task.rows)
        each = (
            2
            * (len(self.graph.writers) + 4 * self.graph.layers)
            * longest
            * self.graph.d_model
            * self._itemsize
        )
        size = max(1, min(len(self.task.rows), self.budget // 2 // each))
        for first in range(0, len(self.task.rows), size):
            yield make_batch(self.task.rows[first : first + size], first, index, self.device)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the model's lock, in eval mode; gradients of parameters off; everything put back after.

        Callers may be in `torch.inference_mode()`, whose tensors autograd refuses: it is left for as long.
        """
        with lock_of(self.model), torch.inference_mode(False):
            training = [module for module in self.model.modules() if module.training]
            tracked = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
            self.model.eval()
            for parameter in tracked:
                parameter.requires_grad_(False)
            try:
                yield
            finally:
                for module in training:
                    module.training = True
                for parameter in tracked:
                    parameter.requires_grad_(True)

    @property
    def _itemsize(self) -> int:
        return self.parts.layers[0].out.element_size()

    def _chunks(self, step: Step, batch: Batch) -> Iterator[Sequence[Variant]]:
        """Variants of a step, as many at a time as the budget holds."""
        ports = 3 * self.graph.heads if len(step.variants[0].kept.edges) > 1 else 3
        width = len(step.live) + 2 * ports + 16
        vocab = self.graph.vocab * len(batch) * 3
        each = (width * self.graph.d_model * batch.length * len(batch) + vocab) * self._itemsize
        # Masks are one float a pair and variant, and a whole grid of positions where an edge names one.
        each += self.graph.edge_count * 8
        size = max(1, self.budget // each)
        for first in range(0, len(step.variants), size):
            yield step.variants[first : first + size]

    def _ablated_logits(self, reference: Reference) -> Tensor:
        if reference.baseline.run is not None:
            return reference.baseline.run.logits
        step = Step("complement", "circuit", (ABLATED,), 0, (), 0.0)
        return self.patched_logits(step, (ABLATED,), reference)[0]

    def _read_attention(self, reads: Sequence[AttentionRead], batch: Batch, readings: Readings) -> None:
        rows = torch.arange(len(batch), device=self.device)
        with _eager(self.model):
            layers = sorted({read.head.layer for read in reads})
            found = traces.attention(self.envoy, self.parts, batch.clean, layers)
        for read in reads:
            query, key = batch.positions[read.query], batch.positions[read.key]
            values = found[read.head.layer][rows, read.head.index, query, key]
            readings.attention[read][batch.first : batch.first + len(batch)] = _numpy(values)


def _numpy(values: Tensor) -> Values:
    return values.detach().to("cpu", torch.float64).numpy()


def check_finite(logits: Tensor, batch: Batch, run: str) -> None:
    """Raise ModelError naming the first row whose logits are NaN or infinite."""
    finite = torch.isfinite(logits).all(-1)
    if finite.all():
        return
    bad = int((~finite).nonzero()[0, 0])
    raise ModelError(
        Problem("non-finite-logits", f"{batch.rows[bad].where}: the {run} run's logits are NaN or infinite")
    )


@contextmanager
def _eager(model: nn.Module) -> Iterator[None]:
    """Eager attention while probabilities are read; the user's implementation is put back."""
    config: Any = model.config
    before = config._attn_implementation
    model.set_attn_implementation("eager")  # type: ignore[operator]
    try:
        yield
    finally:
        model.set_attn_implementation(before)  # type: ignore[operator]


def _refuse(model: nn.Module, graph: ResidualGraph) -> None:
    family = family_named(graph.family)
    for path in (family.blocks, family.final_norm, family.unembed):
        try:
            at_path(model, path)
        except AttributeError as error:
            message = f"{type(model).__name__} has no {path}: a causal language model with its head is needed"
            raise ModelError(Problem("no-such-module", message)) from error
    if any(getattr(module, "gradient_checkpointing", False) for module in model.modules()):
        message = (
            "gradient checkpointing is on: edits inside a block would get wrong gradients; turn it off first"
        )
        raise ModelError(Problem("gradient-checkpointing", message))
    if graph.has_mlp:
        return
    for layer, block in enumerate(at_path(model, family.blocks)):
        last = list(at_path(block, family.mlp).parameters())[-2:]
        if any(bool(parameter.detach().any()) for parameter in last):
            message = f"the config says {ATTN_ONLY} but the MLP of block {layer} writes something"
            raise ModelError(Problem("attn-only-mlp", message))
