"""DOT and Mermaid of the example graphs, word for word; CG_UPDATE_GOLDEN=1 rewrites them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import pytest

from circuitgraph.diagram import to_dot, to_mermaid
from tests.unit.diagram.example_graphs import induction, ioi

GOLDEN = Path(__file__).parents[2] / "golden" / "diagrams"
GRAPHS: dict[str, Callable[[], nx.MultiDiGraph]] = {
    "induction": induction,
    "induction-unmeasured": lambda: induction(measure=False),
    "ioi": ioi,
    "ioi-unmeasured": lambda: ioi(measure=False),
}
WRITERS: dict[str, Callable[[nx.MultiDiGraph], str]] = {"dot": to_dot, "mmd": to_mermaid}


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("name", GRAPHS)
def test_golden(name: str, suffix: str) -> None:
    text = WRITERS[suffix](GRAPHS[name]())
    file = GOLDEN / f"{name}.{suffix}"
    if os.environ.get("CG_UPDATE_GOLDEN") == "1":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("suffix", WRITERS)
def test_order_of_insertion_does_not_matter(suffix: str) -> None:
    graph = ioi()
    shuffled = nx.MultiDiGraph(**graph.graph)
    shuffled.add_nodes_from(reversed(list(graph.nodes(data=True))))
    for source, target, key, data in reversed(list(graph.edges(keys=True, data=True))):
        shuffled.add_edge(source, target, key, **data)
    assert WRITERS[suffix](shuffled) == WRITERS[suffix](graph)
