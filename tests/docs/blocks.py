"""Fenced code blocks of a Markdown file, each with the marks that stand before it.

A mark is an HTML comment on the lines directly before the fence, so that readers of the page never see it:

    <!-- exit: 1 -->        the commands of the block end with this exit code, not 0
    <!-- file: my.yaml -->  the block is the content of this file, for the blocks after it
    <!-- not run -->        the block is shown, not run
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,}) *(?P<language>[^\s`]*)[^`]*$")
COMMENT = re.compile(r"^\s*<!--\s*(?P<text>.*?)\s*-->\s*$")
SHELL = ("console", "sh", "shell", "bash")


class MarkError(ValueError):
    """A block or a mark that cannot be followed."""


@dataclass(frozen=True)
class Block:
    """One fenced block; `line` is that of its first line of content, counted from 1."""

    page: Path
    line: int
    language: str
    text: str
    exit_code: int = 0
    file: str | None = None
    runs: bool = True

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def code_blocks(page: Path) -> list[Block]:
    """Every fenced block of `page`, in order.

    Raises:
        MarkError: a fence is never closed, or a comment directly before one is not a mark.
    """
    lines = page.read_text(encoding="utf-8").splitlines()
    blocks: list[Block] = []
    at = 0
    while at < len(lines):
        opening = FENCE.match(lines[at])
        if opening is None:
            at += 1
            continue
        start = at + 1
        closing = re.compile(rf"^ *{opening['fence'][0]}{{{len(opening['fence'])},}}\s*$")
        end = next((i for i in range(start, len(lines)) if closing.match(lines[i])), None)
        if end is None:
            raise MarkError(f"{page.name}:{at + 1}: this fence is never closed")
        indent = len(opening["indent"])
        text = "\n".join(line[min(indent, len(line) - len(line.lstrip())) :] for line in lines[start:end])
        marks = _marks_before(page, lines, at)
        blocks.append(
            Block(
                page=page,
                line=start + 1,
                language=opening["language"].lower(),
                text=text + "\n",
                exit_code=int(marks.get("exit", 0)),
                file=marks.get("file"),
                runs="not run" not in marks,
            )
        )
        at = end + 1
    return blocks


def command_lines(block: Block) -> list[str]:
    """The command lines of a console block; with prompts (`$ `) only the lines that have one.

    A backslash at the end of a line continues it.
    """
    lines = re.sub(r"\\\n\s*", "", block.text).splitlines()
    prompted = [line.strip()[2:] for line in lines if line.strip().startswith("$ ")]
    return prompted or [line.strip() for line in lines if line.strip()]


def _marks_before(page: Path, lines: list[str], fence: int) -> dict[str, str]:
    marks: dict[str, str] = {}
    for at in range(fence - 1, -1, -1):
        comment = COMMENT.match(lines[at])
        if comment is None:
            break
        name, _, value = (part.strip() for part in comment["text"].partition(":"))
        plain = {"exit": value.isdecimal(), "file": bool(value), "not run": not value}
        if not plain.get(name, False):
            raise MarkError(f"{page.name}:{at + 1}: not a mark: use 'exit: N', 'file: NAME' or 'not run'")
        marks[name] = value
    return marks
