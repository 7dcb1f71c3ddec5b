"""What a diagram shows: which edges, how wide, in which colour, with which marks and boxes."""

from __future__ import annotations

import math

import networkx as nx
import pytest

from circuitgraph.diagram import palette
from circuitgraph.diagram.compose import compose
from circuitgraph.diagram.dot import THICKEST, THINNEST, dot_text, width_of
from circuitgraph.diagram.legend import legend
from circuitgraph.diagram.picture import DrawnEdge, Picture
from circuitgraph.errors import InputError
from tests.unit.diagram.example_graphs import edge, induction, ioi, measured, node


def line(picture: Picture, source: str, target: str, key: str) -> DrawnEdge:
    (found,) = [e for e in picture.edges if (e.source, e.target) == (source, target) and key in e.keys]
    return found


def test_width_follows_effect_and_colour_follows_sign() -> None:
    picture = compose(induction())
    widest = line(picture, "a1.h0", "logits", "in@END")
    assert width_of(widest, picture) == THICKEST
    assert widest.colour == palette.SUPPORTS
    opposing = line(picture, "embed", "a1.h3", "v")
    assert opposing.colour == palette.OPPOSES
    expected = THINNEST + (THICKEST - THINNEST) * 0.44 / 5.08
    assert width_of(opposing, picture) == pytest.approx(expected, abs=0.01)
    assert opposing.figure == "+0.44"


def test_method_picks_the_numbers_and_accepts_its_spoken_name() -> None:
    assert compose(induction()).method == "exact"
    picture = compose(induction(), method="eap")
    assert line(picture, "embed", "a0.h1", "v").effect == pytest.approx(-4.31 * 0.9)
    graph = induction()
    for *_, data in graph.edges(data=True):
        data["eap_ig"] = 1.0
    assert compose(graph, method="eap-ig").method == "eap_ig"


def test_unmeasured_method_is_refused_with_what_there_is() -> None:
    with pytest.raises(InputError, match='method "eap-ig" was not measured: the graph has exact, eap'):
        compose(induction(), method="eap-ig")
    with pytest.raises(InputError, match="no effects at all"):
        compose(induction(measure=False), method="exact")


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_bad_minimum_is_refused(bad: float) -> None:
    with pytest.raises(InputError, match="min_effect"):
        compose(induction(), min_effect=bad)


def test_minimum_drops_weak_edges_but_never_judged_ones_and_says_so() -> None:
    picture = compose(induction(), min_effect=1.0)
    assert {abs(e.effect or 0) >= 1.0 or e.verdict is not None for e in picture.edges} == {True}
    assert line(picture, "embed", "a1.h3", "q@END").refuted
    assert len(picture.edges) == 7
    assert picture.notes == ("2 edges with |effect| < 1.00 not drawn",)
    assert "2 edges with |effect| &lt; 1.00 not drawn" in dot_text(picture)


def test_only_circuit_leaves_the_rest_out_unless_a_claim_names_it() -> None:
    graph = induction()
    node(graph, "a0.h2", in_circuit=False)
    node(graph, "a0.h3", in_circuit=False)
    edge(graph, "embed", "a0.h2", "v", in_circuit=False, **measured(-0.5))
    edge(graph, "embed", "a0.h3", "v", in_circuit=False, **measured(-0.5, "refuted"))
    names = {drawn.name for drawn in compose(graph).nodes}
    assert "a0.h2" not in names and "a0.h3" in names
    everything = compose(graph, only_circuit=False)
    assert not line(everything, "embed", "a0.h2", "v").in_circuit
    assert "not in the circuit" in dot_text(everything)


def test_zero_and_non_finite_effects_have_finite_widths() -> None:
    graph = induction()
    for index, (*_, data) in enumerate(graph.edges(data=True)):
        data["exact"] = math.nan if index == 0 else 0.0
    picture = compose(graph)
    assert {width_of(e, picture) for e in picture.edges if e.effect is not None} == {THINNEST}
    assert picture.edges[0].effect is None
    assert "nan" not in dot_text(picture).lower()


def test_crowded_diagram_prints_verdicts_only_and_fades_the_weakest() -> None:
    picture = compose(ioi())
    assert picture.crowded
    assert not any(e.figure for e in picture.edges)
    assert sorted(e.mark for e in picture.edges if e.mark) == ["?", "✓", "✗", "✗"]
    graph = ioi()
    weak = next(iter(graph.edges(data=True)))[2]
    weak["exact"] = 1e-4
    faded = [e for e in compose(graph).edges if e.faded]
    assert [e.effect for e in faded] == [1e-4]


def test_unmeasured_ports_of_one_pair_merge_only_where_crowded() -> None:
    merged = line(compose(ioi(measure=False)), "m0", "a9.h9", "k")
    assert merged.keys == ("k", "v") and merged.port == "kv"
    assert all(len(e.keys) == 1 for e in compose(ioi()).edges)
    assert all(len(e.keys) == 1 for e in compose(induction(measure=False)).edges)


def test_too_many_lines_keep_the_judged_and_strongest_and_say_so() -> None:
    graph = nx.MultiDiGraph(name="wide", methods=["exact"])
    node(graph, "embed")
    for head in range(200):
        node(graph, f"a0.h{head}")
        for i, port in enumerate("qkv"):
            verdict = "refuted" if (head, port) == (0, "q") else None
            edge(graph, "embed", f"a0.h{head}", port, **measured(-0.001 * (3 * head + i), verdict))
    picture = compose(graph)
    assert len(picture.edges) == 400
    assert picture.notes == ("only the 400 strongest of 600 lines drawn",)
    assert picture.edges[0].refuted
    assert min(e.share for e in picture.edges if not e.refuted) == pytest.approx(201 / 599)


def grouped(*groups: tuple[str, list[str]]) -> Picture:
    graph = nx.MultiDiGraph(groups=[{"name": n, "role": None, "at": None, "members": m} for n, m in groups])
    for name in ("a0.h0", "a0.h1", "a1.h0"):
        node(graph, name)
    return compose(graph)


def test_groups_nest_and_a_group_that_would_cut_a_box_is_a_tag() -> None:
    nested = grouped(("one", ["a0.h0"]), ("all", ["a0.h0", "a0.h1", "a1.h0"]))
    (outer,) = nested.boxes
    assert outer.name == "all" and [box.name for box in outer.inner] == ["one"]
    cutting = grouped(("early", ["a0.h0", "a0.h1"]), ("late", ["a0.h1", "a1.h0"]))
    assert [box.name for box in cutting.boxes] == ["early"]
    assert {n.name: n.tags for n in cutting.nodes} == {"a0.h0": (), "a0.h1": ("late",), "a1.h0": ("late",)}
    same = grouped(("first", ["a0.h0"]), ("twin", ["a0.h0"]))
    assert [box.name for box in same.boxes] == ["first"] and same.nodes[0].tags == ("twin",)


def test_every_result_names_its_rule_ablation_and_runs() -> None:
    picture = compose(induction())
    assert picture.facts == (
        "zoo:induction · logit_diff 11.24 clean → −0.31 ablated logits · n = 128",
        "rule: circuit · ablation: corrupt",
    )
    assert compose(induction(measure=False)).facts[0] == "zoo:induction · logit_diff"


def test_what_rounds_to_zero_has_neither_sign_nor_colour() -> None:
    graph = induction()
    graph.edges["embed", "a1.h3", "v"]["exact"] = -0.001
    line = next(e for e in compose(graph).edges if (e.source, e.target, e.port) == ("embed", "a1.h3", "v"))
    assert (line.figure, line.sign, line.colour) == ("0.00", 0, palette.NO_EFFECT)


def test_the_title_sums_up_the_claims() -> None:
    told = "claims: ✓ 3 supported · ✗ 2 refuted: minimal, no_effect · ? 1 inconclusive"
    assert compose(induction()).verdicts == told
    assert compose(induction(measure=False)).verdicts == ""


def test_the_legend_names_only_what_edges_end_in() -> None:
    assert "into the logits" in legend(compose(induction()))
    assert "into an MLP or the logits" in legend(compose(ioi()))
