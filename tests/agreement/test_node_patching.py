"""What it means to ablate a whole node, a port or a position, done with forward hooks on Hugging Face's own model.

Neither the engine nor the oracle has a part in these expectations, so a misreading that the two share would show:
b_O stays when a head is ablated, b_V goes, the MLP's output bias goes with the MLP, means are taken by position
counted from a row's first token, k and v are patched at the source token and q at the reader's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor

from circuitgraph.names import Edge, Node, Port, PortName, head, mlp
from circuitgraph.plan.variants import ABLATED, EdgeSet, Variant, noising
from tests.agreement.cases import ABLATIONS, Case, random_rows
from tests.oracle.random_models import random_gpt2

LAYERS, HEADS, WIDTH, WIDE = 2, 2, 8, 4
MODEL = random_gpt2(31, layers=LAYERS, heads=HEADS, head_width=WIDE)
ROWS = random_rows((5, 8, 5, 8), 13, seed=7)
BLOCKS: Any = MODEL.transformer.h
HOOKED = ("corrupt", "zero", "mean", "mean over corrupt")
NODES = [head(layer, index) for layer in range(LAYERS) for index in range(HEADS)] + [mlp(0), mlp(1)]

Change = Callable[[Tensor], Tensor]


@contextmanager
def changed(module: torch.nn.Module, change: Change, *, what: str) -> Iterator[None]:
    """Replace a module's input or output for a while."""
    if what == "input":
        handle = module.register_forward_pre_hook(lambda _, given: (change(given[0]), *given[1:]))
    else:
        handle = module.register_forward_hook(lambda *given: change(given[2]))
    try:
        yield
    finally:
        handle.remove()


def run(tokens: tuple[int, ...], *patches: object) -> Tensor:
    """Logits at the last token, [vocab], of one unpadded row under some `changed` contexts."""
    with torch.no_grad(), ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)  # type: ignore[arg-type]
        return MODEL(torch.tensor([tokens])).logits[0, -1]


def record(tokens: tuple[int, ...]) -> dict[str, Tensor]:
    """The inputs of every output projection ("z0"), outputs of every MLP ("m0") and of c_attn ("qkv0"), [T, ...]."""
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Change:
        def see(value: Tensor) -> Tensor:
            found[name] = value[0].clone()
            return value

        return see

    patches = []
    for layer, block in enumerate(BLOCKS):
        patches.append(changed(block.attn.c_proj, keep(f"z{layer}"), what="input"))
        patches.append(changed(block.attn.c_attn, keep(f"qkv{layer}"), what="output"))
        patches.append(changed(block.mlp, keep(f"m{layer}"), what="output"))
    run(tokens, *patches)
    return found


def baseline(ablation: str, i: int) -> dict[str, Tensor]:
    """What z and the MLPs are replaced by on row `i`."""
    row = ROWS[i]
    if ablation == "corrupt":
        return record(row.corrupt or ())
    if ablation == "zero":
        return {name: torch.zeros_like(value) for name, value in record(row.clean).items()}
    runs = [record((other.clean if ablation == "mean" else other.corrupt) or ()) for other in ROWS]
    return {
        name: torch.stack(
            [
                torch.stack([one[name][t] for one in runs if len(one[name]) > t]).mean(0)
                for t in range(row.length)
            ]
        )
        for name in runs[i]
    }


def node_patch(node: Node, instead: dict[str, Tensor], where: slice) -> object:
    """Replace what a node writes at some tokens."""
    if node.kind == "mlp":

        def on_mlp(out: Tensor) -> Tensor:
            out = out.clone()
            out[0, where] = instead[f"m{node.layer}"][where]
            return out

        return changed(BLOCKS[node.layer].mlp, on_mlp, what="output")
    span = slice(node.index * WIDE, (node.index + 1) * WIDE)

    def on_head(z: Tensor) -> Tensor:
        z = z.clone()
        z[0, where, span] = instead[f"z{node.layer}"][where, span]
        return z

    return changed(BLOCKS[node.layer].attn.c_proj, on_head, what="input")


def close(found: Tensor, wanted: Tensor) -> None:
    assert float((found - wanted).abs().max()) <= 1e-12


@pytest.mark.parametrize("ablation", HOOKED)
def test_noising_all_edges_out_of_a_node_is_patching_its_output(ablation: str) -> None:
    case = Case(MODEL, ROWS, ABLATIONS[ablation])
    acts = {node: noising([edge for edge in case.edges if edge.source == node]) for node in NODES}
    found = case.logits(case.plan(acts.values()).steps)
    for i, row in enumerate(ROWS):
        instead = baseline(ablation, i)
        for node, variant in acts.items():
            wanted = run(row.clean, node_patch(node, instead, slice(None)))
            close(found[variant][i], wanted)
            assert float((wanted - run(row.clean)).abs().max()) > 1e-3


@pytest.mark.parametrize("ablation", HOOKED)
def test_at_a_position_it_is_patching_its_output_there(ablation: str) -> None:
    """An edge lives where it enters the stream, so all edges out of a node @A are its write at token A."""
    case = Case(MODEL, ROWS, ABLATIONS[ablation])
    acts = {
        node: noising([Edge(edge.source, edge.target, "A") for edge in case.edges if edge.source == node])
        for node in NODES
    }
    found = case.logits(case.plan(acts.values()).steps)
    for i, row in enumerate(ROWS):
        instead, at = baseline(ablation, i), row.positions["A"]
        for node, variant in acts.items():
            close(found[variant][i], run(row.clean, node_patch(node, instead, slice(at, at + 1))))


@pytest.mark.parametrize("ablation", HOOKED)
def test_everything_ablated_leaves_the_output_biases(ablation: str) -> None:
    """Σ b_u + β under the final norm: the embedding and all nodes replaced, both b_O still there."""
    case = Case(MODEL, ROWS, ABLATIONS[ablation])
    found = case.logits(case.plan([ABLATED]).steps)[ABLATED]
    for i, row in enumerate(ROWS):
        instead = baseline(ablation, i)
        if ablation == "zero":
            embedding = torch.zeros(1, WIDTH, dtype=torch.float64)
        elif ablation == "corrupt":
            embedding = embedded(row.corrupt or (), row.length - 1)
        else:
            tokens = [other.clean if ablation == "mean" else other.corrupt for other in ROWS]
            long_enough = [ids for ids in tokens if ids is not None and len(ids) >= row.length]
            embedding = torch.stack([embedded(ids, row.length - 1) for ids in long_enough]).mean(0)
        stream = embedding[0]
        for layer, block in enumerate(BLOCKS):
            stream = stream + instead[f"z{layer}"][-1] @ block.attn.c_proj.weight + instead[f"m{layer}"][-1]
            stream = stream + block.attn.c_proj.bias
        with torch.no_grad():
            close(found[i], MODEL.lm_head(MODEL.transformer.ln_f(stream)))


def embedded(tokens: tuple[int, ...], at: int) -> Tensor:
    """Token plus position embedding of one token, [1, d_model]."""
    with torch.no_grad():
        return (MODEL.transformer.wte.weight[tokens[at]] + MODEL.transformer.wpe.weight[at])[None]


@pytest.mark.parametrize("ablation", ["corrupt", "zero"])
def test_the_direct_path_alone(ablation: str) -> None:
    """Only embed -> logits kept: OUT(e + Σ b + β), by hand."""
    case = Case(MODEL, ROWS, ABLATIONS[ablation])
    variant = Variant(EdgeSet.only([edge for edge in case.edges if str(edge) == "embed -> logits"]))
    found = case.logits(case.plan([variant]).steps)[variant]
    for i, row in enumerate(ROWS):
        instead = baseline(ablation, i)
        with torch.no_grad():
            stream = embedded(row.clean, row.length - 1)[0]
            for layer, block in enumerate(BLOCKS):
                stream = (
                    stream + instead[f"z{layer}"][-1] @ block.attn.c_proj.weight + instead[f"m{layer}"][-1]
                )
                stream = stream + block.attn.c_proj.bias
            close(found[i], MODEL.lm_head(MODEL.transformer.ln_f(stream)))


@pytest.mark.parametrize("port", ["q", "k", "v"])
@pytest.mark.parametrize("place", [None, "A", "END"])
def test_a_port_of_the_first_layer_is_its_slice_of_the_projection(port: PortName, place: str | None) -> None:
    """embed -> a0.h1.k at token A is the key of token A from the corrupt run; a q at token A is A's own query."""
    case = Case(MODEL, ROWS, ABLATIONS["corrupt"])
    edge = Edge(Node("embed"), Port(head(0, 1), port), place)
    variant = noising([edge])
    found = case.logits(case.plan([variant]).steps)[variant]
    start = "qkv".index(port) * WIDTH + WIDE
    span = slice(start, start + WIDE)
    for i, row in enumerate(ROWS):
        corrupt = record(row.corrupt or ())["qkv0"]
        where = slice(None) if place is None else slice(row.positions[place], row.positions[place] + 1)

        def on_projection(out: Tensor, where: slice = where, corrupt: Tensor = corrupt) -> Tensor:
            out = out.clone()
            out[0, where, span] = corrupt[where, span]
            return out

        close(found[i], run(row.clean, changed(BLOCKS[0].attn.c_attn, on_projection, what="output")))


def test_all_edges_out_of_the_embedding_are_the_corrupt_prompt() -> None:
    """Nothing but the embedding is replaced, every component is live: the corrupt run."""
    case = Case(MODEL, ROWS, ABLATIONS["corrupt"])
    variant = noising([edge for edge in case.edges if edge.source.kind == "embed"])
    found = case.logits(case.plan([variant]).steps)[variant]
    for i, row in enumerate(ROWS):
        close(found[i], run(row.corrupt or ()))
