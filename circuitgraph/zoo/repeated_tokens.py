"""The data set `repeated-tokens`: random words in which one pair A B occurs and A returns at the end.

    clean    <bos> x x x A  B  y y y A      answer B
    corrupt  <bos> u u u A' B' v v v A'     foil   B'

The corrupt prompt is another prompt of the same kind and the same shape, so every position plays the same
part in both and only the words differ. Neither prompt contains a word of the other's pair: a query for A
finds no match among the corrupt keys, and a query for A' none among the clean ones.

Torch-free.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from circuitgraph.zoo.vocabulary import BOS_ID, WORD_IDS

NAME = "repeated-tokens"
POSITIONS: tuple[str, ...] = ("END", "MATCH")
FACTORS: tuple[str, ...] = ("gap",)

GAPS: tuple[int, ...] = (4, 7, 10, 13)
"""Levels of the factor `gap`: tokens from the first A to the last."""

MATCHES = range(5, 11)
"""Where the first A may stand. Drawn independently of the gap; rows are 10 to 24 tokens long."""


@dataclass(frozen=True, slots=True)
class GeneratedRow:
    """One generated example.

    Attributes:
        clean: Token ids of the clean prompt.
        corrupt: Token ids of the corrupt prompt, as many.
        answer: The token after the first A of the clean prompt.
        foil: The token after the first A' of the corrupt prompt.
        positions: END, the last token, and MATCH, the first A: 0-based from the row's own first token.
        factors: gap, END - MATCH.
    """

    clean: tuple[int, ...]
    corrupt: tuple[int, ...]
    answer: int
    foil: int
    positions: Mapping[str, int]
    factors: Mapping[str, int | str]


def repeated_tokens(examples: int, seed: int) -> list[GeneratedRow]:
    """Draw rows; the same seed gives the same rows, and fewer examples a prefix of them.

    Args:
        examples: How many rows, at least 1.
        seed: Seed of the draw.

    Raises:
        ValueError: `examples` is below 1.
    """
    if examples < 1:
        raise ValueError(f"{NAME} needs at least 1 example, not {examples}")
    draw = random.Random(seed)
    return [_row(draw) for _ in range(examples)]


def _row(draw: random.Random) -> GeneratedRow:
    gap = draw.choice(GAPS)
    match = draw.choice(MATCHES)
    pairs = draw.sample(WORD_IDS, 4)
    others = [word for word in WORD_IDS if word not in pairs]
    clean = _prompt(draw, others, pairs[:2], match, gap)
    corrupt = _prompt(draw, others, pairs[2:], match, gap)
    return GeneratedRow(
        clean=clean,
        corrupt=corrupt,
        answer=pairs[1],
        foil=pairs[3],
        positions={"END": match + gap, "MATCH": match},
        factors={"gap": gap},
    )


def _prompt(
    draw: random.Random, others: Sequence[int], pair: Sequence[int], match: int, gap: int
) -> tuple[int, ...]:
    # Drawn without replacement: the final token has exactly one earlier occurrence, and no filler has any.
    fillers = draw.sample(others, match + gap - 3)
    before, after = fillers[: match - 1], fillers[match - 1 :]
    return (BOS_ID, *before, *pair, *after, pair[0])
