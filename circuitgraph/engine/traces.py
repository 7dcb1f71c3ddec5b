"""The one module that opens nnsight traces.

Each public function runs one forward pass of the user's model and returns plain tensors. The bodies are plain
functions called inside `with model.trace(...)`; they visit modules in execution order, assign new tensors (never in
place on what they read), and call norms through their envoys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import nnsight
import torch
from jaxtyping import Float, Int
from nnsight import NNsight
from torch import Tensor

from circuitgraph.engine.modules import Parts
from circuitgraph.engine.patch import PatchPlan, PortGroup, SettledPorts
from circuitgraph.engine.runs import Run
from circuitgraph.plan.sites import Site, sites

Ids = Int[Tensor, "lane pos"]
Leaves = dict[str, list[Tensor]]
"""Tensors at which port gradients are taken, by kind of site."""


def _traced(model: NNsight, ids: Ids, body: Callable[[Any], Any], *, grad: bool = False) -> Any:
    """Run `body` inside one forward pass of the model on `ids`; what it returns, saved."""
    saved: Any = None
    with torch.set_grad_enabled(grad), model.trace(ids, use_cache=False, logits_to_keep=1):
        saved = nnsight.save(body(model))
    return saved


def capture(model: NNsight, parts: Parts, ids: Ids, readout: Int[Tensor, " lane"]) -> Run:
    """An ordinary forward pass, with what every writer wrote and every site read."""
    saved = _traced(model, ids, lambda root: _capture(root, parts, readout, None))
    return Run(saved["embed"], saved["z"], saved["mlp"], saved["streams"], saved["logits"])


def capture_with_grad(
    model: NNsight, parts: Parts, ids: Ids, readout: Int[Tensor, " lane"], embed: Tensor | None
) -> tuple[Run, Leaves]:
    """A forward pass from a fresh leaf (`embed`, or the model's own embedding), graph kept.

    Returns the run and the tensors at which port gradients are taken: `qkv` (outputs of the fused projections),
    `mlp_in` (inputs of the MLPs), `final` (output of the final norm).
    """
    saved = _traced(model, ids, lambda root: _capture(root, parts, readout, _Leaf(embed)), grad=True)
    run = Run(saved["embed"], saved["z"], saved["mlp"], saved["streams"], saved["logits"])
    return run, {name: saved[name] for name in ("qkv", "mlp_in", "final")}


class _Leaf:
    """Where autograd starts: a given embedding, or the model's own detached."""

    def __init__(self, value: Tensor | None) -> None:
        self.value = value


def _capture(root: Any, parts: Parts, readout: Tensor, leaf: _Leaf | None) -> dict[str, Any]:
    blocks = parts.blocks(root)
    out: dict[str, Any] = {"z": [], "mlp": [], "streams": [], "qkv": [], "mlp_in": [], "final": []}
    embed = blocks[0].input
    if leaf is not None:
        embed = (embed if leaf.value is None else leaf.value).detach().requires_grad_()
        blocks[0].input = embed
    out["embed"] = embed
    for block in blocks:
        out["streams"].append(parts.site(block, "norm_attn").input)
        if leaf is not None:
            out["qkv"].append(parts.site(block, "qkv").output)
        out["z"].append(parts.site(block, "out").input.unflatten(-1, (parts.graph.heads, parts.d_head)))
        if parts.graph.has_mlp:
            out["streams"].append(parts.site(block, "norm_mlp").input)
            if leaf is not None:
                out["mlp_in"].append(parts.site(block, "mlp").input)
            out["mlp"].append(parts.site(block, "mlp").output)
    final = parts.final_norm(root)
    out["streams"].append(final.input)
    if leaf is not None:
        out["final"].append(final.output)
    unembed = parts.unembed(root)
    unembed.input = final.output[torch.arange(len(readout), device=readout.device), readout][:, None]
    out["logits"] = root.output.logits[:, 0]
    return out


def patched(
    model: NNsight, parts: Parts, ids: Ids, readout: Int[Tensor, " batch"], plan: PatchPlan
) -> Float[Tensor, "variant batch vocab"]:
    """Logits at the readout position of every variant of `plan`, stacked on the batch axis."""
    lanes = ids.repeat(plan.variants, 1)
    saved: Tensor = _traced(model, lanes, lambda root: _Patched(parts, plan, readout).body(root))
    return saved.unflatten(0, (plan.variants, len(readout)))


class _Patched:
    """The traced forward of stacked variants; `delta` fills up as live writers are computed."""

    def __init__(self, parts: Parts, plan: PatchPlan, readout: Tensor) -> None:
        self.parts, self.plan, self.readout = parts, plan, readout
        self.batch = len(readout)
        shape = (len(plan.live), plan.variants, *plan.constant_delta.shape[1:])
        self.delta = plan.constant_delta.new_zeros(shape)
        self.column = {writer: column for column, writer in enumerate(plan.live)}
        self.by_layer = {(site.kind, site.layer): site for site in sites(parts.graph)}

    def body(self, root: Any) -> Tensor:
        parts, plan = self.parts, self.plan
        blocks = parts.blocks(root)
        length = plan.constant_delta.shape[2]
        stream_shape = (plan.variants * self.batch, length, parts.graph.d_model)
        dummy = plan.constant_delta.new_zeros(1).expand(stream_shape)
        first = self._lanes(plan.origin) if plan.origin is not None else dummy
        on_live_stream = plan.base is None
        for layer in range(parts.graph.layers):
            block = blocks[layer]
            heads = None if plan.heads is None else plan.heads[layer]
            dead = not on_live_stream and not heads and not plan.mlps[layer]
            if layer < plan.start or dead:
                block.skip(first if on_live_stream else dummy)
                continue
            if layer == plan.start == 0 and on_live_stream and plan.origin is not None:
                block.input = first
            self._attention(block, layer, heads, dummy)
            self._mlp(block, layer, dummy)
        return self._readout(root)

    def _attention(self, block: Any, layer: int, heads: tuple[int, ...] | None, dummy: Tensor) -> None:
        parts, plan = self.parts, self.plan
        site = self.by_layer["attn", layer]
        norm, qkv, out = (parts.site(block, name) for name in ("norm_attn", "qkv", "out"))
        if heads is not None and not heads:
            norm.skip(dummy)
            parts.site(block, "attn").skip((dummy, None))
            return
        groups, settled = plan.groups.get(site.index, ()), plan.settled.get(site.index)
        slots = 3 * parts.graph.heads
        if groups or settled is not None:
            stream = self._variants(norm.input) if plan.base is None else None
            few = None if settled is None else self._settled(norm, layer, site, settled, stream)
            new = [self._project(norm, layer, site, group, stream) for group in groups]
            if plan.base is None:
                fused = self._variants(qkv.output).unflatten(-1, (slots, parts.d_head)).clone()
            else:
                shape = (plan.variants, self.batch, dummy.shape[1], slots, parts.d_head)
                fused = plan.constant_delta.new_zeros(shape)
            if settled is not None and few is not None:
                fused[settled.variant, :, :, settled.port] = few[settled.source]
            for group, value in zip(groups, new, strict=True):
                if group.variants is None:
                    fused[:, :, :, group.ports] = value
                else:
                    fused[group.variants[:, None], :, :, group.ports[None, :]] = value.movedim(3, 1)
            fused = fused.flatten(-2).flatten(0, 1)
            if plan.base is None:
                qkv.output = fused
            else:
                qkv.skip(fused)
        wanted = [w for w in range(1, len(parts.graph.writers)) if w in self.column]
        here = [
            w
            for w in wanted
            if parts.graph.writers[w].kind == "head" and parts.graph.writers[w].layer == layer
        ]
        if here:
            z = out.input.unflatten(-1, (parts.graph.heads, parts.d_head))
            index = torch.tensor([parts.graph.writers[w].index for w in here], device=z.device)
            writes = torch.einsum("rthe,hed->hrtd", z[:, :, index], parts.layers[layer].out[index])
            self._record(here, writes)

    def _project(
        self, norm: Any, layer: int, site: Site, group: PortGroup, stream: Tensor | None
    ) -> Float[Tensor, "variant batch pos port d_head"]:
        weights = self.parts.layers[layer]
        y = norm(self._port_input(site, group, stream))
        projected = torch.einsum("vpbtd,ped->vbtpe", y, weights.qkv[group.ports])
        return projected + weights.qkv_bias[group.ports]

    def _settled(
        self, norm: Any, layer: int, site: Site, settled: SettledPorts, stream: Tensor | None
    ) -> Float[Tensor, "distinct batch pos d_head"]:
        """Projections of the inputs no live writer touches; at the first block all lanes share one base stream."""
        plan, weights = self.plan, self.parts.layers[layer]
        base = stream[0] if stream is not None else self._base(site)
        count = settled.constant.shape[1]
        x = base + torch.einsum("kn,nbtd->kbtd", settled.constant, plan.constant_delta[:count])
        if settled.extra is not None and plan.extra_delta is not None:
            x = x + torch.einsum("kn,nbtd->kbtd", settled.extra, plan.extra_delta[: site.reads])
        projected = torch.einsum("kbtd,ked->kbte", norm(x), weights.qkv[settled.ports])
        return projected + weights.qkv_bias[settled.ports][:, None, None]

    def _base(self, site: Site) -> Tensor:
        if self.plan.base is None:
            raise AssertionError("a port input needs a base stream")
        return self.plan.base[site.index]

    def _mlp(self, block: Any, layer: int, dummy: Tensor) -> None:
        parts, plan = self.parts, self.plan
        if plan.base is not None and not plan.mlps[layer]:
            parts.site(block, "norm_mlp").skip(dummy)
            parts.site(block, "mlp").skip(dummy)
            return
        if not parts.graph.has_mlp:
            return
        site = self.by_layer["mlp", layer]
        norm = parts.site(block, "norm_mlp")
        for group in plan.groups.get(site.index, ()):
            stream = self._variants(norm.input) if plan.base is None else None
            x = self._port_input(site, group, stream)[:, 0]
            if group.variants is not None and stream is not None:
                x = stream.index_copy(0, group.variants, x)
            norm.input = x.flatten(0, 1)
        writer = 1 + layer * (parts.graph.heads + 1) + parts.graph.heads
        if writer in self.column:
            self._record([writer], parts.site(block, "mlp").output[None])

    def _readout(self, root: Any) -> Tensor:
        parts, plan = self.parts, self.plan
        site = sites(parts.graph)[-1]
        final, unembed = parts.final_norm(root), parts.unembed(root)
        rows = torch.arange(self.batch, device=self.readout.device)
        if plan.base is None:
            x = self._variants(final.input)[:, rows, self.readout]
        else:
            x = plan.base[site.index][rows, self.readout].expand(plan.variants, -1, -1)
        for group in plan.groups.get(site.index, ()):
            chosen = slice(None) if group.variants is None else group.variants
            added = self._at_readout(group, rows)
            x = x.clone()
            x[chosen] = x[chosen] + added
        unembed.input = final(x.flatten(0, 1)[:, None])
        return root.output.logits[:, 0]

    def _at_readout(self, group: PortGroup, rows: Tensor) -> Float[Tensor, "variant batch d_model"]:
        """The sums of `_port_input` at the readout position alone."""
        plan = self.plan
        live = self.delta if group.variants is None else self.delta[:, group.variants]

        def here(coefficients: Tensor) -> Tensor:
            single = coefficients[:, 0]
            return single[..., rows, self.readout] if single.ndim == 4 else single[..., None]

        added = torch.einsum(
            "vnb,nbd->vbd",
            _wide(here(group.constant), self.batch),
            plan.constant_delta[:, rows, self.readout],
        )
        added = added + torch.einsum(
            "vnb,nvbd->vbd", _wide(here(group.live), self.batch), live[:, :, rows, self.readout]
        )
        if group.extra is not None and plan.extra_delta is not None:
            reads = group.extra.shape[2]
            added = added + torch.einsum(
                "vnb,nbd->vbd",
                _wide(here(group.extra), self.batch),
                plan.extra_delta[:reads, rows, self.readout],
            )
        return added

    def _port_input(
        self, site: Site, group: PortGroup, stream: Tensor | None
    ) -> Float[Tensor, "variant port batch pos d_model"]:
        """x_p of the module docstring of `circuitgraph.engine.patch`, per variant and port of the group."""
        plan = self.plan
        if stream is not None:
            base = stream if group.variants is None else stream[group.variants]
            x = base[:, None].expand(-1, len(group.ports), -1, -1, -1)
        else:
            count = plan.variants if group.variants is None else len(group.variants)
            x = self._base(site).expand(count, len(group.ports), -1, -1, -1)
        live = self.delta if group.variants is None else self.delta[:, group.variants]
        if group.constant.shape[2]:
            x = x + _weighted(group.constant, plan.constant_delta[: group.constant.shape[2]])
        if group.live.shape[2]:
            x = x + _weighted(group.live, live[: group.live.shape[2]])
        if group.extra is not None and plan.extra_delta is not None:
            x = x + _weighted(group.extra, plan.extra_delta[: site.reads])
        return x

    def _record(self, writers: Sequence[int], values: Float[Tensor, "writer lane pos d_model"]) -> None:
        columns = [self.column[writer] for writer in writers]
        current = values.unflatten(1, (self.plan.variants, self.batch))
        self.delta[columns] = current - self.plan.reference[columns][:, None]

    def _variants(self, value: Tensor) -> Tensor:
        return value.unflatten(0, (self.plan.variants, self.batch))

    def _lanes(self, value: Tensor) -> Tensor:
        return value.repeat(self.plan.variants, 1, 1)


def _weighted(coefficients: Tensor, delta: Tensor) -> Float[Tensor, "variant port batch pos d_model"]:
    """Σ_u C[v,p,u(,b,t)] delta[u(,v),b,t,d]."""
    place = "bt" if coefficients.ndim == 5 else ""
    variant = "v" if delta.ndim == 5 else ""
    return torch.einsum(f"vpn{place},n{variant}btd->vpbtd", coefficients, delta)


def _wide(coefficients: Tensor, batch: int) -> Tensor:
    """[variant, writer, batch], whether the coefficients differ by example or not."""
    return coefficients.expand(-1, -1, batch)


def attention(model: NNsight, parts: Parts, ids: Ids, layers: Sequence[int]) -> dict[int, Tensor]:
    """Attention probabilities [batch, head, query, key] of some layers on a clean run (eager attention)."""
    return _traced(model, ids, lambda root: _attention(root, parts, layers))


def _attention(root: Any, parts: Parts, layers: Sequence[int]) -> dict[int, Tensor]:
    blocks = parts.blocks(root)
    return {layer: parts.site(blocks[layer], "attn").output[1] for layer in sorted(layers)}
