"""circuitgraph: validate hypotheses about transformer circuits.

    import circuitgraph as cg
    report = cg.validate("specs/induction.yaml")
    report.claims, report.graph, report.save("out/")

Importing costs next to nothing; torch is loaded by the first function that runs a model.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circuitgraph.api import Check, attribute, check, explain, render, validate
    from circuitgraph.errors import (
        CircuitGraphError,
        InputError,
        ModelError,
        SpecError,
        SurroundingsError,
        TaskError,
    )
    from circuitgraph.report import Report
    from circuitgraph.spec import Spec, dump, load, loads

_HOMES = {
    "attribute": "api",
    "check": "api",
    "explain": "api",
    "render": "api",
    "validate": "api",
    "Check": "api",
    "CircuitGraphError": "errors",
    "InputError": "errors",
    "ModelError": "errors",
    "SpecError": "errors",
    "SurroundingsError": "errors",
    "TaskError": "errors",
    "Report": "report",
    "Spec": "spec",
    "dump": "spec",
    "load": "spec",
    "loads": "spec",
}

__all__ = [
    "Check",
    "CircuitGraphError",
    "InputError",
    "ModelError",
    "Report",
    "Spec",
    "SpecError",
    "SurroundingsError",
    "TaskError",
    "attribute",
    "check",
    "dump",
    "explain",
    "load",
    "loads",
    "render",
    "validate",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
