"""The benchmark cases, one a process: `python -m benchmarks.cases CASE REPEATS THREADS` prints one JSON line."""

from __future__ import annotations

import json
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import nn

from circuitgraph.api.prepare import prepare
from circuitgraph.arch.config import residual_graph_of
from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.attribution.attribute import attribute
from circuitgraph.attribution.methods import method_named
from circuitgraph.engine.loading import load_model
from circuitgraph.engine.session import Session
from circuitgraph.names import EMBED, LOGITS, Edge, Node, head, mlp
from circuitgraph.plan.compile import compile_plan
from circuitgraph.plan.variants import EdgeSet, Variant
from circuitgraph.resolve import Ablation
from circuitgraph.task import Row, Task
from circuitgraph.validation.random_circuits import random_circuits

Work = Callable[[], object]


def gpt2_small() -> tuple[nn.Module, ResidualGraph, Task]:
    """GPT-2 small's shape with random weights, 8 pairs of 16 random tokens."""
    import transformers

    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config()).eval()
    draw = random.Random(0)

    def prompt() -> tuple[int, ...]:
        return tuple(draw.randrange(50257) for _ in range(16))

    rows = tuple(Row(f"row {i}", prompt(), prompt(), (1000 + i,), (2000 + i,)) for i in range(8))
    return model, residual_graph_of(model.config, "gpt2-small shape"), Task(rows, "logit_diff")


def induction() -> tuple[nn.Module, ResidualGraph, Task]:
    """The embedded model on its own data."""
    prepared = prepare("specs/induction.yaml")
    assert prepared.location is not None
    model, _ = load_model(prepared.location, prepared.spec.model_ref)
    return model, prepared.graph, prepared.task


def sparse_circuit(graph: ResidualGraph) -> frozenset[Edge]:
    """Every edge among 10 heads spread over the model, 2 MLPs, embed and logits."""
    nodes: set[Node] = {EMBED, LOGITS, mlp(0), mlp(graph.layers // 2)}
    nodes |= {head((2 + layer) % graph.layers, (5 * layer) % graph.heads) for layer in range(10)}
    return frozenset(edge for edge in graph.edges() if edge.source in nodes and edge.target.node in nodes)


def bare_pass(model: nn.Module, task: Task) -> Work:
    """The forward pass everything is measured in: the task's clean prompts as one right-padded batch."""
    length = max(row.length for row in task.rows)
    ids = torch.tensor([[*row.clean, *[0] * (length - row.length)] for row in task.rows])

    def run() -> None:
        with torch.no_grad():
            model(ids, use_cache=False)

    return run


def work_of(name: str, session: Session) -> tuple[Work, float]:
    """The work of a case and how many units it is divided by."""
    graph, rows = session.graph, len(session.task.rows)
    edges = tuple(graph.edges())
    if name in ("eap", "eap-ig"):
        return (lambda: attribute(session, edges, [method_named(name)])), 1
    circuit = sparse_circuit(graph) if graph.layers > 2 else random_circuits(graph, 17, 1, 0)[0]
    kept = Variant(EdgeSet.only(circuit))
    if name == "sparse-circuit":
        (step,) = compile_plan(graph, "corrupt", rows, [kept]).steps
        (batch,) = session.batches()
        reference = session.reference(batch)
        reference.clean.writers(session.parts)
        reference.baseline.writers(session.parts)
        return (lambda: session.patched_logits(step, [kept], reference)), 1
    if name == "random-circuit":
        (chosen,) = random_circuits(graph, 1000, 1, 0)
        plan = compile_plan(graph, "corrupt", rows, [Variant(EdgeSet.only(chosen))])
        return (lambda: session.run(plan)), 1
    if name == "hundred-variants":
        rivals = random_circuits(graph, 17, 83, 0)
        variants = [Variant(EdgeSet.only(circuit - {edge})) for edge in sorted(circuit, key=str)]
        variants += [Variant(EdgeSet.only(rival)) for rival in rivals]
        plan = compile_plan(graph, "corrupt", rows, variants)
        return (lambda: session.run(plan)), len(variants)
    plan = compile_plan(graph, "corrupt", rows, [kept, Variant(EdgeSet.without(circuit))])
    return (lambda: session.run(plan)), 1


def seconds(work: Work) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak_bytes() -> int:
    """Peak resident size of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main(case: str, repeats: int, threads: int) -> None:
    """Measure one case and print it."""
    torch.set_num_threads(threads)
    model_name, name = case.split("/")
    model, graph, task = gpt2_small() if model_name == "gpt2-small" else induction()
    session = Session(model, graph, task, Ablation())
    bare = bare_pass(model, task)
    bare()
    bare()
    before = peak_bytes()
    work, units = work_of(name, session)
    work()
    extra = peak_bytes() - before
    bares, ratios = [], []
    for _ in range(repeats):
        bares.append(statistics.median(seconds(bare) for _ in range(3)))
        ratios.append(seconds(work) / units / bares[-1])
    row = {
        "case": case,
        "bare_ms": statistics.median(bares) * 1e3,
        "ratio": statistics.median(ratios),
        "low": min(ratios),
        "high": max(ratios),
        "extra_mb": extra / 2**20,
    }
    sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
