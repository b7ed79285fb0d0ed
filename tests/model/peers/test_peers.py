"""Each peer runs the steps of the benchmark on a tiny model of drawn weights; those that are not installed are skipped."""

from pathlib import Path
from typing import Any

import pytest
from lowabs_model.export import export_bundle
from lowabs_model.peers.cuda import as_markdown, prepare
from lowabs_model.shapes import write_random

from lowabs_lsp.bench.contender import Task
from lowabs_lsp.bench.engine import make_task
from lowabs_lsp.engine.bundle import TOKENIZER, default_folder, open_bundle
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.values import Decoding, Prompt

TOKENIZER_FILE = Path(__file__).parents[2] / "data" / "tiny" / "tokenizer.json"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("peers") / "checkpoint"
    write_random("tiny", folder, TOKENIZER_FILE)
    return folder


@pytest.fixture(scope="module")
def task(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Task:
    bundle = tmp_path_factory.mktemp("bundle") / "fp32"
    export_bundle(checkpoint, bundle, variant="fp32")
    return make_task(open_bundle(bundle), threads=1)


def test_transformers_continues_as_it_would_from_nothing(checkpoint: Path, task: Task) -> None:
    from lowabs_model.peers.huggingface import HuggingFace

    warm, cold = HuggingFace(checkpoint, "fp32", task), HuggingFace(checkpoint, "fp32", task)
    steps = warm.steps()
    for kind, count in (("prefill", 128), ("verify", 1), ("verify", 4), ("batch", 2), ("batch", 2)):
        steps[kind](count)
    assert warm.ids[: task.behind] == task.tokens[: task.behind]
    first: Any = steps["edit"](0)
    again: Any = steps["edit"](0)
    fresh: Any = cold.steps()["edit"](0)
    assert first["tokens"] == again["tokens"] == fresh["tokens"]
    assert (again["computed"], fresh["computed"] > 100) == (1, True)


def test_llama_cpp_runs_every_step(checkpoint: Path, task: Task, tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is compiled on installation: dependency group peers")
    from lowabs_model.peers.llama import LlamaCpp, write_quantized

    write_quantized(checkpoint, tmp_path, "q8_0")
    peer = LlamaCpp(tmp_path / "q8_0.gguf", task)
    steps = peer.steps()
    for kind, count in (("prefill", 128), ("verify", 4), ("batch", 2), ("prefill", task.behind), ("verify", 1), ("batch", 4)):
        steps[kind](count)
    assert peer.held == task.behind


def test_genai_runs_every_step(checkpoint: Path, task: Task, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime_genai", reason="it would replace onnxruntime-gpu; docs/engine.md says how to install it")
    from lowabs_model.peers.genai import GenAi, build

    build(checkpoint, tmp_path, "int4")
    peer = GenAi(tmp_path / "int4", task)
    steps = peer.steps()
    for kind, count in (("prefill", 128), ("verify", 1), ("verify", 4), ("batch", 2), ("batch", 2), ("edit", 0), ("edit", 1)):
        steps[kind](count)
    assert peer.ids[:10] == task.edits[1].tokens[:10]


def test_the_arithmetic_of_onnx_runtime_is_counted(task: Task) -> None:
    from lowabs_model.peers.arithmetic import DEPTH, WIDTH, steps

    assert {kind: step(2) for kind, step in steps(task).items()} == dict.fromkeys(("int8", "fp32"), 2 * DEPTH * WIDTH)


def test_the_bundle_for_cuda_runs_on_the_cpu_too(tmp_path: Path) -> None:
    write_random("tiny", tmp_path / "checkpoint", default_folder() / TOKENIZER)  # as the command does, which it is larger than
    bundle = prepare(tmp_path / "checkpoint", tmp_path / "bundle")
    assert {kind: graph.variant for kind, graph in bundle.manifest.graphs.items()} == {"cpu": "fp16", "cuda": "fp16"}
    generated = LocalEngine.open(bundle.folder).generate(Prompt(("def f(x):",), heal=False), Decoding(max_tokens=3))
    assert generated.tokens


def test_a_token_is_held_against_the_bandwidth() -> None:
    figures = {
        "shape": "tiny",
        "machine": "a machine",
        "ours_is": "ours on CUDA",
        "weight_bytes": 3_000_000_000,
        "bandwidth_gb_s": 3000.0,
        "least_ms_for_a_token": 1.0,
        "left_out": ["compiled bf16 is left out: no compiler"],
        "contenders": {"lowabs fp16": {"timings": {"decode": {"minimum_ms": 1.5, "median_ms": 1.75}}}},
    }
    assert "| lowabs fp16 | 1.50 |" in as_markdown(figures)
    assert "compiled bf16 is left out: no compiler." in as_markdown(figures)
    assert "3000.0 MB over 3000.0 GB/s: a token takes 1.00 ms at least" in as_markdown(figures)
