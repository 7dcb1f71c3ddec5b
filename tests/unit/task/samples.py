"""Tokenizers trained and built on the spot, and specs built in Python."""

from __future__ import annotations

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

from circuitgraph.spec import Spec

WORDS = "<bos> <unk> the cat dog sat on a mat and Mary John gave drink to , .".split()
CORPUS = [
    "Then, Mary and John went to the store. John gave a drink to Mary.",
    "Then, Alice and Tom went to the park. Tom gave a book to Alice.",
] * 8


def byte_level_bpe(*, trim_offsets: bool = True) -> tokenizers.Tokenizer:
    """A byte-level BPE like GPT-2's: frequent words are one token with their leading space, others split."""
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.ByteLevel(trim_offsets=trim_offsets)
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    backend.train_from_iterator(CORPUS, trainer)
    return backend


def word_level() -> tokenizers.Tokenizer:
    """Whole words, each prompt begun by <bos>, other words unknown."""
    vocabulary = {word: index for index, word in enumerate(WORDS)}
    backend = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 0)])
    backend.add_special_tokens(["<bos>", "<unk>"])
    return backend


def make_spec(task: dict[str, object], **more: object) -> Spec:
    """A spec built in Python: its task, and what else differs from the plainest one."""
    content = {"circuitgraph": 1, "name": "t", "model": "./model", "edges": ["embed -> logits"]}
    return Spec.model_validate({**content, "task": task, **more})
