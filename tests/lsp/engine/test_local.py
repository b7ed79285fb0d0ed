import logging
import threading
import time
from pathlib import Path

import pytest
from onnxruntime import get_available_providers

from lowabs_lsp.engine.bundle import Graph, OpenBundle, open_bundle
from lowabs_lsp.engine.device import open_cuda, why_no_driver
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.errors import EngineError
from lowabs_lsp.settings import EngineSettings
from lowabs_lsp.values import Decoding, Engine, Generated, Prompt


@pytest.fixture(scope="module")
def engine(bundle: OpenBundle) -> Engine:
    return LocalEngine(bundle, EngineSettings(threads=1))


def test_says_what_it_is(engine: Engine, bundle: OpenBundle) -> None:
    assert engine.layout == bundle.manifest.layout
    assert engine.context_length == bundle.manifest.context_length
    assert engine.description.startswith(
        f"{bundle.manifest.name}, {bundle.manifest.graphs['cpu'].variant} weights, on 1 CPU thread by ONNX Runtime 1."
    )


def test_counts_tokens_as_it_encodes_them(engine: Engine) -> None:
    assert engine.count_tokens("") == 0
    prompt = Prompt(("def f(x):\n",), heal=False)
    assert engine.generate(prompt, Decoding(max_tokens=1)).prompt_tokens == engine.count_tokens("def f(x):\n")


def test_callers_take_turns(engine: Engine) -> None:
    prompts = [Prompt((letter * 20,)) for letter in "abcdefgh"]
    expected = [engine.generate(prompt, Decoding(max_tokens=5)).tokens for prompt in prompts]
    answers: dict[int, Generated] = {}

    def ask(n: int) -> None:
        answers[n] = engine.generate(prompts[n], Decoding(max_tokens=5))

    workers = [threading.Thread(target=ask, args=(n,)) for n in range(len(prompts))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [answers[n].tokens for n in range(len(prompts))] == expected


def test_a_model_without_a_graph_for_cuda_says_so(bundle: OpenBundle, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        LocalEngine(bundle, EngineSettings(device="cuda", threads=1))
    assert "device=cpu" in caplog.text
    assert "no graph for CUDA" in caplog.text or "built without CUDA" in caplog.text
    assert caplog.records[-1].levelno == logging.WARNING


def with_cuda_graph(folder: Path) -> OpenBundle:
    whole = open_bundle(folder)
    whole.manifest.graphs["cuda"] = Graph("model.onnx", "rowq")
    return whole


no_cuda = pytest.mark.skipif(not why_no_driver(), reason="this machine has an NVIDIA driver and a device")


@no_cuda
def test_without_a_driver_the_model_runs_on_the_cpu(
    copy: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        engine = LocalEngine(with_cuda_graph(copy), EngineSettings(threads=1))
    assert "CPU" in engine.description
    assert why_no_driver() in caplog.text or "built without CUDA" in caplog.text
    assert capfd.readouterr() == ("", "")


@no_cuda
@pytest.mark.skipif("CUDAExecutionProvider" not in get_available_providers(), reason="ONNX Runtime without CUDA")
def test_a_session_that_fell_back_in_silence_is_not_taken_for_cuda(copy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EngineError, match="CUDA"):
        open_cuda(with_cuda_graph(copy), threads=1)
    assert capfd.readouterr() == ("", "")


def test_asked_for_the_cpu_it_looks_for_nothing_else(bundle: OpenBundle, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        LocalEngine(bundle, EngineSettings(device="cpu", threads=1))
    assert "reason='as set'" in caplog.text


def test_a_session_keeps_its_keys_and_values_whatever_another_does(bundle: OpenBundle) -> None:
    whole = LocalEngine(bundle, EngineSettings(device="cpu", threads=1))
    mine, other = whole.for_session(), whole.for_session()
    prompt = Prompt(("import os\n\n\ndef size(path):\n    return ",), heal=False)
    first = mine.generate(prompt, Decoding(max_tokens=4))
    for number in range(20):
        other.generate(Prompt((f"another text {number} " * 5,)), Decoding(max_tokens=1))
    again = mine.generate(prompt, Decoding(max_tokens=4))
    assert (again.text, again.reused_tokens) == (first.text, first.prompt_tokens - 1)
    assert other.generate(prompt, Decoding(max_tokens=4)).text == first.text


def test_an_idle_engine_uses_no_processor(bundle: OpenBundle) -> None:
    engine = LocalEngine(bundle, EngineSettings(threads=2))
    engine.generate(Prompt(("def f(x):\n",)), Decoding(max_tokens=8))
    began = time.process_time()
    threading.Event().wait(0.25)  # nothing happens: that is the point
    assert time.process_time() - began < 0.01
