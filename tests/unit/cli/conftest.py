"""A directory to run commands in: the specs and rows of tests/golden/cli, sound models and broken ones."""

from __future__ import annotations

import json
import shutil
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
import torch

def rows():
    return [
        {"clean": [1, 2, 3], "corrupt": [1, 5, 3], "answer": 6, "foil": 7},
        {"clean": [4, 2, 8], "corrupt": [4, 5, 8], "answer": 6, "foil": 7},
        {"clean": [9, 2, 3], "corrupt": [9, 5, 3], "answer": 6, "foil": 7},
    ]

def metric(logits, rows):
    return logits[:, 6] - logits[:, 7]

def fails(logits, rows):
    raise KeyError("answer")

def shapeless(logits, rows):
    return logits.sum()
"""


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


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directories of models, by what is wrong with them; `tiny` is sound."""
    from safetensors.torch import load_file, save_file
    from transformers import GPT2Config, GPT2LMHeadModel

    home = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    config = GPT2Config(
        n_layer=1, n_embd=8, n_head=2, vocab_size=20, n_positions=16, initializer_range=0.5, eos_token_id=0
    )
    GPT2LMHeadModel(config).save_pretrained(home / "tiny")
    tensors = load_file(home / "tiny" / "model.safetensors")

    def broken(name: str, **changed: torch.Tensor | None) -> None:
        shutil.copytree(home / "tiny", home / name)
        kept = {**tensors, **changed}
        found = {key: value for key, value in kept.items() if value is not None}
        save_file(found, home / name / "model.safetensors", metadata={"format": "pt"})

    bias = "transformer.h.0.attn.c_proj.bias"
    broken("nan", **{bias: torch.full((8,), torch.nan)})
    broken("holes", **{bias: None, "transformer.ln_f.weight": None})
    broken("shapes", **{bias: torch.zeros(6)})
    shutil.copytree(home / "tiny", home / "garbage")
    (home / "garbage" / "model.safetensors").write_bytes(b"not safetensors at all")
    (home / "empty").mkdir()
    for name, family in (("llama", "llama"), ("weightless", "gpt2"), ("pickled", "gpt2")):
        shutil.copytree(home / "tiny", home / name, ignore=shutil.ignore_patterns("*.safetensors"))
        read = json.loads((home / name / "config.json").read_text())
        (home / name / "config.json").write_text(json.dumps({**read, "model_type": family}))
    # A real pickle: were it ever unpickled, the run would succeed and the test would fail.
    torch.save(GPT2LMHeadModel(config).state_dict(), home / "pickled" / "pytorch_model.bin")
    return home


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of a command: specs, rows and code; no models."""
    for path in GOLDEN.iterdir():
        if path.suffix in (".yaml", ".jsonl"):
            shutil.copy(path, tmp_path)
    (tmp_path / "datacode.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def desk_with_models(desk: Path, models: Path) -> Path:
    """The working directory with the models in it."""
    for path in models.iterdir():
        (desk / path.name).symlink_to(path)
    return desk


@pytest.fixture
def run(desk_with_models: Path) -> Run:
    """Run a command in this process, in the directory with models."""

    def command(*arguments: str) -> Answer:
        done = CliRunner().invoke(app, list(arguments))
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Answer(done.exit_code, done.stdout, done.stderr)

    return command
