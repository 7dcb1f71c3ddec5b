"""dump and loads are inverse: for every spec, loads(dump(spec)) == spec, and dump is stable."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from circuitgraph.spec import (
    Attends,
    BeatsRandom,
    Complete,
    Effect,
    Faithful,
    FilePrompts,
    Group,
    MeanAblation,
    MeanOptions,
    Minimal,
    ModelRef,
    NoEffect,
    PythonPrompts,
    ResampleAblation,
    ResampleOptions,
    SlotFile,
    Spec,
    Task,
    TemplatePrompts,
    TokenPosition,
    ZooPrompts,
    dump,
    loads,
)
from circuitgraph.spec.write import to_yaml
from circuitgraph.spec.yaml_marks import read_tree

TRICKY = (
    *(
        "5.1",
        "on",
        "null",
        "~",
        "true",
        "1e3",
        "0x1F",
        "0o7",
        "+1",
        ".nan",
        "-",
        "- a",
        "? a",
        "a: b",
        "a #b",
    ),
    *(
        "#a",
        "*a",
        "&a",
        "!a",
        "|",
        ">",
        "@END",
        "`a`",
        "%a",
        "{a}",
        "[a]",
        "a, b",
        '"',
        "'",
        "\\",
        " a",
        "a ",
    ),
    *("a\n", "\ta", "\u2028", "\x85", "\x00", "\x7f", "\ufeff", "é", "\U0001f600", "a -> b.v", "a0.h1<q>"),
    *("<<", "x-a", "---", "...", "=", "a:", ":a", "a" * 1100),
)

characters = st.characters(exclude_categories=["Cs"])
anything = st.one_of(st.sampled_from(TRICKY), st.text(characters, max_size=12))
filled = anything.filter(bool)
text = anything.filter(lambda value: bool(value.strip()))
name = st.one_of(st.from_regex(r"\A[a-z_][a-z0-9_.-]{0,8}\Z"), text)
word = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,6}\Z")
position = st.one_of(word, name.filter(lambda value: not value.startswith("@")))
finite = st.floats(allow_nan=False, allow_infinity=False)
share = st.floats(min_value=0, max_value=1)
count = st.integers(min_value=1, max_value=10**30)
seed = st.integers(min_value=0, max_value=2**32 - 1)
direction = st.sampled_from(["noising", "denoising"])


def bounds(number: st.SearchStrategy[float]) -> st.SearchStrategy[dict[str, float]]:
    pair = st.tuples(number, number).map(sorted)
    return st.one_of(
        number.map(lambda low: {"at_least": low}),
        number.map(lambda high: {"at_most": high}),
        pair.map(lambda both: {"at_least": both[0], "at_most": both[1]}),
    )


claims = st.one_of(
    bounds(finite).map(lambda bound: Faithful(**bound)),
    st.builds(Complete, at_most=finite),
    st.builds(Minimal, each_at_least=share, per=st.sampled_from(["edge", "node"])),
    st.builds(BeatsRandom, circuits=count, at_least=share),
    st.builds(lambda of, bound, way: Effect(of=of, **bound, direction=way), text, bounds(finite), direction),
    st.builds(NoEffect, of=text, within=finite.filter(lambda width: width > 0), direction=direction),
    st.builds(
        lambda heads, start, end, bound: Attends(heads=heads, from_=start, to=end, **bound),
        st.lists(name, min_size=1, max_size=3), position, position, bounds(share),
    ),
)  # fmt: skip

slots = st.dictionaries(
    word,
    st.one_of(st.lists(filled, min_size=1, max_size=3), st.builds(SlotFile, file=text)),
    min_size=1,
    max_size=3,
)


@st.composite
def templates(draw: st.DrawFn) -> TemplatePrompts:
    values = draw(slots)
    used = filled.map(lambda value: value.replace("{", "(") + "{" + next(iter(values)) + "}")
    size = draw(st.integers(min_value=1, max_value=2))
    same = st.lists(used, min_size=size, max_size=size)
    return TemplatePrompts(
        template=draw(same), corrupt=draw(same), slots=values, answer=draw(used), foil=draw(used),
        examples=draw(count), seed=draw(seed),
    )  # fmt: skip


prompts = st.one_of(
    st.builds(ZooPrompts, zoo=text, examples=count, seed=seed),
    st.builds(FilePrompts, file=text),
    st.builds(PythonPrompts, python=st.tuples(word, word).map(lambda pair: f"m.{pair[0]}_:{pair[1]}_")),
    templates(),
)
places = st.one_of(
    st.integers(),
    word,
    st.tuples(word, st.integers(min_value=0, max_value=99)).map(lambda pair: f"{pair[0]}-{pair[1]}"),
    st.builds(TokenPosition, token=filled, occurrence=count),
)
tasks = st.builds(
    Task,
    prompts=prompts,
    metric=st.sampled_from(["logit_diff", "prob_diff", "log_prob", "kl", "loss", "accuracy", "python:a.b:c"]),
    positions=st.dictionaries(word, places, max_size=3),
    factors=st.lists(text, max_size=2),
)
ablations = st.one_of(
    st.sampled_from(["corrupt", "zero", "mean", "resample"]),
    st.builds(
        lambda by, over: MeanAblation(mean=MeanOptions(by=by, over=over)),
        st.lists(text, max_size=2), st.sampled_from(["clean", "corrupt"]),
    ),
    seed.map(lambda value: ResampleAblation(resample=ResampleOptions(seed=value))),
)  # fmt: skip
members = st.lists(name, min_size=1, max_size=4)
groups = st.builds(Group, members=members, at=st.none() | position, role=st.none() | anything)
specs = st.builds(
    Spec,
    circuitgraph=st.just(1),
    name=text,
    about=st.none() | anything,
    source=st.none() | anything,
    model=st.one_of(
        text,
        st.builds(
            ModelRef, id=text, revision=st.none() | text,
            dtype=st.sampled_from([None, "float64", "float32", "bfloat16", "float16"]),
            device=st.none() | text,
        ),
    ),
    task=tasks,
    ablation=ablations,
    rule=st.sampled_from([None, "circuit", "any-edge", "path", "sender-receiver"]),
    nodes=st.dictionaries(name, groups, min_size=1, max_size=3),
    edges=st.lists(text, max_size=3),
    paths=st.dictionaries(st.just("paths") | name, members, max_size=2),
    claims=st.lists(claims, max_size=4),
)  # fmt: skip


@settings(max_examples=150)
@given(specs)
def test_loads_inverts_dump(spec: Spec) -> None:
    written = dump(spec)
    again = loads(written)
    assert again == spec
    assert dump(again) == written


@settings(max_examples=100)
@given(specs)
def test_model_dump_inverts_too(spec: Spec) -> None:
    assert Spec(**spec.model_dump()) == spec


plain: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), finite, anything),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(anything, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150)
@given(st.dictionaries(anything, plain, min_size=1, max_size=4))
@example({"a": [{"b": [[], {}, [[{"c": "d" * 200}]]]}]})
@example({"a": [[{"k" * 1100: None}, "b"], {"k" * 1100: [[]]}]})
def test_any_plain_data_survives_writing(data: dict[str, Any]) -> None:
    root, problems = read_tree(to_yaml(data))
    assert problems == []
    assert root is not None and root.node.data == data
