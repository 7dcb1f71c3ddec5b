"""Randomly initialised GPT-2 models, with every weight and bias away from its neutral value."""

from __future__ import annotations

import torch
from transformers import GPT2Config, GPT2LMHeadModel


def random_gpt2(
    seed: int,
    *,
    layers: int = 2,
    heads: int = 2,
    head_width: int = 4,
    vocabulary: int = 13,
    positions: int = 12,
    attn_only: bool = False,
    scale: float = 0.4,
    **config: object,
) -> GPT2LMHeadModel:
    """Return a tiny GPT-2 in float64 whose norms, biases and weights are all random.

    Args:
        seed: Of all weights.
        layers: Blocks.
        heads: Heads per block.
        head_width: Size of a head; the stream has heads * head_width dimensions.
        vocabulary: Number of tokens.
        positions: Longest row.
        attn_only: Zero the MLPs' output projections and say so in the config.
        scale: Standard deviation of every weight; norms are 1 plus this noise.
        **config: Further fields of `GPT2Config`.
    """
    settings = GPT2Config(
        n_layer=layers,
        n_head=heads,
        n_embd=heads * head_width,
        vocab_size=vocabulary,
        n_positions=positions,
        bos_token_id=None,
        eos_token_id=None,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        resid_pdrop=0.0,
        tie_word_embeddings=False,
        **config,  # pyright: ignore[reportArgumentType]
    )
    settings.attn_only = attn_only  # not a field of GPT-2: ours, and kept by save_pretrained
    model = GPT2LMHeadModel(settings).double().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator, dtype=torch.float64) * scale
            is_norm = ".ln_" in name and name.endswith("weight")
            weight.copy_(1 + noise if is_norm else noise)
            if attn_only and ".mlp.c_proj." in name:
                weight.zero_()
    return model
