"""What stands in the workspace's files is in the completer's guesses: in the model's distribution and as drafts."""

from pathlib import Path

import pytest

from lowabs_lsp.completer import Completer
from lowabs_lsp.context.secrets import MASK
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.settings import EngineSettings, Settings, load_settings
from lowabs_lsp.surroundings import Surroundings
from lowabs_lsp.values import Document

TINY = Path(__file__).parent.parent / "data" / "tiny"
PHRASE = "zorblat_quux = frobnicate(wibble, 17)"


@pytest.fixture(scope="module")
def engine() -> LocalEngine:
    return LocalEngine.open(TINY, EngineSettings(device="cpu", threads=1))


def surroundings(root: Path, engine: LocalEngine, settings: Settings) -> Surroundings:
    built = Surroundings([root], settings, engine.vocabulary)
    built.files.build()
    return built


def document(text: str, path: str = "here.py") -> Document:
    return Document(f"file:///{path}", path, "python", text)


def complete(
    engine: LocalEngine, around: Surroundings, text: str, *, settings: Settings, open_too: tuple[Document, ...] = ()
) -> str:
    return Completer(engine, settings, around).complete(document(text), len(text), workspace=open_too).text


@pytest.mark.parametrize("where", ["disk", "editor"])
def test_a_phrase_of_another_file_is_completed(tmp_path: Path, engine: LocalEngine, where: str) -> None:
    other = f"def f(wibble):\n    {PHRASE}\n    return zorblat_quux\n" * 3
    open_too: tuple[Document, ...] = ()
    if where == "disk":
        (tmp_path / "other.py").write_text(other)
    else:
        open_too = (document(other, "other.py"),)
    around = surroundings(tmp_path, engine, Settings())
    text = "def g(wibble):\n    zorblat_quux = frob"
    assert complete(engine, around, text, settings=Settings(), open_too=open_too) == "nicate(wibble, 17)"


def test_without_the_memory_the_phrase_is_unknown(tmp_path: Path, engine: LocalEngine) -> None:
    (tmp_path / "other.py").write_text(f"def f(wibble):\n    {PHRASE}\n" * 3)
    off = load_settings({"memory": {"enabled": False}})
    around = surroundings(tmp_path, engine, off)
    assert "nicate(wibble, 17)" not in complete(engine, around, "def g(wibble):\n    zorblat_quux = frob", settings=off)


def test_a_file_that_is_gone_is_forgotten(tmp_path: Path, engine: LocalEngine) -> None:
    file = tmp_path / "other.py"
    file.write_text(f"def f(wibble):\n    {PHRASE}\n" * 3)
    around = Surroundings([tmp_path], Settings(), engine.vocabulary)
    around.start()
    try:
        assert around.files.settle(20)
        file.unlink()
        around.files.refresh(file)
        assert around.files.settle(20)
        text = "def g(wibble):\n    zorblat_quux = frob"
        assert "nicate(wibble, 17)" not in complete(engine, around, text, settings=Settings())
    finally:
        around.stop()


def test_a_secret_in_a_file_is_never_guessed(tmp_path: Path, engine: LocalEngine) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    (tmp_path / "other.py").write_text(f'token = "{secret}"\n' * 3)
    around = surroundings(tmp_path, engine, Settings())
    for text in ("token", 'token = "ghp_a1B2'):
        said = complete(engine, around, text, settings=Settings())
        assert secret[10:20] not in said
        assert MASK not in said


def test_drafts_of_the_memory_change_nothing_but_the_runs(tmp_path: Path, engine: LocalEngine) -> None:
    (tmp_path / "other.py").write_text(f"def f(wibble):\n    {PHRASE}\n    return zorblat_quux\n" * 3)
    around = surroundings(tmp_path, engine, Settings())
    text = "def g(wibble):\n    zorblat_quux = frob"
    memory = around.memory_at(document(text), len(text))
    assert memory is not None
    completion = Completer(engine, Settings(), around).complete(document(text), len(text))
    assert completion.generated is not None
    assert completion.generated.accepted_tokens > 0
    assert completion.generated.model_runs < len(completion.generated.tokens)


def test_a_whole_home_folder_is_no_workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: LocalEngine) -> None:
    (tmp_path / "other.py").write_text(f"def f(wibble):\n    {PHRASE}\n" * 3)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "user")
    assert surroundings(tmp_path, engine, Settings()).segments == ()
