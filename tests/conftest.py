"""What all tests share: one torch thread per process, and the hypothesis profile."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

# Tests run in several processes at once (pytest -n); more threads than cores only slow each other down.
torch.set_num_threads(1)

# The first example of a test may load a model, so no deadline; a failure prints what reproduces it.
settings.register_profile(
    "circuitgraph", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("circuitgraph")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout, which holds specs/, examples/ and docs/."""
    return Path(__file__).resolve().parents[1]
