"""Real tokenizers, and the shape of a small model to read rows against."""

from __future__ import annotations

import pytest

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.task import Tokenizer
from tests.unit.task.samples import byte_level_bpe, word_level


@pytest.fixture(scope="session")
def bpe() -> Tokenizer:
    return Tokenizer(byte_level_bpe())


@pytest.fixture(scope="session")
def words() -> Tokenizer:
    return Tokenizer(word_level())


@pytest.fixture(scope="session")
def graph() -> ResidualGraph:
    return ResidualGraph("gpt2", layers=2, heads=2, d_model=8, vocab=400, context=32, name="./model")
