from __future__ import annotations

import pytest

from circuitgraph.resolve.arrows import split_chain
from circuitgraph.resolve.problems import Mistake


@pytest.mark.parametrize(
    "text", ["a -> b.q -> c", "a->b.q->c", "a → b.q → c", "a→b.q -> c", "  a  ->  b.q  ->  c  "]
)
def test_arrows_with_or_without_spaces(text: str) -> None:
    assert split_chain(text) == ("a", "b.q", "c")


def test_angle_ports_and_arrows_do_not_mix() -> None:
    assert split_chain("a0.h1->a1.h0<q>->logits") == ("a0.h1", "a1.h0<q>", "logits")


def test_dashes_in_names() -> None:
    assert split_chain("s-inhibition->name-mover") == ("s-inhibition", "name-mover")


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("a", "single-hop", '"a" is one name: an edge is written a -> b'),
        ("a -> ", "empty-hop", '"a ->" lacks a name after the last arrow'),
        ("-> b", "empty-hop", '"-> b" lacks a name before the first arrow'),
        ("a -> -> b", "empty-hop", '"a -> -> b" lacks a name between two arrows'),
        (" ", "empty-hop", "an edge is missing here: write a -> b"),
    ],
)
def test_chains_that_lack_names(text: str, code: str, message: str) -> None:
    with pytest.raises(Mistake) as caught:
        split_chain(text)
    assert (caught.value.code, caught.value.message) == (code, message)


@pytest.mark.parametrize("text", ["a <- b", "a => b", "a --> b", "a ← b", "a ~> b"])
def test_other_arrows(text: str) -> None:
    with pytest.raises(Mistake) as caught:
        split_chain(text)
    assert caught.value.code == "bad-arrow"
