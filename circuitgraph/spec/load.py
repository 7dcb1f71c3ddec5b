"""Specs from YAML and back: `load`, `loads`, `dump`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from circuitgraph.errors import Problem, SpecError
from circuitgraph.spec.claims import claim_as_written
from circuitgraph.spec.document import MAX_BYTES, Document
from circuitgraph.spec.model import UNNAMED_PATHS, Group, Spec
from circuitgraph.spec.problems import problems_of
from circuitgraph.spec.write import to_yaml


def load(path: str | Path) -> Spec:
    """Read a spec from a YAML file.

    Args:
        path: The file. Messages call it what it is called here.

    Returns:
        The spec; `spec.document` knows its lines.

    Raises:
        SpecError: The file cannot be read or is no spec: every problem, sorted by line.
    """
    file = str(path)
    try:
        with open(path, "rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise SpecError(Problem("no-such-file", "the file does not exist", file=file)) from None
    except IsADirectoryError:
        raise SpecError(Problem("not-a-file", "this is a directory, not a spec file", file=file)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecError(Problem("unreadable-file", f"the file cannot be read: {reason}", file=file)) from None
    return _validated(Document.read(content, file))


def loads(text: str, file: str | None = None) -> Spec:
    """Read a spec from YAML text.

    Args:
        text: The YAML.
        file: What messages call it; paths in the spec are relative to its directory.

    Raises:
        SpecError: The text is no spec: every problem, sorted by line.
    """
    return _validated(Document.read(text, file))


def dump(spec: Spec) -> str:
    """Write a spec as YAML: keys in the order people write them, short forms, no defaults.

    `loads(dump(spec)) == spec` for every spec.
    """
    return to_yaml(as_written(spec))


def as_written(spec: Spec) -> dict[str, Any]:
    """The plain data that `dump` writes: claims as mappings of one key, groups of members only as lists."""
    plain = spec.model_dump(by_alias=True, exclude_defaults=True)
    if spec.nodes:
        plain["nodes"] = {name: _group(group) for name, group in spec.nodes.items()}
    if list(spec.paths) == [UNNAMED_PATHS]:
        plain["paths"] = plain["paths"][UNNAMED_PATHS]
    if spec.claims:
        plain["claims"] = [claim_as_written(claim) for claim in spec.claims]
    return plain


def _group(group: Group) -> Any:
    long = group.model_dump(exclude_defaults=True)
    return long["members"] if list(long) == ["members"] else long


def _validated(document: Document) -> Spec:
    problems = list(document.problems)
    try:
        spec = Spec.model_validate(document.data)
    except ValidationError as error:
        raise SpecError([*problems, *problems_of(error, document)]) from None
    if document.data.get("edges") == [] and (spec.nodes or spec.paths):
        # An empty list would read as "every edge", the opposite of what it says.
        hint = "leave edges out to mean every edge among the nodes"
        problems.append(document.problem(("edges",), "empty-circuit", "no edge is listed", hint))
    if problems:
        raise SpecError(problems)
    spec._document = document  # pyright: ignore[reportPrivateUsage]
    return spec
