"""Where things are written: every key, item and value, whatever the form."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from circuitgraph.errors import SpecError
from circuitgraph.spec import Document, load, loads, problem_at
from circuitgraph.spec.yaml_marks import MAX_NODES, Where, read_tree

SPEC = """\
circuitgraph: 1
name: places
x-heads: &heads [a1.h0, a1.h3]
x-task: &task
  prompts: {zoo: repeated-tokens}
  metric: logit_diff
model: zoo:induction
task:
  <<: *task
  factors: [gap]
nodes:
  short: [a0.h1,
          a0.h2]
  single: a0.h1
  long: {members: [a1.h0], at: END}
  aliased: *heads
edges: embed -> short.v
paths:
  - embed -> logits
  - embed -> short.v -> logits
claims:
  - faithful:
      at_least: 0.9
  - attends: {heads: long, from: END, to: "END", at_least: &half 0.5}
"""

PLACES: list[tuple[Where, tuple[int, int], tuple[int, int], str]] = [
    ((), (1, 1), (1, 1), ""),
    (("name",), (2, 7), (2, 1), "name"),
    (("task",), (9, 3), (8, 1), "task"),
    (("task", "metric"), (6, 11), (6, 3), "task.metric"),
    (("task", "prompts", "zoo"), (5, 18), (5, 13), "task.prompts.zoo"),
    (("task", "factors", 0), (10, 13), (10, 13), "task.factors[0]"),
    (("nodes", "short"), (12, 10), (12, 3), "nodes.short"),
    (("nodes", "short", "members"), (12, 10), (12, 3), "nodes.short"),
    (("nodes", "short", "members", 1), (13, 11), (13, 11), "nodes.short[1]"),
    (("nodes", "single", "members", 0), (14, 11), (14, 3), "nodes.single"),
    (("nodes", "long", "members", 0), (15, 20), (15, 20), "nodes.long.members[0]"),
    (("nodes", "long", "at"), (15, 32), (15, 28), "nodes.long.at"),
    (("nodes", "aliased"), (16, 12), (16, 3), "nodes.aliased"),
    (("nodes", "aliased", "members", 1), (3, 25), (3, 25), "nodes.aliased[1]"),
    (("edges", 0), (17, 8), (17, 1), "edges"),
    (("paths", "paths", 1), (20, 5), (20, 5), "paths[1]"),
    (("claims", 0), (22, 5), (22, 5), "claims[0]"),
    (("claims", 0, "faithful"), (23, 7), (22, 5), "claims[0].faithful"),
    (("claims", 0, "faithful", "at_least"), (23, 17), (23, 7), "claims[0].faithful.at_least"),
    (("claims", 0, "at_least"), (23, 17), (23, 7), "claims[0].faithful.at_least"),
    (("claims", 1, "attends", "heads", 0), (24, 22), (24, 15), "claims[1].attends.heads"),
    (("claims", 1, "to"), (24, 43), (24, 39), "claims[1].attends.to"),
    (("claims", 1, "at_least"), (24, 66), (24, 50), "claims[1].attends.at_least"),
    (("model", "id"), (7, 8), (7, 1), "model"),
    (("task", "positions", "END"), (9, 3), (8, 1), "task"),
]


@pytest.mark.parametrize(("where", "value", "key", "shown"), PLACES)
def test_place(where: Where, value: tuple[int, int], key: tuple[int, int], shown: str) -> None:
    document = loads(SPEC, "places.yaml").document
    assert document is not None
    assert document.place(where) == value
    assert document.place(where, key=True) == key
    problem = document.problem(where, "some-code", "is wrong", "mend it")
    prefix = f"places.yaml:{value[0]}:{value[1]}" + (f" {shown}" if shown else "")
    assert str(problem) == f"{prefix}: is wrong\n  hint: mend it"


def test_every_key_and_item_is_where_its_text_is() -> None:
    """Walk the whole tree: the source at each place starts with what was read there."""
    root, problems = read_tree(SPEC)
    assert root is not None and not problems
    lines = SPEC.splitlines()
    seen = 0
    open_entries = [root]
    while open_entries:
        entry = open_entries.pop()
        node = entry.node
        line, column = node.place
        rest = lines[line - 1][column - 1 :]
        if node.kind == "scalar":
            assert rest.lstrip('"').startswith(node.text)
        for key, child in node.entries.items():
            assert child.key is not None
            assert lines[child.key[0] - 1][child.key[1] - 1 :].startswith(f"{key}:")
            seen += 1
        open_entries.extend([*node.items, *node.entries.values()])
    assert seen >= 25


def test_problem_at_serves_specs_without_a_file() -> None:
    problem = problem_at(None, ("nodes", "previous", "members", 2), "code", "is wrong")
    assert str(problem) == "nodes.previous[2]: is wrong"
    assert (problem.file, problem.line, problem.column) == (None, None, None)
    document = loads(SPEC, "f.yaml").document
    assert (
        str(problem_at(document, ("edges", 0), "code", "is wrong", key=True)) == "f.yaml:17:1 edges: is wrong"
    )


def test_merged_and_aliased_values_are_read() -> None:
    spec = loads(SPEC)
    assert spec.task.metric == "logit_diff"
    assert spec.task.factors == ["gap"]
    assert spec.nodes["aliased"].members == ["a1.h0", "a1.h3"]


def test_explicit_keys_win_over_merged_ones_and_earlier_merges_over_later() -> None:
    text = "x-a: &a {p: 1, q: 1}\nx-b: &b {q: 2, r: 2}\nm:\n  p: 3\n  <<: [*a, *b]\n"
    assert Document.read(text).data["m"] == {"p": 3, "q": 1, "r": 2}


def test_yaml_1_2_scalars() -> None:
    text = (
        "on: [on, yes, no, Off, 1_000, 12:30, 2020-01-01, =, 0b1, '5.1']\n"
        "n: [1, -2, 0x1F, 0o17, 017, 1.5, 1e3, .5, 5.]\nb: [true, False]\nnothing: [null, ~, ]\n"
    )
    data = Document.read(text).data
    assert data["on"] == ["on", "yes", "no", "Off", "1_000", "12:30", "2020-01-01", "=", "0b1", "5.1"]
    assert data["n"] == [1, -2, 31, 15, 17, 1.5, 1000.0, 0.5, 5.0]
    assert [type(number) for number in data["n"]] == [int] * 5 + [float] * 4
    assert data["b"] == [True, False]
    assert data["nothing"] == [None, None]


def test_byte_order_mark_is_no_column(tmp_path: Path) -> None:
    file = tmp_path / "bom.yaml"
    file.write_bytes(codecs.BOM_UTF8 + SPEC.encode())
    spec = load(file)
    assert spec == loads(SPEC) == loads("\ufeff" + SPEC)
    assert spec.document is not None
    assert spec.document.text == SPEC
    assert spec.document.place(("circuitgraph",), key=True) == (1, 1)
    assert spec.document.place(("circuitgraph",)) == (1, 15)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(SpecError, match="UTF-16 or UTF-32: a spec is UTF-8"):
        Document.read(SPEC.encode(encoding))


def test_windows_line_ends_keep_lines_and_columns() -> None:
    document = Document.read(SPEC.replace("\n", "\r\n").encode())
    assert document.place(("nodes", "aliased", "members", 1)) == (3, 25)
    assert document.place(("claims", 1, "at_least")) == (24, 66)
    assert document.data == Document.read(SPEC).data


def test_aliases_are_counted_before_they_are_expanded() -> None:
    """Ten lines that would be 9^10 values stop at the first alias beyond the limit: nothing is built."""
    lines = ["a0: &a0 [" + ", ".join(["ha"] * 9) + "]"]
    lines += [f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 9) + "]" for i in range(1, 10)]
    with pytest.raises(SpecError, match="more than 10,000 values and keys") as caught:
        Document.read("\n".join(lines))
    assert caught.value.problems[0].line == 5


def test_the_limit_counts_keys_and_values() -> None:
    # the list's key and the list are two nodes, the mapping itself one
    fits = "x: [" + ", ".join(["a"] * (MAX_NODES - 3)) + "]"
    root, _ = read_tree(fits)
    assert root is not None and root.node.size == MAX_NODES
    with pytest.raises(SpecError, match="more than 10,000"):
        Document.read(fits.replace("[a", "[a, a"))


def test_x_keys_are_ignored_at_the_top_only() -> None:
    assert "x-heads" not in Document.read(SPEC).data
    with pytest.raises(SpecError, match='unknown key "x-note"'):
        loads(SPEC.replace("  factors: [gap]", "  x-note: 1"))


def test_directory_is_that_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "spec.yaml").write_text(SPEC, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load("inner/spec.yaml").directory == (tmp_path / "inner").resolve()
    assert loads(SPEC).directory == tmp_path.resolve()
