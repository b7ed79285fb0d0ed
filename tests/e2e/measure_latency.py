"""Type-through and cancel-to-idle with the default model, through a real server process: `python tests/e2e/measure_latency.py`."""

import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from raw_client import RawClient, change, inline, insertion

INLINE = "textDocument/inlineCompletion"
SOURCE = Path(__file__).parent / "raw_client.py"
PLACES = 40


class Person:
    """Types into one document."""

    def __init__(self, client: RawClient, uri: str, text: str) -> None:
        self.client, self.uri, self.version = client, uri, 1
        client.open(uri, text)

    def ask(self, line: int, character: int) -> tuple[str, float]:
        """The suggestion, and the milliseconds until it was there."""
        start = time.perf_counter()
        items = self.client.ask(INLINE, inline(self.uri, line, character))["items"]
        return (items[0]["insertText"] if items else ""), 1e3 * (time.perf_counter() - start)

    def leave(self) -> None:
        """Close the document: a hundred open ones are no usual day."""
        self.client.notify("textDocument/didClose", {"textDocument": {"uri": self.uri}})

    def type(self, line: int, character: int, text: str) -> None:
        self.version += 1
        self.client.notify("textDocument/didChange", change(self.uri, self.version, insertion(line, character, text)))


def places(text: str) -> Iterator[tuple[int, int]]:
    """Line and column behind the indentation and first word of lines all over the text."""
    lines = [n for n, line in enumerate(text.split("\n")) if len(line.split()) > 2 and line.isascii()]
    for n in lines[:: max(1, len(lines) // PLACES)]:
        line = text.split("\n")[n]
        yield n, line.index(line.split()[0]) + len(line.split()[0])


def cut(text: str, line: int, column: int) -> str:
    """`text` with the end of one line not written yet."""
    lines = text.split("\n")
    lines[line] = lines[line][:column]
    return "\n".join(lines)


def typing_along(client: RawClient, text: str) -> tuple[list[float], list[float]]:
    """Milliseconds of first answers, and of answers to keys that agree with them."""
    first, along = [], []
    for number, (line, column) in enumerate(places(text)):
        person = Person(client, f"file:///w/typed{number}.py", cut(text, line, column))
        suggestion, ms = person.ask(line, column)
        first.append(ms)
        for n, key in enumerate(suggestion.partition("\n")[0][:-1]):
            person.type(line, column + n, key)
            along.append(person.ask(line, column + n + 1)[1])
        person.leave()
    return first, along


def cancelling(client: RawClient, text: str) -> list[float]:
    """Milliseconds from a cancel until the engine has stopped."""
    stopped = []
    for number, (line, column) in enumerate(places(text)):
        person, logged = Person(client, f"file:///w/cancelled{number}.py", cut(text, line, column)), len(client.stderr)
        request = client.request(INLINE, inline(person.uri, line, column))
        time.sleep(0.015)
        start = time.perf_counter()
        client.notify("$/cancelRequest", {"id": request})
        if "error" in client.answer(request):  # else it was there already
            while "event=stopped" not in client.stderr[logged:] and time.perf_counter() < start + 1:
                time.sleep(0.0002)
            if "event=stopped" in client.stderr[logged:]:  # else it had not begun
                stopped.append(1e3 * (time.perf_counter() - start))
        person.leave()
    return stopped


def report(name: str, values: list[float]) -> None:
    values = sorted(values)
    at = {share: values[min(len(values) - 1, int(share * len(values)))] for share in (0.5, 0.95)} if values else {}
    figures = ", ".join(f"p{100 * share:.0f} {value:.1f} ms" for share, value in at.items())
    sys.stdout.write(
        f"{name}: {figures or 'nothing to measure'} ({len(values)}), mean {statistics.fmean(values or [0]):.1f} ms\n"
    )


def main() -> None:
    client = RawClient([sys.executable, "-m", "lowabs_lsp", "--stdio"])
    client.initialize(initializationOptions={"history": {"statistics": False}, "completion": {"ahead": "never"}})
    client.wait(lambda: "event=loaded" in client.stderr, "model")
    text = SOURCE.read_text()
    first, along = typing_along(client, text)
    report("first answer", first)
    report("typing along", along)
    report("cancel to idle", cancelling(client, text))
    client.leave()
    client.dispose()


if __name__ == "__main__":
    main()
