"""Rows as tensors: ragged prompts right-padded into one batch.

Right padding needs no mask in a causal decoder: no real token ever attends to a later pad, position ids are those of
the row alone, and what happens at pads never reaches the readout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from circuitgraph.task.rows import Row


@dataclass(frozen=True)
class Batch:
    """Some rows of a task, padded to the longest.

    Attributes:
        rows: The rows.
        first: Index of the first of them in the task.
        clean: Token ids of the clean prompts.
        corrupt: Token ids of the corrupt prompts, or None where a row has none.
        readout: Index of each row's last real token.
        positions: Position expression -> index of that position in each row.
    """

    rows: tuple[Row, ...]
    first: int
    clean: Int[Tensor, "batch pos"]
    corrupt: Int[Tensor, "batch pos"] | None
    readout: Int[Tensor, " batch"]
    positions: Mapping[str, Int[Tensor, " batch"]]

    @property
    def length(self) -> int:
        """Number of token positions, padding included."""
        return self.clean.shape[1]

    def __len__(self) -> int:
        return len(self.rows)


def padded(prompts: Sequence[Sequence[int]], length: int, device: torch.device) -> Int[Tensor, "batch pos"]:
    """Token ids right-padded with 0 to `length`."""
    ids = torch.zeros(len(prompts), length, dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, : len(prompt)] = torch.tensor(list(prompt), dtype=torch.long)
    return ids.to(device)


def make_batch(
    rows: Sequence[Row], first: int, positions: Mapping[str, Sequence[int]], device: torch.device
) -> Batch:
    """Pad `rows` (a slice of the task starting at `first`); `positions` hold indexes for the whole task."""
    length = max(row.length for row in rows)
    stop = first + len(rows)
    corrupt = [row.corrupt for row in rows]
    return Batch(
        rows=tuple(rows),
        first=first,
        clean=padded([row.clean for row in rows], length, device),
        corrupt=None if None in corrupt else padded([ids for ids in corrupt if ids], length, device),
        readout=torch.tensor([row.length - 1 for row in rows], device=device),
        positions={
            name: torch.tensor(list(index[first:stop]), device=device) for name, index in positions.items()
        },
    )
