"""The family table: where each model family keeps its parts.

A family is a row of data. The engine reads the row and nothing else, so a new family is a new row and a test
against the oracle, not a change of the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SlotLayout = Literal["port-major"]
"""How a fused projection orders its `[slots, d_head]` outputs: `port-major` = slot `port * heads + head`."""


@dataclass(frozen=True, slots=True)
class Family:
    """One row: module paths (relative to the model, or to a block) and config keys.

    Attributes:
        name: Name of the family.
        model_types: The `model_type` values of Hugging Face configs it serves.
        blocks: Path of the list of blocks.
        norm_attn: Norm that feeds q, k and v, in a block.
        attn: Attention module, in a block.
        qkv: Fused projection to q, k and v, in a block.
        slots: Layout of the fused projection's output.
        out: Attention output projection, in a block.
        norm_mlp: Norm that feeds the MLP, in a block.
        mlp: MLP module, in a block.
        final_norm: Norm that feeds the unembedding.
        unembed: Unembedding.
        transposed: Whether projections store `[in, out]` weights (Conv1D) instead of `[out, in]` (Linear).
        layers, heads, d_model, vocab, context: Config keys of the numbers of the residual graph.
    """

    name: str
    model_types: tuple[str, ...]
    blocks: str
    norm_attn: str
    attn: str
    qkv: str
    slots: SlotLayout
    out: str
    norm_mlp: str
    mlp: str
    final_norm: str
    unembed: str
    transposed: bool
    layers: str
    heads: str
    d_model: str
    vocab: str
    context: str


GPT2 = Family(
    name="gpt2",
    model_types=("gpt2",),
    blocks="transformer.h",
    norm_attn="ln_1",
    attn="attn",
    qkv="attn.c_attn",
    slots="port-major",
    out="attn.c_proj",
    norm_mlp="ln_2",
    mlp="mlp",
    final_norm="transformer.ln_f",
    unembed="lm_head",
    transposed=True,
    layers="n_layer",
    heads="n_head",
    d_model="n_embd",
    vocab="vocab_size",
    context="n_positions",
)

FAMILIES: tuple[Family, ...] = (GPT2,)

ATTN_ONLY = "attn_only"
"""Config key (boolean) by which a GPT-2 whose MLPs write exactly nothing says so; its graph has no `m*` nodes."""


def family_of(model_type: str) -> Family | None:
    """The family serving a Hugging Face `model_type`, or None."""
    return next((family for family in FAMILIES if model_type in family.model_types), None)


def family_named(name: str) -> Family:
    """The family with this name; it must exist."""
    return next(family for family in FAMILIES if family.name == name)


def supported() -> str:
    """The supported `model_type` values, for messages."""
    return ", ".join(sorted(kind for family in FAMILIES for kind in family.model_types))
