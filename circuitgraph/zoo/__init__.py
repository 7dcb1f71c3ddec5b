"""Embedded models and built-in data sets: what `model: zoo:NAME` and `prompts: {zoo: NAME}` stand for.

Torch-free: this is a registry of names and paths. The code that trained a model stands beside it
(`circuitgraph.zoo.train_induction`) and needs torch and transformers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from circuitgraph.zoo import repeated_tokens as _repeated_tokens
from circuitgraph.zoo.repeated_tokens import GeneratedRow

__all__ = [
    "GENERATORS",
    "GENERATOR_FACTORS",
    "GENERATOR_POSITIONS",
    "MODELS",
    "GeneratedRow",
    "Generator",
    "ZooModel",
]


@dataclass(frozen=True, slots=True)
class ZooModel:
    """One embedded model.

    Attributes:
        name: What follows `zoo:` in a spec.
        directory: Hugging Face directory inside the package: config, weights, tokenizer, card.
        about: One sentence.
        dataset: Name of the data set it was made for, a key of `GENERATORS`.
        spec: File name, under `specs/`, of the circuit hypothesis about it.
    """

    name: str
    directory: Path
    about: str
    dataset: str
    spec: str


class Generator(Protocol):
    """A built-in data set: the same seed gives the same rows, fewer examples a prefix of them."""

    def __call__(self, examples: int, seed: int) -> list[GeneratedRow]:
        """Draw `examples` rows.

        Raises:
            ValueError: `examples` is below 1.
        """
        ...


MODELS: Mapping[str, ZooModel] = MappingProxyType(
    {
        model.name: model
        for model in (
            ZooModel(
                name="induction",
                directory=Path(__file__).parent / "induction",
                about="Two layers of four heads, no MLPs, trained to continue repeated random words.",
                dataset=_repeated_tokens.NAME,
                spec="induction.yaml",
            ),
        )
    }
)

GENERATORS: Mapping[str, Generator] = MappingProxyType(
    {_repeated_tokens.NAME: _repeated_tokens.repeated_tokens}
)

GENERATOR_POSITIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {_repeated_tokens.NAME: _repeated_tokens.POSITIONS}
)
"""The position names that every row of a data set carries."""

GENERATOR_FACTORS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {_repeated_tokens.NAME: _repeated_tokens.FACTORS}
)
"""The factors that every row of a data set carries."""
