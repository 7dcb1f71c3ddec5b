"""Prompts: from the `task:` of a spec to rows of token ids with answers, positions, factors. Torch-free."""

from __future__ import annotations

from circuitgraph.task.build import build_task, check_ablation, known_factors, known_positions
from circuitgraph.task.code import load_function
from circuitgraph.task.names import PositionExpression, parse_position
from circuitgraph.task.rows import Level, Row
from circuitgraph.task.task import Task
from circuitgraph.task.tokens import Tokenizer, load_tokenizer

__all__ = [
    "Level",
    "PositionExpression",
    "Row",
    "Task",
    "Tokenizer",
    "build_task",
    "check_ablation",
    "known_factors",
    "known_positions",
    "load_function",
    "load_tokenizer",
    "parse_position",
]
