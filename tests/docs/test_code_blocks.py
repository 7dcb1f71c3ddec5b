"""Every code block of the README and of docs/ does what the page says.

The blocks of one page run in order, in one directory that holds copies of specs/ and examples/, and its
Python blocks share one namespace, as a reader who follows the page would have it. Blocks by language:

- python: executed
- yaml: a whole spec (it has `circuitgraph: 1`) passes `circuitgraph.check`; a fragment parses
- json, jsonl: parses
- console, sh: each `circuitgraph ...` command ends with exit code 0, or the one its mark names;
  each `make ...` names targets that exist
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.docs.blocks import SHELL, Block, MarkError, code_blocks, command_lines

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
# What a test cannot run: something that needs a network or a large model.
MOST_NOT_RUN = 4


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("specs", "examples"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_blocks_run(page: Path, workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in code_blocks(page):
        if block.file:
            target = workdir / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        if block.runs:
            run(block, workdir, namespace, monkeypatch)


def run(block: Block, workdir: Path, namespace: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    if block.language in ("python", "py"):
        # blank lines before it, so that a traceback shows the line of the page
        source = "\n" * (block.line - 1) + block.text
        exec(compile(source, str(block.page), "exec"), namespace)
    elif block.language in ("yaml", "yml"):
        check_yaml(block, workdir)
    elif block.language == "json":
        json.loads(block.text)
    elif block.language == "jsonl":
        for line in filter(str.strip, block.text.splitlines()):
            json.loads(line)
    elif block.language in SHELL:
        for line in command_lines(block):
            run_command(block, line, monkeypatch)


def check_yaml(block: Block, workdir: Path) -> None:
    if re.search(r"^circuitgraph:", block.text, flags=re.MULTILINE) is None:
        YAML(typ="safe").load(block.text)
        return
    import circuitgraph

    spec = workdir / (block.file or f"{block.page.stem}-{block.line}.yaml")
    spec.write_text(block.text, encoding="utf-8")
    result = circuitgraph.check(spec)
    assert result.ok, f"{block}: " + "\n".join(map(str, result.problems))


def run_command(block: Block, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(line, comments=True)
    if words[:1] == ["make"]:
        targets = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
        missing = set(targets) - make_targets()
        assert not missing, f"{block}: the Makefile has no target {sorted(missing)}"
    if words[:1] != ["circuitgraph"]:
        return
    if set(words) & {"|", "||", "&&", ";", ">", ">>", "2>", "<"}:
        raise MarkError(f"{block}: only a plain command can be run here: {line}")

    from circuitgraph.cli import main

    monkeypatch.setattr(sys, "argv", words)
    try:
        code = main()
    except SystemExit as stop:
        code = stop.code
    assert (code or 0) == block.exit_code, f"{block}: `{line}` ended with {code or 0}, not {block.exit_code}"


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def every_block() -> Iterator[Block]:
    for page in PAGES:
        yield from code_blocks(page)


def test_few_blocks_are_only_shown() -> None:
    shown = [str(block) for block in every_block() if not block.runs]
    assert len(shown) <= MOST_NOT_RUN, shown


def test_every_block_names_its_language() -> None:
    assert [str(block) for block in every_block() if not block.language] == []


def test_the_readme_shows_a_spec_a_command_and_python() -> None:
    languages = {block.language for block in code_blocks(ROOT / "README.md") if block.runs}
    assert {"yaml", "python"} <= languages
    assert languages & set(SHELL)


def page_with(tmp_path: Path, text: str) -> Path:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    return page


def test_blocks_carry_their_marks(tmp_path: Path) -> None:
    page = page_with(
        tmp_path,
        "text\n<!-- exit: 2 -->\n```console\n$ circuitgraph check \\\n    bad.yaml\nbad.yaml: wrong\n```\n"
        "<!-- file: a.yaml -->\n<!-- not run -->\n~~~yaml\nkey: ```\n~~~\n"
        "- item\n\n  ```python\n  if True:\n      x = 1\n  ```\n",
    )
    console, yaml, python = code_blocks(page)
    assert (console.line, console.exit_code, console.runs) == (4, 2, True)
    assert command_lines(console) == ["circuitgraph check bad.yaml"]
    assert (yaml.file, yaml.runs, yaml.text) == ("a.yaml", False, "key: ```\n")
    assert python.text == "if True:\n    x = 1\n"


@pytest.mark.parametrize(
    "text", ["```python\nx = 1\n", "<!-- exit -->\n```sh\nls\n```\n", "<!-- skip -->\n```\n```"]
)
def test_a_block_that_cannot_be_followed_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(MarkError, match=r"page\.md:1"):
        code_blocks(page_with(tmp_path, text))


def test_a_failing_block_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    block = code_blocks(page_with(tmp_path, "```python\nassert 1 == 2\n```\n"))[0]
    with pytest.raises(AssertionError):
        run(block, tmp_path, {}, monkeypatch)


def test_an_unknown_make_target_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    block = code_blocks(page_with(tmp_path, "```sh\nmake demo OUT=x\nmake nonsense\n```\n"))[0]
    with pytest.raises(AssertionError, match="nonsense"):
        run(block, tmp_path, {}, monkeypatch)
