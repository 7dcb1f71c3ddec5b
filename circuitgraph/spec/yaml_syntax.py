"""What the YAML parser complains about, in the words of the person who wrote the file."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """A message and a hint; `at_opening`: about what was opened (a quote), not where reading stopped."""

    message: str
    hint: str | None = None
    at_opening: bool = False


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


def in_words(problem: str, context: str, opened: tuple[int, int] | None) -> Said:
    """Retell a syntax error of ruamel.yaml.

    Args:
        problem: What it found.
        context: What it was doing.
        opened: Line and column where that began.
    """
    problem = " ".join(problem.split("\n"))
    if start := _CANNOT_START.match(problem):
        return _bad_start(start[1])
    for beginning, said in _KNOWN.items():
        if problem.startswith(beginning):
            return said
    if "quoted scalar" in context and "end of stream" in problem:
        return Said("this quote is never closed", None, at_opening=True)
    if "double-quoted" in context and "unknown escape" in problem:
        return Said(problem, "use single quotes to keep a backslash as it is")
    if "flow sequence" in context:
        return _flow("[", "]", problem, opened)
    if "flow mapping" in context:
        return _flow("{", "}", problem, opened)
    if "flow node" in context or "block node" in context:
        return Said(f"expected a value, got {_found(problem)}")
    if "block mapping" in context or "block collection" in context:
        hint = "indent the items of one list, and the keys of one mapping, alike"
        return Said(f"expected the next key or list item, got {_found(problem)}", hint)
    if "anchor" in context or "alias" in context:
        return Said("a * or & here must be followed by a name", "quote a text that starts with * or &")
    return Said(f"the YAML cannot be read here: {problem}")


_KNOWN = {
    "mapping values are not allowed here": Said(
        'a ":" that makes this a key is not allowed here',
        'indent the keys of one mapping alike, and quote a text that holds ": "',
    ),
    "sequence entries are not allowed here": Said(
        'a list item ("- ") is not allowed here', "start the list on a line of its own"
    ),
    "could not find expected ':'": Said(
        'this line is neither a key (it has no ":") nor a list item ("- ")', None, at_opening=True
    ),
}


def _bad_start(character: str) -> Said:
    if character in {"\t", "\\t"}:
        return Said("a tab cannot indent YAML", "use spaces")
    hint = "positions are written without @ here, or quote the text" if character == "@" else "quote the text"
    return Said(f'an unquoted text cannot start with "{character}"', hint)


def _flow(opening: str, closing: str, problem: str, opened: tuple[int, int] | None) -> Said:
    found = _found(problem)
    since = "" if opened is None else f" of line {opened[0]}"
    message = f'expected "," or "{closing}" (to close the "{opening}"{since}), got {found}'
    if found == '"{"':
        return Said(message, "several ports are written .qv inside [...] and {...}, not .{q,v}")
    return Said(message)


def _found(problem: str) -> str:
    match = _FOUND.search(problem)
    if match is None:
        return "something else"
    return _TOKENS.get(match[1], f'"{match[1]}"')
