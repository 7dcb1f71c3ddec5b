"""Graphviz: lays a DOT text out and draws it, through pygraphviz's bundled libraries or a system `dot`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from circuitgraph.errors import SurroundingsError

ImageFormat = Literal["svg", "png", "pdf"]

TIMEOUT_SECONDS = 120
PNG_DPI = 144
NEXT_STEP = (
    "install pygraphviz >= 2.0 (its wheels carry Graphviz) or Graphviz itself, or write .dot or .mmd, "
    "which need neither"
)

# Graphviz' C libraries keep global state
_GRAPHVIZ = threading.Lock()


def drawn(dot: str, image_format: ImageFormat) -> bytes:
    """Lay `dot` out and draw it.

    Raises:
        SurroundingsError: Neither pygraphviz nor a system `dot` works; the message gives the next step.
    """
    failures: list[str] = []
    for attempt in (_bundled, _system):
        try:
            image = attempt(dot, image_format)
        except _UnavailableError as failure:
            failures.append(str(failure))
        else:
            return image
    raise SurroundingsError(f"cannot draw {image_format}: {'; '.join(failures)}; {NEXT_STEP}")


class _UnavailableError(Exception):
    """This way to Graphviz does not work here."""


def _bundled(dot: str, image_format: ImageFormat) -> bytes:
    try:
        import pygraphviz
    except (ImportError, OSError) as error:
        raise _UnavailableError(f"pygraphviz does not load ({error})") from error
    with _GRAPHVIZ, _captured_errors() as errors:
        try:
            graph = pygraphviz.AGraph(string=dot)
            if image_format == "png":
                graph.graph_attr["dpi"] = str(PNG_DPI)
            try:
                image = graph.draw(format=image_format, prog="dot")
            finally:
                graph.close()
        except (ValueError, OSError, pygraphviz.DotError) as error:
            raise _UnavailableError(f"pygraphviz cannot ({error})") from error
        said = errors()
    if not image:
        raise _UnavailableError(f"pygraphviz drew nothing ({said.strip()[:200] or 'no message'})")
    return image if isinstance(image, bytes) else str(image).encode()


def _system(dot: str, image_format: ImageFormat) -> bytes:
    program = shutil.which("dot")
    if program is None:
        raise _UnavailableError("no dot program on the PATH")
    try:
        run = subprocess.run(
            [program, f"-T{image_format}", *([f"-Gdpi={PNG_DPI}"] if image_format == "png" else [])],
            input=dot.encode(),
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _UnavailableError(f"{program} failed ({error})") from error
    if run.returncode != 0 or not run.stdout:
        said = run.stderr.decode(errors="replace").strip()[:200]
        raise _UnavailableError(f"{program} failed ({said or f'exit code {run.returncode}'})")
    return run.stdout


@contextmanager
def _captured_errors() -> Iterator[Callable[[], str]]:
    """Keep what the C libraries write to standard error (font configuration chatter) off the terminal."""
    with tempfile.TemporaryFile() as sink:
        try:
            kept = os.dup(2)
        except OSError:  # no standard error to protect
            yield lambda: ""
            return

        def said() -> str:
            sink.seek(0)
            return sink.read().decode(errors="replace")

        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(sink.fileno(), 2)
        try:
            yield said
        finally:
            os.dup2(kept, 2)
            os.close(kept)
