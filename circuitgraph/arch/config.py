"""From a model's config.json to its residual graph; no weight and no torch is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from circuitgraph.arch.families import ATTN_ONLY, Family, family_of, supported
from circuitgraph.arch.location import Location, model_problem
from circuitgraph.arch.residual import ResidualGraph
from circuitgraph.errors import ModelError, Problem, quoted

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")

_REFUSED: tuple[tuple[str, str], ...] = (
    ("quantization_config", "quantised weights are not supported: use the unquantised model"),
    ("add_cross_attention", "cross-attention is not supported: use a decoder-only model"),
    ("pruned_heads", "pruned heads are not supported: the remaining heads have lost their numbers"),
)


class HasConfig(Protocol):
    """A Hugging Face configuration object, without importing transformers."""

    def to_dict(self) -> dict[str, Any]:
        """The configuration as config.json would hold it."""
        ...


def read_config(location: Location) -> dict[str, Any]:
    """Read config.json.

    Raises:
        ModelError: There is none, or it is not a JSON object.
        SurroundingsError: The hub cannot be reached.
    """
    path = location.file(CONFIG)
    if path is None:
        message = f"{quoted(location.id)} is no model: it has no {CONFIG}"
        raise ModelError(model_problem("not-a-model", message))
    return read_json_object(path, location.id)


def read_json_object(path: Path, name: str) -> dict[str, Any]:
    """Read a JSON file of the model `name` whose top level is an object.

    Raises:
        ModelError: The file cannot be read, is not JSON, or holds something else.
    """
    file = f"{path.name} of {quoted(name)}"
    try:
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8, or nested too deeply"
        raise ModelError(model_problem("bad-model-file", f"{file}: {reason}")) from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        message = f"{file} is not JSON ({place}): {error.msg}"
        raise ModelError(model_problem("bad-model-file", message)) from error
    if not isinstance(content, dict):
        raise ModelError(model_problem("bad-model-file", f"{file} holds no JSON object"))
    return cast("dict[str, Any]", content)


def check_weights(location: Location, *, required: bool) -> tuple[str, ...]:
    """Look whether a directory has weights that we read.

    Args:
        location: Where the model is. Nothing is said about the hub.
        required: Whether missing weights are an error; otherwise they are a note.

    Returns:
        Notes for people, without the trailing newline.

    Raises:
        ModelError: Only pickled weights, shards of the index missing, or (if required) no weights at all.
    """
    directory = location.directory
    if directory is None or (directory / WEIGHTS).is_file():
        return ()
    name = quoted(location.id)
    if (directory / WEIGHTS_INDEX).is_file():
        _check_shards(directory, location.id)
        return ()
    pickles = sorted(path.name for pattern in PICKLES for path in directory.glob(pattern))
    if pickles:
        raise ModelError(
            model_problem(
                "pickled-weights",
                f"{name} has only pickled weights ({', '.join(pickles)}), which can run code when read: "
                f"{WEIGHTS} is needed",
                "if you trust the file, load the model once with transformers and save_pretrained() it: "
                "that writes safetensors",
            )
        )
    message = f"{name} has no weights: {WEIGHTS} is needed"
    if required:
        raise ModelError(model_problem("no-weights", message))
    return (message,)


def _check_shards(directory: Path, name: str) -> None:
    shards: object = read_json_object(directory / WEIGHTS_INDEX, name).get("weight_map")
    named = cast("dict[str, object]", shards).values() if isinstance(shards, dict) else ()
    files = sorted({str(file) for file in named})
    missing = [file for file in files if not (directory / file).is_file()]
    if missing:
        message = f"{quoted(name)} lacks {', '.join(missing)}, which {WEIGHTS_INDEX} names"
        raise ModelError(model_problem("no-weights", message))
    if not files:
        raise ModelError(model_problem("no-weights", f"{quoted(name)}: {WEIGHTS_INDEX} names no file"))


def residual_graph(config: Mapping[str, Any], name: str) -> ResidualGraph:
    """The residual graph that a config describes.

    Args:
        config: Content of config.json.
        name: What messages call the model.

    Raises:
        ModelError: Unsupported family, a missing or wrong number, quantised weights, cross-attention, pruned
            heads. All problems at once.
    """
    family = _family(config, name)
    problems: list[Problem] = [
        model_problem("unsupported-model", f"{name}: {why}") for key, why in _REFUSED if config.get(key)
    ]
    keys = (family.layers, family.heads, family.d_model, family.vocab, family.context)
    sizes = [_size(config, key, name, problems) for key in keys]
    layers, heads, d_model, vocab, context = sizes
    if heads > 0 and d_model % heads:
        message = f"{name}: {family.d_model} ({d_model}) is no multiple of {family.heads} ({heads})"
        problems.append(model_problem("bad-config", message))
    attention_only: object = config.get(ATTN_ONLY, False)
    if not isinstance(attention_only, bool):
        message = f"{name}: {ATTN_ONLY} of {CONFIG} is {attention_only!r}, not true or false"
        problems.append(model_problem("bad-config", message))
    if problems:
        raise ModelError(problems)
    return ResidualGraph(
        family=family.name,
        layers=layers,
        heads=heads,
        d_model=d_model,
        vocab=vocab,
        context=context,
        has_mlp=attention_only is not True,
        name=name,
    )


def residual_graph_of(config: HasConfig, name: str) -> ResidualGraph:
    """The residual graph of a model in memory, from its Hugging Face configuration object.

    Raises:
        ModelError: As `residual_graph`.
    """
    return residual_graph(config.to_dict(), name)


def _family(config: Mapping[str, Any], name: str) -> Family:
    kind: object = config.get("model_type")
    if not isinstance(kind, str):
        raise ModelError(model_problem("not-a-model", f"{name}: {CONFIG} names no model_type"))
    family = family_of(kind)
    if family is None:
        message = f"{name}: model family {quoted(kind)} is not supported: use {supported()}"
        raise ModelError(model_problem("unsupported-family", message))
    return family


def _size(config: Mapping[str, Any], key: str, name: str, problems: list[Problem]) -> int:
    value: object = config.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    what = "is missing" if key not in config else f"is {value!r}, not a whole number of at least 1"
    problems.append(model_problem("bad-config", f"{name}: {key} of {CONFIG} {what}"))
    return 0
