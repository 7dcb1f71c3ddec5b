"""`zoo` and `schema`: what comes with the package."""

from __future__ import annotations

import difflib
import json
from typing import Annotated

import typer

from circuitgraph.cli.options import AsJson
from circuitgraph.cli.output import say, say_json, show
from circuitgraph.errors import EXIT_SUPPORTED, InputError, Problem, quoted
from circuitgraph.zoo import GENERATOR_FACTORS, GENERATOR_POSITIONS, GENERATORS, MODELS, ZooModel


def zoo(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Print this model's card.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> int:
    """List the embedded models, or print a card."""
    if name is not None:
        _card(name.removeprefix("zoo:"), as_json=as_json)
    elif as_json:
        say_json(
            {
                "models": [_described(model) for model in MODELS.values()],
                "datasets": [
                    {
                        "name": dataset,
                        "positions": list(GENERATOR_POSITIONS[dataset]),
                        "factors": list(GENERATOR_FACTORS[dataset]),
                    }
                    for dataset in GENERATORS
                ],
            }
        )
    else:
        _show_lists()
    return EXIT_SUPPORTED


def _card(name: str, *, as_json: bool) -> None:
    if name not in MODELS:
        close = difflib.get_close_matches(name, MODELS, n=1)
        message = f"no embedded model is called {quoted(name)}: there is {', '.join(sorted(MODELS))}"
        hint = f"did you mean {close[0]}?" if close else None
        raise InputError(Problem("unknown-zoo-model", message, hint=hint))
    card = (MODELS[name].directory / "CARD.md").read_text(encoding="utf-8")
    if as_json:
        say_json({**_described(MODELS[name]), "card": card})
    else:
        say(card.rstrip())


def _described(model: ZooModel) -> dict[str, object]:
    return {
        "name": model.name,
        "model": f"zoo:{model.name}",
        "about": model.about,
        "dataset": model.dataset,
        "spec": f"specs/{model.spec}",
    }


def _show_lists() -> None:
    from rich import box
    from rich.table import Table

    models = Table(title="Embedded models", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    models.add_column("model", no_wrap=True)
    models.add_column("data set", no_wrap=True)
    models.add_column("spec", no_wrap=True)
    models.add_column("about")
    for model in MODELS.values():
        models.add_row(f"zoo:{model.name}", model.dataset, f"specs/{model.spec}", model.about)
    datasets = Table(title="Data sets", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("data set", "positions", "factors"):
        datasets.add_column(heading, no_wrap=True)
    for dataset in GENERATORS:
        positions, factors = GENERATOR_POSITIONS[dataset], GENERATOR_FACTORS[dataset]
        datasets.add_row(dataset, ", ".join(positions), ", ".join(factors))
    show(models, datasets)


def schema() -> int:
    """Print the JSON Schema of specs, for editors."""
    from circuitgraph.spec import json_schema

    say(json.dumps(json_schema(), indent=2))
    return EXIT_SUPPORTED
