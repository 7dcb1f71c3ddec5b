"""The command line: `circuitgraph check | explain | validate | attribute | render | zoo | schema`.

What people read goes to standard output through rich, problems and progress to standard error; with `--json`
the machine's answer stands alone on standard output. Nothing here imports torch before a command needs it.
"""

from __future__ import annotations

from circuitgraph.cli.app import app, main

__all__ = ["app", "main"]
