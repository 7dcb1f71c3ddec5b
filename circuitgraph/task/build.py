"""From a spec's `task:` to rows: read, check, place positions; every problem at once."""

from __future__ import annotations

from difflib import get_close_matches

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.errors import Problem, TaskError, quoted
from circuitgraph.spec.document import problem_at
from circuitgraph.spec.model import Spec
from circuitgraph.spec.prompts import Prompts, PythonPrompts, TemplatePrompts, ZooPrompts
from circuitgraph.task.findings import Findings
from circuitgraph.task.jsonl import file_rows
from circuitgraph.task.positions import with_declared
from circuitgraph.task.python_rows import python_rows
from circuitgraph.task.reading import RowReader
from circuitgraph.task.requirements import Baseline, ablation_problems, metric_needs, written_baseline
from circuitgraph.task.source import PlacedRows, Setting
from circuitgraph.task.task import Task
from circuitgraph.task.template import TEMPLATE_FACTOR, template_positions, template_rows
from circuitgraph.task.tokens import Tokenizer
from circuitgraph.task.zoo_rows import zoo_rows
from circuitgraph.zoo import GENERATOR_FACTORS, GENERATOR_POSITIONS


def build_task(
    spec: Spec, graph: ResidualGraph, tokenizer: Tokenizer | None, *, allow_code: bool = False
) -> Task:
    """Make the rows of a spec and check them against the model, the metric and the ablation.

    Args:
        spec: Says where prompts come from; its directory is what paths are relative to.
        graph: Says the vocabulary and the longest prompt.
        tokenizer: The model's, or None: then only rows of token ids can be read.
        allow_code: Whether `python:` entries may run.

    Raises:
        TaskError: Anything is wrong; all problems at once, at their place in the spec or the data file.
    """
    findings = Findings(spec.document)
    needs = metric_needs(spec.task.metric, findings, allow_code=allow_code)
    factors = _factors(spec, findings)
    reader = RowReader(findings, graph, tokenizer, spec.task.metric, needs, factors)
    placed = _rows(spec.task.prompts, Setting(spec.directory, reader, findings, allow_code))
    rows = with_declared(placed, spec.task.positions, tokenizer, findings)
    findings.add(ablation_problems(rows, written_baseline(spec.ablation), spec.document))
    findings.stop_if_any()
    return Task(tuple(rows), spec.task.metric, factors)


def _factors(spec: Spec, findings: Findings) -> tuple[str, ...]:
    """The declared factors; one that the prompts are known not to bring is reported at its own place."""
    known = known_factors(spec)
    wrong: list[Problem] = []
    for index, name in enumerate(spec.task.factors):
        if known is None or name in known:
            continue
        offered = sorted(known | _possible_factors(spec))
        close = get_close_matches(name, offered, n=1)
        message = f"no factor is called {quoted(name)}: these prompts bring {', '.join(offered)}"
        hint = f"did you mean {close[0]}?" if close else None
        wrong.append(problem_at(spec.document, ("task", "factors", index), "unknown-factor", message, hint))
    findings.add(wrong)
    return tuple(name for name in dict.fromkeys(spec.task.factors) if known is None or name in known)


def _possible_factors(spec: Spec) -> frozenset[str]:
    prompts = spec.task.prompts
    return frozenset(prompts.slots) if isinstance(prompts, TemplatePrompts) else frozenset()


def check_ablation(task: Task, ablation: Baseline) -> None:
    """Check that every row has what an ablation needs, for ablations other than the spec's own.

    Raises:
        TaskError: A row lacks its corrupt prompt, a factor, or another row of equally many tokens.
    """
    problems = ablation_problems(task.rows, ablation)
    if problems:
        raise TaskError(problems)


def known_positions(spec: Spec) -> frozenset[str] | None:
    """Names of positions that every row will have, without making one; None where only the rows can tell."""
    prompts = spec.task.prompts
    if isinstance(prompts, ZooPrompts):
        brought = GENERATOR_POSITIONS.get(prompts.zoo)
    else:
        brought = template_positions(prompts) if isinstance(prompts, TemplatePrompts) else None
    return None if brought is None else frozenset(brought) | frozenset(spec.task.positions)


def known_factors(spec: Spec) -> frozenset[str] | None:
    """Factors that every row will have, without making one; None where only the rows can tell."""
    prompts = spec.task.prompts
    if isinstance(prompts, ZooPrompts):
        found = GENERATOR_FACTORS.get(prompts.zoo)
        return None if found is None else frozenset(found)
    if isinstance(prompts, TemplatePrompts):
        return frozenset({TEMPLATE_FACTOR}) | (frozenset(spec.task.factors) & frozenset(prompts.slots))
    return None


def _rows(prompts: Prompts, setting: Setting) -> PlacedRows:
    if isinstance(prompts, ZooPrompts):
        return zoo_rows(prompts, setting)
    if isinstance(prompts, TemplatePrompts):
        return template_rows(prompts, setting)
    if isinstance(prompts, PythonPrompts):
        return python_rows(prompts, setting)
    return file_rows(prompts, setting)
