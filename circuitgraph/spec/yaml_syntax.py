"""What the YAML parser complains about, in the words of the person who wrote the file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ruamel.yaml.error import MarkedYAMLError

Said = tuple[str, str | None]
"""A message and a hint."""

_CANNOT_START = re.compile(r"found character '(.+)' that cannot start any token")
_FOUND = re.compile(r"but (?:got|found) '(.*)'$")

_TOKENS = {
    "<stream end>": "the end of the file",
    "<scalar>": "more text",
    "<block mapping start>": "a key",
    "<block end>": "the end of the block",
    "?": "a key",
    "<anchor>": "an anchor (&)",
    "<alias>": "an alias (*)",
    "<tag>": "a tag (!)",
    "-": 'a list item ("- ")',
}


def in_words(error: MarkedYAMLError) -> Said:
    """The message and hint for a syntax error of ruamel.yaml."""
    problem = " ".join(str(error.problem or "the YAML cannot be read").split("\n"))
    context = str(error.context or "")
    if start := _CANNOT_START.match(problem):
        return _bad_start(start[1])
    if problem == "mapping values are not allowed here":
        return 'a ":" that makes this a key is not allowed here', (
            'indent keys of one mapping alike, and quote a text that holds ": "'
        )
    if problem == "sequence entries are not allowed here":
        return 'a list item ("- ") is not allowed here', "start the list on a line of its own"
    if problem.startswith("could not find expected ':'"):
        return 'this line is neither a key (it has no ":") nor a list item ("- ")', None
    if "quoted scalar" in context and "end of stream" in problem:
        return "this quote is never closed", None
    if "double-quoted" in context and "unknown escape" in problem:
        return problem, "use single quotes to keep a backslash as it is"
    if "flow sequence" in context:
        return _flow("]", "[", problem, error)
    if "flow mapping" in context:
        return _flow("}", "{", problem, error)
    if "flow node" in context or "block node" in context:
        return f"expected a value, got {_found(problem)}", None
    if "block mapping" in context or "block collection" in context:
        return f"expected the next key or list item, got {_found(problem)}", (
            "indent the items of one list, and the keys of one mapping, alike"
        )
    return f"the YAML cannot be read here: {problem}", None


def _bad_start(character: str) -> Said:
    if character in {"\t", "\\t"}:
        return "a tab cannot indent YAML", "use spaces"
    hint = "positions are written without @ here, or quote the text" if character == "@" else "quote the text"
    return f'an unquoted text cannot start with "{character}"', hint


def _flow(close: str, opening: str, problem: str, error: MarkedYAMLError) -> Said:
    found = _found(problem)
    opened = "" if error.context_mark is None else f" of line {error.context_mark.line + 1}"
    message = f'expected "," or "{close}" (to close the "{opening}"{opened}), got {found}'
    if found == '"{"':
        return message, "several ports are written .qv inside [...] and {...}, not .{q,v}"
    return message, None


def _found(problem: str) -> str:
    match = _FOUND.search(problem)
    if match is None:
        return "something else"
    return _TOKENS.get(match[1], f'"{match[1]}"')
