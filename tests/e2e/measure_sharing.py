"""What a further editor costs with --shared, and how long the death of the engine process is felt. Prints a table; Linux."""

import sys
import tempfile
import time
from pathlib import Path

from raw_client import RawClient, inline
from test_sharing import end_engines

URI, TEXT = "file:///w/a.py", "import logging\n\nlog = logging."
ALONE = [sys.executable, "-m", "lowabs_lsp"]


def memory(process: int) -> tuple[float, float]:
    """Resident and proportional set size, in MB."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.endswith("kB")}
    return sizes["Rss"], sizes["Pss"]


def begin(name: str, command: list[str], folder: str) -> RawClient:
    """Start an editor's process; print how long it took and what it takes."""
    start = time.perf_counter()
    client = RawClient(command, {"XDG_RUNTIME_DIR": folder})
    client.initialize(rootUri=None)
    answered = time.perf_counter()
    client.open(URI, TEXT)
    complete(client)
    rest, first = (answered - start) * 1e3, (time.perf_counter() - start) * 1e3
    print("| {} | {:.0f} | {:.0f} | {:.0f} | {:.0f} |".format(name, rest, first, *memory(client.process.pid)))  # noqa: T201
    return client


def complete(client: RawClient) -> None:
    """Ask, as who presses the key for it, until there is a completion."""
    while not client.ask("textDocument/inlineCompletion", inline(URI, 2, 14, kind=1))["items"]:
        pass


def main() -> None:
    """Measure an editor alone, three that share, and a kill."""
    print("| process | initialize, ms | first completion, ms | RSS, MB | PSS, MB |\n|---|---|---|---|---|")  # noqa: T201
    with tempfile.TemporaryDirectory() as folder:
        clients = [begin("an editor with an engine of its own", ALONE, folder)]
        clients += [begin(f"editor {number} of those that share", [*ALONE, "--shared"], folder) for number in (1, 2, 3)]
        try:
            end_engines(folder=Path(folder))
            start = time.perf_counter()
            complete(clients[1])
            print(f"\nengine process killed: next completion after {(time.perf_counter() - start) * 1e3:.0f} ms")  # noqa: T201
        finally:
            for client in clients:
                assert client.leave() == 0
                client.dispose()
            end_engines(folder=Path(folder))


if __name__ == "__main__":
    main()
