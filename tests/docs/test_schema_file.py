"""docs/spec.schema.json is the schema of this version, and the reference page keeps to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

import circuitgraph as cg
from circuitgraph.cli import main
from circuitgraph.spec import json_schema
from tests.docs.blocks import Block, code_blocks, command_lines

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "spec.md"
SCHEMA = ROOT / "docs" / "spec.schema.json"

# What a fragment of the page stands in.
SURROUNDINGS: dict[str, Any] = {
    "circuitgraph": 1,
    "name": "fragment",
    "model": "zoo:induction",
    "task": {"prompts": {"zoo": "repeated-tokens", "examples": 128}, "metric": "logit_diff"},
    "nodes": {"previous_token": ["a0.h0"], "induction": ["a1.h*"]},
    "edges": ["embed -> a0.h0.v -> logits"],
}


def specs_of_the_page() -> Iterator[tuple[Block, dict[str, Any]]]:
    """Every YAML block of the page as a whole spec."""
    for block in code_blocks(PAGE):
        if block.language == "yaml":
            data: dict[str, Any] = YAML(typ="safe", pure=True).load(block.text)
            yield block, data if "circuitgraph" in data else {**SURROUNDINGS, **data}


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the page shows, and nothing else."""
    for block in code_blocks(PAGE):
        if block.file:
            (tmp_path / block.file).write_text(block.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_file_is_the_schema_of_this_version(capsys: pytest.CaptureFixture[str]) -> None:
    text = SCHEMA.read_text(encoding="utf-8")
    assert json.loads(text) == json_schema()
    with pytest.raises(SystemExit):
        run(["circuitgraph", "schema"])
    assert capsys.readouterr().out == text, "write it anew: circuitgraph schema > docs/spec.schema.json"


def test_every_spec_and_fragment_of_the_page_keeps_to_the_file() -> None:
    schema = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    found = list(specs_of_the_page())
    assert len(found) > 20
    for block, data in found:
        assert [error.message for error in schema.iter_errors(data)] == [], block


def test_every_fragment_of_the_page_passes_check(workdir: Path) -> None:
    for block, data in specs_of_the_page():
        spec = cg.Spec(**{key: value for key, value in data.items() if not key.startswith("x-")})
        if str(spec.model_ref.id).startswith("zoo:"):  # others are on the hub
            found = cg.check(spec, allow_code=True)
            assert found.ok, f"{block}: " + "\n".join(map(str, found.problems))


def test_the_page_has_every_key_of_the_schema() -> None:
    text = PAGE.read_text(encoding="utf-8")
    schema = json_schema()
    parts: list[dict[str, Any]] = [schema, *schema["$defs"].values()]
    keys = {key for part in parts for key in part["properties"]}
    assert {key for key in keys if not re.search(rf"\b{key}\b\s*[:`]", text)} == set()


def test_the_page_shows_what_the_commands_print(
    workdir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (workdir / "specs").symlink_to(ROOT / "specs")
    shown = [block for block in code_blocks(PAGE) if block.language == "console"]
    assert shown
    for block in shown:
        (command,) = command_lines(block)
        with pytest.raises(SystemExit) as stop:
            run(command.split())
        assert stop.value.code == block.exit_code, block
        printed = capsys.readouterr()
        expected = block.text.split("\n", 1)[1].strip()
        assert (printed.out + printed.err).strip() == expected, block


def run(words: list[str]) -> None:
    """Run a command line in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", words)
        main()
