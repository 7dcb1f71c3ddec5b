"""What the induction model does, measured, and the card that says so."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import torch
from transformers import GPT2LMHeadModel

from circuitgraph.zoo.repeated_tokens import NAME, GeneratedRow
from circuitgraph.zoo.vocabulary import BOS_ID

if TYPE_CHECKING:
    from circuitgraph.zoo.train_induction import Recipe


@dataclass(frozen=True, slots=True)
class HeadFacts:
    """Where one head looks, averaged over rows.

    Attributes:
        head: Its name, `a1.h3`.
        previous: Mean attention from a position to the one before it, over all positions but the first.
        end_to_match_next: Mean attention from END to MATCH+1, the token after the earlier copy.
    """

    head: str
    previous: float
    end_to_match_next: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What the model does on the clean and corrupt prompts of some rows.

    Attributes:
        accuracy: Share of rows whose clean prompt makes the answer the most likely next token.
        logit_diff_clean: Mean logit(answer) - logit(foil) at END of the clean prompt.
        logit_diff_corrupt: The same on the corrupt prompt.
        heads: One entry per head, clean prompts, by layer.
    """

    accuracy: float
    logit_diff_clean: float
    logit_diff_corrupt: float
    heads: tuple[HeadFacts, ...]


@torch.no_grad()
def measure(model: GPT2LMHeadModel, rows: Sequence[GeneratedRow]) -> Facts:
    """Run the model on rows and read off accuracy, logit differences and attention.

    Args:
        model: Loaded with `attn_implementation="eager"`, without which it returns no attention patterns.
        rows: May differ in length: they are padded on the right, where causal attention never looks.
    """
    count = torch.arange(len(rows))
    end = torch.tensor([row.positions["END"] for row in rows])
    match = torch.tensor([row.positions["MATCH"] for row in rows])
    answer = torch.tensor([row.answer for row in rows])
    foil = torch.tensor([row.foil for row in rows])
    clean = model(input_ids=_padded([row.clean for row in rows]), output_attentions=True)
    corrupt = model(input_ids=_padded([row.corrupt for row in rows]))
    at_end = clean.logits[count, end]
    corrupt_at_end = corrupt.logits[count, end]

    heads: list[HeadFacts] = []
    for layer, pattern in enumerate(clean.attentions):
        # previous[b, h, p] is the attention from p + 1 to p; padding begins after END.
        previous = pattern.diagonal(offset=-1, dim1=2, dim2=3)
        real = torch.arange(previous.shape[-1]) < end[:, None]
        for head in range(pattern.shape[1]):
            heads.append(
                HeadFacts(
                    head=f"a{layer}.h{head}",
                    previous=previous[:, head][real].mean().item(),
                    end_to_match_next=pattern[count, head, end, match + 1].mean().item(),
                )
            )
    return Facts(
        accuracy=(at_end.argmax(dim=-1) == answer).float().mean().item(),
        logit_diff_clean=(at_end[count, answer] - at_end[count, foil]).mean().item(),
        logit_diff_corrupt=(corrupt_at_end[count, answer] - corrupt_at_end[count, foil]).mean().item(),
        heads=tuple(heads),
    )


def _padded(prompts: Sequence[Sequence[int]]) -> torch.Tensor:
    width = max(len(prompt) for prompt in prompts)
    return torch.tensor([[*prompt, *[BOS_ID] * (width - len(prompt))] for prompt in prompts])


def card(
    recipe: Recipe,
    seed: int,
    curve: Sequence[tuple[int, float]],
    seconds: float,
    facts: Facts,
    held_out: tuple[int, int],
    model: GPT2LMHeadModel,
) -> str:
    """Write the model's card, Markdown.

    Args:
        recipe: How it was trained.
        seed: Seed of weights and training data.
        curve: (step, mean loss since the last point, nats).
        seconds: Training time, of the processor.
        facts: What `measure` found on the held-out rows.
        held_out: Number and seed of those rows.
        model: For its shape.
    """
    config = model.config
    examples, held_out_seed = held_out
    # The norm before an MLP that writes nothing gets no gradient either.
    parameters = sum(
        p.numel() for name, p in model.named_parameters() if ".mlp." not in name and ".ln_2." not in name
    )
    settings = "\n".join(
        f"| {key.replace('_', ' ')} | {_shown(value)} |" for key, value in asdict(recipe).items()
    )
    losses = "\n".join(f"| {step} | {loss:.4f} |" for step, loss in curve)
    heads = "\n".join(f"| `{h.head}` | {h.previous:.3f} | {h.end_to_match_next:.3f} |" for h in facts.heads)
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers"))
    return f"""# zoo:induction

A {config.n_layer}-layer GPT-2 with {config.n_head} attention heads a layer and no MLPs in effect, trained to
continue repeated random words. Written by `circuitgraph.zoo.train_induction`, every number included.

    python -m circuitgraph.zoo.train_induction --out DIR --seed {seed}

Same versions, same processor, same numbers; elsewhere rounding differs, and the heads may come out in another
order.

## Model

{config.n_layer} layers, {config.n_head} heads, d_model {config.n_embd}, {config.n_positions} positions, \
{config.vocab_size} tokens, {parameters:,} trained parameters, float32, embeddings not tied, no dropout.
GPT-2 cannot leave its MLPs out: each is {config.n_inner} neuron wide, its weights and biases zero and frozen.
`attn_only: true` in `config.json` says so.
The tokenizer splits at white space, knows {config.vocab_size - 2} words and puts `<bos>` before every text.

## Data

Training rows are drawn afresh at every step: `<bos>`, a random prefix, then a segment of random words that
comes back again and again with fresh words in between. Segment length, distance between copies and length of
the prefix are drawn per row, so no fixed offset predicts a token. The words of a row differ, copies apart.
The loss is cross-entropy on the tokens that can be predicted: those of a later copy, but its first.
A first stage on short rows lets the heads form, the second covers every position (stages: tokens × steps).

## Recipe

| setting | value |
|---|---|
| seed | {seed} |
{settings}

AdamW with linear warm-up and cosine decay to zero; weight decay on matrices and embeddings only; gradients
clipped to norm 1; initial weights of standard deviation {config.initializer_range}.

Tried before, all from seed 0: long rows alone, with GPT-2's own initial standard deviation of 0.02 (1500
steps) and with 0.1 (800 steps, two learning rates), where the heads did not form in that time; short rows
alone, with 0.1 and 0.15, where they formed within 600 steps; weight decay 1.0 with a stage of 40 tokens
between, which blurred them. No other seed was tried.

## Training

{recipe.steps} steps in {seconds:.0f} s of processor time, one thread.
Python {platform.python_version()}, {packages}.

| step | loss, nats (mean since the row above) |
|---|---|
{losses}

## Measured

On {examples} held-out rows of `{NAME}`, seed {held_out_seed}, next token at END:

| measure | value |
|---|---|
| accuracy | {facts.accuracy:.4f} |
| mean logit(answer) - logit(foil), clean | {facts.logit_diff_clean:.3f} |
| mean logit(answer) - logit(foil), corrupt | {facts.logit_diff_corrupt:.3f} |

Mean attention on the clean prompts:

| head | to the previous token | END to MATCH+1 |
|---|---|---|
{heads}
"""


def _shown(value: object) -> str:
    if not isinstance(value, tuple):
        return str(value)
    pairs = all(isinstance(item, tuple) for item in value)
    return ", ".join(f"{item[0]} × {item[1]}" if pairs else str(item) for item in value)
