"""From exceptions to exit codes and words: what is wrong, where, and what to do next."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import typer

from circuitgraph.cli.output import say_json, say_problem
from circuitgraph.errors import (
    EXIT_INTERRUPTED,
    EXIT_INVALID,
    EXIT_REFUTED,
    EXIT_SUPPORTED,
    EXIT_SURROUNDINGS,
    EXIT_UNDECIDED,
    InputError,
    Problem,
    SurroundingsError,
)

if TYPE_CHECKING:
    from circuitgraph.spec import Spec

EXIT_BUG = 70
"""An exception nobody foresaw (EX_SOFTWARE of sysexits.h)."""

EXIT_PIPE = 141
"""Whoever read our output went away; what a shell reports for SIGPIPE."""

SEVERITY = (
    EXIT_INTERRUPTED,
    EXIT_BUG,
    EXIT_INVALID,
    EXIT_SURROUNDINGS,
    EXIT_REFUTED,
    EXIT_UNDECIDED,
    EXIT_SUPPORTED,
)

OUT_OF_MEMORY = "out of memory: use fewer examples, a smaller dtype, or a machine with more"

# Torch has no class of its own for a failed allocation on the CPU.
_CPU_ALLOCATION = ("can't allocate memory", "not enough memory", "out of memory")


@dataclass(frozen=True)
class Failure:
    """Why a command could not answer.

    Attributes:
        code: Exit code.
        problems: What to say, in order.
        details: Further lines for standard error only.
    """

    code: int
    problems: tuple[Problem, ...]
    details: str = ""

    @property
    def answer(self) -> dict[str, object]:
        """The machine's answer, as `check --json` gives it."""
        from circuitgraph.api.checking import Check

        return Check(self.problems).to_json()

    def say(self) -> None:
        """Print it for people, on standard error."""
        for problem in self.problems:
            say_problem(str(problem))
        if self.details:
            say_problem(self.details)


class Stopped(Exception):
    """Several things are wrong, and nothing was run."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        """Make one failure of them all."""
        super().__init__("stopped")
        problems = tuple(problem for failure in failures for problem in failure.problems)
        self.failure = Failure(worst([failure.code for failure in failures]), problems)


def worst(codes: Sequence[int]) -> int:
    """The exit code of several specs: wrong input, failed surroundings, refuted, undecided, in this order.

    >>> worst([0, 3, 1, 0])
    1
    """
    return min(codes, key=SEVERITY.index, default=EXIT_SUPPORTED)


def failure_of(error: BaseException, spec: Spec | None = None, file: str | None = None) -> Failure:
    """What an exception means to the person at the terminal.

    Args:
        error: The exception.
        spec: The spec at work, to place problems that came without a line.
        file: What to call the file of problems that came without one.
    """
    if isinstance(error, Stopped):
        return error.failure
    if isinstance(error, InputError):
        return Failure(error.exit_code, tuple(placed(problem, spec, file) for problem in error.problems))
    if isinstance(error, SurroundingsError):
        return Failure(error.exit_code, (Problem("surroundings", str(error), file=file),))
    if isinstance(error, KeyboardInterrupt):
        return Failure(EXIT_INTERRUPTED, (Problem("interrupted", "interrupted: nothing is half-written"),))
    if _is_out_of_memory(error):
        return Failure(EXIT_SURROUNDINGS, (Problem("out-of-memory", OUT_OF_MEMORY, file=file),))
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        reason = error.strerror or str(error) or type(error).__name__
        return Failure(EXIT_SURROUNDINGS, (Problem("surroundings", f"{name}{reason}"),))
    kind = type(error).__name__
    problem = Problem("internal-error", f"internal error ({kind}), please report it with the lines below")
    return Failure(EXIT_BUG, (problem,), "".join(traceback.format_exception(error)).rstrip())


def placed(problem: Problem, spec: Spec | None, file: str | None) -> Problem:
    """The problem with a place: the entry of the spec it names, at least the file."""
    if problem.file is not None:
        return problem
    where = tuple(problem.where.split("."))
    if spec is not None and spec.document is not None and all(part.isidentifier() for part in where):
        return spec.document.problem(where, problem.code, problem.message, problem.hint)
    return replace(problem, file=file)


def guarded(command: Callable[..., int]) -> Callable[..., None]:
    """Make a command that returns its exit code into one that exits with it, whatever happens inside."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        code = EXIT_SUPPORTED
        try:
            try:
                code = command(*args, **kwargs)
            except BrokenPipeError:
                raise
            except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (the last place that can explain it)
                failure = failure_of(error)
                code = failure.code
                if kwargs.get("as_json"):
                    say_json(failure.answer)
                    if failure.details:
                        say_problem(failure.details)
                else:
                    failure.say()
            sys.stdout.flush()
        except BrokenPipeError:
            # Python would complain on flushing at exit; there is nobody left to read.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = EXIT_PIPE
        raise typer.Exit(code)

    return run


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _CPU_ALLOCATION)
