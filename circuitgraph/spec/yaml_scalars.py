"""Plain scalars of YAML 1.2 (core schema): which unquoted texts are null, booleans and numbers.

Everything else is text: `on`, `yes`, `no`, `1_000`, `12:30` and dates stay what was written.
Source: YAML 1.2.2, section 10.3.2.
"""

from __future__ import annotations

import re

Scalar = None | bool | int | float | str

NULLS = frozenset(("", "~", "null", "Null", "NULL"))
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
LONGEST_NUMBER = 400
"""Digits of a number; more cannot be meant (and Python refuses to read integers of more than 4,300)."""

_INT = re.compile(r"[-+]?[0-9]+", re.ASCII)
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_INFINITE = re.compile(r"([-+]?)\.(?:inf|Inf|INF)")
_NAN = frozenset((".nan", ".NaN", ".NAN"))


def read_plain(text: str) -> Scalar:
    """The value an unquoted scalar stands for.

    Raises:
        OverflowError: A number of more than `LONGEST_NUMBER` characters.
    """
    if text in NULLS:
        return None
    if text in BOOLEANS:
        return BOOLEANS[text]
    if text in _NAN:
        return float("nan")
    if infinite := _INFINITE.fullmatch(text):
        return float(f"{infinite[1]}inf")
    if not _FLOAT.fullmatch(text) and not _BASED.fullmatch(text):
        return text
    if len(text) > LONGEST_NUMBER:
        raise OverflowError(text)
    if _INT.fullmatch(text):
        return int(text)
    return int(text, 0) if _BASED.fullmatch(text) else float(text)
