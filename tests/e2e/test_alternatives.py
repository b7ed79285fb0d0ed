"""Asked for, a suggestion comes with others to choose from; typed for, it comes alone."""

import sys
from pathlib import Path

from raw_client import RawClient, inline

TINY = Path(__file__).parents[1] / "data" / "tiny"
URI = "file:///w/mean.py"
INVOKED, AUTOMATIC = 1, 2


def test_who_asks_may_choose() -> None:
    client = RawClient([sys.executable, "-m", "lowabs_lsp", "--model", str(TINY)])
    try:
        client.initialize()
        client.wait(lambda: "event=loaded" in client.stderr, "model")
        client.open(URI, "import ")
        texts = {
            kind: [item["insertText"] for item in client.ask("textDocument/inlineCompletion", inline(URI, 0, 7, kind))["items"]]
            for kind in (AUTOMATIC, INVOKED)
        }
        assert len(texts[AUTOMATIC]) == 1
        assert 2 <= len(texts[INVOKED]) == len(set(texts[INVOKED])) <= 3
        assert client.leave() == 0
    finally:
        client.dispose()
    assert "Traceback" not in client.stderr
