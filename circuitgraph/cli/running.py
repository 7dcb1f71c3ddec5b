"""`validate` and `attribute`: the commands that load a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from circuitgraph.cli.failures import Failure, Stopped, failure_of, worst
from circuitgraph.cli.options import AllowCode, AsJson, Output, Quiet, Seed, SpecFile, SpecFiles
from circuitgraph.cli.output import say, say_json, say_problem, show
from circuitgraph.cli.progress import Told, progress_bar
from circuitgraph.errors import EXIT_INVALID, CircuitGraphError, InputError, Problem, quoted

if TYPE_CHECKING:
    from circuitgraph.api import Prepared
    from circuitgraph.report import Report
    from circuitgraph.report.save import Saved
    from circuitgraph.spec import Spec


class Scope(str, Enum):
    """Which edges are scored."""

    circuit = "circuit"
    all = "all"


@dataclass(frozen=True)
class Job:
    """A spec that is sound, and where its report goes."""

    path: Path
    prepared: Prepared
    directory: Path | None


def validate(
    specs: SpecFiles,
    output: Output = None,
    seed: Seed = 0,
    allow_code: AllowCode = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Measure circuit hypotheses and judge their claims.

    The reports of several specs are saved in DIR/NAME, after the specs' files.
    All of them are checked before the first one runs.
    The exit code is that of the worst.
    """
    from circuitgraph import api

    if len(specs) == 1:
        directories: list[Path | None] = [output]
    else:
        directories = [None if output is None else output / path.stem for path in specs]
    jobs = _jobs(specs, directories, allow_code=allow_code)

    def measured(job: Job, told: Told) -> Report:
        return api.validate(job.prepared, allow_code=allow_code, seed=seed, progress=told)

    return _run(jobs, measured, as_json=as_json, quiet=quiet)


def attribute(
    spec: SpecFile,
    method: Annotated[
        str, typer.Option("--method", "-m", metavar="NAMES", help="Of exact, eap, eap-ig, eap-ig-left.")
    ] = "exact,eap",
    scope: Annotated[Scope, typer.Option(help="The circuit's edges, or all of the model.")] = Scope.circuit,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the integrated methods.")] = 5,
    output: Output = None,
    seed: Seed = 0,
    allow_code: AllowCode = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Score edges by their effect on the metric."""
    from circuitgraph import api
    from circuitgraph.attribution.methods import method_named

    methods = [name for part in method.split(",") if (name := part.strip())]
    if not methods:
        raise InputError(Problem("no-method", f"{quoted(method)} names no method", where="--method"))
    for name in methods:
        method_named(name, steps)
    jobs = _jobs([spec], [output], allow_code=allow_code)

    def measured(job: Job, told: Told) -> Report:
        return api.attribute(
            job.prepared,
            methods=methods,
            scope=scope.value,
            steps=steps,
            allow_code=allow_code,
            seed=seed,
            progress=told,
        )

    return _run(jobs, measured, as_json=as_json, quiet=quiet)


def _jobs(specs: Sequence[Path], directories: Sequence[Path | None], *, allow_code: bool) -> list[Job]:
    """Check every spec and every output directory.

    Raises:
        Stopped: Something is wrong with any of them.
    """
    from circuitgraph import api

    failures = _shared_outputs(specs, directories)
    jobs: list[Job] = []
    for path, directory in zip(specs, directories, strict=True):
        spec: Spec | None = None
        try:
            spec = api.as_spec(path)
            prepared = api.prepare(spec, allow_code=allow_code, to_run=True)
        except CircuitGraphError as error:
            failures.append(failure_of(error, spec, str(path)))
        else:
            jobs.append(Job(path, prepared, directory))
    for directory in () if failures else dict.fromkeys(directories):
        try:
            _check_output(directory)
        except CircuitGraphError as error:
            failures.append(failure_of(error))
    if failures:
        raise Stopped(failures)
    return jobs


def _shared_outputs(specs: Sequence[Path], directories: Sequence[Path | None]) -> list[Failure]:
    """Specs whose report would overwrite that of another."""
    failures: list[Failure] = []
    first: dict[Path, Path] = {}
    for path, directory in zip(specs, directories, strict=True):
        if directory is not None and first.setdefault(directory, path) is not path:
            message = f"its report would go to {directory}, as that of {first[directory]}: run them apart"
            failures.append(Failure(EXIT_INVALID, (Problem("same-output", message, file=str(path)),)))
    return failures


def _check_output(directory: Path | None) -> None:
    if directory is not None:
        from circuitgraph.report.save import check_output

        check_output(directory)


def _run(jobs: Sequence[Job], measured: Callable[[Job, Told], Report], *, as_json: bool, quiet: bool) -> int:
    codes: list[int] = []
    answers: list[dict[str, object]] = []
    for job in jobs:
        outcome = _run_one(job, measured, quiet=quiet)
        if isinstance(outcome, Failure):
            codes.append(outcome.code)
            answers.append({"spec": str(job.path), "exit_code": outcome.code, **outcome.answer})
            if not as_json:
                outcome.say()
            continue
        report, _ = outcome
        codes.append(report.exit_code)
        if as_json:
            answer = report.to_json()
            alone = len(jobs) == 1
            head = {"spec": str(job.path), "exit_code": report.exit_code}
            answers.append(answer if alone else {**head, "report": answer})
        elif not quiet:
            _show(*outcome)
    if as_json:
        say_json(answers[0] if len(jobs) == 1 else {"exit_code": worst(codes), "specs": answers})
    return worst(codes)


def _run_one(
    job: Job, measured: Callable[[Job, Told], Report], *, quiet: bool
) -> tuple[Report, Saved | None] | Failure:
    try:
        with progress_bar(f"loading {job.prepared.graph.name}", quiet=quiet) as told:
            report = measured(job, told)
            saved = None
            if job.directory is not None:
                told(f"saving {job.directory}", 0.0, 0.0)
                saved = _saved(report, job.directory)
    except (CircuitGraphError, MemoryError, OSError, RuntimeError) as error:
        failure = failure_of(error, job.prepared.spec, str(job.path))
        if failure.details:  # a bug, which must end the run
            raise
        return failure
    return report, saved


def _saved(report: Report, directory: Path) -> Saved:
    from circuitgraph.report.save import write_report

    return write_report(report, directory)


def _show(report: Report, saved: Saved | None) -> None:
    from circuitgraph.report.terminal import overview

    show(overview(report))
    if saved is not None:
        for note in saved.notes:
            say_problem(f"warning: {note}")
        say(f"report saved in {saved.directory}")
