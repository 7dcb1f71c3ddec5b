"""What `import circuitgraph as cg` offers, and what the command line is made of."""

from __future__ import annotations

from circuitgraph.api.checking import Check, check
from circuitgraph.api.drawing import render
from circuitgraph.api.prepare import Prepared, as_spec, prepare
from circuitgraph.api.running import attribute, explain, validate

__all__ = ["Check", "Prepared", "as_spec", "attribute", "check", "explain", "prepare", "render", "validate"]
