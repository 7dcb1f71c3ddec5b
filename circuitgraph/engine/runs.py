"""What one reference run leaves behind, and the baseline that replaces ablated writers."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from circuitgraph.engine.modules import Parts
from circuitgraph.plan.sites import sites

Stream = Float[Tensor, "batch pos d_model"]
Writers = Float[Tensor, "writer batch pos d_model"]


@dataclass
class Run:
    """An ordinary forward pass, captured.

    Attributes:
        embed: What enters the stream.
        z: Per layer, the heads' outputs before the output projection, [batch, pos, head, d_head].
        mlp: Per layer, what the MLP writes.
        streams: Per site, the input of its norm.
        logits: Logits at the readout position, [batch, vocab].
    """

    embed: Stream
    z: list[Tensor]
    mlp: list[Tensor]
    streams: list[Tensor]
    logits: Float[Tensor, "batch vocab"]
    _writers: Tensor | None = field(default=None, repr=False)

    def writers(self, parts: Parts) -> Writers:
        """Every writer's output, in causal order; computed once."""
        if self._writers is None:
            self._writers = stack_writers(parts, self.embed, self.z, self.mlp)
        return self._writers


def stack_writers(parts: Parts, embed: Tensor, z: list[Tensor], mlp: list[Tensor]) -> Writers:
    """Heads projected to the stream, MLPs and embedding as they are, stacked in causal order."""
    found = [embed[None]]
    for layer, heads in enumerate(z):
        found.append(parts.head_writes(layer, heads))
        if parts.graph.has_mlp:
            found.append(mlp[layer][None])
    return torch.cat(found)


@dataclass
class Baseline:
    """What ablated writers write, and the stream when everything is ablated (definitions §0).

    Attributes:
        streams: Per site, Σ b_u + β: the norm's input when every earlier writer is ablated.
        run: The run whose values these are (corrupt, resample); None for zero and mean.
        constant: b_u of every writer where there is no run.
    """

    streams: list[Stream]
    run: Run | None = None
    constant: Writers | None = None

    def writers(self, parts: Parts) -> Writers:
        """Baseline output b_u of every writer, in causal order."""
        if self.constant is not None:
            return self.constant
        if self.run is None:
            raise AssertionError("a baseline is a run or a constant")
        return self.run.writers(parts)

    @property
    def embed(self) -> Stream:
        """Baseline of the embedding."""
        if self.constant is not None:
            return self.constant[0]
        if self.run is None:
            raise AssertionError("a baseline is a run or a constant")
        return self.run.embed


def constant_baseline(parts: Parts, writers: Writers) -> Baseline:
    """A baseline that is no run (zero, mean): streams are summed, the output biases β included."""
    streams = [
        writers[: site.reads].sum(0) + parts.port_bias(site.layer, site.kind) for site in sites(parts.graph)
    ]
    return Baseline(streams, constant=writers)


def run_baseline(run: Run) -> Baseline:
    """The baseline of an actual run: its own streams, bit for bit."""
    return Baseline(run.streams, run=run)


def writer_differences(
    parts: Parts, clean: Run, baseline: Baseline
) -> Float[Tensor, "batch writer pos d_model"]:
    """b_u − y_u of every writer. Between two runs the difference is projected once, not each of them."""
    if baseline.run is None:
        return (baseline.writers(parts) - clean.writers(parts).detach()).transpose(0, 1).contiguous()
    other, graph = baseline.run, parts.graph
    batch, length, width = clean.embed.shape
    found = clean.embed.new_empty(batch, len(graph.writers), length, width)
    found[:, 0] = other.embed - clean.embed.detach()
    place = 1
    for layer in range(graph.layers):
        difference = other.z[layer] - clean.z[layer].detach()
        found[:, place : place + graph.heads] = torch.einsum(
            "bthe,hed->bhtd", difference, parts.layers[layer].out
        )
        place += graph.heads
        if graph.has_mlp:
            found[:, place] = other.mlp[layer] - clean.mlp[layer].detach()
            place += 1
    return found
