"""A progress bar with the time left, on standard error, for people at a terminal."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

Told = Callable[[str, float, float], None]


@contextmanager
def progress_bar(what: str, *, quiet: bool) -> Generator[Told]:
    """Show a bar while the block runs; it vanishes after.

    Yields what the API calls with (what, done, total); a total of 0 says that there is no telling.

    Args:
        what: Said until the first call, while there is no telling how long it takes.
        quiet: Show nothing.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    shown = not quiet and console.is_terminal
    with Progress(
        *columns, console=console, transient=True, refresh_per_second=5, disable=not shown
    ) as progress:
        task = progress.add_task(what, total=None)
        current = what

        def told(now: str, done: float, total: float) -> None:
            nonlocal current
            if now != current:
                progress.reset(task)
                current = now
            progress.update(task, description=now, completed=done, total=total or None)

        yield told
