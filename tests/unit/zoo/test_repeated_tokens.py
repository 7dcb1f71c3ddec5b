"""Laws of the data set `repeated-tokens`."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgraph.zoo import GENERATOR_FACTORS, GENERATOR_POSITIONS, GENERATORS, MODELS, GeneratedRow
from circuitgraph.zoo.repeated_tokens import GAPS, MATCHES, repeated_tokens
from circuitgraph.zoo.vocabulary import BOS_ID, TOKENS, WORD_IDS, WORDS

seeds = st.integers(0, 2**32)
rows = seeds.map(lambda seed: repeated_tokens(examples=1, seed=seed)[0])


@given(rows)
def test_the_answer_follows_the_only_earlier_copy_of_the_last_token(row: GeneratedRow) -> None:
    end, match = row.positions["END"], row.positions["MATCH"]
    for prompt, successor in ((row.clean, row.answer), (row.corrupt, row.foil)):
        assert end == len(prompt) - 1
        assert [place for place, token in enumerate(prompt) if token == prompt[end]] == [match, end]
        assert prompt[match + 1] == successor
        assert prompt.count(successor) == 1
        # Nothing else repeats, so no other pair can be matched.
        assert len(set(prompt)) == len(prompt) - 1


@given(rows)
def test_prompts_start_with_bos_and_hold_words_only(row: GeneratedRow) -> None:
    for prompt in (row.clean, row.corrupt):
        assert prompt[0] == BOS_ID
        assert all(token in WORD_IDS for token in prompt[1:])


@given(rows)
def test_clean_and_corrupt_have_one_shape_and_share_no_word_of_a_pair(row: GeneratedRow) -> None:
    assert len(row.clean) == len(row.corrupt)
    assert not {row.clean[-1], row.answer} & set(row.corrupt)
    assert not {row.corrupt[-1], row.foil} & set(row.clean)


@given(rows)
def test_gap_is_the_declared_distance(row: GeneratedRow) -> None:
    assert row.factors == {"gap": row.positions["END"] - row.positions["MATCH"]}
    assert row.factors["gap"] in GAPS
    assert row.positions["MATCH"] in MATCHES
    assert 10 <= len(row.clean) <= 24


@given(seeds, st.integers(1, 20), st.integers(0, 20))
def test_a_seed_gives_the_same_rows_and_fewer_of_them_a_prefix(seed: int, few: int, more: int) -> None:
    assert repeated_tokens(few + more, seed)[:few] == repeated_tokens(few, seed)


def test_seeds_differ_and_rows_differ() -> None:
    first, second = repeated_tokens(50, 0), repeated_tokens(50, 1)
    assert first != second
    assert len({row.clean for row in first}) == 50


def test_every_level_of_gap_and_every_match_occurs() -> None:
    drawn = repeated_tokens(128, 0)
    assert {row.factors["gap"] for row in drawn} == set(GAPS)
    assert {row.positions["MATCH"] for row in drawn} == set(MATCHES)


@pytest.mark.parametrize("examples", [0, -3])
def test_no_examples_is_an_error(examples: int) -> None:
    with pytest.raises(ValueError, match=f"at least 1 example, not {examples}"):
        repeated_tokens(examples, 0)


def test_the_registry_says_what_each_generator_brings() -> None:
    assert GENERATORS.keys() == GENERATOR_POSITIONS.keys() == GENERATOR_FACTORS.keys()
    for name, generate in GENERATORS.items():
        for row in generate(examples=8, seed=3):
            assert set(row.positions) == set(GENERATOR_POSITIONS[name])
            assert set(row.factors) == set(GENERATOR_FACTORS[name])
    for name, model in MODELS.items():
        assert model.name == name
        assert model.dataset in GENERATORS
        assert model.directory.is_dir()


def test_words_are_distinct_and_ids_are_places() -> None:
    assert len(set(TOKENS)) == len(TOKENS) == 96
    assert [TOKENS[index] for index in WORD_IDS] == list(WORDS)


def test_the_registry_imports_without_torch() -> None:
    code = (
        "import sys, circuitgraph.zoo as z; z.GENERATORS['repeated-tokens'](2, 0); "
        "sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'tokenizers', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
