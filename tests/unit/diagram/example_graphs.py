"""Example graphs for the diagrams, as circuitgraph.report.graph makes them."""

from __future__ import annotations

from typing import Any

import networkx as nx


def node(graph: nx.MultiDiGraph, name: str, groups: tuple[str, ...] = (), in_circuit: bool = True) -> None:
    layer = head = None
    kind = name
    if name.startswith("a"):
        kind = "head"
        layer, head = (int(part[1:]) for part in name.split("."))
    elif name.startswith("m"):
        kind, layer = "mlp", int(name[1:])
    graph.add_node(name, kind=kind, layer=layer, head=head, groups=list(groups), in_circuit=in_circuit)


def edge(graph: nx.MultiDiGraph, source: str, target: str, key: str, **data: Any) -> None:
    port, _, position = key.partition("@")
    defaults = {"port": port, "position": position or None, "in_circuit": True}
    graph.add_edge(source, target, key, **{**defaults, **data})


def measured(effect: float, verdict: str | None = None) -> dict[str, Any]:
    data: dict[str, Any] = {
        "exact": effect,
        "exact_low": effect - 0.1,
        "exact_high": effect + 0.1,
        "eap": effect * 0.9,
    }
    return data if verdict is None else {**data, "verdict": verdict, "claims": [0]}


def induction(measure: bool = True) -> nx.MultiDiGraph:
    """The two-layer circuit of the README: five nodes, eight edges, one refuted."""
    graph = nx.MultiDiGraph()
    graph.graph.update(
        name="induction",
        about="Previous-token head feeds the keys of the induction heads.",
        model="zoo:induction",
        metric="logit_diff",
        unit="logits",
        rule="circuit",
        ablation="corrupt",
        methods=["exact", "eap"] if measure else [],
        groups=[
            {"name": "previous_token", "role": None, "at": None, "members": ["a0.h1"]},
            {
                "name": "induction",
                "role": "attends to the token after the earlier copy",
                "at": "END",
                "members": ["a1.h0", "a1.h3"],
            },
        ],
        spec="specs/induction.yaml",
    )
    if measure:
        graph.graph.update(metric_clean=11.24, metric_corrupt=-0.31, examples=128)
        graph.graph["verdicts"] = {
            "refuted": ["minimal", "no_effect"],
            "inconclusive": ["effect"],
            "supported": ["faithful", "effect", "effect"],
        }
    node(graph, "embed")
    node(graph, "a0.h1", ("previous_token",))
    node(graph, "a1.h0", ("induction",))
    node(graph, "a1.h3", ("induction",))
    node(graph, "logits")
    edges: list[tuple[str, str, str, float, str | None]] = [
        ("embed", "a0.h1", "v", -4.31, None),
        ("a0.h1", "a1.h0", "k@MATCH+1", -3.12, "supported"),
        ("a0.h1", "a1.h3", "k@MATCH+1", -2.45, "supported"),
        ("embed", "a1.h0", "q@END", -0.92, None),
        ("embed", "a1.h0", "v", -2.61, None),
        ("embed", "a1.h3", "q@END", -0.02, "refuted"),
        ("embed", "a1.h3", "v", 0.44, None),
        ("a1.h0", "logits", "in@END", -5.08, None),
        ("a1.h3", "logits", "in@END", -2.2, "inconclusive"),
    ]
    for source, target, key, effect, verdict in edges:
        edge(graph, source, target, key, **(measured(effect, verdict) if measure else {}))
    return graph


IOI_GROUPS: tuple[tuple[str, str, str | None, tuple[str, ...]], ...] = (
    ("previous_token", "attend to the token before", None, ("a2.h2", "a4.h11")),
    ("duplicate_token", "attend to the first mention", "S2", ("a0.h1", "a0.h10", "a3.h0")),
    ("induction", "attend after the first mention", "S2", ("a5.h5", "a5.h8", "a5.h9", "a6.h9")),
    ("s_inhibition", "keep movers off the subject", "END", ("a7.h3", "a7.h9", "a8.h6", "a8.h10")),
    ("name_mover", "copy the indirect object", "END", ("a9.h6", "a9.h9", "a10.h0")),
    (
        "backup_name_mover",
        "take over when name movers are ablated",
        "END",
        ("a9.h0", "a9.h7", "a10.h1", "a10.h2", "a10.h6", "a10.h10", "a11.h2", "a11.h9"),
    ),
    ("negative_mover", "write against the name", "END", ("a10.h7", "a11.h10")),
)


def ioi(measure: bool = True) -> nx.MultiDiGraph:
    """A 60-node circuit on GPT-2's shape: the IOI classes, all MLPs, and twenty ungrouped heads."""
    graph = nx.MultiDiGraph()
    graph.graph.update(
        name="ioi",
        about="Indirect object identification in GPT-2 small: who was given the drink?",
        model="gpt2",
        metric="logit_diff",
        unit="logits",
        rule="circuit",
        ablation="mean by template",
        methods=["exact"] if measure else [],
        groups=[
            {"name": name, "role": role, "at": at, "members": list(members)}
            for name, role, at, members in IOI_GROUPS
        ],
        spec="specs/ioi.yaml",
    )
    if measure:
        graph.graph.update(metric_clean=3.56, metric_corrupt=-0.12, examples=300)
    node(graph, "embed")
    others = [f"a{layer}.h{(5 * layer + 4 + 3 * k) % 12}" for layer in range(12) for k in range(2)]
    of = {member: name for name, _, _, members in IOI_GROUPS for member in members}
    others = [name for name in [*others, "a5.h1", "a6.h4"] if name not in of]
    for layer in range(12):
        for name in [f"a{layer}.h{h}" for h in range(12)]:
            if name in of or name in others:
                node(graph, name, (of[name],) if name in of else ())
        node(graph, f"m{layer}")
    node(graph, "logits")
    group = {name: members for name, _, _, members in IOI_GROUPS}
    edges: list[tuple[str, str, str]] = []
    for name in group["duplicate_token"]:
        edges += [("embed", name, "q@S2"), ("embed", name, "k"), ("embed", name, "v")]
    edges += [("embed", name, "v") for name in group["previous_token"]]
    for reader in group["induction"]:
        edges += [(writer, reader, "k") for writer in group["previous_token"]]
    for reader in group["s_inhibition"]:
        edges += [(writer, reader, "v@S2") for writer in (*group["induction"], *group["duplicate_token"])]
    movers = (*group["name_mover"], *group["backup_name_mover"], *group["negative_mover"])
    for reader in movers:
        edges += [(writer, reader, "q@END") for writer in group["s_inhibition"]]
        edges.append((reader, "logits", "in@END"))
    edges += [
        ("embed", "m0", "in"),
        ("m11", "logits", "in"),
        *((f"m{i}", f"m{i + 1}", "in") for i in range(11)),
    ]
    edges += [("m0", name, port) for name in group["name_mover"] for port in ("k", "v")]
    for i, name in enumerate(others):
        layer = int(name[1:].split(".")[0])
        edges += [("embed" if layer == 0 else f"m{layer - 1}", name, "qkv"[i % 3]), (name, f"m{layer}", "in")]
    for i, (source, target, key) in enumerate(edges):
        data: dict[str, Any] = {}
        if measure:
            verdict = {3: "refuted", 20: "supported", 40: "refuted", 70: "inconclusive"}.get(i)
            size = 1.9 / (1 + (i * 37 % 60) / 6)
            data = measured(size if "a10.h7" in (source, target) or i % 17 == 5 else -size, verdict)
        edge(graph, source, target, key, **data)
    return graph
