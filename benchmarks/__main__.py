"""Run the benchmarks: `python -m benchmarks [--repeats N] [--threads N] [--write docs/benchmarks.md]`.

Every case runs in a process of its own with the allocator settings of `ALLOCATOR` (glibc), the same for our side and
for the bare forward pass: without them the allocator alone can double the time of either. Ratios are medians over
repeats, each the time of our work over that of a bare Hugging Face forward pass measured right before it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "68719476736",
    "MALLOC_TOP_PAD_": "268435456",
}
CASES = (
    "gpt2-small/eap",
    "gpt2-small/eap-ig",
    "gpt2-small/sparse-circuit",
    "gpt2-small/random-circuit",
    "gpt2-small/validated-circuit",
    "induction/eap",
    "induction/validated-circuit",
    "induction/hundred-variants",
)
WHAT = {
    "eap": "clean + corrupt + backward + scores of all edges",
    "eap-ig": "EAP-IG, 5 steps, all edges",
    "sparse-circuit": "a circuit of 10 heads and 2 MLPs, reference runs cached",
    "random-circuit": "a random circuit of 1000 edges, with its clean and corrupt run",
    "validated-circuit": "clean + corrupt + circuit + complement",
    "hundred-variants": "100 leave-one-out and random variants, a variant",
}
TARGETS = {"gpt2-small/eap": "≤ 5 forwards, ≤ 700 MB"}


def main() -> None:
    """Run every case in its own process and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", type=Path, help="write the table into this Markdown file")
    parser.add_argument("cases", nargs="*", default=CASES, help=f"of {', '.join(CASES)}")
    wanted = parser.parse_args()
    rows: list[dict[str, float | str]] = []
    console = Console()
    for case in wanted.cases:
        command = [sys.executable, "-m", "benchmarks.cases", case, str(wanted.repeats), str(wanted.threads)]
        environment = {**os.environ, **ALLOCATOR, "OMP_NUM_THREADS": str(wanted.threads)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{case} failed:\n{done.stderr}")
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        console.print(f"{case}: {rows[-1]['ratio']:.2f} forwards", style="dim")
    console.print(as_table(rows))
    if wanted.write is not None:
        wanted.write.write_text(as_markdown(rows, wanted.threads, wanted.repeats), encoding="utf-8")


def cells(row: dict[str, float | str]) -> tuple[str, ...]:
    """One line of the table."""
    case = str(row["case"])
    return (
        case,
        WHAT[case.split("/")[1]],
        f"{row['bare_ms']:.1f} ms",
        f"{row['ratio']:.2f} ({row['low']:.2f}-{row['high']:.2f})",
        f"{row['extra_mb']:.0f} MB",
        TARGETS.get(case, ""),
    )


HEADINGS = ("case", "work", "bare forward", "bare forwards (range)", "extra memory", "target")


def as_table(rows: list[dict[str, float | str]]) -> Table:
    """The table for a terminal."""
    table = Table(*(heading for heading in HEADINGS if heading != "work"))
    for row in rows:
        case, _, *rest = cells(row)
        table.add_row(case, *rest)
    return table


def as_markdown(rows: list[dict[str, float | str]], threads: int, repeats: int) -> str:
    """docs/benchmarks.md."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "nnsight", "transformers"))
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench` (`python -m benchmarks --write docs/benchmarks.md`).",
        "",
        f"Machine: {platform.machine()}, {platform.system()}, {threads} CPU threads, Python "
        f"{platform.python_version()}, {versions}.",
        "",
        f"Medians of {repeats} repeats, range in brackets; the unit is a bare",
        "Hugging Face forward pass of the same batch in the same process, measured right before each repeat. Extra "
        "memory is",
        "the growth of the process's peak resident size over that of loading the model and running it once. Allocator "
        "settings",
        "for both sides: " + " ".join(f"`{name}={value}`" for name, value in ALLOCATOR.items()) + ".",
        "",
        "`gpt2-small`: GPT-2 small's shape with random weights, 8 prompts of 16 tokens, 32,491 edges. `induction`: "
        "`zoo:induction`,",
        "128 prompts of 10 to 24 tokens, 81 edges.",
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|" + "---|" * len(HEADINGS),
    ]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
