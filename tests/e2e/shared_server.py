"""The relay of an editor, or with `--socket` the engine process behind it, with a scripted engine. Started as a process.

Options: those of `scripted_server.py`; `folder` is where the socket lies, `idle` the seconds until an engine process without
clients ends.
"""

import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from scripted_server import Stage, add_test_requests

from lowabs_lsp.logs import set_up_logging
from lowabs_lsp.server import app
from lowabs_lsp.server.engine_thread import EngineThread
from lowabs_lsp.server.session import Session
from lowabs_lsp.settings import Settings
from lowabs_lsp.sharing.host import IDLE, Host, run, tell
from lowabs_lsp.sharing.relay import Relay
from lowabs_lsp.sharing.start import connect_or_start


def relay(options: dict[str, Any]) -> int:
    """Be an editor's own process."""
    path = Path(options["folder"], "engine.sock")
    host = [sys.executable, "-X", "dev", "-W", "error", __file__, json.dumps(options)]
    settings = {"completion": {"ahead": options.get("ahead", "never")}}  # as of a command line
    return Relay(lambda: connect_or_start(path, host, settings), sys.stdout.fileno()).run(sys.stdin.fileno())


def serve(options: dict[str, Any], path: Path, ready: int) -> int:
    """Be the engine process."""
    stage = Stage(options.get("says", ""))
    thread = EngineThread(stage.open_engine)

    def new_session(settings: Settings) -> Session:
        state = Path(options["state"]) if "state" in options else None
        session = app.new_session(thread, settings, state=state)
        add_test_requests(session, stage, thread)
        session.server.feature("test/process")(lambda params: os.getpid())
        session.server.feature("test/die")(lambda params: os.kill(os.getpid(), signal.SIGKILL))
        return session

    return run(Host(new_session, options.get("idle", IDLE)).serve(path, lambda: tell(ready)), thread)


def main(options: dict[str, Any], arguments: list[str]) -> int:
    """Be either of the two."""
    set_up_logging("info")
    logging.captureWarnings(capture=True)
    if not arguments:
        return relay(options)
    _, path, _, ready = arguments
    return serve(options, Path(path), int(ready))


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1]), sys.argv[2:]))
