"""The verdict machine measured as one: a true spec is supported, a spec with one thing changed is refuted.

Every false spec differs from the true one in a single head or a single edge. Each is judged on data of its own, drawn
with the seed of its place in the list, so no case rests on a chosen sample.
"""

from __future__ import annotations

import pytest

import circuitgraph as cg
from circuitgraph.statistics import Verdict

SPEC = """\
circuitgraph: 1
name: induction
model: zoo:induction
task: {{prompts: {{zoo: repeated-tokens, examples: 48, seed: {seed}}}, metric: logit_diff}}
nodes:
  previous_token: [a0.h{previous}]
  induction: {{members: [{induction}], at: END}}
edges: [{edges}]
claims:
  - faithful: {{at_least: 0.9}}
  - minimal: {{each_at_least: 0.02}}
"""
EDGES = (
    "embed -> previous_token.v",
    "previous_token -> induction.k",
    "embed -> induction.q",
    "embed -> induction.v",
    "induction -> logits",
)

ANOTHER_HEAD = [{"previous": head} for head in (1, 2, 3)]
A_HEAD_LESS = [
    {"induction": ", ".join(f"a1.h{head}" for head in range(4) if head != left)} for left in range(4)
]
AN_EDGE_LESS = [{"edges": ", ".join(edge for edge in EDGES if edge != left)} for left in EDGES]
AN_EDGE_MORE = [
    {"edges": ", ".join([*EDGES, more])}
    for more in ("embed -> previous_token.q", "embed -> a1.h1.k", "a0.h3 -> a1.h2.q", "embed -> logits")
]
FALSE = [*ANOTHER_HEAD, *A_HEAD_LESS, *AN_EDGE_LESS, *AN_EDGE_MORE]


def verdicts(seed: int, change: dict[str, object]) -> list[Verdict]:
    parts: dict[str, object] = {"previous": 0, "induction": "a1.h*", "edges": ", ".join(EDGES)} | change
    report = cg.validate(cg.loads(SPEC.format(seed=seed, **parts)))
    return [outcome.verdict for outcome in report.claims]


def test_the_true_spec_is_supported() -> None:
    for seed in range(100, 104):
        assert verdicts(seed, {}) == [Verdict.SUPPORTED, Verdict.SUPPORTED], f"seed {seed}"


@pytest.mark.parametrize("case", range(len(FALSE)))
def test_a_spec_with_one_change_is_refuted(case: int) -> None:
    assert Verdict.REFUTED in verdicts(case, FALSE[case]), FALSE[case]
