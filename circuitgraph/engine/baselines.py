"""Where the baseline of a batch comes from: another run, the data set's mean, or nothing at all."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from circuitgraph.engine import traces
from circuitgraph.engine.batch import Batch, padded
from circuitgraph.engine.runs import Baseline, constant_baseline, run_baseline
from circuitgraph.task.rows import Row

if TYPE_CHECKING:
    from circuitgraph.engine.session import Session


class BaselineSource:
    """Baselines of one session; means and partners are worked out once."""

    def __init__(self, session: Session) -> None:
        """Nothing runs until the first batch asks."""
        self._session = session
        self._means: dict[tuple[object, ...], Tensor] | None = None
        self._partners: list[int] | None = None

    def of(self, batch: Batch) -> Baseline:
        """The baseline of a batch under the session's ablation."""
        kind = self._session.ablation.kind
        if kind == "corrupt":
            if batch.corrupt is None:
                raise AssertionError(
                    "rows without corrupt prompts reach no corrupt ablation: the task checks it"
                )
            return self._of_run(batch, batch.corrupt)
        if kind == "resample":
            return self._of_run(batch, self._partner_prompts(batch))
        return self._of_zero(batch) if kind == "zero" else self._of_mean(batch)

    def _of_run(self, batch: Batch, ids: Tensor) -> Baseline:
        session = self._session
        run = traces.capture(session.envoy, session.parts, ids, batch.readout)
        return run_baseline(run)

    def _of_zero(self, batch: Batch) -> Baseline:
        session = self._session
        like = session.parts.layers[0].out_bias
        shape = (len(session.graph.writers), len(batch), batch.length, session.graph.d_model)
        return constant_baseline(session.parts, like.new_zeros(shape))

    def _of_mean(self, batch: Batch) -> Baseline:
        if self._means is None:
            self._means = self._take_means()
        stacked = torch.stack([self._means[self._level(row)][:, : batch.length] for row in batch.rows], dim=1)
        return constant_baseline(self._session.parts, stacked)

    def _level(self, row: Row) -> tuple[object, ...]:
        return tuple(row.factors[name] for name in self._session.ablation.by)

    def _take_means(self) -> dict[tuple[object, ...], Tensor]:
        """Level -> [writer, pos, d_model]: mean over the rows that have the position, counted from the row's start."""
        session = self._session
        sums: dict[tuple[object, ...], Tensor] = {}
        counts: dict[tuple[object, ...], Tensor] = {}
        longest = max(row.length for row in session.task.rows)
        for batch in session.batches():
            ids = batch.clean if session.ablation.over == "clean" else batch.corrupt
            if ids is None:
                raise AssertionError(
                    "rows without corrupt prompts reach no mean over them: the task checks it"
                )
            writers = traces.capture(session.envoy, session.parts, ids, batch.readout).writers(session.parts)
            for place, row in enumerate(batch.rows):
                level, length = self._level(row), row.length
                if level not in sums:
                    sums[level] = writers.new_zeros(writers.shape[0], longest, writers.shape[-1])
                    counts[level] = writers.new_zeros(longest, 1)
                sums[level][:, :length] += writers[:, place, :length]
                counts[level][:length] += 1
        return {level: total / counts[level].clamp(min=1) for level, total in sums.items()}

    def _partner_prompts(self, batch: Batch) -> Tensor:
        if self._partners is None:
            self._partners = resample_partners(self._session.task.rows, self._session.ablation.seed)
        rows = self._session.task.rows
        mine = self._partners[batch.first : batch.first + len(batch)]
        return padded([rows[partner].clean for partner in mine], batch.length, batch.clean.device)


def resample_partners(rows: tuple[Row, ...], seed: int) -> list[int]:
    """For each row another one of equal length whose activations replace its own: a seeded cyclic shuffle.

    Within each length the rows are shuffled and each takes the next one's place, so no row is its own partner.
    The task has checked that every length occurs twice.
    """
    by_length: dict[int, list[int]] = {}
    for index, row in enumerate(rows):
        by_length.setdefault(row.length, []).append(index)
    partners = [0] * len(rows)
    shuffle = random.Random(seed)
    for length in sorted(by_length):
        order = by_length[length]
        shuffle.shuffle(order)
        for place, index in enumerate(order):
            partners[index] = order[(place + 1) % len(order)]
    return partners
