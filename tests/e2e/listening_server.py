"""The product's server with a scripted engine, on a port. Started as a process: TRANSPORT [PORT]."""

import sys

from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.errors import LowabsError
from lowabs_lsp.logs import set_up_logging
from lowabs_lsp.server.app import serve_tcp, serve_websocket
from lowabs_lsp.settings import Settings
from lowabs_lsp.values import Engine


def open_engine(settings: Settings) -> Engine:
    return ScriptedEngine("said")


if __name__ == "__main__":
    set_up_logging("info")
    serve = serve_tcp if sys.argv[1] == "tcp" else serve_websocket
    try:
        sys.exit(serve("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0, open_engine=open_engine, settings=Settings()))
    except LowabsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
