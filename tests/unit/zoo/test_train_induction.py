"""The recipe: its data, its frozen MLPs, its refusal to write a model that fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from circuitgraph.zoo.train_induction import (
    CONTEXT,
    Recipe,
    TrainingFellShort,
    build,
    main,
    repeated_segments,
    reproduce,
    train,
)
from circuitgraph.zoo.vocabulary import BOS_ID, WORD_IDS

SHORT = Recipe(stages=((12, 2), (24, 2)), batch=4)


@pytest.fixture(autouse=True)
def own_random_state() -> Iterator[None]:
    """`train` seeds torch's global generator; other tests should not notice."""
    with torch.random.fork_rng():
        yield


@given(st.integers(0, 2**32), st.sampled_from([12, 24, CONTEXT]))
def test_a_predictable_token_follows_what_its_predecessor_was_followed_by(seed: int, context: int) -> None:
    tokens, predictable = repeated_segments(Recipe(batch=8), context, torch.Generator().manual_seed(seed))
    assert tokens.shape == predictable.shape == (8, context)
    for row, can_predict in zip(tokens.tolist(), predictable.tolist(), strict=True):
        assert row[0] == BOS_ID
        assert all(token in WORD_IDS for token in row[1:])
        assert any(can_predict)
        seen: dict[int, set[int]] = {}
        for place in range(1, context):
            followers = seen.setdefault(row[place - 1], set())
            if can_predict[place]:
                assert followers == {row[place]}
            followers.add(row[place])


def test_no_offset_predicts_the_batch() -> None:
    tokens, predictable = repeated_segments(Recipe(batch=512), CONTEXT, torch.Generator().manual_seed(0))
    shares = [
        (tokens[:, offset:] == tokens[:, :-offset])[predictable[:, offset:]].float().mean().item()
        for offset in range(1, CONTEXT - 1)
    ]
    assert max(shares) < 0.3


def test_mlps_stay_zero_while_the_rest_trains() -> None:
    torch.manual_seed(0)
    before = build().state_dict()  # what `train` starts from, seeded alike
    model, curve = train(SHORT, seed=0)
    assert [step for step, _ in curve] == [1]
    after = model.state_dict()
    mlps = {name for name in after if ".mlp." in name}
    assert len(mlps) == 8
    assert not any(after[name].any() for name in mlps)
    still = {name for name in after if torch.equal(before[name], after[name])}
    # The norm before an MLP that writes nothing gets no gradient.
    assert still == mlps | {name for name in after if ".ln_2." in name}


def test_a_seed_gives_one_model() -> None:
    first, second, other = (train(SHORT, seed)[0].state_dict() for seed in (5, 5, 6))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["lm_head.weight"], other["lm_head.weight"])


def test_a_model_that_fails_is_not_written(tmp_path: Path) -> None:
    out = tmp_path / "model"
    out.mkdir()
    (out / "CARD.md").write_text("as it was", encoding="utf-8")
    with pytest.raises(TrainingFellShort, match=r"on held-out rows, below 0\.99"):
        reproduce(out, seed=0, recipe=SHORT)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert [path.name for path in out.iterdir()] == ["CARD.md"]
    assert (out / "CARD.md").read_text(encoding="utf-8") == "as it was"


def test_the_command_needs_a_directory(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert stopped.value.code == 2
    assert "--out" in capsys.readouterr().err
