"""GPT-2 by its formulas: the graph, each component, and the ordinary forward pass, in float64.

This is the judge of the engine, so it shares no code with it: no hooks, no Hugging Face forward pass, only
the weights of the state dict and matrix products. One row is one unpadded sequence; nothing here is batched
over rows, so padding cannot go wrong.

Notation: T tokens, D = n_embd, H heads of size d = D / H, V vocabulary. A writer's output is [T, D].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

Port = tuple[str, str]
"""(reader, key), such as ("a1.h0", "k"), ("m0", "in") or ("logits", "in")."""
Edge = tuple[str, str, str]
"""(writer, reader, key)."""
Outputs = dict[str, Tensor]
"""What each writer adds to the stream, [T, D] each."""


def gelu_new(x: Tensor) -> Tensor:
    """Return GELU in the tanh form of GPT-2, same shape as `x`."""
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu_new": gelu_new,
    "relu": lambda x: x.clamp(min=0),
    "linear": lambda x: x,
}


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Return (x - mean) / sqrt(var + eps) * weight + bias over the last axis, var the biased variance."""
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + eps) * weight + bias


class Gpt2:
    """A GPT-2 as a sum of writers into one stream.

    Args:
        hf_model: A `GPT2LMHeadModel`; only its config and state dict are used. `config.attn_only = True` says
            that the MLPs write nothing and are no nodes.

    Raises:
        ValueError: `attn_only` is set and an MLP writes.
    """

    def __init__(self, hf_model: PreTrainedModel) -> None:
        config: Any = hf_model.config
        self.weights: dict[str, Tensor] = {
            name: value.detach().to(torch.float64, copy=True) for name, value in hf_model.state_dict().items()
        }
        self.layers: int = config.n_layer
        self.heads: int = config.n_head
        self.width: int = config.n_embd
        self.head_width: int = self.width // self.heads
        self.eps: float = config.layer_norm_epsilon
        self.attn_only: bool = bool(getattr(config, "attn_only", False))
        self.scale_by_width: bool = config.scale_attn_weights
        self.scale_by_layer: bool = config.scale_attn_by_inverse_layer_idx
        self.activation = ACTIVATIONS[config.activation_function]
        self._sources: dict[str, list[str]] = {}
        self._biases: dict[str, Tensor] = {}
        if self.attn_only:
            for layer in range(self.layers):
                if any(self._block(layer, f"mlp.c_proj.{part}").any() for part in ("weight", "bias")):
                    raise ValueError(f"attn_only, but the MLP of layer {layer} writes")

    # The graph.

    def writers(self) -> list[str]:
        """Return all writers in causal order: embed, then per layer its heads and its MLP."""
        names = ["embed"]
        for layer in range(self.layers):
            names += [f"a{layer}.h{head}" for head in range(self.heads)]
            names += [] if self.attn_only else [f"m{layer}"]
        return names

    def ports(self) -> list[Port]:
        """Return all reader ports in causal order."""
        found: list[Port] = []
        for name in [*self.writers()[1:], "logits"]:
            found += [(name, key) for key in self._keys(name)]
        return found

    def sources(self, reader: str) -> list[str]:
        """Return the writers that `reader` reads: those whose write precedes it in the stream."""
        if reader not in self._sources:
            self._sources[reader] = [name for name in self.writers() if self._time(name) < self._time(reader)]
        return self._sources[reader]

    def edges(self) -> list[Edge]:
        """Return all edges, by port and then by writer, both in causal order."""
        return [(writer, reader, key) for reader, key in self.ports() for writer in self.sources(reader)]

    def reached(self, kept: Iterable[Edge]) -> set[str]:
        """Return the readers that a kept edge enters, and those downstream of them along any edge."""
        found = {target for _, target, _ in kept}
        for reader in [*self.writers()[1:], "logits"]:
            if found.intersection(self.sources(reader)):
                found.add(reader)
        return found

    def _keys(self, reader: str) -> tuple[str, ...]:
        return ("q", "k", "v") if reader.startswith("a") else ("in",)

    def _time(self, name: str) -> int:
        """Return when a component acts: embed 0, heads of layer l at 2l+1, its MLP at 2l+2, logits last."""
        if name == "embed":
            return 0
        if name == "logits":
            return 2 * self.layers + 1
        if name.startswith("a"):
            return 2 * int(name[1 : name.index(".")]) + 1
        return 2 * int(name[1:]) + 2

    # The components.

    def _block(self, layer: int, name: str) -> Tensor:
        return self.weights[f"transformer.h.{layer}.{name}"]

    def norm(self, name: str, x: Tensor) -> Tensor:
        """Return the layer norm `name`, such as "h.0.ln_1" or "ln_f", of a stream [T, D]."""
        weight, bias = (self.weights[f"transformer.{name}.{part}"] for part in ("weight", "bias"))
        return layer_norm(x, weight, bias, self.eps)

    def embed(self, tokens: Sequence[int]) -> Tensor:
        """Return token plus position embedding, [T, D]."""
        ids = torch.tensor(list(tokens), dtype=torch.long)
        words, places = self.weights["transformer.wte.weight"], self.weights["transformer.wpe.weight"]
        return words[ids] + places[: len(ids)]

    def bias_before(self, reader: str) -> Tensor:
        """Return β, the sum of the attention output biases written before `reader`, [D]: never ablated."""
        if reader not in self._biases:
            total = torch.zeros(self.width, dtype=torch.float64)
            for layer in range(self.layers):
                if 2 * layer + 1 < self._time(reader):
                    total = total + self._block(layer, "attn.c_proj.bias")
            self._biases[reader] = total
        return self._biases[reader]

    def head(self, layer: int, head: int, query_in: Tensor, key_in: Tensor, value_in: Tensor) -> Tensor:
        """Return a head's write, [T, D], from its three private streams, [T, D] each; b_V in, not b_O."""
        span = slice(head * self.head_width, (head + 1) * self.head_width)
        projected: list[Tensor] = []
        for third, stream in enumerate((query_in, key_in, value_in)):
            columns = slice(third * self.width + head * self.head_width, third * self.width + span.stop)
            weight = self._block(layer, "attn.c_attn.weight")[:, columns]
            bias = self._block(layer, "attn.c_attn.bias")[columns]
            projected.append(self.norm(f"h.{layer}.ln_1", stream) @ weight + bias)
        query, key, value = projected
        scores = query @ key.T
        if self.scale_by_width:
            scores = scores / math.sqrt(self.head_width)
        if self.scale_by_layer:
            scores = scores / (layer + 1)
        length = scores.shape[0]
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        scores = scores.masked_fill(future, -math.inf)
        weights = torch.exp(scores - scores.max(-1, keepdim=True).values)
        pattern = weights / weights.sum(-1, keepdim=True)
        return pattern @ value @ self._block(layer, "attn.c_proj.weight")[span, :]

    def mlp(self, layer: int, stream: Tensor) -> Tensor:
        """Return what an MLP writes, [T, D], its output bias included."""
        normed = self.norm(f"h.{layer}.ln_2", stream)
        into = normed @ self._block(layer, "mlp.c_fc.weight") + self._block(layer, "mlp.c_fc.bias")
        hidden = self.activation(into)
        return hidden @ self._block(layer, "mlp.c_proj.weight") + self._block(layer, "mlp.c_proj.bias")

    def out(self, stream: Tensor) -> Tensor:
        """Return OUT(stream): final norm and unembedding, [T, V]."""
        return self.norm("ln_f", stream) @ self.weights["lm_head.weight"].T

    def component(self, name: str, stream_of: Callable[[Port], Tensor]) -> Tensor:
        """Return what `name` computes, [T, D] (logits: [T, V]), from the stream of each of its ports."""
        streams = [stream_of((name, key)) for key in self._keys(name)]
        if name == "logits":
            return self.out(streams[0])
        if name.startswith("m"):
            return self.mlp(int(name[1:]), streams[0])
        layer, head = (int(part) for part in name[1:].split(".h"))
        return self.head(layer, head, *streams)

    # Ordinary runs.

    def forward(
        self, embedding: Tensor, nudges: Mapping[Port, Tensor] | None = None
    ) -> tuple[Outputs, Tensor]:
        """Run the model from an embedding.

        Args:
            embedding: What enters the stream, [T, D].
            nudges: Added to the private stream of a port, [T, D] each: what gradients are taken against.

        Returns:
            What each writer writes, and the logits [T, V].
        """
        outputs: Outputs = {"embed": embedding}

        def stream(port: Port) -> Tensor:
            total = self.bias_before(port[0])
            for writer in self.sources(port[0]):
                total = total + outputs[writer]
            return total if nudges is None or port not in nudges else total + nudges[port]

        for name in self.writers()[1:]:
            outputs[name] = self.component(name, stream)
        return outputs, self.component("logits", stream)
