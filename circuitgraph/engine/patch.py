"""Port inputs of stacked variants, ready for the traced forward.

For every site the input of a port is put together as

    x_p = base_p + Σ_u C[v,p,u] · (current_u − reference_u) + Σ_u K[v,p,u] · (clean_u − b_u)

`base`, `C`, the reference and (for the *around* form only) `K` follow from the form and the rule
(`circuitgraph.plan.compile`). Writers before the first block that runs are constants: their differences carry no
variant axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.engine.batch import Batch
from circuitgraph.engine.modules import Parts
from circuitgraph.engine.runs import Baseline, Run
from circuitgraph.names import EMBED, Node
from circuitgraph.plan.compile import Step
from circuitgraph.plan.masks import Kept, kept_pairs, pair_offsets
from circuitgraph.plan.sites import Site, sites
from circuitgraph.plan.variants import Variant


@dataclass(frozen=True)
class PortGroup:
    """Ports of one site that the same variants patch.

    Attributes:
        ports: Places of the ports within the site.
        variants: Which variants; None for all of them.
        constant: C over the writers of `PatchPlan.constants`: [variant, port, writer] or, with positions,
            [variant, port, writer, batch, pos].
        live: C over the writers of `PatchPlan.live`.
        extra: K over all writers the site reads (around form only).
    """

    ports: Tensor
    variants: Tensor | None
    constant: Tensor
    live: Tensor
    extra: Tensor | None


@dataclass(frozen=True)
class SettledPorts:
    """Port inputs of a site that no live writer touches: a few distinct ones serve all variants.

    Attributes:
        ports: Port of each distinct input, [distinct].
        constant: C over `PatchPlan.constants`, [distinct, writer].
        extra: K over all writers the site reads (around form only), [distinct, writer].
        variant, port, source: Which distinct input goes where: [assignments] each.
    """

    ports: Tensor
    constant: Tensor
    extra: Tensor | None
    variant: Tensor
    port: Tensor
    source: Tensor


@dataclass(frozen=True)
class PatchPlan:
    """Everything one traced forward of stacked variants needs.

    Attributes:
        variants: Number of variants.
        start: First block that runs.
        base: "live", or the streams that serve as base, one a site.
        groups: Per site index, its port groups that live writers touch.
        settled: Per attention site index, the port inputs that need no lane of their own.
        constants: Writers whose difference is a constant, in causal order.
        constant_delta: Their differences, [writer, batch, pos, d_model].
        live: Writers whose difference is computed in the forward, in causal order.
        reference: What is subtracted from the live writers, [writer of `live`, batch, pos, d_model].
        extra_delta: clean − b of every writer (around form only).
        heads: Per layer, the heads that must be computed; None for all (the live stream is needed).
        mlps: Per layer, whether the MLP must be computed.
        origin: Stream at the input of block `start` (None: as the model embeds the tokens).
    """

    variants: int
    start: int
    base: list[Tensor] | None
    groups: Mapping[int, tuple[PortGroup, ...]]
    settled: Mapping[int, SettledPorts]
    constants: tuple[int, ...]
    constant_delta: Tensor
    live: tuple[int, ...]
    reference: Tensor
    extra_delta: Tensor | None
    heads: tuple[tuple[int, ...], ...] | None
    mlps: tuple[bool, ...]
    origin: Tensor | None


def plan_patch(
    parts: Parts,
    step: Step,
    variants: Sequence[Variant],
    batch: Batch,
    clean: Run,
    baseline: Baseline,
) -> PatchPlan:
    """Build the port groups of some variants of a step for one batch."""
    graph = parts.graph
    clean_writers, baseline_writers = clean.writers(parts), baseline.writers(parts)
    kept = kept_pairs(graph, [variant.kept for variant in variants])
    placed = _PlacedKept(graph, kept, batch)
    from_clean = step.rule == "circuit"
    direct = step.form == "direct"
    reached = reached_writers(placed, batch) if step.form == "around" else None
    writers = graph.writers
    is_constant = [node == EMBED or node.layer < step.start for node in writers]
    live_nodes = set(step.live)

    coefficients: dict[int, Tensor] = {}
    extras: dict[int, Tensor] = {}
    used = np.zeros(len(writers), dtype=bool)
    for site in sites(graph):
        if site.kind != "logits" and (
            site.layer < step.start or (not direct and not _alive(graph, site, live_nodes))
        ):
            continue
        mask = placed.site(site)
        if step.form == "around" and reached is not None:
            extras[site.index] = mask
            mask = _reached_and_ablated(mask, reached[:, : site.reads], batch.length)
        elif (step.rule == "circuit") == direct:
            mask = ~mask
        coefficients[site.index] = mask
        axes = tuple(axis for axis in range(mask.ndim) if axis != 2)
        used[: site.reads] |= mask.numpy().any(axis=axes)

    device, dtype = clean.embed.device, clean.embed.dtype
    constants = tuple(int(u) for u in np.flatnonzero(used) if is_constant[u])
    live = tuple(int(u) for u in np.flatnonzero(used) if not is_constant[u])
    origin_is_clean = from_clean
    reference = clean_writers if (not from_clean and step.form != "around") else baseline_writers
    current = clean_writers if origin_is_clean else baseline_writers
    sign = -1.0 if direct else 1.0

    groups: dict[int, tuple[PortGroup, ...]] = {}
    settled: dict[int, SettledPorts] = {}
    for site in sites(graph):
        mask = coefficients.get(site.index)
        if mask is None:
            continue
        columns = ([u for u in constants if u < site.reads], [u for u in live if u < site.reads])
        constant, moving = ((mask[:, :, chosen].to(device, dtype) * sign) for chosen in columns)
        extra = extras.get(site.index)
        site_ports = _SitePorts(site, constant, moving, extra, device, dtype)
        busy = _busy(graph, site, mask, direct, live_nodes)
        same_base = not direct or site.layer == step.start
        if site.kind == "attn" and mask.ndim == 3 and same_base:
            still = busy & ~mask[:, :, columns[1]].any(-1)
            if still.any():
                settled[site.index] = site_ports.settle(still)
                busy = busy & ~still
        groups[site.index] = tuple(site_ports.group(busy))

    base, origin = None, None
    if direct:
        streams = clean.streams if from_clean else baseline.streams
        if step.start > 0 or not from_clean:
            origin = streams[_first_site(graph, step.start)]
    else:
        base = clean.streams if (not from_clean and step.form == "complement") else baseline.streams
    return PatchPlan(
        variants=len(variants),
        start=step.start,
        base=base,
        groups=groups,
        settled=settled,
        constants=constants,
        constant_delta=(current - reference)[list(constants)],
        live=live,
        reference=reference[list(live)],
        extra_delta=(clean_writers - baseline_writers) if step.form == "around" else None,
        heads=None if direct else _live_heads(graph, live_nodes),
        mlps=tuple(direct or _has_mlp(graph, layer, live_nodes) for layer in range(graph.layers)),
        origin=origin,
    )


def reached_writers(placed: _PlacedKept, batch: Batch) -> Bool[Tensor, "variant writer batch"]:
    """Whether a kept edge feeds the writer in a row, directly or through other components.

    Under `any-edge` with a baseline that is no run, an unreached component sits at its baseline, which makes
    "nothing kept" the ablated run exactly. A kept edge reaches its reader's whole output, at whichever position it is
    kept; but where named positions cover a row, an edge ablated at all of them is not kept there.
    """
    graph = placed.graph
    lengths = torch.tensor([row.length for row in batch.rows])
    real = torch.arange(batch.length) < lengths[:, None]
    reached = torch.zeros(len(placed.kept.everywhere), len(graph.writers), len(batch), dtype=torch.bool)
    for site in sites(graph)[:-1]:
        mask = placed.site(site)
        somewhere = (mask & real).any(-1) if mask.ndim > 3 else mask[..., None]
        fed = somewhere.any(2) | reached[:, : site.reads].any(1)[:, None]
        for place in range(site.ports):
            reached[:, graph.writer_index[graph.ports[site.first_port + place].node]] |= fed[:, place]
    return reached


def _reached_and_ablated(mask: Tensor, reached: Bool[Tensor, "variant writer batch"], length: int) -> Tensor:
    """~mask & reached, without axes for batch and position where neither needs them."""
    if mask.ndim == 3 and (reached == reached[..., :1]).all():
        return ~mask & reached[:, None, :, 0]
    wide = mask if mask.ndim > 3 else mask[..., None, None].expand(-1, -1, -1, reached.shape[2], length)
    return ~wide & reached[:, None, :, :, None]


class _PlacedKept:
    """Kept masks site by site, with a batch and position axis only where some edge names a position."""

    def __init__(self, graph: ResidualGraph, kept: Kept, batch: Batch) -> None:
        self.graph, self.kept, self.batch = graph, kept, batch
        self.offsets = pair_offsets(graph)

    def site(self, site: Site) -> Tensor:
        """Bool [variant, port, writer] or [variant, port, writer, batch, pos]: kept or not."""
        first, last = int(self.offsets[site.first_port]), int(self.offsets[site.first_port + site.ports])
        shape = (len(self.kept.everywhere), site.ports, site.reads)
        listed = torch.from_numpy(self.kept.everywhere[:, first:last].reshape(shape).copy())
        inside = {
            name: (variant[keep], pair[keep] - first)
            for name, (variant, pair) in self.kept.placed.items()
            if (keep := (pair >= first) & (pair < last)).any()
        }
        inverted = torch.from_numpy(self.kept.inverted)
        if not inside:
            return listed ^ inverted[:, None, None]
        size, length = len(self.batch), self.batch.length
        wide = listed[..., None, None].expand(*shape, size, length).clone()
        rows = torch.arange(size)
        for name, (variant, pair) in inside.items():
            here = torch.zeros(size, length, dtype=torch.bool)
            here[rows, self.batch.positions[name].cpu()] = True
            port, writer = np.divmod(pair, site.reads)
            wide[variant, port, writer] |= here
        return wide ^ inverted[:, None, None, None, None]


def _busy(graph: ResidualGraph, site: Site, mask: Tensor, direct: bool, live_nodes: set[Node]) -> Tensor:
    """Bool [variant, port]: whose input we must make. Off the live stream that is every port of a live component."""
    if direct:
        return mask.flatten(2).any(-1)
    alive = [graph.ports[site.first_port + p].node for p in range(site.ports)]
    busy = torch.tensor([node in live_nodes or node.kind == "logits" for node in alive])
    return busy.expand(mask.shape[0], -1)


@dataclass(frozen=True)
class _SitePorts:
    """Coefficients of one site, to be cut into groups."""

    site: Site
    constant: Tensor
    live: Tensor
    extra: Tensor | None
    device: torch.device
    dtype: torch.dtype

    def group(self, busy: Tensor) -> Iterator[PortGroup]:
        """Ports with the same variants together."""
        by_variants: dict[tuple[bool, ...], list[int]] = {}
        for port in range(self.site.ports):
            column = busy[:, port]
            if column.any():
                by_variants.setdefault(tuple(column.tolist()), []).append(port)
        for rows, ports in by_variants.items():
            every = all(rows)
            chosen = torch.tensor(rows).nonzero().squeeze(1)
            pick = chosen.to(self.device)
            places = torch.tensor(ports, device=self.device)
            yield PortGroup(
                ports=places,
                variants=None if every else pick,
                constant=self.constant[pick][:, places],
                live=self.live[pick][:, places],
                extra=None
                if self.extra is None
                else self.extra[chosen][:, ports].to(self.device, self.dtype),
            )

    def settle(self, still: Tensor) -> SettledPorts:
        """The distinct inputs among the (variant, port) pairs of `still`."""
        variant, port = still.nonzero(as_tuple=True)
        # In float64 whatever the model's dtype: bfloat16 cannot tell port 257 from 256.
        rows = [port[:, None].double(), self.constant.cpu()[variant, port].double()]
        if self.extra is not None:
            rows.append(self.extra[variant, port].double())
        distinct, source = torch.unique(torch.cat(rows, dim=1), dim=0, return_inverse=True)
        count = self.constant.shape[2]
        distinct = distinct.to(self.device)
        return SettledPorts(
            ports=distinct[:, 0].long(),
            constant=distinct[:, 1 : 1 + count].to(self.dtype),
            extra=None if self.extra is None else distinct[:, 1 + count :].to(self.dtype),
            variant=variant.to(self.device),
            port=port.to(self.device),
            source=source.to(self.device),
        )


def _first_site(graph: ResidualGraph, layer: int) -> int:
    kind = "logits" if layer == graph.layers else "attn"
    return next(site.index for site in sites(graph) if site.layer == layer and site.kind == kind)


def _alive(graph: ResidualGraph, site: Site, live_nodes: set[Node]) -> bool:
    ports = graph.ports[site.first_port : site.first_port + site.ports]
    return any(port.node in live_nodes for port in ports)


def _live_heads(graph: ResidualGraph, live_nodes: set[Node]) -> tuple[tuple[int, ...], ...]:
    by_layer: list[tuple[int, ...]] = []
    for layer in range(graph.layers):
        heads = (node for node in graph.writers if node.kind == "head" and node.layer == layer)
        by_layer.append(tuple(node.index for node in heads if node in live_nodes))
    return tuple(by_layer)


def _has_mlp(graph: ResidualGraph, layer: int, live_nodes: set[Node]) -> bool:
    return any(node.kind == "mlp" and node.layer == layer for node in graph.writers if node in live_nodes)
