"""What must answer at once does so without loading torch, or anything that would load it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "nnsight", "transformers", "scipy", "pandas", "matplotlib")

# Runs a statement in a fresh interpreter, lets it exit as it likes, then says what it loaded.
PROBE = """
import sys
try:
    {statement}
except SystemExit as stop:
    if stop.code not in (0, None):
        raise
loaded = [name for name in {heavy!r} if name in sys.modules]
sys.stderr.write("loaded: " + ",".join(loaded))
"""


def heavy_modules_loaded_by(statement: str, repository: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(statement=statement, heavy=HEAVY)],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr.rpartition("loaded: ")[2]


def command(*arguments: str) -> str:
    return f"from circuitgraph.cli import main; sys.argv = {['circuitgraph', *arguments]!r}; main()"


def test_the_probe_sees_torch(repository: Path) -> None:
    assert heavy_modules_loaded_by("import torch", repository).startswith("torch")


@pytest.mark.parametrize(
    "module", ["errors", "names", "arch", "spec", "task", "resolve", "plan", "cli"], ids=str
)
def test_modules_above_the_engine_import_without_torch(module: str, repository: Path) -> None:
    assert heavy_modules_loaded_by(f"import circuitgraph.{module}", repository) == ""


def test_the_package_imports_without_torch(repository: Path) -> None:
    assert heavy_modules_loaded_by("import circuitgraph", repository) == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["check", "specs/induction.yaml"],
        ["check", "--json", "specs/induction.yaml"],
        ["explain", "specs/induction.yaml"],
        ["schema"],
        ["zoo"],
    ],
    ids=" ".join,
)
def test_commands_that_need_no_weights_run_without_torch(arguments: list[str], repository: Path) -> None:
    assert heavy_modules_loaded_by(command(*arguments), repository) == ""


def test_loading_and_checking_from_python_needs_no_torch(repository: Path) -> None:
    statement = "import circuitgraph as cg; cg.check('specs/induction.yaml')"
    assert heavy_modules_loaded_by(statement, repository) == ""
