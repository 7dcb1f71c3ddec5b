"""Prompts from a jsonl file: `prompts: {file: pairs.jsonl}`, one row a line."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from circuitgraph.errors import quoted
from circuitgraph.spec.prompts import FilePrompts
from circuitgraph.task.findings import PROMPTS, Findings, Place, Where, in_file
from circuitgraph.task.reading import shown
from circuitgraph.task.source import PlacedRows, Setting

FILE: Where = (*PROMPTS, "file")

_OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def file_rows(prompts: FilePrompts, setting: Setting) -> PlacedRows:
    """Read every row of the file; rows count as lines, from 1, blank lines skipped.

    Everything wrong is reported to the setting's findings; rows with problems are left out.
    """
    findings = setting.findings
    content = read_bytes(setting.directory / prompts.file, prompts.file, FILE, findings)
    if content is None:
        return []
    rows: PlacedRows = []
    empty = True
    for number, line in _lines(content):
        empty = False
        place = in_file(prompts.file, number)
        raw = _parse(line, place, findings)
        row = None if raw is None else setting.reader.read(raw, place)
        if row is not None:
            rows.append((row, place))
    if empty:
        findings.spec(FILE, "no-rows", f"{quoted(prompts.file)} has no rows")
    return rows


def read_bytes(path: Path, name: str, where: Where, findings: Findings) -> bytes | None:
    """Read a file that the spec names; None if that fails, which is then reported at `where`."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        hint = "a path in a spec is relative to the spec file"
        findings.spec(where, "no-such-file", f"{quoted(name)} does not exist", hint)
        return None
    except IsADirectoryError:
        findings.spec(where, "not-a-file", f"{quoted(name)} is a directory: name a file")
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "a file name holds no NUL"
        findings.spec(where, "unreadable-file", f"{quoted(name)} cannot be read: {reason}")
        return None
    if content.startswith(_OTHER_ENCODINGS):
        findings.spec(where, "bad-encoding", f"{quoted(name)} is UTF-16: save it as UTF-8")
        return None
    return content.removeprefix(codecs.BOM_UTF8)


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    # Only \n ends a row: JSON text may hold other line separators.
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip():
            yield number, line.rstrip(b"\r")


def _parse(line: bytes, place: Place, findings: Findings) -> dict[str, object] | None:
    duplicates: list[str] = []
    constants: list[str] = []

    def objects(pairs: list[tuple[str, object]]) -> dict[str, object]:
        keys = [key for key, _ in pairs]
        duplicates.extend(key for key in dict.fromkeys(keys) if keys.count(key) > 1)
        return dict(pairs)

    def constant(name: str) -> float:
        constants.append(name)
        return 0.0

    try:
        text = line.decode("utf-8")
        value: object = json.loads(text, object_pairs_hook=objects, parse_constant=constant)
    except UnicodeDecodeError as error:
        text = f"byte {error.start + 1} of the line is not UTF-8: save the file as UTF-8"
        findings.row(place, "", "bad-encoding", text)
        return None
    except json.JSONDecodeError as error:
        findings.row(place, "", "bad-json", f"not JSON at column {error.colno}: {error.msg}")
        return None
    except (ValueError, RecursionError):
        findings.row(place, "", "bad-json", "has a number too long, or lists nested too deeply, to be read")
        return None
    for key in duplicates:
        findings.row(place, "", "duplicate-key", f"key {quoted(key)} is given twice")
    for name in constants:
        findings.row(place, "", "bad-json", f"{name} is no number of JSON")
    if not isinstance(value, dict):
        text = f"a row is an object with clean, corrupt, answer, foil, not {shown(value)}"
        findings.row(place, "", "not-an-object", text)
        return None
    return None if duplicates or constants else cast("dict[str, object]", value)
