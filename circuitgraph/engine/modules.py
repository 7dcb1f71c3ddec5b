"""A model seen through its family row: modules by path, weights by slot.

`Parts` is what the traced code works with: envoys for blocks, norms and projections, and views (never copies) of the
projection weights as slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from circuitgraph.arch.families import Family, family_named
from circuitgraph.arch.residual import ResidualGraph


def at_path(root: Any, path: str) -> Any:
    """Follow a dotted path of attributes; works for modules and for envoys alike."""
    for name in path.split("."):
        root = getattr(root, name)
    return root


@dataclass(frozen=True)
class LayerWeights:
    """Views of one block's projections.

    Attributes:
        qkv: [slot, d_head, d_model]: what each slot reads, slots ordered as the block's ports (q, k, v by head).
        qkv_bias: [slot, d_head].
        out: [head, d_head, d_model]: what each head writes.
        out_bias: [d_model]: belongs to no writer, never ablated.
    """

    qkv: Float[Tensor, "slot d_head d_model"]
    qkv_bias: Float[Tensor, "slot d_head"]
    out: Float[Tensor, "head d_head d_model"]
    out_bias: Float[Tensor, " d_model"]


class Parts:
    """Weights of a model by family row, and the paths by which traced code finds its modules."""

    def __init__(self, model: nn.Module, graph: ResidualGraph) -> None:
        """Take views of the weights of `model`; nothing is copied or changed."""
        self.graph = graph
        self.family: Family = family_named(graph.family)
        self.d_head = graph.d_model // graph.heads
        blocks = at_path(model, self.family.blocks)
        self.layers = tuple(self._layer(block) for block in blocks)
        zero = torch.zeros_like(self.layers[0].out_bias)
        biases = [zero]
        for layer in self.layers:
            biases.append(biases[-1] + layer.out_bias)
        self.bias_before: tuple[Tensor, ...] = tuple(biases)
        """[layer] -> sum of the attention output biases of earlier layers, [d_model]."""

    def _layer(self, block: nn.Module) -> LayerWeights:
        family, heads = self.family, self.graph.heads
        qkv, out = at_path(block, family.qkv), at_path(block, family.out)
        read = qkv.weight.detach().T if family.transposed else qkv.weight.detach()
        write = out.weight.detach() if family.transposed else out.weight.detach().T
        return LayerWeights(
            qkv=read.unflatten(0, (3 * heads, self.d_head)),
            qkv_bias=qkv.bias.detach().unflatten(0, (3 * heads, self.d_head)),
            out=write.unflatten(0, (heads, self.d_head)),
            out_bias=out.bias.detach(),
        )

    def blocks(self, root: Any) -> Any:
        """The list of blocks under `root` (model or envoy)."""
        return at_path(root, self.family.blocks)

    def final_norm(self, root: Any) -> Any:
        """The norm before the unembedding."""
        return at_path(root, self.family.final_norm)

    def unembed(self, root: Any) -> Any:
        """The unembedding."""
        return at_path(root, self.family.unembed)

    def site(self, block: Any, name: str) -> Any:
        """A module of a block by its field in the family row ("norm_attn", "qkv", "out", ...)."""
        return at_path(block, getattr(self.family, name))

    def head_writes(
        self, layer: int, z: Float[Tensor, "... head d_head"]
    ) -> Float[Tensor, "head ... d_model"]:
        """What each head adds to the stream, its output bias left out."""
        return torch.einsum("...he,hed->h...d", z, self.layers[layer].out)

    def port_bias(self, layer: int, kind: str) -> Tensor:
        """β of definitions §0 for the attention or MLP ports of a block, or the final port. [d_model]."""
        return self.bias_before[layer + (kind == "mlp")]
