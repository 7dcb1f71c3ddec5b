"""The words the embedded models speak: two special tokens and ninety-four short English words.

A token's id is its place in `TOKENS`. Torch-free: the generators draw ids from here.
"""

from __future__ import annotations

BOS = "<bos>"
UNK = "<unk>"

WORDS: tuple[str, ...] = tuple(
    """
    ant ape arm bag ball band bank barn bath bear bed bell belt bird boat bone book boot bowl box bread bus
    cake camp card cart cat chair clock cloud coat coin cow crab cup deer desk dish dog door drum duck egg
    farm fish flag fox frog gate goat gold hand hat hill horse house ice key king kite lake lamp leaf lion
    milk moon nest nut oak owl park pen pig pond queen rain ring road rock rope rose salt sand ship shoe
    snow star stone sun tent tree wheel wolf wool
    """.split()
)

TOKENS: tuple[str, ...] = (BOS, UNK, *WORDS)
BOS_ID = TOKENS.index(BOS)
UNK_ID = TOKENS.index(UNK)
WORD_IDS = range(TOKENS.index(WORDS[0]), len(TOKENS))
"""Ids of the words, the special tokens left out."""
