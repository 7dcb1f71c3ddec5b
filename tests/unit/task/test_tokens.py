"""Text to ids and back: real byte-level and word-level tokenizers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgraph.arch.location import Location
from circuitgraph.errors import ModelError
from circuitgraph.task.tokens import NotOneToken, Tokenizer, load_tokenizer
from tests.unit.task.samples import byte_level_bpe, word_level


def test_prompts_carry_special_tokens_and_answers_do_not(words: Tokenizer) -> None:
    cat = words.single("cat")
    assert words.encode("cat") == (0, cat)
    assert words.encode("cat", special=False) == (cat,)


def test_a_single_token_and_its_text(bpe: Tokenizer) -> None:
    assert bpe.text_of(bpe.single(" Mary")) == " Mary"


def test_a_split_answer_names_its_pieces_and_the_fix(bpe: Tokenizer) -> None:
    with pytest.raises(NotOneToken, match=r'^"Mary" is 2 tokens \("Mar", "y"\)$') as caught:
        bpe.single("Mary")
    assert caught.value.code == "answer-splits"
    assert caught.value.hint == '" Mary" (with the leading space) is one token'


def test_an_unknown_answer_is_refused_but_the_unknown_token_itself_is_a_token(words: Tokenizer) -> None:
    with pytest.raises(NotOneToken, match="unknown to the tokenizer"):
        words.single("dragon")
    assert words.single("<unk>") == words.unknown == 1


def test_no_text_is_no_token(bpe: Tokenizer) -> None:
    with pytest.raises(NotOneToken, match="is no token"):
        bpe.single("")


def test_unknown_parts_of_a_prompt_are_named(words: Tokenizer) -> None:
    text = "the dragon sat on a griffin"
    assert words.misses(text, words.encode(text))
    assert words.unknown_parts(text) == ["dragon", "griffin"]
    assert not words.misses("the <unk> sat", words.encode("the <unk> sat"))


def test_half_a_surrogate_pair_is_no_text(bpe: Tokenizer) -> None:
    with pytest.raises(ValueError, match="surrogate"):
        bpe.encode("a\ud800")


def test_bytes_of_a_character_are_shown_by_name(bpe: Tokenizer) -> None:
    first, second = bpe.encode("é")
    assert (bpe.text_of(first), bpe.text_of(second)) == ("Ã", "©")
    assert bpe.text_of(99_999) == "#99999"


@pytest.mark.parametrize("trim", [True, False])
def test_the_last_token_of_a_character_is_found_whatever_spans_include(trim: bool) -> None:
    encoded = Tokenizer(byte_level_bpe(trim_offsets=trim)).encode_spans("Then, Mary é")
    assert encoded.last_at(9) == 2  # the y of " Mary"
    assert encoded.last_at(11) == len(encoded.ids) - 1  # second byte of é
    assert encoded.last_at(50) is None


def test_an_added_token_stands_for_no_text_but_one_in_the_text_does(words: Tokenizer) -> None:
    encoded = words.encode_spans("<bos> cat")
    assert encoded.ids[:2] == (0, 0)
    assert encoded.spans[:2] == (None, (0, 5))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_every_character_of_a_byte_level_text_belongs_to_a_token(text: str) -> None:
    encoded = _UNTRIMMED.encode_spans(text)
    assert encoded.ids == _UNTRIMMED.encode(text)
    assert all(encoded.last_at(place) is not None for place in range(len(text)))


_UNTRIMMED = Tokenizer(byte_level_bpe(trim_offsets=False))


def _at(directory: Path) -> Location:
    return Location("directory", "./model", directory)


def test_tokenizer_json_is_read_without_its_padding_and_truncation(tmp_path: Path) -> None:
    backend = word_level()
    backend.enable_padding(length=16)
    backend.enable_truncation(2)
    backend.save(str(tmp_path / "tokenizer.json"))
    found = load_tokenizer(_at(tmp_path))
    assert found is not None
    assert len(found.encode("the cat sat")) == 4


def test_vocabulary_and_merges_make_the_same_tokenizer(tmp_path: Path, bpe: Tokenizer) -> None:
    whole = json.loads(byte_level_bpe().to_str())["model"]
    vocabulary = {**whole["vocab"], "<|endoftext|>": len(whole["vocab"])}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in whole["merges"]]
    (tmp_path / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    found = load_tokenizer(_at(tmp_path))
    assert found is not None
    text = "Then, Mary and Zoë went to the store"
    assert found.encode(text) == bpe.encode(text)
    assert found.single("<|endoftext|>") == vocabulary["<|endoftext|>"]
    assert found.encode_spans(text).last_at(9) == 2


def test_a_model_may_have_no_tokenizer(tmp_path: Path) -> None:
    assert load_tokenizer(_at(tmp_path)) is None


@pytest.mark.parametrize("content", ["{}", "not json", '{"version": "1.0"}'])
def test_a_bad_tokenizer_is_a_model_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=r'tokenizer.json of "./model" is no tokenizer'):
        load_tokenizer(_at(tmp_path))


def test_a_bad_vocabulary_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text("[1]", encoding="utf-8")
    (tmp_path / "merges.txt").write_text("a b\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"vocab.json and merges.txt of"):
        load_tokenizer(_at(tmp_path))
