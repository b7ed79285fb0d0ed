"""A real server with an engine that finishes what the final texts say; started by the tests as a process of its own."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.errors import EngineError
from lowabs_lsp.logs import set_up_logging
from lowabs_lsp.server.app import serve_stdio
from lowabs_lsp.settings import Settings


def oracle(texts: list[str]) -> ScriptedEngine:
    """Knows the final texts: it goes on with the first that begins with what stands in front of the cursor."""

    def go_on(prompt: str) -> str:
        prefix = prompt.rpartition("<|middle|>")[2]
        return next((text[len(prefix) :] for text in texts if text.startswith(prefix)), "")

    return ScriptedEngine(go_on, context_length=1 << 20)


def forgetful(texts: list[str]) -> ScriptedEngine:
    """An oracle that is wrong about one place in three: one of fixed answers for each prompt."""
    knows = oracle(texts)

    def go_on(prompt: str) -> str:
        true = knows.script(prompt)  # type: ignore[operator]  # an oracle's script is a function
        return (true, true[: len(true) // 2] + "zz", true)[sum(map(ord, prompt[-40:])) % 3]

    return ScriptedEngine(go_on, context_length=1 << 20)


def nonsense(texts: list[str]) -> ScriptedEngine:
    """Never says what anybody would type."""
    return ScriptedEngine("qqxx zz = yy", context_length=1 << 20)


def failing(texts: list[str]) -> ScriptedEngine:
    """Cannot be opened."""
    raise EngineError("the scripted engine has lost its script; write another one")


ENGINES: dict[str, Callable[[list[str]], ScriptedEngine]] = {
    "oracle": oracle,
    "forgetful": forgetful,
    "nonsense": nonsense,
    "failing": failing,
}

if __name__ == "__main__":
    set_up_logging("info")
    engine, file = sys.argv[1:3]
    known = json.loads(Path(file).read_text())
    sys.exit(serve_stdio(open_engine=lambda settings: ENGINES[engine](known), settings=Settings()))
