import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from lowabs_model.checkpoint import load_checkpoint, save_checkpoint
from lowabs_model.export import export_bundle, write_attention_graph, write_graph
from lowabs_model.graph import VARIANTS
from lowabs_model.parity import Logits, Sample, graph_model, measure_parity, standard_library, torch_model
from lowabs_model.recipe import ModelConfig
from lowabs_model.smoothing import measure_peaks, smooth
from lowabs_model.tensors import read_config, read_tensors
from lowabs_model.transformer import Decoder
from safetensors.torch import load_file, save_file

from lowabs_lsp.engine.attention import AttentionSession
from lowabs_lsp.engine.bundle import ATTENTION, SPARE_POSITIONS, TOKENIZER, Graph, open_bundle
from lowabs_lsp.engine.feed import CPU
from lowabs_lsp.engine.form import ROWS_AT_ONCE
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.engine.session import Session
from lowabs_lsp.engine.tokenizer import Tokenizer
from lowabs_lsp.errors import BundleError
from lowabs_lsp.values import Decoding, Prompt

TOKENIZER_JSON = (Path(__file__).parents[1] / "data/tiny" / TOKENIZER).read_text("utf-8")
SHAPE = ModelConfig(
    vocab_size=512,
    hidden_size=64,
    intermediate_size=160,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=32,
    max_position_embeddings=128,
)
SAMPLE = Sample("a function", ["def add(left, right):\n    return left + right\n" * 20])
IDS = st.lists(st.integers(0, 511), min_size=1, max_size=100)


def save(folder: Path, shape: ModelConfig = SHAPE) -> Path:
    """A checkpoint with drawn weights, large enough for the logits to differ."""
    decoder = Decoder(shape)
    generator = torch.Generator().manual_seed(1)
    for parameter in decoder.parameters():
        if parameter.dim() == 2:
            torch.nn.init.normal_(parameter, std=1.5 * parameter.shape[1] ** -0.5, generator=generator)
        else:
            torch.nn.init.uniform_(parameter, 0.5, 1.5, generator=generator)
    save_checkpoint(folder, decoder, TOKENIZER_JSON)
    return folder


@pytest.fixture(scope="module", params=[2, 1], ids=["grouped", "shared"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With two key/value heads, and with one that all share."""
    return save(tmp_path_factory.mktemp("run") / "checkpoint", evolve(SHAPE, num_key_value_heads=request.param))


@pytest.fixture(scope="module")
def graphs(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the graph of each variant."""
    folder = tmp_path_factory.mktemp("graphs")
    config, tensors = read_config(checkpoint), read_tensors(checkpoint)
    write_graph(folder, "fp32.onnx", config, tensors, "fp32")
    drawn = np.random.default_rng(1).integers(512, size=(8, 100)).tolist()
    smoothed = smooth(tensors, config, measure_peaks(folder / "fp32.onnx", config, drawn))
    for variant in VARIANTS:
        write_graph(folder, f"{variant}.onnx", config, smoothed if variant == "w8a8" else tensors, variant)
    return folder


@pytest.fixture(scope="module")
def by_torch(checkpoint: Path) -> Logits:
    return torch_model(checkpoint)


@pytest.fixture(scope="module")
def by_graph(checkpoint: Path, graphs: Path) -> Logits:
    return graph_model(graphs / "fp32.onnx", read_config(checkpoint))


Watched = Callable[[str], AttentionSession]


@pytest.fixture(scope="module")
def watched(checkpoint: Path, graphs: Path) -> Watched:
    """Open the attention graph of a variant."""
    config = read_config(checkpoint)

    def opened(variant: str) -> AttentionSession:
        graph = write_attention_graph(graphs, Graph(f"{variant}.onnx", variant))
        return AttentionSession(graphs / graph.file, config.architecture, config.context_length, CPU, threads=2)

    return opened


def rewrite(file: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    raw = json.loads(file.read_text())
    edit(raw)
    file.write_text(json.dumps(raw))


# the graph computes what PyTorch does


@settings(deadline=None, max_examples=30)
@given(ids=IDS)
def test_the_graph_gives_the_logits_of_torch(by_torch: Logits, by_graph: Logits, ids: list[int]) -> None:
    assert by_graph(ids) == pytest.approx(by_torch(ids), abs=1e-4)


@pytest.mark.parametrize(("variant", "share"), [("fp16", 0.01), ("int8", 0.1), ("rowq", 0.1), ("w8a8", 0.2), ("int4", 0.5)])
def test_a_quantised_graph_stays_close_to_torch(checkpoint: Path, graphs: Path, variant: str, share: float) -> None:
    ids = np.random.default_rng(0).integers(0, 512, 100).tolist()
    expected = torch_model(checkpoint)(ids)
    difference = graph_model(graphs / f"{variant}.onnx", read_config(checkpoint))(ids) - expected
    assert 0 < difference.std() < share * expected.std()


@settings(deadline=None, max_examples=15)
@given(ids=IDS)
def test_the_graph_gives_the_attention_weights_of_torch(checkpoint: Path, watched: Watched, ids: list[int]) -> None:
    with torch.no_grad():
        _, expected = load_checkpoint(checkpoint).forward_with_weights(torch.tensor([ids]))
    session = watched("fp32")
    weights = session.weights(session.create_memory(), ids, 0)
    assert weights == pytest.approx(torch.cat(expected).numpy(), abs=1e-4)


def test_four_bits_in_smaller_blocks_lose_less(checkpoint: Path, graphs: Path, by_torch: Logits, tmp_path: Path) -> None:
    config = read_config(checkpoint)
    write_graph(tmp_path, "small.onnx", config, read_tensors(checkpoint), "int4", block=32)
    ids = list(range(3, 120))
    lost = [
        float(np.square(graph_model(file, config)(ids) - by_torch(ids)).mean())
        for file in (tmp_path / "small.onnx", graphs / "int4.onnx")
    ]
    assert 0 < lost[0] < 0.9 * lost[1]


@pytest.mark.parametrize("variant", VARIANTS)
def test_watched_or_not_a_graph_computes_the_same_bits(checkpoint: Path, graphs: Path, watched: Watched, variant: str) -> None:
    config, ids = read_config(checkpoint), np.random.default_rng(0).integers(0, 512, 100).tolist()
    serving = Session(graphs / f"{variant}.onnx", config.architecture, config.context_length, CPU, threads=2)
    logits = [each.run(each.create_memory(), ids, 0, len(ids)) for each in (serving, watched(variant))]
    assert np.array_equal(*logits)


@pytest.mark.parametrize("variant", ["fp32", "int8", "int4", "rowq", "w8a8"])
@settings(deadline=None, max_examples=15)
@given(ids=IDS, data=st.data())
def test_in_every_variant_a_token_is_independent_of_its_company(
    checkpoint: Path, graphs: Path, variant: str, ids: list[int], data: st.DataObject
) -> None:
    config = read_config(checkpoint)
    session = Session(graphs / f"{variant}.onnx", config.architecture, config.context_length, CPU, threads=2)
    cut = data.draw(st.integers(1, len(ids)))
    whole = session.run(session.create_memory(), ids, 0, len(ids))
    memory = session.create_memory()
    pieces = [session.run(memory, ids[:cut], 0, cut)]
    pieces += [session.run(memory, [token], cut + n, 1) for n, token in enumerate(ids[cut:])]
    assert np.array_equal(np.concatenate(pieces), whole)


@pytest.mark.parametrize(
    "changes",
    [
        {"head_dim": 16},
        {"num_attention_heads": 3, "num_key_value_heads": 1},
        {"num_key_value_heads": 4},
        {"hidden_size": 48, "intermediate_size": 112},
        {"num_hidden_layers": 1},
        {"rope_theta": 10_000.0, "rms_norm_eps": 1e-5},
    ],
)
def test_other_shapes_are_the_same_to_torch(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = save(tmp_path / "checkpoint", ModelConfig(**{**_as_dict(SHAPE), **changes}))
    parity = export_bundle(folder, tmp_path / "bundle", held_out=SAMPLE).parity
    assert parity is not None
    assert parity.graph_max_abs_logit_difference < 1e-4


def _as_dict(shape: ModelConfig) -> dict[str, Any]:
    return {name: getattr(shape, name) for name in ModelConfig.__match_args__}


# the bundle


@pytest.mark.parametrize(("variant", "largest"), [("rowq", 1), ("w8a8", 2)])
def test_the_bundle_runs_and_tells_its_parity(checkpoint: Path, tmp_path: Path, variant: str, largest: float) -> None:
    told = {"name": "three layers", "held_out": SAMPLE, "training": {"tokens": 5}}
    manifest = export_bundle(checkpoint, tmp_path / "b", variant=variant, **told)
    assert open_bundle(tmp_path / "b").manifest == manifest
    assert manifest.name == "three layers"
    assert manifest.training == {"tokens": 5}
    parity = manifest.parity
    assert parity is not None
    assert parity.sample == "a function"
    assert parity.graph_max_abs_logit_difference < 1e-4 < parity.max_abs_logit_difference < largest
    assert 0.8 < parity.argmax_agreement <= 1  # drawn weights: many near ties
    assert parity.loss_after == pytest.approx(parity.loss_before, abs=0.05)
    engine, prompt = LocalEngine.open(tmp_path / "b"), Prompt(("def ",))
    said = engine.generate(prompt, Decoding(max_tokens=3)).tokens
    assert engine.attention(prompt, said).weights.shape[:3] == (3, 4, len(said))


def test_the_loss_is_that_of_torch(checkpoint: Path, tmp_path: Path) -> None:
    sample = Sample("short", ["x = [1, 2, 3]\n"])
    parity = export_bundle(checkpoint, tmp_path / "b", held_out=sample).parity
    ids = list(Tokenizer(checkpoint / TOKENIZER).encode(sample.texts[0]))
    with torch.no_grad():
        logits = load_checkpoint(checkpoint)(torch.tensor([ids]))[0]
    expected = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]))
    assert parity is not None
    assert parity.loss_before == pytest.approx(float(expected), abs=1e-5)
    assert parity.tokens == len(ids)


def test_a_second_graph_for_cuda_is_in_half_precision(checkpoint: Path, tmp_path: Path) -> None:
    manifest = export_bundle(checkpoint, tmp_path / "b", cuda_variant="fp16", held_out=SAMPLE)
    variants = {kind: graph.variant for kind, graph in manifest.graphs.items()}
    assert variants == {"cpu": "w8a8", "cuda": "fp16", ATTENTION: "w8a8"}
    assert {graph.file for graph in manifest.graphs.values()} < manifest.files.keys()


def test_what_the_checkpoint_says_of_its_training_is_copied(checkpoint: Path, tmp_path: Path) -> None:
    folder = save(tmp_path / "checkpoint")
    (folder / "trainer.json").write_text('{"step": 7, "tokens": 900, "block": 1}')
    assert export_bundle(folder, tmp_path / "b", held_out=SAMPLE).training == {"step": 7, "tokens": 900}
    (folder / "training.json").write_text('{"corpus": "ours"}')
    assert export_bundle(folder, tmp_path / "b", held_out=SAMPLE).training == {"corpus": "ours"}


def test_a_folder_is_replaced_but_for_what_is_not_a_bundles(checkpoint: Path, tmp_path: Path) -> None:
    output = tmp_path / "b"
    export_bundle(checkpoint, output, cuda_variant="fp16", held_out=SAMPLE)
    (output / "__init__.py").write_text("")
    (output / "notes").mkdir()
    (output / "notes/a.txt").write_text("kept")
    export_bundle(checkpoint, output, held_out=SAMPLE)
    assert open_bundle(output).manifest.graphs.keys() == {"cpu", ATTENTION}
    assert sorted(entry.name for entry in output.iterdir()) == [
        "__init__.py", "attention-model.onnx", "bundle.json", "model.onnx", "model.onnx.data", "notes", "tokenizer.json",
    ]  # fmt: skip
    assert (output / "notes/a.txt").read_text() == "kept"
    assert [entry.name for entry in tmp_path.iterdir()] == ["b"]


def test_a_failed_export_leaves_the_folder_as_it_was(checkpoint: Path, tmp_path: Path) -> None:
    output = tmp_path / "b"
    manifest = export_bundle(checkpoint, output, held_out=SAMPLE)
    with pytest.raises(BundleError, match="no variant 'int3'"):
        export_bundle(checkpoint, output, variant="int3", held_out=SAMPLE)
    assert open_bundle(output).manifest == manifest
    assert [entry.name for entry in tmp_path.iterdir()] == ["b"]


def test_without_held_out_text_the_standard_library_serves() -> None:
    assert "standard library of Python 3." in standard_library().name
    assert all(len(text) > 1000 for text in standard_library().texts)


# what cannot be exported


def test_a_graph_that_computes_something_else_is_refused(checkpoint: Path, graphs: Path, tmp_path: Path) -> None:
    config, tokenizer = read_config(checkpoint), Tokenizer(checkpoint / TOKENIZER)
    with pytest.raises(BundleError, match="logits differ from PyTorch's by"):
        measure_parity(checkpoint, graphs / "int4.onnx", graphs / "fp32.onnx", config, tokenizer, SAMPLE)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda raw: raw.update(model_type="llama"), "model_type is 'llama', only 'qwen3' can be exported"),
        (lambda raw: raw.update(attention_bias=True), "attention_bias is True"),
        (lambda raw: raw.update(rope_scaling={"type": "yarn"}), "rope_scaling is"),
        (lambda raw: raw.update(rope_parameters={"rope_type": "yarn", "rope_theta": 1e5}), "rope_type is 'yarn'"),
        (lambda raw: raw.pop("head_dim"), "has no 'head_dim'"),
    ],
)
def test_a_config_that_is_no_plain_qwen3(tmp_path: Path, edit: Callable[[dict[str, Any]], object], said: str) -> None:
    folder = save(tmp_path / "checkpoint")
    rewrite(folder / "config.json", edit)
    with pytest.raises(BundleError, match=rf"config\.json: .*{re.escape(said)}"):
        export_bundle(folder, tmp_path / "b", held_out=SAMPLE)


def test_rows_that_no_block_divides_are_refused(tmp_path: Path) -> None:
    folder = save(tmp_path / "checkpoint", ModelConfig(**{**_as_dict(SHAPE), "hidden_size": 40}))
    with pytest.raises(BundleError, match="multiple of 16"):
        export_bundle(folder, tmp_path / "b", held_out=SAMPLE)


def test_a_tokenizer_with_more_tokens_than_the_model(tmp_path: Path) -> None:
    folder = save(tmp_path / "checkpoint", ModelConfig(**{**_as_dict(SHAPE), "vocab_size": 500}))
    with pytest.raises(BundleError, match="has 512 tokens where the model has 500"):
        export_bundle(folder, tmp_path / "b", held_out=SAMPLE)


def test_a_directory_that_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"config\.json: cannot be read .*is this the directory of a checkpoint"):
        export_bundle(tmp_path, tmp_path / "b")


# tensors


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
def test_every_type_of_tensor_is_read_exactly(tmp_path: Path, kind: torch.dtype) -> None:
    tensors = {f"model.{n}": torch.randn(n + 1, 3).to(kind) for n in range(4)}
    save_file(tensors, tmp_path / "model.safetensors")
    read = read_tensors(tmp_path)
    for name, tensor in tensors.items():
        assert np.array_equal(read[name.removeprefix("model.")], tensor.float().numpy())


def test_shards_are_read_as_one(checkpoint: Path, tmp_path: Path) -> None:
    whole = load_file(checkpoint / "model.safetensors")
    names = sorted(whole)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, part in parts.items():
        save_file({name: whole[name] for name in part}, tmp_path / file)
    index = {"weight_map": {name: file for file, part in parts.items() for name in part}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    read, expected = read_tensors(tmp_path), read_tensors(checkpoint)
    assert read.places.keys() == expected.places.keys()
    assert all(np.array_equal(read[name], expected[name]) for name in expected.places)


def test_an_output_matrix_of_its_own_is_used(tmp_path: Path) -> None:
    folder = save(tmp_path / "checkpoint")
    tied = graph_in(folder, tmp_path / "tied")([1, 2, 3])
    whole = load_file(folder / "model.safetensors")
    whole["lm_head.weight"] = whole["model.embed_tokens.weight"].flip(0).contiguous()
    save_file(whole, folder / "model.safetensors")
    rewrite(folder / "config.json", lambda raw: raw.update(tie_word_embeddings=False))
    assert graph_in(folder, tmp_path / "untied")([1, 2, 3]) == pytest.approx(tied[:, ::-1], abs=1e-4)


def graph_in(checkpoint: Path, folder: Path) -> Callable[[list[int]], Any]:
    config = read_config(checkpoint)
    write_graph(folder, "model.onnx", config, read_tensors(checkpoint), "fp32")
    return graph_model(folder / "model.onnx", config)


def test_a_cut_weights_file_is_named(tmp_path: Path) -> None:
    folder = save(tmp_path / "checkpoint")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(BundleError, match=r"model\.safetensors: is cut short"):
        [read_tensors(folder)[name] for name in read_tensors(folder).places]


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    folder = save(tmp_path / "checkpoint")
    whole = load_file(folder / "model.safetensors")
    del whole["model.layers.1.mlp.up_proj.weight"]
    save_file(whole, folder / "model.safetensors")
    with pytest.raises(BundleError, match=r"no tensor 'layers\.1\.mlp\.up_proj\.weight'"):
        export_bundle(folder, tmp_path / "b", held_out=SAMPLE)


# keys and values in 8 bits


@pytest.fixture(scope="module")
def eight_bit(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose keys and values are kept in 8 bits."""
    folder = tmp_path_factory.mktemp("eight-bit") / "bundle"
    export_bundle(checkpoint, folder, variant="fp32", cache="int8", held_out=SAMPLE)
    return folder


def opened(folder: Path) -> Session:
    bundle = open_bundle(folder)
    manifest = bundle.manifest
    return Session(bundle.path(manifest.graphs["cpu"].file), manifest.architecture, manifest.context_length, CPU, threads=2)


def test_a_cache_of_8_bits_takes_a_quarter_of_the_memory(checkpoint: Path, graphs: Path, eight_bit: Path) -> None:
    config = read_config(checkpoint)
    whole = Session(graphs / "fp32.onnx", config.architecture, config.context_length, CPU, threads=2)
    rows = config.context_length + SPARE_POSITIONS
    seen = rows + -rows % ROWS_AT_ONCE if config.architecture.kv_heads == 1 else rows  # 8 bits are never shared
    assert 4 * opened(eight_bit).memory_bytes * seen == whole.memory_bytes * rows


def test_a_cache_of_8_bits_costs_little(eight_bit: Path) -> None:
    parity = open_bundle(eight_bit).manifest.parity
    assert parity is not None
    assert 0 < abs(parity.loss_after - parity.loss_before) < 0.01
    assert LocalEngine.open(eight_bit).attention(Prompt(("def ",)), [1, 2]).weights.sum(-1) == pytest.approx(1, abs=1e-5)
    assert parity.graph_max_abs_logit_difference < 1e-4  # PyTorch is still compared with the graph that keeps numbers


def test_a_cache_of_8_bits_fits_the_values_of_a_smoothed_model(checkpoint: Path, tmp_path: Path) -> None:
    ids = np.random.default_rng(0).integers(0, 512, 100).tolist()
    logits = []
    for kind in ("float", "int8"):
        export_bundle(checkpoint, tmp_path / kind, cache=kind, held_out=SAMPLE)
        session = opened(tmp_path / kind)
        logits.append(session.run(session.create_memory(), ids, 0, len(ids)))
    assert (logits[1] - logits[0]).std() < 0.2 * logits[0].std()


@settings(deadline=None, max_examples=15)
@given(ids=IDS, data=st.data())
def test_with_a_cache_of_8_bits_a_token_is_independent_of_its_company(
    eight_bit: Path, ids: list[int], data: st.DataObject
) -> None:
    session, cut = opened(eight_bit), data.draw(st.integers(1, len(ids)))
    whole = session.run(session.create_memory(), ids, 0, len(ids))
    memory, copied = session.create_memory(), session.create_memory()
    pieces = [session.run(memory, ids[:cut], 0, cut)]
    copied.copy_rows(memory, cut)
    pieces += [session.run(copied, [token], cut + n, 1) for n, token in enumerate(ids[cut:])]
    assert np.array_equal(np.concatenate(pieces), whole)
