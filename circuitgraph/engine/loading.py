"""Weights from disk or hub: safetensors only, nothing trusted, nothing filled in with noise."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import nn

from circuitgraph.arch.config import WEIGHTS, WEIGHTS_INDEX, check_weights, read_json_object
from circuitgraph.arch.location import Location
from circuitgraph.errors import ModelError, Problem, SurroundingsError, quoted
from circuitgraph.spec.model import ModelRef

DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

HASHED_BYTES = 2**24


def load_model(location: Location, ref: ModelRef) -> tuple[nn.Module, tuple[str, ...]]:
    """Load a causal language model in eval mode, and what people must know about it.

    Args:
        location: Where it is.
        ref: Dtype and device wanted; the checkpoint's dtype and the CPU if it does not say.

    Raises:
        ModelError: Tensors are missing or of the wrong shape, or the weights are no safetensors.
        SurroundingsError: The device is not there, the hub cannot be reached, or memory ran out.
    """
    import transformers
    from safetensors import SafetensorError

    warnings = list(check_weights(location, required=True))
    device = _device(ref.device)
    source = location.id if location.directory is None else str(location.directory)
    previous = transformers.logging.get_verbosity()
    bars = transformers.logging.is_progress_bar_enabled()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        _fetch(location)
        loaded: Any = transformers.AutoModelForCausalLM.from_pretrained(
            source,
            revision=location.revision if location.revision is not None else "main",
            dtype=DTYPES[ref.dtype] if ref.dtype is not None else "auto",
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # `_complete` refuses them, by name
        )
        model, info = loaded
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error):
            message = f"out of memory while loading {location.id}: use a smaller dtype"
            raise SurroundingsError(message) from error
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            Problem("model-load", f"{quoted(location.id)} could not be loaded: {first}")
        ) from error
    finally:
        transformers.logging.set_verbosity(previous)
        if bars:
            transformers.logging.enable_progress_bar()
    _complete(info, location)
    surplus = sorted(info.get("unexpected_keys") or ())
    if surplus:
        named = ", ".join(surplus[:3]) + (", …" if len(surplus) > 3 else "")
        many = "a tensor" if len(surplus) == 1 else f"{len(surplus)} tensors"
        warnings.append(f"{location.id} has {many} that the model does not use ({named}).")
    return model.to(device).eval(), tuple(warnings)


def _fetch(location: Location) -> None:
    """Bring the weights of a hub model into the local cache, so that loading itself needs no network.

    Raises:
        ModelError: The hub has no safetensors of it.
        SurroundingsError: They are not in the cache and the hub cannot be reached.
    """
    if location.directory is not None or location.file(WEIGHTS) is not None:
        return
    index = location.file(WEIGHTS_INDEX)
    shards = read_json_object(index, location.id).get("weight_map") if index is not None else None
    files = sorted({str(file) for file in shards.values()}) if isinstance(shards, dict) else []
    if not files or any(location.file(file) is None for file in files):
        message = f"{quoted(location.id)} has no weights as safetensors, and nothing else is read"
        raise ModelError(Problem("no-weights", message))


def _complete(info: dict[str, object], location: Location) -> None:
    missing = sorted(str(key) for key in _as_list(info.get("missing_keys")))
    mismatched = sorted(
        str(key[0] if isinstance(key, tuple) else key) for key in _as_list(info.get("mismatched_keys"))
    )
    for kind, keys in (("lacks", missing), ("has the wrong shape for", mismatched)):
        if keys:
            named = ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
            message = f"{quoted(location.id)} {kind} {len(keys)} of the model's tensors: {named}"
            raise ModelError(Problem("missing-tensors", message))


def _as_list(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple | set) else []


def _device(name: str | None) -> torch.device:
    """The device of that name; `auto` is the first GPU, or the CPU where there is none."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name or "cpu")
    except RuntimeError:
        device = None
    if device is None or device.type == "meta":  # which holds shapes and no numbers
        raise ModelError(
            Problem("bad-device", f"{quoted(name)} is no device: use auto, cpu, cuda, cuda:1 or mps")
        )
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SurroundingsError(
            f"device {quoted(name)} is not to be had here: {str(error).splitlines()[0]}; use device: cpu"
        ) from error
    return device


def weights_hash(model: nn.Module, directory: Path | None = None) -> str:
    """SHA-256 of the weights: of the safetensors files if there are any, else of the tensors in memory."""
    digest = hashlib.sha256()
    files = sorted(directory.glob("*.safetensors")) if directory is not None else []
    if files:
        for file in files:
            with file.open("rb") as stream:
                while chunk := stream.read(HASHED_BYTES):
                    digest.update(chunk)
        return digest.hexdigest()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        plain = tensor.detach().to("cpu").contiguous().flatten()
        digest.update(plain.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
