"""The same semantics as an explicit tree: every path gets its own copies. For tiny models only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import torch
from torch import Tensor

from tests.oracle.gpt2 import Kept, Oracle, Rule
from tests.oracle.model import Edge, Outputs, Port


def evaluate_unfolded(
    oracle: Oracle, i: int, edges: Kept | Iterable[Edge], rule: Rule, baseline: Outputs
) -> Tensor:
    """Return what `Oracle.evaluate` returns, [T, V], from the tree cut edge by edge.

    Under `circuit` an ablated edge cuts its subtree to b_u. Under `any-edge` a kept edge makes its whole
    subtree clean; a copy whose subtree holds no kept edge is cut to its baseline.
    """
    wanted: Kept = edges if isinstance(edges, Mapping) else dict.fromkeys(edges)
    everywhere = range(len(oracle.clean[i]))
    clean, _ = oracle.run(oracle.clean[i])

    def copy(name: str) -> tuple[Tensor, bool]:
        """Return the value of a fresh copy of `name`, and whether any kept edge lies in its subtree."""
        if name == "embed":
            return (clean if rule == "circuit" else baseline)["embed"], False
        any_kept = False

        def stream(port: Port) -> Tensor:
            nonlocal any_kept
            total = oracle.bias_before(port[0]).expand(len(everywhere), -1)
            for writer in oracle.sources(port[0]):
                own = wanted.get((writer, *port), ())
                where: Collection[int] = everywhere if own is None else own
                below, kept_below = copy(writer)
                any_kept = any_kept or kept_below or len(where) > 0
                on, off = (below, baseline[writer]) if rule == "circuit" else (clean[writer], below)
                total = total + torch.stack([on[t] if t in where else off[t] for t in everywhere])
            return total

        value = oracle.component(name, stream)
        if rule == "any-edge" and not any_kept and name != "logits":
            return baseline[name], False
        return value, any_kept

    return copy("logits")[0]


def evaluate_leaves(oracle: Oracle, i: int, edges: Collection[Edge], rule: Rule) -> Tensor:
    """Return the logits, [T, V], of the tree whose leaves are clean or corrupt as the rule says.

    The table of the definitions word for word: a leaf is clean iff every (circuit), or at least one
    (any-edge), edge of its path is kept. It defines the `corrupt` ablation, without positions.
    """
    clean, corrupt = oracle.embed(oracle.clean[i]), oracle.embed(oracle.corrupt[i])
    decide = all if rule == "circuit" else any

    def copy(name: str, path: tuple[Edge, ...]) -> Tensor:
        """Return the value of the copy of `name` that is read over `path` (its edges, output first)."""
        if name == "embed":
            return clean if decide(edge in edges for edge in path) else corrupt

        def stream(port: Port) -> Tensor:
            total = oracle.bias_before(port[0])
            for writer in oracle.sources(port[0]):
                total = total + copy(writer, (*path, (writer, *port)))
            return total

        return oracle.component(name, stream)

    return copy("logits", ())
