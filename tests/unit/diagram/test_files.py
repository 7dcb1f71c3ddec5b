"""Files and markup: every format, hostile names, and failures that leave nothing behind."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import networkx as nx
import pygraphviz
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuitgraph.diagram import layout, render, svg_of, to_dot, to_html, to_mermaid, to_svg
from circuitgraph.errors import InputError, SurroundingsError
from tests.unit.diagram.example_graphs import edge, induction, ioi, measured, node

MAGIC = {
    "svg": b"<?xml",
    "png": b"\x89PNG\r\n",
    "pdf": b"%PDF-",
    "dot": b'digraph "induction" {',
    "mmd": b"---\n",
    "mermaid": b"---\n",
    "html": b"<!DOCTYPE html>",
}
HOSTILE = (
    "</TABLE><script>alert(1)</script>",
    'quote " and \\',
    "back\\",
    "line\nbreak",
    "&amp; <b>",
    "é→日本 {}|[]",
    "#quot;",
)


@pytest.mark.parametrize("suffix", MAGIC)
def test_each_format_writes_its_kind_of_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"diagram.{suffix.upper()}"
    assert render(induction(), str(path)) == path
    assert path.read_bytes().startswith(MAGIC[suffix])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["diagram.jpg", "diagram"])
def test_unknown_suffix_names_the_allowed_and_writes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"use one of \.svg, \.png, \.pdf, \.dot, \.mmd, \.mermaid, \.html"):
        render(induction(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_the_surroundings_fault(tmp_path: Path) -> None:
    with pytest.raises(SurroundingsError, match="cannot write"):
        render(induction(), tmp_path / "missing" / "diagram.dot")
    (tmp_path / "diagram.dot").mkdir()
    with pytest.raises(SurroundingsError, match="cannot write"):
        render(induction(), tmp_path / "diagram.dot")
    assert [path.name for path in tmp_path.iterdir()] == ["diagram.dot"]


def without_pygraphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)


def test_without_graphviz_dot_and_mermaid_still_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_pygraphviz(monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SurroundingsError, match=r"install pygraphviz >= 2\.0 .* or write \.dot or \.mmd"):
        render(induction(), tmp_path / "diagram.svg")
    assert not list(tmp_path.iterdir())
    render(induction(), tmp_path / "diagram.dot")
    render(induction(), tmp_path / "diagram.mmd")


def test_a_system_dot_serves_where_pygraphviz_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program here is a script around the bundled libraries: tested is how it is called and read."""
    program = tmp_path / "dot"
    program.write_text(
        f"#!{sys.executable}\nimport sys, pygraphviz\n"
        "graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())\n"
        "sys.stdout.buffer.write(graph.draw(format=sys.argv[1][2:], prog='dot'))\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    expected = svg_of(induction())
    without_pygraphviz(monkeypatch)
    assert svg_of(induction()) == expected
    assert layout.drawn(to_dot(induction()), "png").startswith(b"\x89PNG")
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('no such renderer')\n")
    with pytest.raises(SurroundingsError, match="no such renderer"):
        svg_of(induction())


def hostile_graph() -> nx.MultiDiGraph:
    graph = nx.MultiDiGraph(
        name=HOSTILE[0], about=HOSTILE[1], model=HOSTILE[2], metric=HOSTILE[4], unit='"', methods=["exact"],
        rule=HOSTILE[6], ablation=HOSTILE[5],
        metric_clean=1.0, metric_corrupt=0.0,
        groups=[{"name": HOSTILE[0], "role": HOSTILE[1], "at": HOSTILE[3], "members": ["a0.h0"]}],
    )  # fmt: skip
    node(graph, "embed")
    node(graph, "a0.h0", HOSTILE)
    node(graph, "logits")
    for place in HOSTILE:
        edge(graph, "embed", "a0.h0", f"q@{place}", **measured(-1.0))
    edge(graph, "a0.h0", "logits", "in", **measured(-1.0, "refuted"))
    return graph


def test_hostile_text_is_shown_and_never_acts() -> None:
    graph = hostile_graph()
    parsed = pygraphviz.AGraph(string=to_dot(graph))
    assert {"embed", "a0.h0", "logits"} <= set(parsed.nodes())
    svg = ET.fromstring(to_svg(graph))
    assert not [element for element in svg.iter() if element.tag.endswith("script")]
    shown = "\n".join(svg.itertext())
    for text in (HOSTILE[0], HOSTILE[1], HOSTILE[2], HOSTILE[4], HOSTILE[5], HOSTILE[6]):
        assert text in shown
    html = to_html(graph)
    assert "<script" not in html
    mermaid = to_mermaid(graph)
    title = next(row for row in mermaid.splitlines() if row.startswith("title: "))
    assert json.loads(title.removeprefix("title: ")) == HOSTILE[0] and "<" not in title
    mermaid = mermaid.replace(title, "")
    body = [row for row in mermaid.splitlines() if "-->" not in row and not row.lstrip().startswith("%%")]
    assert not any("<" in row or "\\" in row for row in body)
    assert mermaid.count('"') == 2 * len(re.findall(r'"[^"\n]*"', mermaid))


@given(st.lists(st.text(max_size=12), min_size=5, max_size=5))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_draws(texts: list[str]) -> None:
    name, about, role, position, source = texts
    graph = nx.MultiDiGraph(
        name=name, about=about, groups=[{"name": role, "role": about, "at": position, "members": ["a0.h0"]}]
    )
    node(graph, "a0.h0")
    graph.add_node("other" + source, kind="embed", layer=None, head=None, groups=[], in_circuit=True)
    edge(graph, "other" + source, "a0.h0", "q", position=position)
    assert ET.fromstring(to_svg(graph)).tag.endswith("svg")
    assert to_mermaid(graph).encode()
    assert to_html(graph).encode()


@st.composite
def circuits(draw: st.DrawFn) -> nx.MultiDiGraph:
    """Random circuits with groups that nest, overlap and span layers."""
    graph = nx.MultiDiGraph(name="random", methods=["exact"])
    node(graph, "embed")
    for layer in range(draw(st.integers(1, 4))):
        for head in range(draw(st.integers(0, 4))):
            node(graph, f"a{layer}.h{head}")
        if draw(st.booleans()):
            node(graph, f"m{layer}")
    node(graph, "logits")
    names = list(graph)
    inner = names[1:-1]
    members = st.lists(st.sampled_from(inner), max_size=5, unique=True) if inner else st.just([])
    graph.graph["groups"] = [
        {"name": f"g{i}", "role": None, "at": None, "members": chosen}
        for i, chosen in enumerate(draw(st.lists(members, max_size=4)))
    ]
    for i, source in enumerate(names):
        for target in names[i + 1 :]:
            same = graph.nodes[source]["layer"] == graph.nodes[target]["layer"]
            if same and graph.nodes[source]["kind"] == graph.nodes[target]["kind"] == "head":
                continue
            ports = "qkv" if graph.nodes[target]["kind"] == "head" else ["in"]
            for port in ports:
                if draw(st.integers(0, 3)) == 0:
                    effect = draw(st.none() | st.floats(-3, 3))
                    edge(graph, source, target, port, **({} if effect is None else measured(effect)))
    return graph


@given(circuits())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_node_and_edge_is_drawn(graph: nx.MultiDiGraph) -> None:
    parsed = pygraphviz.AGraph(string=to_dot(graph))
    assert set(graph) <= set(parsed.nodes())
    wanted = {f"{s} -> {t}{'' if key == 'in' else '.' + key}" for s, t, key in graph.edges(keys=True)}
    svg = ET.fromstring(to_svg(graph))
    titles = {
        line
        for element in svg.iter()
        if element.tag.endswith("title")
        for line in (element.text or "").split("\n")
    }
    assert wanted <= titles
    assert set(graph) <= titles
    assert to_mermaid(graph).count(" --> ") + to_mermaid(graph).count(" -->|") == to_mermaid(graph).count(
        "linkStyle"
    )


@pytest.mark.parametrize(
    "graph", [induction(), induction(measure=False), ioi()], ids=["five", "plain", "ioi"]
)
def test_graphviz_has_nothing_to_complain_about(
    graph: nx.MultiDiGraph, capfd: pytest.CaptureFixture[str]
) -> None:
    pygraphviz.AGraph(string=to_dot(graph)).draw(format="svg", prog="dot")
    said = capfd.readouterr().err.splitlines()
    assert [line for line in said if not line.startswith("Fontconfig")] == []
    svg_of(graph)
    assert capfd.readouterr().err == ""


def rows_of(graph: nx.MultiDiGraph) -> list[list[float]]:
    """Vertical places of the nodes, one list a row, as laid out."""
    laid = pygraphviz.AGraph(string=to_dot(graph))
    drawn = laid.draw(format="plain", prog="dot")
    assert isinstance(drawn, bytes)
    heights = {
        name: float(y) for name, y in re.findall(r'^node "?([\w.]+)"? \S+ (\S+)', drawn.decode(), re.M)
    }
    rows: dict[tuple[object, ...], list[float]] = {}
    for name, data in graph.nodes(data=True):
        order = {"embed": -1, "logits": 99}.get(data["kind"], data["layer"])
        rows.setdefault((order, data["kind"] == "mlp"), []).append(heights[name])
    return [rows[key] for key in sorted(rows)]


@pytest.mark.parametrize("graph", [induction(), ioi()], ids=["induction", "ioi"])
def test_rows_are_level_and_rise_from_embed_to_logits(graph: nx.MultiDiGraph) -> None:
    rows = rows_of(graph)
    assert all(max(row) - min(row) < 0.01 for row in rows)
    levels = [row[0] for row in rows]
    assert levels == sorted(levels) and len(set(levels)) == len(levels)


def test_svg_tooltips_are_titles_and_nothing_is_fetched() -> None:
    svg = svg_of(induction())
    assert "embed -&gt; a1.h3.q@END\nexact: −0.02 logits [−0.12, 0.08]" in svg.replace("&#45;", "-").replace(
        "&#10;", "\n"
    )
    assert "<a " not in svg and "DOCTYPE" not in svg
    page = to_html(induction())
    assert not re.search(r"(src|href)=|url\(|@import", page)
    assert page.count("<tr") == 1 + 9


def test_page_lists_edges_by_size_with_intervals_and_verdicts() -> None:
    rows = re.findall(r"<tr><td><code>(.*?)</code>", to_html(induction()))
    assert rows[0] == "a1.h0 -&gt; logits@END" and rows[-1] == "embed -&gt; a1.h3.q@END"
    assert '<td class="refuted">✗ refuted</td>' in to_html(induction())


def test_drawing_needs_no_torch() -> None:
    code = "import sys, circuitgraph.diagram; sys.exit('torch' in sys.modules or 'pygraphviz' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
