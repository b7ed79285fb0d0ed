"""A recorded generation is computed again bit for bit, with a real model and a real memory."""

from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from lowabs_lsp.completer import Completer
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.errors import LedgerError
from lowabs_lsp.recording import Recording, RecordingEngine, Tape, replay
from lowabs_lsp.settings import Settings
from lowabs_lsp.values import Decoding, Document, Limits, Prompt

TINY = Path(__file__).parents[1] / "data" / "tiny"
TEXT = "def fetch(url, client):\n    return client.get(url)\n\n\ndef other(url, client):\n    return client."


@pytest.fixture(scope="module")
def engine() -> LocalEngine:
    return LocalEngine.open(TINY)


@pytest.fixture(scope="module")
def recording(engine: LocalEngine) -> Recording:
    """Of a completion into which the memory of the open file was mixed."""
    recorder = RecordingEngine(engine)
    completion = Completer(recorder, Settings()).complete(Document("file:///a.py", "a.py", "python", TEXT), len(TEXT))
    assert recorder.last is not None
    assert completion.generated is recorder.last.generated
    assert any(step.mixed is not None for step in recorder.last.steps)
    return recorder.last


def test_a_recording_changes_nothing(engine: LocalEngine, recording: Recording) -> None:
    plain = Completer(engine, Settings()).complete(Document("file:///a.py", "a.py", "python", TEXT), len(TEXT)).generated
    assert plain is not None
    assert (plain.tokens, plain.logprobs) == (recording.generated.tokens, recording.generated.logprobs)


def test_what_is_asked_for_has_its_alternatives_and_is_recorded(engine: LocalEngine) -> None:
    recorder, document = RecordingEngine(engine), Document("file:///a.py", "a.py", "python", TEXT)
    asked = [
        Completer(each, Settings()).complete(document, len(TEXT), limits=Limits(is_explicit=True))
        for each in (engine, recorder)
    ]
    assert len({(each.text, each.others) for each in asked}) == 1
    assert asked[0].others
    assert recorder.last is not None
    assert replay(recorder.last, engine) == ""


def test_an_engine_that_follows_one_way_is_recorded_too() -> None:
    recorder = RecordingEngine(ScriptedEngine("get(url)"))
    (only,) = recorder.alternatives(Prompt(("x",)), Decoding(), 3)
    assert recorder.last is not None
    assert recorder.last.generated is only


def test_it_is_the_same_again_from_a_file(engine: LocalEngine, recording: Recording, tmp_path: Path) -> None:
    Tape(tmp_path).save("a-1", evolve(recording, about={"reason": "shown"}), 5)
    loaded = Tape(tmp_path).load("a-1")
    assert (loaded.about, loaded.prompt) == ({"reason": "shown"}, recording.prompt)
    assert replay(loaded, engine) == ""


def test_another_model_is_noticed_by_its_probabilities(engine: LocalEngine, recording: Recording) -> None:
    steps = recording.steps
    other = evolve(recording, steps=(steps[0], evolve(steps[1], digest="0" * 64), *steps[2:]))
    assert replay(other, engine) == f"the model's probabilities differ from token 2 of {len(steps)} on"


def test_another_mixture_is_noticed_by_its_tokens(engine: LocalEngine, recording: Recording) -> None:
    first = next(step for step in recording.steps if step.mixed is not None)
    assert first.mixed is not None
    steps = tuple(evolve(step, mixed=np.roll(first.mixed, 1)) if step is first else step for step in recording.steps)
    assert replay(evolve(recording, steps=steps), engine) != ""


def test_only_the_newest_are_kept_and_for_their_user_alone(recording: Recording, tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    for number in range(4):
        tape.save(f"a-{number}", recording, 2)
    assert tape.names() == ["a-2", "a-3"]
    files = list((tmp_path / "recordings").iterdir())
    assert [path.stat().st_mode & 0o077 for path in (tmp_path / "recordings", *files)] == [0, 0, 0]


@pytest.mark.parametrize("name", ["never", "../secret", "a/b", ""])
def test_what_is_not_there_is_an_error_that_says_what_to_do(recording: Recording, tmp_path: Path, name: str) -> None:
    tape = Tape(tmp_path)
    tape.save("a-1", recording, 2)
    with pytest.raises(LedgerError, match=r"a-1|doctor --last"):
        tape.load(name)


def test_a_damaged_recording_is_an_error(recording: Recording, tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.save("a-1", recording, 2)
    (file,) = (tmp_path / "recordings").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(LedgerError, match="delete it"):
        tape.load("a-1")
