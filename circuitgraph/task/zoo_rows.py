"""Prompts of a built-in generator: `prompts: {zoo: repeated-tokens, examples: 128, seed: 0}`."""

from __future__ import annotations

from circuitgraph.errors import quoted
from circuitgraph.spec.prompts import ZooPrompts
from circuitgraph.spec.strict import closest
from circuitgraph.task.findings import PROMPTS, generated
from circuitgraph.task.source import PlacedRows, Setting
from circuitgraph.zoo import GENERATORS


def zoo_rows(prompts: ZooPrompts, setting: Setting) -> PlacedRows:
    """Draw the rows; the same seed gives the same rows.

    An unknown generator, or rows that the model cannot take, are reported to the setting's findings.
    """
    generator = GENERATORS.get(prompts.zoo)
    if generator is None:
        known = ", ".join(sorted(GENERATORS))
        text = f"no built-in data set is called {quoted(prompts.zoo)}: there is {known}"
        hint = closest(prompts.zoo, GENERATORS)
        setting.findings.spec((*PROMPTS, "zoo"), "unknown-data-set", text, hint)
        return []
    rows: PlacedRows = []
    for number, made in enumerate(generator(prompts.examples, prompts.seed)):
        place = generated(prompts.zoo, number)
        raw: dict[str, object] = {
            "clean": made.clean,
            "corrupt": made.corrupt,
            "answer": made.answer,
            "foil": made.foil,
            "positions": made.positions,
            "factors": made.factors,
        }
        row = setting.reader.read(raw, place)
        if row is not None:
            rows.append((row, place))
    return rows
