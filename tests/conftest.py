"""What all tests share: shapes checked while they run, one torch thread a process, the hypothesis profile."""

from __future__ import annotations

from pathlib import Path

# Before anything that imports nnsight: nnsight mounts methods on `object`, and beartype, imported after that,
# fails on the slots it finds there.
import beartype  # noqa: F401
import pytest
import torch
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

# Checks types and tensor shapes at every call into the engine. The hook sees only modules imported after it,
# so nothing above may import circuitgraph.
install_import_hook("circuitgraph.engine", "beartype.beartype")

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
