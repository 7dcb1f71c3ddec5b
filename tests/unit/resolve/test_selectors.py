from __future__ import annotations

import pytest

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.resolve.problems import Mistake
from circuitgraph.resolve.selectors import (
    is_group_name,
    members,
    near_component,
    parse_selector,
    reads_as_component,
)


def names(text: str, graph: ResidualGraph) -> list[str]:
    return [str(node) for node in members(parse_selector(text), graph)]


def mistake(text: str, graph: ResidualGraph) -> Mistake:
    with pytest.raises(Mistake) as caught:
        members(parse_selector(text), graph)
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("embed", "embed"),
        ("logits", "logits"),
        ("a1.h3", "a1.h3"),
        ("m0", "m0"),
        ("a1", "a1.h0 a1.h1 a1.h2 a1.h3"),
        ("a*.h2", "a0.h2 a1.h2"),
        ("a*", "a0.h0 a0.h1 a0.h2 a0.h3 a1.h0 a1.h1 a1.h2 a1.h3"),
        ("a0-1.h3", "a0.h3 a1.h3"),
        ("a1.h1-2", "a1.h1 a1.h2"),
        ("a1-1.h2-2", "a1.h2"),
        ("m*", "m0 m1"),
        ("m0-1", "m0 m1"),
    ],
)
def test_components(text: str, expected: str, small: ResidualGraph) -> None:
    assert " ".join(names(text, small)) == expected


@pytest.mark.parametrize(
    ("alias", "canonical"),
    [
        ("L1H3", "a1.h3"),
        ("l1h3", "a1.h3"),
        ("1.3", "a1.h3"),
        ("A1.3", "a1.h3"),
        ("A1.H3", "a1.h3"),
        ("mlp1", "m1"),
        ("MLP1", "m1"),
        ("input", "embed"),
        ("INPUT", "embed"),
        (" a1.h3 ", "a1.h3"),
    ],
)
def test_aliases(alias: str, canonical: str, small: ResidualGraph) -> None:
    assert names(alias, small) == [canonical]
    assert parse_selector(alias).named


@pytest.mark.parametrize(
    ("text", "base", "ports"),
    [
        ("a1.h0.q", "a1.h0", "q"),
        ("a1.h0.vq", "a1.h0", "qv"),
        ("a1.h0.qkv", "a1.h0", "qkv"),
        ("a1.h0.{q,v}", "a1.h0", "qv"),
        ("a1.h0.{ v , k }", "a1.h0", "kv"),
        ("a1.h0<q>", "a1.h0", "q"),
        ("A1.H0<QV>", "A1.H0", "qv"),
        ("L1H0.q", "L1H0", "q"),
        ("1.2.k", "1.2", "k"),
        ("a1.q", "a1", "q"),
        ("a*.h*.v", "a*.h*", "v"),
        ("induction.kv", "induction", "kv"),
        ("индукция.k", "индукция", "k"),
    ],
)
def test_ports(text: str, base: str, ports: str) -> None:
    selector = parse_selector(text)
    assert (selector.base, "".join(selector.ports)) == (base, ports)


@pytest.mark.parametrize("text", ["m1.in", "logits.in", "mlp1.IN"])
def test_the_port_in(text: str) -> None:
    assert parse_selector(text).ports == ("in",)


def test_position() -> None:
    selector = parse_selector("a1.h0.q@END")
    assert (selector.text, selector.base, selector.ports, selector.position) == (
        "a1.h0.q",
        "a1.h0",
        ("q",),
        "END",
    )
    assert parse_selector("induction @ MATCH+1").position == "MATCH+1"


@pytest.mark.parametrize("text", ["a1", "a1.h*", "a1.h0-1", "a*.h1", "m*", "m0-1", "induction"])
def test_what_stands_for_many_is_not_named(text: str) -> None:
    assert not parse_selector(text).named


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("a1.h4", "no-such-head", "head a1.h4 does not exist: small has heads 0..3"),
        ("a2.h0", "no-such-layer", "head a2.h0 does not exist: small has layers 0..1"),
        ("a2", "no-such-layer", "a2 does not exist: small has layers 0..1"),
        ("a1.h2-4", "no-such-head", "a1.h2-4 reaches outside the model: small has heads 0..3"),
        ("a1-2.h*", "no-such-layer", "a1-2.h* reaches outside the model: small has layers 0..1"),
        ("m2", "no-such-layer", "MLP m2 does not exist: small has layers 0..1"),
        ("m0-2", "no-such-layer", "m0-2 reaches outside the model: small has layers 0..1"),
        ("L1H4", "no-such-head", "head L1H4 does not exist: small has heads 0..3"),
        ("a01.h1", "bad-index", '"a01.h1": the index 01 has a leading zero'),
        ("m1-0", "bad-range", '"m1-0": the range 1-0 runs backwards'),
        ("a1.h२", "bad-index", '"a1.h२": indices are written in the digits 0-9'),
        ("m1.n300", "neurons-unsupported", "neurons come in a later version: m1.n300 cannot be used yet"),
        ("m1.n0-99", "neurons-unsupported", "neurons come in a later version: m1.n0-99 cannot be used yet"),
        ("a1@END@S2", "stray-at", '"a1@END@S2" has more than one "@": one position per name'),
        ("a1.h0@", "stray-at", '"@" after "a1.h0" needs the name of a position'),
        ("@END", "stray-at", '"@END" has a position but no name before the "@"'),
        ("a1.h0.qq", "repeated-port", '"a1.h0.qq" names a port twice'),
        ("a1.h0@END.q", "misplaced-port", '"a1.h0@END.q" has its port after the position'),
        ("", "empty-name", "a name is missing here"),
        ("**", "bad-name", '"**" stands for components of a path: it is allowed under paths only'),
        (
            "embed.tok",
            "embed-parts-unsupported",
            "embed is one writer, tokens and positions together: embed.tok comes in a later version",
        ),
    ],
)
def test_mistakes(text: str, code: str, message: str, small: ResidualGraph) -> None:
    found = mistake(text, small)
    assert (found.code, found.message) == (code, message)


@pytest.mark.parametrize(
    "text", ["a1.h0.x", "a1.h0.qin", "a1.h0.{}", "a1.h0<>", "a1.h0.{q;v}", "a1.h0.\u212a"]
)
def test_no_such_port(text: str, small: ResidualGraph) -> None:
    assert mistake(text, small).code == "no-such-port"


@pytest.mark.parametrize(
    "text", ["5", "a1..h2", "a1.h-1", "1-2", "a.b.c d", "*", "a1.h0.q.k", "a 1", "-x", "a1/h2"]
)
def test_no_names(text: str, small: ResidualGraph) -> None:
    assert mistake(text, small).code in ("bad-name", "no-such-port")


def test_an_absurdly_long_index_is_refused(small: ResidualGraph) -> None:
    assert mistake("a" + "9" * 5000, small).code == "bad-index"


def test_key_value_groups_say_which_head_they_are(small: ResidualGraph) -> None:
    found = mistake("a1.g2.k", small)
    assert found.code == "no-kv-groups"
    assert found.message.endswith("that is a1.h2")
    assert mistake("a1.g4", small).code == "no-such-head"


def test_attention_only_models_have_no_mlps(attn_only: ResidualGraph) -> None:
    for text in ("m0", "m*"):
        found = mistake(text, attn_only)
        assert (found.code, found.message) == (
            "no-such-mlp",
            f"MLP {text} does not exist: zoo:induction has no MLPs",
        )


def test_one_head_is_said_as_one() -> None:
    graph = ResidualGraph("gpt2", 1, 1, 8, 8, 8, name="tiny")
    assert mistake("a0.h1", graph).message == "head a0.h1 does not exist: tiny has one head, 0"
    assert mistake("a1.h0", graph).message == "head a1.h0 does not exist: tiny has one layer, 0"


@pytest.mark.parametrize(
    "name", ["induction", "name_mover", "s-inhibition", "_x", "индукция", "帰納", "हिन्दी", "h2", "K"]
)
def test_group_names(name: str) -> None:
    assert is_group_name(name)
    assert reads_as_component(name) is None


@pytest.mark.parametrize("name", ["", "2nd", "-x", "a b", "x.y", "x@y", "x->y", "²x", "a*"])
def test_no_group_names(name: str) -> None:
    assert not is_group_name(name)


@pytest.mark.parametrize(
    "name", ["embed", "Logits", "input", "a1", "A1", "m5", "mlp5", "L5H1", "m0-3", "a05", "a5.h1"]
)
def test_names_that_read_as_components(name: str) -> None:
    assert reads_as_component(name)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("a1h2", "a1.h2"),
        ("a1_h2", "a1.h2"),
        ("head1.2", "a1.h2"),
        ("L1.H2", "a1.h2"),
        ("L1.head2", "a1.h2"),
        ("mlp_1", "m1"),
        ("mlp.1", "m1"),
        ("a7h2", None),
        ("induction", None),
    ],
)
def test_near_components(text: str, near: str | None, small: ResidualGraph) -> None:
    assert near_component(text, small) == near
