"""A directory to run commands in: the specs and rows of tests/golden/cli, sound models and broken ones."""

from __future__ import annotations

import json
import pickle
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from circuitgraph.cli import app

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "cli"

CODE = """
from pathlib import Path

Path("imported").touch()

def rows():
    return [
        {"clean": [1, 2, 3, 4], "corrupt": [1, 5, 3, 4], "answer": 6, "foil": 7},
        {"clean": [8, 2, 9, 4], "corrupt": [8, 5, 9, 4], "answer": 6, "foil": 7},
        {"clean": [3, 2, 10, 4], "corrupt": [3, 5, 10, 4], "answer": 6, "foil": 7},
    ]

def metric(logits, rows):
    return logits[:, 6] - logits[:, 7]

def fails(logits, rows):
    raise KeyError("answer")

def shapeless(logits, rows):
    return logits.sum()

def slow(logits, rows):
    import time

    Path("started").touch()
    time.sleep(0.2)
    return metric(logits, rows)
"""


class Touch:
    """A pickle that shows it was read: unpickling it makes the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.path,)


@dataclass(frozen=True)
class Answer:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Answer]


def contents(directory: Path) -> dict[str, bytes]:
    """Every file below a directory, links to models left out."""
    files = (path for path in directory.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directories of models, by what is wrong with them; `tiny` is sound."""
    from safetensors.torch import load_file, save_file
    from transformers import GPT2Config, GPT2LMHeadModel

    home = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    config = GPT2Config(
        n_layer=1,
        n_embd=8,
        n_head=2,
        vocab_size=20,
        n_positions=16,
        initializer_range=0.5,
        bos_token_id=0,
        eos_token_id=0,
    )
    GPT2LMHeadModel(config).save_pretrained(home / "tiny")
    tensors = load_file(home / "tiny" / "model.safetensors")

    def broken(name: str, changed: dict[str, torch.Tensor | None]) -> None:
        shutil.copytree(home / "tiny", home / name)
        kept = {key: value for key, value in {**tensors, **changed}.items() if value is not None}
        save_file(kept, home / name / "model.safetensors", metadata={"format": "pt"})

    bias = "transformer.h.0.attn.c_proj.bias"
    broken("nan", {bias: torch.full((8,), torch.nan)})
    broken("holes", {bias: None, "transformer.ln_f.weight": None})
    broken("shapes", {bias: torch.zeros(6)})
    broken("surplus", {"transformer.extra.weight": torch.zeros(3)})
    shutil.copytree(home / "tiny", home / "garbage")
    (home / "garbage" / "model.safetensors").write_bytes(b"not safetensors at all")
    shutil.copytree(home / "tiny", home / "truncated")
    whole = (home / "tiny" / "model.safetensors").read_bytes()
    (home / "truncated" / "model.safetensors").write_bytes(whole[:-100])
    (home / "empty").mkdir()
    for name, changed in (
        ("llama", {"model_type": "llama"}),
        ("weightless", {}),
        ("pickled", {}),
        ("remote", {"auto_map": {"AutoModelForCausalLM": "evil.Model"}}),
    ):
        shutil.copytree(home / "tiny", home / name, ignore=shutil.ignore_patterns("*.safetensors"))
        read = json.loads((home / name / "config.json").read_text())
        (home / name / "config.json").write_text(json.dumps({**read, **changed}))
    (home / "pickled" / "pytorch_model.bin").write_bytes(pickle.dumps(Touch(home / "unpickled")))
    (home / "remote" / "evil.py").write_text(f"open({str(home / 'remote-ran')!r}, 'w')\n")
    shutil.copy(home / "tiny" / "model.safetensors", home / "remote")
    return home


@pytest.fixture
def desk(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of commands: specs, rows, code, and links to the models."""
    for path in GOLDEN.iterdir():
        if path.suffix in (".yaml", ".jsonl"):
            shutil.copy(path, tmp_path)
    (tmp_path / "datacode.py").write_text(CODE)
    for path in models.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "datacode", raising=False)
    return tmp_path


def run_command(*arguments: str) -> Answer:
    """Run a command in this process and directory."""
    done = CliRunner().invoke(app, list(arguments))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Answer(done.exit_code, done.stdout, done.stderr)


@pytest.fixture
def run(desk: Path) -> Run:
    """Run a command in this process, at the desk."""
    return run_command


@pytest.fixture(scope="session")
def earlier_report(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved report of the sound spec."""
    home = tmp_path_factory.mktemp("earlier")
    for name in ("sound.yaml", "pairs.jsonl"):
        shutil.copy(GOLDEN / name, home)
    (home / "tiny").symlink_to(models / "tiny")
    done = run_command("validate", str(home / "sound.yaml"), "-o", str(home / "out"), "--quiet")
    assert (done.code, done.out, done.err) == (3, "", "")
    return home / "out"
