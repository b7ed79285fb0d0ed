"""What a person can learn afterwards of what an editor was answered: stats, doctor --last, replay."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from raw_client import RawClient, change, inline, insertion

TINY = Path(__file__).parents[1] / "data" / "tiny"
URI = "file:///w/mean.py"
INLINE = "textDocument/inlineCompletion"


def run(state: Path, *words: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "lowabs_lsp", *words]
    environment = {**os.environ, "LOWABS_STATE": str(state)}
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return finished.returncode, finished.stdout, finished.stderr


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a session left in which one suggestion was accepted and one request came to nothing."""
    state = tmp_path_factory.mktemp("state")
    client = RawClient([sys.executable, "-m", "lowabs_lsp", "--model", str(TINY)], {"LOWABS_STATE": str(state)})
    client.initialize(initializationOptions={"history": {"recordings": 3}, "completion": {"ahead": "never"}})
    client.open(URI, "import os\nx = os.")
    (item,) = client.ask(INLINE, inline(URI, 1, 7))["items"]
    client.notify("textDocument/didChange", change(URI, 2, insertion(1, 7, item["insertText"])))
    client.ask(INLINE, inline(URI, 0, 2))
    client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert client.leave() == 0
    client.dispose()
    return state


def test_doctor_says_how_the_last_requests_ended(state: Path) -> None:
    code, table, _ = run(state, "doctor", "--last")
    assert code == 0
    assert [re.search(r"inlineCompletion\s+python\s+(\S+)", line)[1] for line in table.splitlines()[1:]] == [
        "shown",
        "mid-word",
    ]  # type: ignore[index]
    code, text, _ = run(state, "doctor", "--last", "1", "--json")
    (last,) = json.loads(text)
    assert (last["reason"], last["runs"]) == ("mid-word", 0)


def test_stats_count_what_became_of_suggestions(state: Path) -> None:
    code, text, _ = run(state, "stats", "--json")
    counts = json.loads(text)["python"]
    assert code == 0
    assert counts == {"shown": 1, "accepted": 1, "characters": counts["characters"], "retained": counts["characters"]}
    code, table, _ = run(state, "stats", "--days", "1")
    assert table.splitlines()[1].split() == ["python", "1", "1", "0", "0", "100", "%", str(counts["characters"]), "100", "%"]


def test_replay_computes_a_request_again_bit_for_bit(state: Path) -> None:
    name = json.loads(run(state, "doctor", "--last", "--json")[1])[0]["id"]
    code, text, error = run(state, "replay", name)
    assert (code, error) == (0, "")
    assert re.search(r"computed again: \d+ tokens, every bit is the same", text)


def test_an_unknown_id_says_which_there_are(state: Path) -> None:
    code, _, error = run(state, "replay", "nobody-1")
    assert code == 2
    assert re.search(r"no recording of nobody-1; there are [0-9a-f]{6}-1", error)


@pytest.mark.parametrize("words", [("stats",), ("doctor", "--last")])
def test_nothing_yet_says_how_to_begin(tmp_path: Path, words: tuple[str, ...]) -> None:
    code, text, _ = run(tmp_path, *words)
    assert (code, "history.statistics" in text) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_a_number_of_days_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    assert run(tmp_path, "stats", "--days", "0")[0] == 2
