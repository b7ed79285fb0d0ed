"""The real server around an engine that says what FOLDER/script.json tells it; each prompt goes to FOLDER/prompts.jsonl."""

import json
import sys
from pathlib import Path

from lowabs_lsp.engine.scripted import ScriptedEngine, look_up
from lowabs_lsp.logs import set_up_logging
from lowabs_lsp.server import app
from lowabs_lsp.settings import CompletionSettings, Settings

SETTINGS = Settings(completion=CompletionSettings(ahead="never"))
"""No prompts but for what somebody asks: tests look at the last."""


def scripted_engine(folder: Path) -> ScriptedEngine:
    """An engine that logs what it is asked."""
    script: dict[str, str] = json.loads((folder / "script.json").read_text())

    def say(prompt: str) -> str:
        with (folder / "prompts.jsonl").open("a") as log:
            log.write(json.dumps(prompt) + "\n")
        return look_up(script, prompt)

    return ScriptedEngine(say, context_length=1 << 20)


if __name__ == "__main__":
    set_up_logging("info")
    sys.exit(app.serve_stdio(open_engine=lambda _: scripted_engine(Path(sys.argv[1])), settings=SETTINGS))
