"""The embedded model as it is stored: what it weighs, what it does, and that its card tells the truth."""

from __future__ import annotations

import json
import re

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

from circuitgraph.zoo import GENERATORS, MODELS
from circuitgraph.zoo.induction_card import Facts, measure
from circuitgraph.zoo.train_induction import HELD_OUT_EXAMPLES, HELD_OUT_SEED, Recipe
from circuitgraph.zoo.vocabulary import BOS_ID, TOKENS, UNK_ID, WORDS

ZOO = MODELS["induction"]
FRESH_SEED = 20_241


@pytest.fixture(scope="module")
def model() -> GPT2LMHeadModel:
    loaded = GPT2LMHeadModel.from_pretrained(
        ZOO.directory, attn_implementation="eager", local_files_only=True
    )
    return loaded.eval()


@pytest.fixture(scope="module")
def held_out(model: GPT2LMHeadModel) -> Facts:
    return measure(model, GENERATORS[ZOO.dataset](HELD_OUT_EXAMPLES, HELD_OUT_SEED))


@pytest.fixture(scope="module")
def card() -> str:
    return (ZOO.directory / "CARD.md").read_text(encoding="utf-8")


def card_row(card: str, label: str) -> list[float]:
    found = re.search(rf"^\| {re.escape(label)} \|(.*)\|$", card, re.MULTILINE)
    assert found, label
    return [float(cell) for cell in found[1].split("|")]


def test_it_is_small_and_complete() -> None:
    files = {path.name: path.stat().st_size for path in ZOO.directory.iterdir()}
    assert {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "CARD.md",
    } <= files.keys()
    assert sum(files.values()) < 1_000_000


def test_nothing_in_it_is_pickled_or_knows_a_machine() -> None:
    for path in ZOO.directory.iterdir():
        assert path.suffix in {".json", ".safetensors", ".md"}
        if path.suffix != ".safetensors":
            assert not re.search(r"(?<![\w.])/(home|root|tmp|work|Users)/", path.read_text(encoding="utf-8"))


def test_the_config_says_attention_only_and_the_weights_agree() -> None:
    config = json.loads((ZOO.directory / "config.json").read_text(encoding="utf-8"))
    assert config["attn_only"] is True
    assert config["vocab_size"] == len(TOKENS)
    assert config["bos_token_id"] == config["eos_token_id"] == BOS_ID
    weights = load_file(ZOO.directory / "model.safetensors")
    mlps = {name: weight for name, weight in weights.items() if ".mlp." in name}
    assert len(mlps) == 4 * config["n_layer"]
    assert all(not weight.any() for weight in mlps.values())
    assert all(weight.dtype == torch.float32 and weight.isfinite().all() for weight in weights.values())


def test_it_answers_fresh_rows(model: GPT2LMHeadModel) -> None:
    facts = measure(model, GENERATORS[ZOO.dataset](512, FRESH_SEED))
    assert facts.accuracy >= 0.99
    assert facts.logit_diff_clean > 8
    assert facts.logit_diff_corrupt < -8


def test_accuracy_is_not_an_artefact_of_the_measure(model: GPT2LMHeadModel) -> None:
    """With the induction layer's writes removed the same measure must fall to chance."""
    layer = model.get_submodule("transformer.h.1.attn.c_proj")

    def silence(_module: torch.nn.Module, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(output)

    handle = layer.register_forward_hook(silence)
    try:
        assert measure(model, GENERATORS[ZOO.dataset](256, FRESH_SEED)).accuracy < 0.1
    finally:
        handle.remove()


def test_previous_token_and_induction_heads_formed(held_out: Facts) -> None:
    previous = {head.head: head.previous for head in held_out.heads if head.head.startswith("a0.")}
    assert max(previous.values()) > 0.8
    matching = {head.head: head.end_to_match_next for head in held_out.heads}
    assert max(share for head, share in matching.items() if head.startswith("a1.")) > 0.8
    assert max(share for head, share in matching.items() if head.startswith("a0.")) < 0.2


def test_measured_attention_agrees_with_one_row_at_a_time(model: GPT2LMHeadModel) -> None:
    rows = GENERATORS[ZOO.dataset](12, 4)
    facts = measure(model, rows)
    previous: list[torch.Tensor] = []
    matching: list[torch.Tensor] = []
    with torch.no_grad():
        for row in rows:
            patterns = model(input_ids=torch.tensor([row.clean]), output_attentions=True).attentions
            stacked = torch.stack(patterns)[:, 0].flatten(0, 1)
            previous.append(torch.stack([stacked[:, p, p - 1] for p in range(1, len(row.clean))]))
            matching.append(stacked[:, -1, row.positions["MATCH"] + 1])
    torch.testing.assert_close(torch.tensor([h.previous for h in facts.heads]), torch.cat(previous).mean(0))
    torch.testing.assert_close(
        torch.tensor([h.end_to_match_next for h in facts.heads]), torch.stack(matching).mean(0)
    )


def test_the_card_reports_what_is_measured(card: str, held_out: Facts) -> None:
    assert card_row(card, "accuracy") == [pytest.approx(held_out.accuracy, abs=1e-4)]
    assert f"On {HELD_OUT_EXAMPLES} held-out rows of `{ZOO.dataset}`, seed {HELD_OUT_SEED}" in card
    for label, value in (("clean", held_out.logit_diff_clean), ("corrupt", held_out.logit_diff_corrupt)):
        assert card_row(card, f"mean logit(answer) - logit(foil), {label}") == [
            pytest.approx(value, abs=2e-3)
        ]
    for head in held_out.heads:
        expected = [pytest.approx(head.previous, abs=1e-3), pytest.approx(head.end_to_match_next, abs=1e-3)]
        assert card_row(card, f"`{head.head}`") == expected


def test_the_card_reports_the_recipe_of_the_code(card: str) -> None:
    recipe = Recipe()
    assert "| stages | 24 × 600, 64 × 1200 |" in card
    assert recipe.stages == ((24, 600), (64, 1200))
    assert card_row(card, "batch") == [recipe.batch]
    assert card_row(card, "learning rate") == [recipe.learning_rate]
    assert card_row(card, "weight decay") == [recipe.weight_decay]
    assert f"{recipe.steps} steps in " in card
    assert "--seed 0" in card


def test_text_prompts_read_well(model: GPT2LMHeadModel) -> None:
    tokenizer = Tokenizer.from_file(str(ZOO.directory / "tokenizer.json"))
    prompt = tokenizer.encode("lake moon fish cat hat tree road ship cat").ids
    assert prompt[0] == BOS_ID
    with torch.no_grad():
        following = int(model(input_ids=torch.tensor([prompt])).logits[0, -1].argmax())
    assert tokenizer.decode([following]) == "hat"


def test_the_tokenizer_round_trips() -> None:
    fast = Tokenizer.from_file(str(ZOO.directory / "tokenizer.json"))
    hugging = PreTrainedTokenizerFast.from_pretrained(ZOO.directory, local_files_only=True)
    text = " ".join(WORDS)
    for ids in (fast.encode(text).ids, hugging(text)["input_ids"]):
        assert ids == [BOS_ID, *range(2, len(TOKENS))]
    assert fast.decode(fast.encode(text).ids) == text
    assert hugging.decode(hugging(text)["input_ids"], skip_special_tokens=True) == text
    for word in WORDS:
        assert len(fast.encode(f" {word}", add_special_tokens=False).ids) == 1
    assert fast.encode("<bos> xylophone cat", add_special_tokens=False).ids[:2] == [BOS_ID, UNK_ID]
    assert hugging.bos_token_id == BOS_ID
    assert hugging.unk_token_id == UNK_ID
    assert hugging.model_max_length == 64
