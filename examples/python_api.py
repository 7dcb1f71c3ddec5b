"""Load a spec, validate it, look at the claims and the graph, save the report.

    python examples/python_api.py [DIRECTORY] [EXAMPLES]

The report goes to DIRECTORY (out/python_api if not given). EXAMPLES replaces the number of examples that the
spec asks for.
"""

from __future__ import annotations

import sys
from pathlib import Path

import circuitgraph as cg

SPEC = Path(__file__).resolve().parents[1] / "specs" / "induction.yaml"


def with_examples(spec: cg.Spec, examples: int) -> cg.Spec:
    """The spec with another number of examples. Specs are immutable: changing one makes a copy."""
    prompts = spec.task.prompts.model_copy(update={"examples": examples})
    task = spec.task.model_copy(update={"prompts": prompts})
    return spec.model_copy(update={"task": task})


def main(directory: Path, examples: int | None = None) -> cg.Report:
    """Validate the induction spec and print what came of it."""
    spec = cg.load(SPEC)
    if examples is not None:
        spec = with_examples(spec, examples)
    report = cg.validate(spec)

    print(f"{spec.name}: {report.metric} in {report.unit}, {report.contrast.n} examples")
    for name, run in report.runs.items():
        print(f"  {name:<10} {run.values.mean():8.3f}")

    print("claims")
    for claim in report.claims:
        low, high = claim.estimate.interval.low, claim.estimate.interval.high
        print(f"  {claim.verdict:<13} {claim.text}: {claim.estimate.value:.3f} [{low:.3f}, {high:.3f}]")

    print("edges, strongest first")
    scored = [edge for edge in report.graph.edges(keys=True, data=True) if "exact" in edge[3]]
    for source, target, key, data in sorted(scored, key=lambda edge: -abs(edge[3]["exact"]))[:5]:
        print(f"  {source} -> {target} {key}: exact {data['exact']:.3f}, eap {data['eap']:.3f}")

    report.save(directory)
    print(f"saved in {directory}")
    return report


if __name__ == "__main__":
    given = sys.argv[1:]
    main(Path(given[0] if given else "out/python_api"), int(given[1]) if len(given) > 1 else None)
