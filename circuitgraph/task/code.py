"""Running Python code that a spec names (`pkg.mod:fn`): only if its author is trusted with `--allow-code`."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from circuitgraph.errors import TaskError, quoted
from circuitgraph.spec.document import Document
from circuitgraph.task.findings import Findings, Where

PREFIX = "python:"
"""What a metric that is code starts with."""


def check_allowed(reference: str, where: Where, findings: Findings, *, allow_code: bool) -> bool:
    """Whether the code that the spec names may run; if not, that is reported at `where`."""
    if not allow_code:
        findings.spec(
            where,
            "code-not-allowed",
            f"{quoted(reference)} is Python code, which would run with all your rights",
            "read it, then give --allow-code (in Python: allow_code=True)",
        )
    return allow_code


def load_function(
    reference: str,
    directory: Path,
    *,
    allow_code: bool = False,
    where: Where = ("task", "metric"),
    document: Document | None = None,
) -> Callable[..., Any]:
    """Import the function that `pkg.mod:fn` or `python:pkg.mod:fn` names.

    Args:
        reference: Module and function; its form is already checked by the spec.
        directory: The spec's directory: modules beside the spec can be imported.
        allow_code: Whether code may be run at all; without it nothing is imported.
        where: Entry of the spec that holds the reference.
        document: The spec's file, to place problems.

    Raises:
        TaskError: Code is not allowed, the import fails, or there is no such function.
    """
    findings = Findings(document)
    name = reference.removeprefix(PREFIX)
    function = import_function(name, directory, where, findings, allow_code=allow_code)
    if function is None:
        raise TaskError(findings.problems())
    return function


def import_function(
    reference: str, directory: Path, where: Where, findings: Findings, *, allow_code: bool
) -> Callable[..., object] | None:
    """Import the function that `pkg.mod:fn` names; None if that fails, which is then reported at `where`.

    Args:
        reference: Module and function; its form is already checked by the spec.
        directory: The spec's directory: modules beside the spec can be imported.
        where: Entry of the spec that holds the reference.
        findings: Where problems go.
        allow_code: Whether code may be run at all; without it nothing is imported.
    """
    if not check_allowed(reference, where, findings, allow_code=allow_code):
        return None
    module_name, _, name = reference.partition(":")
    try:
        with _importable(directory):
            module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 (the module is the user's: it may raise anything)
        findings.spec(where, "code-failed", f"importing {quoted(module_name)} failed: {last_line(error)}")
        return None
    function: object = getattr(module, name, None)
    if not callable(function):
        what = "is not callable" if hasattr(module, name) else "does not exist"
        findings.spec(where, "bad-code-name", f"{quoted(name)} of module {quoted(module_name)} {what}")
        return None
    return function


def last_line(error: BaseException) -> str:
    """Last line of a traceback, and where it points: `KeyError: 'x' (data.py:12 in rows)`."""
    text = traceback.format_exception_only(type(error), error)[-1].strip()
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, (ImportError, SyntaxError)) or not frames:
        return text
    frame = frames[-1]
    return f"{text} ({Path(frame.filename).name}:{frame.lineno} in {frame.name})"


@contextmanager
def _importable(directory: Path) -> Generator[None]:
    entry = str(directory.resolve())
    sys.path.insert(0, entry)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if entry in sys.path:
            sys.path.remove(entry)
