"""The remote engine against real servers: our own, and llama.cpp's as llama-cpp-python serves it."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from lowabs_lsp.completer import Completer
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.prompt.families import FAMILIES
from lowabs_lsp.prompt.fim import SPM, render
from lowabs_lsp.remote.engine import RemoteEngine
from lowabs_lsp.remote.parts import Parts
from lowabs_lsp.settings import EngineSettings, load_settings
from lowabs_lsp.values import Context, Decoding, Document, Snippet, Stop

TINY = Path(__file__).parents[1] / "data" / "tiny"
PATIENT = {"deadline": 60_000}
CONTEXTS = [
    Context("a.py", "python", "import os\n\n\ndef size(path):\n    return ", "\n"),
    Context("b.py", "python", "for i in ran", ":\n    print(i)\n", (Snippet("c.py", "x = range(3)\n", "open file"),)),
]


@contextmanager
def serving(command: Sequence[str], pattern: str) -> Iterator[str]:
    """The address of a server, which its log tells by `pattern`."""
    process = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    try:
        url = next(found[1] for line in process.stderr if (found := re.search(pattern, line)))
        reader = threading.Thread(target=process.stderr.read)  # a full pipe would stop it
        reader.start()
        yield url
    finally:
        process.terminate()
        process.wait(20)
    reader.join(20)
    process.stderr.close()


def open_engine(url: str, **settings: object) -> RemoteEngine:
    raw = {"engine": {"url": url, **PATIENT, **settings}}
    return RemoteEngine(load_settings(raw).engine, lambda: ScriptedEngine("local"))


@pytest.fixture(scope="module")
def ours() -> Iterator[str]:
    with serving(["lowabs_lsp", "serve-engine", "--model", str(TINY), "--port", "0"], r"event=serving url=(\S+)") as url:
        yield url


@pytest.fixture(scope="module")
def local() -> LocalEngine:
    return LocalEngine.open(TINY, EngineSettings(device="cpu", threads=1))


@pytest.mark.parametrize("context", CONTEXTS)
def test_our_own_server_says_what_the_engine_says_here(ours: str, local: LocalEngine, context: Context) -> None:
    remote = open_engine(ours)
    decoding = Decoding(max_tokens=12, stop=("\n\n",))
    there, here = (engine.generate(render(context, SPM), decoding) for engine in (remote, local))
    assert there.text == here.text != ""
    assert remote.description == f"tiny at {ours} (lowabs)"
    remote.model.close()


def test_a_completion_of_our_own_server_is_shown_as_one_of_here(ours: str, local: LocalEngine) -> None:
    text = "import os\n\n\ndef size(path):\n    return os."
    document = Document("file:///w/a.py", "a.py", "python", text)
    settings = load_settings({"memory": {"enabled": False}})
    remote = open_engine(ours)
    there, here = (Completer(engine, settings).complete(document, len(text)) for engine in (remote, local))
    assert (there.text, there.reason) == (here.text, here.reason)
    remote.model.close()


def test_leaving_ends_the_work_of_our_own_server(ours: str) -> None:
    remote = open_engine(ours)
    answer = remote.generate(render(CONTEXTS[0], SPM), Decoding(max_tokens=10_000), cancelled=lambda: True)
    assert answer.stop is Stop.CANCELLED
    assert remote.generate(render(CONTEXTS[0], SPM), Decoding(max_tokens=4)).text != ""
    remote.model.close()


@pytest.fixture(scope="module")
def llama_cpp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """llama-cpp-python's server with a GGUF of a drawn model of ours."""
    pytest.importorskip("llama_cpp.server.app", reason="llama-cpp-python is compiled on installation: dependency group peers")
    torch = pytest.importorskip("torch")
    from lowabs_model.checkpoint import save_checkpoint
    from lowabs_model.gguf import write_gguf
    from lowabs_model.recipe import ModelConfig
    from lowabs_model.transformer import Decoder

    torch.manual_seed(1)
    shape = ModelConfig(
        vocab_size=512, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=32, max_position_embeddings=256,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("llama")
    save_checkpoint(folder / "checkpoint", Decoder(shape), (TINY / "tokenizer.json").read_text("utf-8"))
    write_gguf(folder / "checkpoint", folder / "lowabs.gguf")
    options = ["--model", str(folder / "lowabs.gguf"), "--model_alias", "lowabs-drawn", "--n_ctx", "256", "--port", "0"]
    with serving(["llama_cpp.server", *options], r"running on (http://\S+)") as url:
        yield url


@pytest.mark.parametrize("context", CONTEXTS)
def test_llama_cpp_says_what_it_says_to_others(llama_cpp: str, context: Context) -> None:
    remote = open_engine(llama_cpp)
    prompt = render(context, SPM)
    body = {"prompt": Parts.of(prompt).spell(FAMILIES["lowabs"]), "max_tokens": 12, "temperature": 0, "repeat_penalty": 1.0}
    said = httpx2.post(f"{llama_cpp}/v1/completions", json=body, timeout=60).json()["choices"][0]["text"]
    assert remote.generate(prompt, Decoding(max_tokens=12)).text == said != ""
    assert remote.description == f"lowabs-drawn at {llama_cpp} (llama-cpp-python)"
    remote.model.close()
