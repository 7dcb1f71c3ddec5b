"""What bad input gets: its message, exit code 2, nothing written, and an earlier report left as it was."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.cli.conftest import GOLDEN, Run, contents

CASES = sorted(path.stem for path in GOLDEN.glob("*.yaml") if path.stem not in ("sound", "interrupted"))

NEEDS_CODE = ("python_metric_fails", "python_metric_shape", "python_metric_unknown")


def flags(case: str) -> list[str]:
    return ["--allow-code"] if case in NEEDS_CODE else []


@pytest.mark.parametrize("case", CASES)
def test_validate_refuses_and_leaves_everything_alone(
    case: str, run: Run, desk: Path, earlier_report: Path
) -> None:
    shutil.copytree(earlier_report, desk / "out")
    before = contents(desk)
    done = run("validate", f"{case}.yaml", "-o", "out", *flags(case))
    assert done.err == (GOLDEN / f"{case}.txt").read_text(encoding="utf-8")
    assert (done.code, done.out) == (2, "")
    after = contents(desk)
    after.pop("imported", None)  # made by the spec's own code, where that was allowed
    assert after == before


@pytest.mark.parametrize("case", CASES)
def test_the_machine_is_told_the_same(case: str, run: Run, desk: Path) -> None:
    done = run("validate", f"{case}.yaml", "-o", "out", "--json", *flags(case))
    assert (done.code, done.err) == (2, "")
    assert done.json["ok"] is False
    said = (GOLDEN / f"{case}.txt").read_text(encoding="utf-8")
    for problem in done.json["problems"]:
        assert problem["message"] in said
        assert problem["code"] == problem["code"].lower()
        assert f"{problem['file']}:{problem['line']}" in said
        assert problem["hint"] is None or f"hint: {problem['hint']}\n" in said
    assert len(done.json["problems"]) == sum(not line.startswith("  ") for line in said.splitlines())
    assert not (desk / "out").exists()


RUN_ONLY = (
    "bad_device",
    "meta_device",
    "missing_tensors",
    "no_contrast",
    "no_weights",
    "non_finite",
    "python_metric_fails",
    "python_metric_shape",
    "python_metric_unknown",
    "rule_not_run",
    "truncated",
    "no_safetensors",
    "wrong_shapes",
)
"""Wrong in a way that `check` need not see: in the weights, the machine, or in what comes of running."""


@pytest.mark.parametrize("case", [case for case in CASES if case not in RUN_ONLY])
@pytest.mark.parametrize("command", ["check", "explain", "attribute"])
def test_other_commands_say_the_same(command: str, case: str, run: Run) -> None:
    done = run(command, f"{case}.yaml")
    assert (done.code, done.out) == (2, "")
    assert done.err == (GOLDEN / f"{case}.txt").read_text(encoding="utf-8")


def test_rendering_a_bad_spec_writes_nothing(run: Run, desk: Path) -> None:
    before = contents(desk)
    done = run("render", "unknown_head.yaml", "-o", "picture.svg")
    assert (done.code, done.out) == (2, "")
    assert done.err == (GOLDEN / "unknown_head.txt").read_text(encoding="utf-8")
    assert contents(desk) == before


@pytest.mark.parametrize("command", ["check", "explain", "validate", "attribute"])
def test_a_spec_that_is_not_there(command: str, run: Run, desk: Path) -> None:
    assert run(command, "nothing.yaml").err == "nothing.yaml: the file does not exist\n"
    assert run(command, "nothing.yaml").code == 2
    assert run(command, "tiny").err == "tiny: this is a directory, not a spec file\n"


def test_python_prompts_run_only_when_allowed(run: Run, desk: Path) -> None:
    assert run("validate", "python_prompts.yaml").code == 2
    assert run("validate", "python_metric.yaml").code == 2
    assert run("check", "python_prompts.yaml").code == 2
    assert run("explain", "python_prompts.yaml").code == 2
    assert run("render", "python_prompts.yaml", "-o", "a.dot").code == 2
    assert not (desk / "imported").exists()
    plain = run("validate", "sound.yaml", "--json").json
    prompts = run("validate", "python_prompts.yaml", "--allow-code", "--json")
    assert (desk / "imported").exists()
    assert prompts.code == 3  # three examples are too few to decide
    assert prompts.json["runs"] == plain["runs"]
    metric = run("validate", "python_metric.yaml", "--allow-code", "--json")
    assert metric.json["runs"]["clean"]["mean"] == pytest.approx(plain["runs"]["clean"]["mean"], abs=1e-6)
    assert run("render", "python_prompts.yaml", "-o", "a.dot", "--allow-code").code == 0


def test_pickles_are_never_read(run: Run, models: Path) -> None:
    for command in ("check", "validate", "attribute"):
        assert run(command, "pickled.yaml").code == 2
    assert not (models / "unpickled").exists()


def test_code_in_a_model_directory_is_never_run(run: Run, desk: Path, models: Path) -> None:
    spec = (desk / "sound.yaml").read_text().replace("./tiny", "./remote")
    (desk / "remote.yaml").write_text(spec)
    assert run("validate", "remote.yaml", "--quiet").code == 3
    assert not (models / "remote-ran").exists()


def test_surplus_tensors_are_a_warning(run: Run, desk: Path) -> None:
    spec = (desk / "sound.yaml").read_text().replace("./tiny", "./surplus")
    (desk / "surplus.yaml").write_text(spec)
    done = run("validate", "surplus.yaml", "--json")
    assert done.code == 3
    assert done.json["warnings"] == [
        "./surplus has a tensor that the model does not use (transformer.extra.weight)."
    ]


def test_an_unreachable_hub_is_no_fault_of_the_spec(desk: Path) -> None:
    spec = (desk / "sound.yaml").read_text().replace("./tiny", "nobody/nothing")
    (desk / "hub.yaml").write_text(spec)
    done = subprocess.run(
        [sys.executable, "-c", "from circuitgraph.cli import main; main()", "check", "hub.yaml"],
        capture_output=True,
        text=True,
        check=False,
        env={"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(desk / "cache"), "PATH": ""},
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == (
        'hub.yaml: config.json of "nobody/nothing" is not in the local Hugging Face cache and the hub cannot be '
        "reached\n  hint: download it where there is a network (`hf download nobody/nothing`) or give a directory "
        "(model: ./DIR)\n"
    )


def test_a_report_never_replaces_what_is_no_report(run: Run, desk: Path) -> None:
    (desk / "thesis.txt").write_text("years of work")
    (desk / "photos").mkdir()
    (desk / "photos" / "one.jpg").write_text("smile")
    before = contents(desk)
    for output, reason in (
        ("thesis.txt", "a file of this name is in the way"),
        ("thesis.txt/out", "thesis.txt is a file"),
        ("photos", "it holds one.jpg, which no report of ours has"),
        (".", "this is the working directory"),
    ):
        for command in ("validate", "attribute"):
            done = run(command, "sound.yaml", "-o", output)
            assert (done.code, done.out) == (2, "")
            assert done.err.startswith(f"cannot write a report to {output}: ")
            assert reason in done.err
            assert done.err.endswith("\n  hint: name a new directory\n")
    assert contents(desk) == before


def test_all_specs_are_checked_before_the_first_runs(run: Run, desk: Path) -> None:
    done = run("validate", "sound.yaml", "unknown_head.yaml", "unknown_key.yaml", "-o", "out")
    assert (done.code, done.out) == (2, "")
    expected = [(GOLDEN / f"{name}.txt").read_text() for name in ("unknown_head", "unknown_key")]
    assert done.err == "".join(expected)
    assert not (desk / "out").exists()


def test_an_output_in_the_way_stops_all_specs(run: Run, desk: Path) -> None:
    shutil.copy("sound.yaml", "second.yaml")
    (desk / "out").mkdir()
    (desk / "out" / "second").write_text("a file")
    done = run("validate", "sound.yaml", "second.yaml", "-o", "out")
    assert (done.code, done.out) == (2, "")
    assert "out/second: a file of this name is in the way" in done.err
    assert not (desk / "out" / "sound").exists()


def test_specs_of_one_name_need_their_own_output(run: Run, desk: Path) -> None:
    (desk / "other").mkdir()
    shutil.copy("sound.yaml", "other/sound.yaml")
    done = run("validate", "sound.yaml", "other/sound.yaml", "-o", "out")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(
        "other/sound.yaml: its report would go to out/sound, as that of sound.yaml: run them apart\n"
    )


def test_control_characters_of_data_do_not_reach_the_terminal(run: Run, desk: Path) -> None:
    row = {"clean": [1, 2], "corrupt": [1, 3], "answer": "\x1b[2J\x1b]0;owned\x07", "foil": 7}
    (desk / "pairs.jsonl").write_text(json.dumps(row) + "\n")
    done = run("validate", "sound.yaml")
    assert done.code == 2
    assert done.err.replace("\n", "").isprintable()


def test_an_interrupted_run_writes_nothing(desk: Path, earlier_report: Path) -> None:
    shutil.copytree(earlier_report, desk / "out")
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", "from circuitgraph.cli import main; main()"),
            *("validate", "interrupted.yaml", "-o", "out", "--allow-code"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    before = contents(desk)
    give_up = time.monotonic() + 60
    while not (desk / "started").exists() and process.poll() is None and time.monotonic() < give_up:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "interrupted: nothing is half-written\n")
    after = contents(desk)
    assert set(after) - set(before) <= {"started", "imported"}
    assert {name: after[name] for name in before} == before
