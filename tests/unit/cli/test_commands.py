"""What the commands print and write when nothing is wrong."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import circuitgraph
from circuitgraph.spec import json_schema
from tests.unit.cli.conftest import Run, contents

MAIN = [sys.executable, "-c", "from circuitgraph.cli import main; main()"]

PROGRESS = re.compile(r"(loading ./tiny|validating|saving out|[━╸╺ ]|\d+%|-:--:--|\d:\d\d:\d\d)+")

COMMANDS = ("check", "explain", "validate", "attribute", "render", "zoo", "schema")


def test_without_arguments_help_is_printed(run: Run) -> None:
    done = run()
    assert done.code == 2  # a script that lost its arguments has validated nothing
    assert "Usage" in done.out + done.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, run: Run) -> None:
    assert command in run("--help").out
    done = run(command, "--help")
    assert (done.code, done.err) == (0, "")
    assert "Usage" in done.out


def test_exit_codes_are_in_the_help(run: Run) -> None:
    shown = " ".join(run("--help").out.split())
    assert "2 the input is wrong" in shown
    assert "130 interrupted" in shown


def test_version(run: Run) -> None:
    assert run("--version").out == f"circuitgraph {circuitgraph.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["chekc", "sound.yaml"],
        ["check"],
        ["check", "sound.yaml", "--jsno"],
        ["render", "sound.yaml"],
        ["attribute", "sound.yaml", "--scope", "some"],
        ["attribute", "sound.yaml", "--steps", "0"],
        ["validate", "sound.yaml", "--seed", "-1"],
        ["expand", "sound.yaml"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line(arguments: list[str], run: Run, desk: Path) -> None:
    before = contents(desk)
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "Usage" in done.err
    assert contents(desk) == before


def test_check(run: Run) -> None:
    done = run("check", "sound.yaml")
    said = "sound.yaml: ok, 3 nodes, 4 edges, 0 paths, 3 examples\n"
    assert (done.code, done.out, done.err) == (0, said, "")
    assert run("check", "sound.yaml", "--quiet").out == ""


def test_check_says_what_it_read_otherwise(run: Run, desk: Path) -> None:
    spec = (desk / "sound.yaml").read_text().replace("./tiny", "./weightless")
    (desk / "sound.yaml").write_text(spec.replace("  - first -> logits", "  - first -> logits\n" * 2))
    done = run("check", "sound.yaml")
    assert done.code == 0
    assert '  note: "./weightless" has no weights: model.safetensors is needed\n' in done.out
    assert done.out.count("\n  note: ") == 2  # and the edge that is there twice


def test_check_for_machines(run: Run) -> None:
    done = run("check", "sound.yaml", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json == {
        "spec": "sound.yaml",
        "ok": True,
        "problems": [],
        "notes": [],
        "circuit": {"nodes": 3, "edges": 4, "paths": 0},
    }


def test_check_several(run: Run) -> None:
    done = run("check", "sound.yaml", "unknown_head.yaml", "nothing.yaml")
    assert done.code == 2
    assert done.out.startswith("sound.yaml: ok")
    assert done.err.startswith("unknown_head.yaml:8:11 ")
    assert "nothing.yaml: the file does not exist" in done.err
    answer = run("check", "sound.yaml", "unknown_head.yaml", "--json").json
    assert answer["ok"] is False
    assert [(each["spec"], each["ok"]) for each in answer["specs"]] == [
        ("sound.yaml", True),
        ("unknown_head.yaml", False),
    ]


def test_explain(run: Run) -> None:
    done = run("explain", "sound.yaml")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("tiny: 3 nodes, 4 edges, rule circuit\nplan for ./tiny: 3 examples")
    assert "bare forward passes" in done.out
    answer = run("explain", "sound.yaml", "--json").json
    assert answer["cost"] > 2.0
    assert answer["steps"] and {"form", "variants", "cost"} <= answer["steps"][0].keys()
    assert run("explain", "sound.yaml", "--quiet").out == ""


def test_validate_for_people(run: Run, desk: Path) -> None:
    done = run("validate", "sound.yaml", "-o", "deep/out")
    assert (done.code, done.err) == (3, "")
    assert "inconclusive" in done.out
    assert "a0.h0 -> logits" in done.out
    assert done.out.endswith("report saved in deep/out\n")
    assert {"report.json", "graph.json", "edges.csv", "diagram.svg"} <= set(contents(desk / "deep" / "out"))


def test_validate_for_machines(run: Run, desk: Path) -> None:
    done = run("validate", "sound.yaml", "-o", "out", "--json")
    assert (done.code, done.err) == (3, "")
    saved = json.loads((desk / "out" / "report.json").read_text(encoding="utf-8"))
    assert done.json.keys() == saved.keys()
    for key in ("runs", "claims", "spec"):
        assert done.json[key] == saved[key]


def test_validate_quietly_and_without_output(run: Run, desk: Path) -> None:
    before = contents(desk)
    done = run("validate", "sound.yaml", "--quiet")
    assert (done.code, done.out, done.err) == (3, "", "")
    assert contents(desk) == before


def test_the_exit_code_is_the_verdict(run: Run, desk: Path) -> None:
    text = (desk / "sound.yaml").read_text()
    for name, claim, code in (
        ("supported", "no_effect: {of: embed -> first.v, within: 100.0}", 0),
        ("refuted", "effect: {of: embed -> first.v, at_least: 100.0}", 1),
        ("unclaimed", None, 0),
    ):
        old = "  - faithful: {at_least: 0.5}"
        new = text.replace(old, f"  - {claim}") if claim else text.replace("claims:\n" + old, "")
        (desk / f"{name}.yaml").write_text(new)
        assert run("validate", f"{name}.yaml", "--quiet").code == code, name


def test_several_specs_each_get_a_directory_and_the_worst_code_wins(run: Run, desk: Path) -> None:
    text = (desk / "sound.yaml").read_text()
    refuted = "effect: {of: embed -> first.v, at_least: 100.0}"
    (desk / "refuted.yaml").write_text(text.replace("faithful: {at_least: 0.5}", refuted))
    done = run("validate", "sound.yaml", "refuted.yaml", "-o", "out")
    assert (done.code, done.err) == (1, "")
    assert sorted(path.name for path in (desk / "out").iterdir()) == ["refuted", "sound"]
    # What is found out only by running, the weights, stops that spec and not the others.
    done = run("validate", "refuted.yaml", "non_finite.yaml", "sound.yaml", "--json")
    assert (done.code, done.err) == (2, "")
    assert [(each["spec"], each["exit_code"]) for each in done.json["specs"]] == [
        ("refuted.yaml", 1),
        ("non_finite.yaml", 2),
        ("sound.yaml", 3),
    ]
    assert done.json["specs"][1]["problems"][0]["code"] == "non-finite-logits"
    assert done.json["specs"][0]["report"]["claims"][0]["verdict"] == "refuted"


def test_attribute(run: Run, desk: Path) -> None:
    done = run("attribute", "sound.yaml", "--method", "exact,eap, eap-ig", "--scope", "all", "-o", "out")
    assert (done.code, done.err) == (0, "")
    edges = json.loads((desk / "out" / "graph.json").read_text())["edges"]
    assert len(edges) == 13  # one layer of two heads and an MLP: 3 · 2 + 3 + 4
    assert all({"exact", "eap", "eap_ig"} <= edge.keys() for edge in edges)
    assert sum(edge["in_circuit"] for edge in edges) == 4


def test_attribute_refuses_methods_it_does_not_know(run: Run, desk: Path) -> None:
    done = run("attribute", "sound.yaml", "--method", "exact,epa", "-o", "out")
    said = (
        'unknown attribution method "epa": use exact, eap, eap-ig, eap-ig-left\n  hint: did you mean eap?\n'
    )
    assert (done.code, done.out, done.err) == (2, "", said)
    assert run("attribute", "sound.yaml", "--method", ",").code == 2
    assert not (desk / "out").exists()


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf", "dot", "mmd", "html"])
def test_render_a_spec_and_a_report(suffix: str, run: Run, desk: Path, earlier_report: Path) -> None:
    for source in ("sound.yaml", str(earlier_report), str(earlier_report / "graph.json")):
        done = run("render", source, "-o", f"picture.{suffix}")
        assert (done.code, done.out, done.err) == (0, f"diagram saved as picture.{suffix}\n", "")
        assert (desk / f"picture.{suffix}").stat().st_size > 100


def test_render_refuses(run: Run, desk: Path, earlier_report: Path) -> None:
    shutil.copytree(earlier_report, desk / "out")
    before = contents(desk)
    for arguments, said in (
        (["sound.yaml", "-o", "picture.bmp"], '".bmp" is no diagram format'),
        (["sound.yaml", "-o", "nowhere/a.svg"], "its directory nowhere does not exist"),
        (["sound.yaml", "-o", "out.d/a.svg"], "its directory out.d does not exist"),
        (["out", "-o", "a.svg", "--method", "eap-ig"], "eap"),
        (["tiny/config.json", "-o", "a.svg"], "is no graph of a report"),
        (["tiny", "-o", "a.svg"], "is no graph of a report"),
        (["nothing.yaml", "-o", "a.svg"], "the file does not exist"),
    ):
        done = run("render", *arguments)
        assert (done.code, done.out) == (2, ""), arguments
        assert said in done.err
    assert contents(desk) == before
    (desk / "a.svg").mkdir()
    assert "this is a directory" in run("render", "sound.yaml", "-o", "a.svg").err


def test_zoo(run: Run) -> None:
    done = run("zoo")
    assert (done.code, done.err) == (0, "")
    for said in ("zoo:induction", "repeated-tokens", "specs/induction.yaml", "MATCH"):
        assert said in done.out
    assert run("zoo", "induction").out.startswith("# ")
    assert run("zoo", "zoo:induction").out == run("zoo", "induction").out
    unknown = run("zoo", "indction")
    assert (unknown.code, unknown.out) == (2, "")
    assert unknown.err.endswith("  hint: did you mean induction?\n")
    listed = run("zoo", "--json").json
    assert [model["model"] for model in listed["models"]] == ["zoo:induction"]
    assert "card" in run("zoo", "induction", "--json").json


def test_schema(run: Run) -> None:
    assert run("schema").json == json_schema()


def test_a_reader_who_goes_away_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    for arguments in (["schema"], ["zoo"]):
        done = subprocess.run(
            [*MAIN, *arguments], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (141, "")
    os.close(writing)


def test_an_encoding_that_lacks_our_signs_is_no_error(desk: Path) -> None:
    done = subprocess.run(
        [*MAIN, "explain", "sound.yaml"],
        capture_output=True,
        check=False,
        env={"PATH": "", "PYTHONIOENCODING": "latin-1"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"total ? " in done.stdout


def test_at_a_terminal_there_is_a_bar_and_nothing_of_other_libraries(desk: Path) -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, [*MAIN, "validate", "sound.yaml", "-o", "out"])
    written = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # how Linux says that the child has closed its end
            break
        if not piece:
            break
        written += piece
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "\n", written.decode())
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    first = next(place for place, line in enumerate(lines) if line.startswith("╭─"))
    assert lines[0].startswith("loading ./tiny")
    assert [line for line in lines[:first] if not PROGRESS.fullmatch(line)] == []
    assert "report saved in out" in lines[-1]
