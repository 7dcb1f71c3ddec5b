"""Where a model is: embedded, in a directory, on the hub (a local server that answers as the hub does)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from circuitgraph.arch.config import read_config, residual_graph
from circuitgraph.arch.location import Location, locate
from circuitgraph.errors import ModelError
from circuitgraph.spec import ModelRef
from circuitgraph.zoo import MODELS


def refusal(name: str, base: Path, revision: str | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        locate(ModelRef(id=name, revision=revision), base)
    return str(caught.value)


def test_every_embedded_model_is_found(tmp_path: Path) -> None:
    for name in MODELS:
        location = locate(ModelRef(id=f"zoo:{name}"), tmp_path)
        assert location.kind == "zoo"
        assert residual_graph(read_config(location), location.id).layers > 0


def test_unknown_embedded_models_name_the_known(tmp_path: Path) -> None:
    known = ", ".join(sorted(MODELS))
    assert refusal("zoo:inductoin", tmp_path) == (
        f'model: no embedded model is called "inductoin": there is {known}\n  hint: did you mean zoo:induction?'
    )


@pytest.mark.parametrize("form", ["./m", "../{parent}/m", "{absolute}/m"])
def test_directories_are_relative_to_the_spec(form: str, tmp_path: Path) -> None:
    name = form.format(parent=tmp_path.name, absolute=tmp_path)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text("{}")
    location = locate(ModelRef(id=name), tmp_path)
    assert location.kind == "directory"
    assert location.directory is not None
    assert location.directory.samefile(tmp_path / "m")
    assert location.file("config.json") == location.directory / "config.json"
    assert location.file("tokenizer.json") is None


def test_directories_that_hold_no_model(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    assert refusal("./gone", tmp_path) == (
        'model: "./gone" does not exist\n  hint: a directory in a spec is relative to the spec file'
    )
    assert refusal("./file", tmp_path) == 'model: "./file" is a file: give its directory'
    assert refusal("./empty", tmp_path) == (
        'model: "./empty" is no model: it has no config.json\n'
        "  hint: a model directory is what save_pretrained() of transformers writes"
    )


def test_a_bare_name_is_never_a_directory(tmp_path: Path) -> None:
    (tmp_path / "gpt2").mkdir()
    (tmp_path / "my models").mkdir()
    assert locate(ModelRef(id="gpt2", revision="main"), tmp_path) == Location("hub", "gpt2", None, "main")
    assert refusal("my models", tmp_path) == (
        'model: "my models" is no model: use zoo:NAME, a directory (./, ../ or / first) or a hub id\n'
        "  hint: write ./my models for the directory"
    )


@pytest.mark.parametrize("name", ["a/b/c", "a//b", "~/m", "-a", "a--b", "a..b", "x" * 97, "modèle", "zoo:"])
def test_names_that_are_none(name: str, tmp_path: Path) -> None:
    assert refusal(name, tmp_path)


def test_only_the_hub_has_revisions(tmp_path: Path) -> None:
    assert refusal("zoo:induction", tmp_path, "main") == (
        'model: "zoo:induction" has no revisions: only models of the hub do'
    )


CONFIG = json.dumps({"model_type": "gpt2"}).encode()
ERRORS = {
    "gone": (404, "RepoNotFound"),
    "gated": (403, "GatedRepo"),
    "cut": (404, "RevisionNotFound"),
    "down": (503, ""),
}
ASK = """
import json, sys
from pathlib import Path
from circuitgraph.arch.location import Location
from circuitgraph.errors import CircuitGraphError
for name, file, revision in json.loads(sys.argv[1]):
    try:
        found = Location("hub", name, None, revision).file(file)
        print(json.dumps(["file", found.read_text() if found else None]))
    except CircuitGraphError as error:
        print(json.dumps([type(error).__name__, str(error)]))
"""


class Hub(BaseHTTPRequestHandler):
    """Answers as the hub does: its headers are what its client reads."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        repository, file = self.path.split("/")[1], self.path.split("/")[-1]
        status, code = ERRORS.get(repository, (200, "") if file == "config.json" else (404, "EntryNotFound"))
        self.send_response(status)
        self.send_header("X-Repo-Commit", "0" * 40)
        if code:
            self.send_header("X-Error-Code", code)
        body = CONFIG if status == 200 else b""
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def ask(
    questions: list[tuple[str, str, str | None]], home: Path, repository: Path, **environment: str
) -> list[list[str]]:
    """What the hub's real client makes of it, in a fresh process with its own cache."""
    env = {
        **os.environ,
        "HF_HOME": str(home),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        **environment,
    }
    done = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(questions)],
        env=env, cwd=repository, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def unreachable(name: str) -> str:
    return (
        f'config.json of "{name}" is not in the local Hugging Face cache and the hub cannot be reached\n'
        f"  hint: download it where there is a network (`hf download {name}`) or give a directory (model: ./DIR)"
    )


def test_files_of_the_hub(hub: str, tmp_path: Path, repository: Path) -> None:
    questions: list[tuple[str, str, str | None]] = [
        ("fine", "config.json", None),
        ("fine", "tokenizer.json", None),
        ("gone", "config.json", None),
        ("gated", "config.json", None),
        ("cut", "config.json", "v9"),
        ("down", "config.json", None),
    ]
    assert ask(questions, tmp_path, repository, HF_ENDPOINT=hub) == [
        ["file", CONFIG.decode()],
        ["file", None],
        ["ModelError", 'model: the hub has no public model "gone"\n'
         "  hint: a directory starts with ./, ../ or /, an embedded model with zoo:"],
        ["ModelError", 'model: the hub does not give "gated" to everyone\n'
         "  hint: ask for access at https://huggingface.co/gated and log in with `hf auth login`"],
        ["ModelError", 'model: the hub has no "cut" at revision "v9"'],
        ["SurroundingsError", unreachable("down")],
    ]  # fmt: skip
    # Now without a network: what was fetched is in the cache, the rest is out of reach.
    questions = [
        ("fine", "config.json", None),
        ("fine", "tokenizer.json", None),
        ("other", "config.json", None),
    ]
    assert ask(questions, tmp_path, repository, HF_ENDPOINT="http://127.0.0.1:9") == [
        ["file", CONFIG.decode()],
        ["file", None],
        ["SurroundingsError", unreachable("other")],
    ]
    assert ask(questions[2:], tmp_path, repository, HF_ENDPOINT=hub, HF_HUB_OFFLINE="1") == [
        ["SurroundingsError", unreachable("other")]
    ]
