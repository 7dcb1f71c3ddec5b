"""What an edge set computes on GPT-2: the definitions of rules and baselines, in plain torch and float64."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tests.oracle.model import Edge, Gpt2, Outputs, Port

Kept = Mapping[Edge, Collection[int] | None]
"""Edges that are kept: at every position (None), or at these token indices of the row only."""
Rule = Literal["circuit", "any-edge"]
BaselineKind = Literal["corrupt", "zero", "mean", "resample"]


class Oracle(Gpt2):
    """The reference reading of edge sets on the rows of a task.

    Args:
        hf_model: A `GPT2LMHeadModel`, see `Gpt2`.
        clean: One list of token ids per row; rows may differ in length.
        corrupt: The same; row by row as long as `clean`.

    Raises:
        ValueError: A row's clean and corrupt differ in length, or `attn_only` is set and an MLP writes.
    """

    def __init__(
        self,
        hf_model: PreTrainedModel,
        clean: Sequence[Sequence[int]] = (),
        corrupt: Sequence[Sequence[int]] = (),
    ) -> None:
        super().__init__(hf_model)
        self.clean = [list(row) for row in clean]
        self.corrupt = [list(row) for row in corrupt]
        self._runs: dict[tuple[int, ...], tuple[Outputs, Tensor]] = {}
        if corrupt and [len(row) for row in self.clean] != [len(row) for row in self.corrupt]:
            raise ValueError("clean and corrupt differ in length")

    def run(self, tokens: Sequence[int]) -> tuple[Outputs, Tensor]:
        """Return every writer's output, [T, D], and the logits, [T, V], of an ordinary run on `tokens`."""
        ids = tuple(tokens)
        if ids not in self._runs:
            self._runs[ids] = self.forward(self.embed(ids))
        return self._runs[ids]

    # Baselines.

    def baseline(
        self,
        kind: BaselineKind,
        i: int,
        *,
        by: Sequence[Hashable] | None = None,
        over: Literal["clean", "corrupt"] = "clean",
        partner: Sequence[int] | None = None,
    ) -> Outputs:
        """Return the ablated output b_u of every writer for row `i`, [T, D] each.

        Args:
            kind: "corrupt": the row's corrupt run. "zero": 0. "mean": mean over the rows that have the
                position, counted from each row's first token. "resample": the clean run of another row.
            i: Row.
            by: "mean" only: one label per row; the mean is over the rows with row `i`'s label.
            over: "mean" only: which runs are averaged.
            partner: "resample" only: for each row the index of the row (equally long) that replaces it.

        Raises:
            ValueError: "resample" without a partner, or with one of another length.
        """
        clean_outputs, _ = self.run(self.clean[i])
        if kind == "corrupt":
            return dict(self.run(self.corrupt[i])[0])
        if kind == "zero":
            return {name: torch.zeros_like(value) for name, value in clean_outputs.items()}
        if kind == "resample":
            if partner is None or len(self.clean[partner[i]]) != len(self.clean[i]):
                raise ValueError(f"row {i} needs a partner of its own length")
            return dict(self.run(self.clean[partner[i]])[0])
        rows = self.clean if over == "clean" else self.corrupt
        members = [row for index, row in enumerate(rows) if by is None or by[index] == by[i]]
        return {
            name: torch.stack(
                [
                    torch.stack([self.run(row)[0][name][t] for row in members if len(row) > t]).mean(0)
                    for t in range(len(self.clean[i]))
                ]
            )
            for name in self.writers()
        }

    # Edge sets.

    def evaluate(
        self,
        i: int,
        edges: Kept | Iterable[Edge],
        rule: Rule,
        baseline: Outputs,
        positions: Collection[int] | None = None,
    ) -> Tensor:
        """Return the logits of row `i`, [T, V], with every (edge, position) outside `edges` ablated.

        The position of an edge is that of the stream it enters: the reader's row for q, MLPs and logits, the
        source token for k and v.

        Under `circuit` a port reads x = β + Σ_u (y_u where kept, b_u elsewhere), y_u computed with the same
        edge set and the clean embedding. Under `any-edge` it reads x = β + Σ_u (clean y_u where kept, live
        y_u elsewhere); the live embedding is b_embed, and a component that no kept edge reaches, along any
        edges of the model and at any positions, is at its baseline. One copy per component serves both.

        Args:
            i: Row.
            edges: Kept edges, each with its token indices, or None for all of them.
            rule: How the edge set is read.
            baseline: b_u for every writer, [T, D] each.
            positions: Limits the edges whose own positions are None.

        Raises:
            ValueError: An edge is not in the model, a position not in the row, or the rule is unknown.
        """
        places = self._places(i, edges, positions)
        clean, _ = self.run(self.clean[i])
        reached = self.reached(places)
        live: Outputs = {}

        def choose(where: set[int], kept: Callable[[], Tensor], ablated: Callable[[], Tensor]) -> Tensor:
            if len(where) == len(self.clean[i]):
                return kept()
            if not where:
                return ablated()
            mask = torch.tensor([t in where for t in range(len(self.clean[i]))])
            return torch.where(mask[:, None], kept(), ablated())

        def output(name: str) -> Tensor:
            if name not in live:
                if name == "embed":
                    live[name] = clean["embed"] if rule == "circuit" else baseline["embed"]
                elif rule == "any-edge" and name not in reached:
                    live[name] = baseline[name]
                else:
                    live[name] = self.component(name, stream)
            return live[name]

        def stream(port: Port) -> Tensor:
            total = self.bias_before(port[0])
            for writer in self.sources(port[0]):
                where = places.get((writer, *port), set())
                if rule == "circuit":
                    total = total + choose(where, lambda w=writer: output(w), lambda w=writer: baseline[w])
                elif rule == "any-edge":
                    total = total + choose(where, lambda w=writer: clean[w], lambda w=writer: output(w))
                else:
                    raise ValueError(f"unknown rule {rule!r}")
            return total

        return self.component("logits", stream)

    def _places(
        self, i: int, edges: Kept | Iterable[Edge], positions: Collection[int] | None
    ) -> dict[Edge, set[int]]:
        """Return for each edge that is kept anywhere the token indices where it is."""
        wanted: Kept = edges if isinstance(edges, Mapping) else dict.fromkeys(edges)
        everywhere = set(range(len(self.clean[i])))
        possible = set(self.edges())
        places: dict[Edge, set[int]] = {}
        for edge, own in wanted.items():
            limit = positions if own is None else own
            where = everywhere if limit is None else set(limit)
            if edge not in possible:
                raise ValueError(f"no such edge: {edge}")
            if not where <= everywhere:
                raise ValueError(f"{edge}: row {i} lacks a position of {sorted(where)}")
            if where:
                places[edge] = where
        return places
