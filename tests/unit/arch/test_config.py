"""From config.json to the residual graph, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import GPT2Config, LlamaConfig

from circuitgraph.arch.config import check_weights, read_config, residual_graph, residual_graph_of
from circuitgraph.arch.location import Location
from circuitgraph.errors import ModelError

SMALL: dict[str, Any] = {
    "model_type": "gpt2",
    "n_layer": 12,
    "n_head": 12,
    "n_embd": 768,
    "vocab_size": 50257,
    "n_positions": 1024,
}


def test_gpt2_small_has_its_known_number_of_edges() -> None:
    graph = residual_graph(SMALL, "gpt2")
    assert graph.edge_count == 32_491  # Conmy et al. 2023, arXiv:2304.14997
    assert (graph.family, graph.vocab, graph.context, graph.name) == ("gpt2", 50257, 1024, "gpt2")


def test_attention_only_models_have_no_mlps() -> None:
    graph = residual_graph({**SMALL, "attn_only": True}, "m")
    assert not graph.has_mlp
    assert residual_graph({**SMALL, "attn_only": False}, "m").has_mlp


def test_a_configuration_in_memory_is_read_alike() -> None:
    assert residual_graph_of(GPT2Config(), "gpt2") == residual_graph(SMALL, "gpt2")
    with pytest.raises(ModelError, match='model: my model: model family "llama" is not supported: use gpt2'):
        residual_graph_of(LlamaConfig(), "my model")


@pytest.mark.parametrize(
    "options", [{"scale_attn_by_inverse_layer_idx": True}, {"reorder_and_upcast_attn": True}]
)
def test_options_that_the_model_itself_carries_out_are_fine(options: dict[str, Any]) -> None:
    assert residual_graph({**SMALL, **options}, "gpt2") == residual_graph(SMALL, "gpt2")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "llama"}, 'model family "llama" is not supported: use gpt2'),
        ({"model_type": None}, "config.json names no model_type"),
        ({"model_type": 3}, "config.json names no model_type"),
        ({"n_head": "12"}, "n_head of config.json is '12', not a whole number of at least 1"),
        ({"n_layer": True}, "n_layer of config.json is True, not a whole number of at least 1"),
        ({"n_layer": 0}, "n_layer of config.json is 0, not a whole number of at least 1"),
        ({"vocab_size": 1.5}, "vocab_size of config.json is 1.5, not a whole number of at least 1"),
        ({"n_head": 7}, "n_embd (768) is no multiple of n_head (7)"),
        ({"attn_only": 1}, "attn_only of config.json is 1, not true or false"),
        (
            {"quantization_config": {"bits": 4}},
            "quantised weights are not supported: use the unquantised model",
        ),
        ({"add_cross_attention": True}, "cross-attention is not supported: use a decoder-only model"),
        (
            {"pruned_heads": {"0": [1]}},
            "pruned heads are not supported: the remaining heads have lost their numbers",
        ),
    ],
)
def test_configs_that_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError) as caught:
        residual_graph({**SMALL, **change}, "./m")
    assert str(caught.value) == f"model: ./m: {message}"


def test_everything_missing_is_said_at_once() -> None:
    with pytest.raises(ModelError) as caught:
        residual_graph({"model_type": "gpt2", "quantization_config": {"bits": 4}}, "./m")
    assert [problem.message for problem in caught.value.problems] == [
        "./m: quantised weights are not supported: use the unquantised model",
        *(
            f"./m: {key} of config.json is missing"
            for key in ("n_layer", "n_head", "n_embd", "vocab_size", "n_positions")
        ),
    ]


def test_defaults_that_refuse_nothing() -> None:
    harmless = {"quantization_config": None, "add_cross_attention": False, "pruned_heads": {}}
    assert residual_graph({**SMALL, **harmless}, "gpt2") == residual_graph(SMALL, "gpt2")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", 'config.json of "./m" is not JSON (line 1, column 2): Expecting property name enclosed in double '
         "quotes"),
        (b"[1]", 'config.json of "./m" holds no JSON object'),
        (b"\xff\xfe", 'config.json of "./m": not UTF-8, or nested too deeply'),
        (b'{"a":' + b"[" * 100_000, 'config.json of "./m": not UTF-8, or nested too deeply'),
        (None, '"./m" is no model: it has no config.json'),
    ],
)  # fmt: skip
def test_files_that_are_no_config(content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ModelError) as caught:
        read_config(Location("directory", "./m", tmp_path))
    assert caught.value.problems[0].message.startswith(message)


def weights(directory: Path, *, required: bool = True) -> tuple[str, ...]:
    return check_weights(Location("directory", "./m", directory), required=required)


def test_weights_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "pytorch_model.bin").touch()
    assert weights(tmp_path) == ()
    assert check_weights(Location("hub", "gpt2"), required=True) == ()


def test_weights_in_shards(tmp_path: Path) -> None:
    index = {
        "weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-2.safetensors"}
    }
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / "model-1.safetensors").touch()
    with pytest.raises(
        ModelError, match=r'"./m" lacks model-2.safetensors, which model.safetensors.index.json names'
    ):
        weights(tmp_path, required=False)
    (tmp_path / "model-2.safetensors").touch()
    assert weights(tmp_path) == ()
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": 3}')
    with pytest.raises(ModelError, match="names no file"):
        weights(tmp_path)


def test_missing_weights_are_a_note_or_an_error(tmp_path: Path) -> None:
    assert weights(tmp_path, required=False) == ('"./m" has no weights: model.safetensors is needed',)
    with pytest.raises(ModelError, match=r'model: "./m" has no weights: model.safetensors is needed'):
        weights(tmp_path)


@pytest.mark.parametrize("required", [True, False])
def test_pickles_are_never_read(required: bool, tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(ModelError) as caught:
        weights(tmp_path, required=required)
    assert str(caught.value) == (
        'model: "./m" has only pickled weights (pytorch_model.bin), which can run code when read: '
        "model.safetensors is needed\n"
        "  hint: if you trust the file, load the model once with transformers and save_pretrained() it: "
        "that writes safetensors"
    )
