"""Prompts from a Python function: `prompts: {python: pkg.mod:fn}`, with `--allow-code`.

The function takes no argument and returns an iterable of mappings with the keys of a jsonl row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from circuitgraph.errors import quoted
from circuitgraph.spec.prompts import PythonPrompts
from circuitgraph.task.code import import_function, last_line
from circuitgraph.task.findings import PROMPTS, Where, generated
from circuitgraph.task.source import PlacedRows, Setting

PYTHON: Where = (*PROMPTS, "python")


def python_rows(prompts: PythonPrompts, setting: Setting) -> PlacedRows:
    """Call the function and read what it returns.

    Everything wrong is reported to the setting's findings; rows with problems are left out.
    """
    findings, name = setting.findings, prompts.python
    function = import_function(name, setting.directory, PYTHON, findings, allow_code=setting.allow_code)
    if function is None:
        return []
    try:
        made: object = function()
        items = list(cast("Iterable[object]", made)) if hasattr(made, "__iter__") else None
    except (Exception, SystemExit) as error:  # noqa: BLE001 (the function is the user's: it may raise anything)
        findings.spec(PYTHON, "code-failed", f"{quoted(name)} failed: {last_line(error)}")
        return []
    if items is None or isinstance(made, (str, bytes, Mapping)):
        kind = type(cast("object", made)).__name__
        text = f"{quoted(name)} returned {kind}: it must return an iterable of mappings"
        findings.spec(PYTHON, "wrong-return", text)
        return []
    if not items:
        findings.spec(PYTHON, "no-rows", f"{quoted(name)} returned no rows")
    rows: PlacedRows = []
    for number, item in enumerate(items):
        place = generated(name, number)
        if not isinstance(item, Mapping):
            text = f"is {type(item).__name__}: a row is a mapping with clean, corrupt, answer, foil"
            findings.row(place, "", "not-an-object", text)
            continue
        row = setting.reader.read(cast("Mapping[str, object]", item), place)
        if row is not None:
            rows.append((row, place))
    return rows
