"""Where a model is: an embedded one, a directory, or the Hugging Face hub (its local cache first).

Only small files (config.json, tokenizer.json) are fetched here; weights are the engine's business.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from circuitgraph.errors import ModelError, Problem, SurroundingsError, quoted
from circuitgraph.zoo import MODELS

ZOO_PREFIX = "zoo:"
DIRECTORY_PREFIXES = ("./", "../", "/")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)


class ModelReference(Protocol):
    """What a spec says about its model (`circuitgraph.spec.model.ModelRef`)."""

    @property
    def id(self) -> str:
        """`zoo:NAME`, a directory or a hub id."""
        ...

    @property
    def revision(self) -> str | None:
        """Branch, tag or commit of a hub repository."""
        ...


@dataclass(frozen=True, slots=True)
class Location:
    """A place that model files can be read from.

    Attributes:
        kind: An embedded model, a directory, or a repository of the hub.
        id: As the spec wrote it: what messages call the model.
        directory: Where the files are; None for the hub.
        revision: Revision of a hub repository; None for its default.
    """

    kind: Literal["zoo", "directory", "hub"]
    id: str
    directory: Path | None = None
    revision: str | None = None

    def file(self, name: str) -> Path | None:
        """The file of this name, fetched from the hub if it is not in the local cache; None if there is none.

        Raises:
            ModelError: The hub has no such repository or revision, or does not let us in.
            SurroundingsError: The hub cannot be reached and the file is not in the cache.
        """
        if self.directory is None:
            return _hub_file(self.id, self.revision, name)
        path = self.directory / name
        return path if path.is_file() else None


def model_problem(code: str, message: str, hint: str | None = None) -> Problem:
    """A problem of the `model:` entry of a spec."""
    return Problem(code=code, message=message, where="model", hint=hint)


def locate(reference: ModelReference, base: Path) -> Location:
    """Find the model that a spec names.

    Args:
        reference: The `model:` entry. Text that starts with `./`, `../` or `/` is a directory, always.
        base: What directories are relative to: the directory of the spec file.

    Raises:
        ModelError: No embedded model or directory of that name, a directory that holds no model, a name that
            cannot be a hub id, a revision of something that has none.
    """
    name = reference.id
    if name.startswith(ZOO_PREFIX):
        location = _in_zoo(name)
    elif name.startswith(DIRECTORY_PREFIXES):
        location = _in_directory(name, base)
    else:
        return _on_hub(name, reference.revision, base)
    if reference.revision is not None:
        raise ModelError(
            model_problem("no-revisions", f"{quoted(name)} has no revisions: only models of the hub do")
        )
    return location


def _in_zoo(name: str) -> Location:
    key = name.removeprefix(ZOO_PREFIX)
    if key not in MODELS:
        close = difflib.get_close_matches(key, MODELS, n=1)
        raise ModelError(
            model_problem(
                "unknown-zoo-model",
                f"no embedded model is called {quoted(key)}: there is {', '.join(sorted(MODELS))}",
                f"did you mean {ZOO_PREFIX}{close[0]}?" if close else None,
            )
        )
    return Location("zoo", name, MODELS[key].directory)


def _in_directory(name: str, base: Path) -> Location:
    directory = base / name
    if not directory.exists():
        hint = "a directory in a spec is relative to the spec file"
        raise ModelError(model_problem("no-such-directory", f"{quoted(name)} does not exist", hint))
    if not directory.is_dir():
        raise ModelError(model_problem("not-a-directory", f"{quoted(name)} is a file: give its directory"))
    if not (directory / "config.json").is_file():
        raise ModelError(
            model_problem(
                "not-a-model",
                f"{quoted(name)} is no model: it has no config.json",
                "a model directory is what save_pretrained() of transformers writes",
            )
        )
    return Location("directory", name, directory)


def _on_hub(name: str, revision: str | None, base: Path) -> Location:
    if not _HUB_ID.fullmatch(name) or ".." in name or "--" in name or len(name) > 96:
        raise ModelError(
            model_problem(
                "bad-model-name",
                f"{quoted(name)} is no model: use zoo:NAME, a directory (./, ../ or / first) or a hub id",
                f"write ./{name} for the directory" if (base / name).is_dir() else None,
            )
        )
    return Location("hub", name, None, revision)


def _hub_file(name: str, revision: str | None, file: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(name, file, revision=revision)
    if isinstance(cached, str):
        return Path(cached)
    if cached is not None:  # the hub is known not to have it
        return None
    return _download(name, revision, file)


def _download(name: str, revision: str | None, file: str) -> Path | None:
    from huggingface_hub import errors, hf_hub_download  # pyright: ignore[reportUnknownVariableType]

    try:
        _knock(name, revision, file)
        return Path(hf_hub_download(name, file, revision=revision))
    except errors.GatedRepoError as error:
        hint = f"ask for access at https://huggingface.co/{name} and log in with `hf auth login`"
        message = f"the hub does not give {quoted(name)} to everyone"
        raise ModelError(model_problem("gated-model", message, hint)) from error
    except errors.RepositoryNotFoundError as error:
        hint = "a directory starts with ./, ../ or /, an embedded model with zoo:"
        message = f"the hub has no public model {quoted(name)}"
        raise ModelError(model_problem("unknown-model", message, hint)) from error
    except errors.RevisionNotFoundError as error:
        message = f"the hub has no {quoted(name)} at revision {quoted(revision)}"
        raise ModelError(model_problem("unknown-revision", message)) from error
    except errors.LocalEntryNotFoundError as error:  # before EntryNotFoundError, which it derives from
        raise _unreachable(name, file) from error
    except errors.EntryNotFoundError:
        return None
    except (errors.HTTPError, OSError) as error:  # pyright: ignore[reportPrivateImportUsage]
        raise _unreachable(name, file) from error


def _knock(name: str, revision: str | None, file: str) -> None:
    """Ask the hub once: without a network, a download would retry for half a minute before it says so."""
    from huggingface_hub import (
        errors,
        get_hf_file_metadata,  # pyright: ignore[reportUnknownVariableType]
        hf_hub_url,
    )

    try:
        get_hf_file_metadata(hf_hub_url(name, file, revision=revision))
    except errors.HfHubHTTPError as error:
        # An answer: the download sorts out what it means, and notes in the cache what the hub does not have.
        if error.response.status_code >= 500:
            raise


def _unreachable(name: str, file: str) -> SurroundingsError:
    return SurroundingsError(
        f"{file} of {quoted(name)} is not in the local Hugging Face cache and the hub cannot be reached\n"
        f"  hint: download it where there is a network (`hf download {name}`) "
        "or give a directory (model: ./DIR)"
    )
