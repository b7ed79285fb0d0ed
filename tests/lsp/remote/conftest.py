"""A staged server, and engines that use it with a scripted model behind them."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests share the module beside them

from staged_server import StagedServer, serving

from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.remote.breaker import Breaker
from lowabs_lsp.remote.engine import RemoteEngine
from lowabs_lsp.settings import load_settings

Open = Callable[..., RemoteEngine]


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOWABS_ENGINE_KEY", raising=False)


@pytest.fixture
def server() -> Iterator[StagedServer]:
    with serving() as server:
        yield server


@pytest.fixture
def local() -> ScriptedEngine:
    return ScriptedEngine("local")


@pytest.fixture
def open_engine(server: StagedServer, local: ScriptedEngine) -> Iterator[Open]:
    """Opens engines of the staged server, by settings of the section `engine`."""
    opened: list[RemoteEngine] = []

    def open_one(breaker: Breaker | None = None, **settings: object) -> RemoteEngine:
        engine = load_settings({"engine": {"url": server.url, **settings}}).engine
        opened.append(RemoteEngine(engine, lambda: local, breaker))
        return opened[-1]

    yield open_one
    for engine in opened:
        engine.settle()
        engine.model.close()
