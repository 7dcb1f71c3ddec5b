"""Attribution methods by name (definitions §3)."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

from circuitgraph.errors import InputError, Problem, quoted

MethodKind = Literal["exact", "eap", "eap-ig"]
RiemannRule = Literal["midpoint", "left"]

DEFAULT_STEPS = 5


@dataclass(frozen=True, slots=True)
class Method:
    """A way to score edges.

    Attributes:
        kind: exact (activation patching), eap (Syed et al. 2023, arXiv:2310.10348), eap-ig (Hanna et al. 2024,
            arXiv:2403.17806, inputs).
        steps: Runs integrated over (eap-ig).
        rule: `midpoint`: α = (k + ½)/n; `left`: α = k/n from the corrupt end, the published code's rule, which
            leaves the clean end out (eap-ig).
    """

    kind: MethodKind
    steps: int = DEFAULT_STEPS
    rule: RiemannRule = "midpoint"

    @property
    def key(self) -> str:
        """Name of the edge attribute in result graphs: exact, eap, eap_ig, eap_ig_left."""
        left = "_left" if self.kind == "eap-ig" and self.rule == "left" else ""
        return self.kind.replace("-", "_") + left

    @property
    def is_estimate(self) -> bool:
        """Whether the score only approximates the effect."""
        return self.kind != "exact"


NAMES = ("exact", "eap", "eap-ig", "eap-ig-left")


def method_named(name: str, steps: int = DEFAULT_STEPS) -> Method:
    """The method with a name of `NAMES` (underscores do as well as hyphens).

    Raises:
        InputError: No such method, or `steps` below 1.
    """
    if steps < 1:
        raise InputError(Problem("bad-steps", f"steps must be at least 1, not {steps}"))
    plain = name.strip().lower().replace("_", "-")
    if plain == "exact":
        return Method("exact")
    if plain == "eap":
        return Method("eap")
    if plain == "eap-ig":
        return Method("eap-ig", steps)
    if plain == "eap-ig-left":
        return Method("eap-ig", steps, "left")
    close = difflib.get_close_matches(plain, NAMES, n=1)
    message = f"unknown attribution method {quoted(name)}: use {', '.join(NAMES)}"
    raise InputError(Problem("unknown-method", message, hint=f"did you mean {close[0]}?" if close else None))
