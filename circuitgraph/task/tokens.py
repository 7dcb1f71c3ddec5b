"""Text to token ids and back, with the `tokenizers` library alone: no torch, no transformers.

Prompts are encoded as Hugging Face models expect them: with the special tokens that the tokenizer's own
post-processor adds (many begin every prompt with one; GPT-2's adds none). Answers, foils and the tokens of
positions continue or lie inside a prompt and are encoded bare.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from circuitgraph.arch.location import Location
from circuitgraph.errors import ModelError, Problem, quoted

if TYPE_CHECKING:
    from tokenizers import Encoding
    from tokenizers import Tokenizer as Backend

TOKENIZER = "tokenizer.json"
VOCABULARY = "vocab.json"
MERGES = "merges.txt"
END_OF_TEXT = "<|endoftext|>"

PIECES_SHOWN = 8


class NotOneToken(Exception):
    """A text that should be one known token is not.

    Attributes:
        code: answer-splits, unknown-token or no-token: a stable code for the problem it becomes.
        hint: A likely fix.
    """

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        """Keep the code and the hint beside the message."""
        super().__init__(message)
        self.code = code
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text as tokens.

    Attributes:
        ids: Token ids, special tokens included.
        spans: For each token the characters of the text it stands for, start and end; None for a token that
            the tokenizer added. With merged leading spaces a span may include them.
    """

    ids: tuple[int, ...]
    spans: tuple[tuple[int, int] | None, ...]

    def last_at(self, character: int) -> int | None:
        """Index of the last token that stands for this character of the text, or None if none does."""
        found = [i for i, span in enumerate(self.spans) if span and span[0] <= character < span[1]]
        return found[-1] if found else None


class Tokenizer:
    """A tokenizer of the `tokenizers` library, without padding and truncation."""

    def __init__(self, backend: Backend) -> None:
        """Copy a tokenizer; of a fast Hugging Face tokenizer, give its `backend_tokenizer`."""
        from tokenizers import Tokenizer as Library

        self._backend = Library.from_str(backend.to_str())
        self._backend.no_padding()
        self._backend.no_truncation()

    @property
    def vocab(self) -> int:
        """Number of tokens, added ones included."""
        return self._backend.get_vocab_size(with_added_tokens=True)

    @cached_property
    def unknown(self) -> int | None:
        """Id of the token for text that the tokenizer does not know, or None if it knows every text."""
        model = cast("dict[str, object]", json.loads(self._backend.to_str())["model"])
        name = model.get("unk_token")
        if isinstance(name, str) and name:
            return self._backend.token_to_id(name)
        identifier = model.get("unk_id")
        return identifier if isinstance(identifier, int) else None

    def encode(self, text: str, *, special: bool = True) -> tuple[int, ...]:
        """Encode a prompt; with `special=False`, a text inside one.

        Raises:
            ValueError: The text is not valid Unicode (it holds half of a surrogate pair).
        """
        return tuple(self._encoding(text, special).ids)

    def encode_spans(self, text: str) -> Encoded:
        """Encode a prompt, with the characters each token stands for.

        Raises:
            ValueError: The text is not valid Unicode.
        """
        encoding = self._encoding(text, special=True)
        added = [bool(flag) for flag in encoding.special_tokens_mask]
        # A special token that the text itself spells out is masked too, but has characters.
        spans = tuple(
            None if masked and span[0] == span[1] else (span[0], span[1])
            for span, masked in zip(encoding.offsets, added, strict=True)
        )
        return Encoded(tuple(encoding.ids), spans)

    def single(self, text: str) -> int:
        """The id of a text that is exactly one known token.

        Raises:
            NotOneToken: It is several tokens, none, or unknown.
            ValueError: The text is not valid Unicode.
        """
        ids = self.encode(text, special=False)
        if len(ids) == 1 and not self.misses(text, ids):
            return ids[0]
        if self.misses(text, ids):
            raise NotOneToken("unknown-token", f"{quoted(text)} is unknown to the tokenizer")
        if not ids:
            raise NotOneToken("no-token", f"{quoted(text)} is no token")
        raise NotOneToken("answer-splits", f"{quoted(text)} is {self.pieces(ids)}", self._near(text))

    def misses(self, text: str, ids: tuple[int, ...]) -> bool:
        """Whether part of the text is unknown: it became the unknown token without spelling it out."""
        if self.unknown is None or self.unknown not in ids:
            return False
        return (self._backend.id_to_token(self.unknown) or "") not in text

    def unknown_parts(self, text: str) -> list[str]:
        """The parts of a text that the tokenizer does not know, in order."""
        encoding = self._encoding(text, special=True)
        pairs = zip(encoding.ids, encoding.offsets, strict=True)
        return [text[start:end] for token, (start, end) in pairs if token == self.unknown]

    def pieces(self, ids: tuple[int, ...]) -> str:
        """Name tokens in a message: 3 tokens (" Ma", "ry", " Ann")."""
        shown = ", ".join(quoted(self.text_of(token)) for token in ids[:PIECES_SHOWN])
        more = ", …" if len(ids) > PIECES_SHOWN else ""
        return f"{len(ids)} tokens ({shown}{more})"

    def text_of(self, token: int) -> str:
        """The text of a token; its name in the vocabulary where it is no whole text, `#ID` if unknown."""
        name = self._backend.id_to_token(token)
        if name is None:
            return f"#{token}"
        text = self._backend.decode([token], skip_special_tokens=False)
        return name if not text or "\ufffd" in text else text

    def _near(self, text: str) -> str | None:
        other = text[1:] if text.startswith(" ") else f" {text}"
        found = self.encode(other, special=False)
        if len(found) != 1 or self.misses(other, found) or not other:
            return None
        which = "without" if text.startswith(" ") else "with"
        return f"{quoted(other)} ({which} the leading space) is one token"

    def _encoding(self, text: str, special: bool) -> Encoding:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError("it holds half of a surrogate pair, which is no character") from error
        return self._backend.encode(text, add_special_tokens=special)


def load_tokenizer(location: Location) -> Tokenizer | None:
    """Read a model's tokenizer: tokenizer.json, or else the vocab.json and merges.txt of a byte-level BPE.

    Returns:
        None where the model has neither: its prompts must then be token ids.

    Raises:
        ModelError: The files are there but cannot be read.
        SurroundingsError: The hub cannot be reached.
    """
    whole = location.file(TOKENIZER)
    if whole is not None:
        return _read(whole, location)
    vocabulary, merges = location.file(VOCABULARY), location.file(MERGES)
    if vocabulary is None or merges is None:
        return None
    return _from_parts(vocabulary, merges, location)


def _read(path: Path, location: Location) -> Tokenizer:
    from tokenizers import Tokenizer as Library

    # The library raises bare Exception on any bad file.
    try:
        return Tokenizer(Library.from_file(str(path)))
    except Exception as error:
        raise _bad(path.name, location, error) from error


def _from_parts(vocabulary: Path, merges: Path, location: Location) -> Tokenizer:
    from tokenizers import AddedToken, decoders, models, pre_tokenizers, processors
    from tokenizers import Tokenizer as Library

    try:
        model = models.BPE.from_file(  # pyright: ignore[reportUnknownMemberType]
            str(vocabulary), str(merges)
        )
        backend = Library(model)
    except Exception as error:
        raise _bad(f"{VOCABULARY} and {MERGES}", location, error) from error
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.ByteLevel(trim_offsets=False)
    if backend.token_to_id(END_OF_TEXT) is not None:
        backend.add_special_tokens(  # pyright: ignore[reportUnknownMemberType]
            [AddedToken(END_OF_TEXT, normalized=False)]
        )
    return Tokenizer(backend)


def _bad(files: str, location: Location, error: Exception) -> ModelError:
    message = f"{files} of {quoted(location.id)} is no tokenizer: {error}"
    return ModelError(Problem(code="bad-tokenizer", message=message, where="model"))
