"""The person ends with the commit's text whatever is suggested, takes what is right and nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.bench.replay.assistant import Answer, Assistant, Usage
from lowabs_lsp.bench.replay.clock import VirtualClock
from lowabs_lsp.bench.replay.desk import Desk
from lowabs_lsp.bench.replay.history import Commit, FileChange
from lowabs_lsp.bench.replay.keys import Key
from lowabs_lsp.bench.replay.measures import SittingCounts, Tally
from lowabs_lsp.bench.replay.person import Person
from lowabs_lsp.bench.replay.policy import Event, Happening, Request, Timing
from lowabs_lsp.bench.replay.session import plan_session

Says = Callable[[Request], str]
codes = st.lists(
    st.sampled_from(["def f(a, b):\n", "    return a + b\n", "    x = g(a, 'ä')\n", "\n", "}\n", "\tx = 1\n", "value"]),
    max_size=10,
).map("".join)


class FixedTicket:
    def __init__(self, text: str) -> None:
        self._text = text

    def result(self, timeout: float | None) -> Answer:
        return Answer(self._text)

    def cancel(self) -> None:
        pass


class ToldBackend:
    """Answers what a function of the request says, and keeps all it hears."""

    def __init__(self, says: Says, timing: Timing | None = None) -> None:
        self._says, self._timing = says, timing or Timing()
        self.events: list[Event] = []
        self.requests: list[Request] = []
        self.accepted: list[str] = []

    def observe(self, event: Event) -> None:
        self.events.append(event)

    def timing(self, request: Request) -> Timing:
        return self._timing

    def ask(self, request: Request) -> FixedTicket:
        self.requests.append(request)
        return FixedTicket(self._says(request))

    def accept(self, request: Request, answer: Answer, text: str) -> None:
        self.accepted.append(text)

    def close(self) -> Usage:
        return Usage()


def sit_at(
    root: Path, files: dict[str, tuple[str, str]], backend: ToldBackend, latency: int = 0
) -> tuple[Person, dict[str, str]]:
    changes = [FileChange(path, "python", old, new, is_new=not old, old_path=path) for path, (old, new) in files.items()]
    session = plan_session(Commit("c0ffee", tuple(changes), ()), seed=0)
    person = Person(Desk(root, Assistant(backend, VirtualClock(), latency)), "seed", SittingCounts(session.commit))
    return person, person.work(session)


def knowing(files: dict[str, tuple[str, str]]) -> Says:
    """What the new text has behind the cursor, where the text in front of it is that of the new one."""

    def says(request: Request) -> str:
        new, before = files[request.document.path][1], request.document.text[: request.offset]
        return new[len(before) :] if new.startswith(before) else ""

    return says


OLD = "def first(a):\n    return a\n\n\ndef last(b):\n    return b\n"
NEW = (
    "def first(a, default=None):\n    if a is None:\n        return default\n    return a\n\n\n"
    "def middle(c):\n    return first(c) + 1\n\n\ndef last(b):\n    return b\n"
)
FILES = {"a.py": (OLD, NEW)}


@given(codes, codes, st.sampled_from(["", "x", "\n    return a + b\n", "know", "half"]), st.integers(0, 300))
def test_the_text_at_the_end_is_the_commits(
    tmp_path_factory: pytest.TempPathFactory, old: str, new: str, says: str, latency: int
) -> None:
    files = {"a.py": (old, new)}
    know = knowing(files)
    answers: dict[str, Says] = {"know": know, "half": lambda request: know(request)[:5] + "zz"}
    backend = ToldBackend(answers.get(says, lambda request: says))
    person, texts = sit_at(tmp_path_factory.getbasetemp(), files, backend, latency)
    assert texts == {"a.py": new}
    assert person.counts.characters_kept == person.counts.total().characters_accepted == sum(map(len, backend.accepted))


@given(codes, codes)
def test_keys_are_the_same_whatever_is_suggested(tmp_path_factory: pytest.TempPathFactory, old: str, new: str) -> None:
    files = {"a.py": (old, new)}
    know = knowing(files)
    answers: list[Says] = [lambda request: "", know, lambda request: know(request)[:7] + "zz"]
    totals = [sit_at(tmp_path_factory.getbasetemp(), files, ToldBackend(says))[0].counts.total() for says in answers]
    assert len({total.keys for total in totals}) == 1
    assert totals[0].keys_accepted == totals[0].acceptances == totals[0].shown == 0
    assert all(total.keys_accepted <= total.keys for total in totals)


def test_silence_saves_nothing_and_shows_nothing(tmp_path: Path) -> None:
    person, _ = sit_at(tmp_path, FILES, ToldBackend(lambda request: ""))
    total = person.counts.total()
    assert total == Tally(keys=total.keys, requests=total.requests, lines=total.lines)
    assert sum(person.counts.presses.values()) == total.requests


def test_nonsense_saves_nothing_and_is_all_noise(tmp_path: Path) -> None:
    person, _ = sit_at(tmp_path, FILES, ToldBackend(lambda request: "qqq zz"))
    total = person.counts.total()
    assert (total.acceptances, total.keys_accepted, total.lines_exact) == (0, 0, 0)
    assert total.wrong == total.shown > 50


def test_one_who_knows_saves_nearly_all(tmp_path: Path) -> None:
    backend = ToldBackend(knowing(FILES))
    person, _ = sit_at(tmp_path, FILES, backend)
    total = person.counts.total()
    assert (total.keys_accepted - total.acceptances) / total.keys > 0.85
    assert total.wrong <= 3  # what it knows of the text behind an edit is wrong where the edit ends
    assert person.counts.presses[Key.ACCEPT] == total.acceptances == len(backend.accepted)


def test_a_suggestion_must_be_read_before_it_is_taken(tmp_path: Path) -> None:
    quick, slow = (sit_at(tmp_path, FILES, ToldBackend(knowing(FILES)), latency)[0].counts.total() for latency in (0, 400))
    never = sit_at(tmp_path, FILES, ToldBackend(knowing(FILES)), 60_000)[0].counts.total()
    assert quick.keys_accepted > slow.keys_accepted > never.keys_accepted == never.shown == 0


@pytest.mark.parametrize("timing", [Timing(debounce=350), Timing(hold=350)])
def test_what_waits_for_a_pause_is_shown_at_pauses_only(tmp_path: Path, timing: Timing) -> None:
    knows = ToldBackend(knowing(FILES), timing)
    waiting = sit_at(tmp_path, FILES, knows)[0].counts
    at_once = sit_at(tmp_path, FILES, ToldBackend(knowing(FILES)))[0].counts.total()
    assert 0 < waiting.total().keys_accepted < at_once.keys_accepted
    asked_for_each = len(knows.requests) == waiting.total().requests
    assert asked_for_each == (timing.debounce == 0)


def test_a_suggestion_typed_along_with_is_one_suggestion(tmp_path: Path) -> None:
    files = {"a.py": ("x = 1\n", "x = 1\nab = cd\n")}
    know = knowing(files)
    _, texts = sit_at(tmp_path, files, ToldBackend(lambda request: know(request)[:-2]), latency=0)
    person, _ = sit_at(tmp_path, files, ToldBackend(lambda request: know(request).rstrip("d\n")), latency=0)
    assert texts["a.py"] == files["a.py"][1]
    assert person.counts.total().shown <= 2


def test_the_editor_tells_what_happens_in_order(tmp_path: Path) -> None:
    backend = ToldBackend(lambda request: "")
    sit_at(tmp_path, {"a.py": ("", "x = 1\n"), "b.py": ("y = 1\n", "y = 1\nz = 3\n")}, backend)
    told = [(event.happening, event.document.path) for event in backend.events if event.happening != Happening.CHANGED]
    opened = [(Happening.OPENED, "b.py")]
    for path in ("a.py", "b.py"):
        assert [happening for happening, where in told if where == path] == [
            Happening.OPENED,
            Happening.FOCUSED,
            Happening.JUMPED,
            Happening.SAVED,
        ]
    assert told[:1] == opened
    assert (tmp_path / "a.py").read_text() == "x = 1\n"
    times = [event.now for event in backend.events]
    assert times == sorted(times)


def test_other_open_files_come_with_the_request_the_last_used_first(tmp_path: Path) -> None:
    backend = ToldBackend(lambda request: "")
    sit_at(tmp_path, {f"{name}.py": ("v = 1\n", f"v = 1\n{name} = 2\n") for name in "abc"}, backend)
    last = backend.requests[-1]
    assert len(last.workspace) == 2
    used = [request.document.path for request in backend.requests]
    order = sorted(
        {document.path for document in last.workspace}, key=lambda path: -max(i for i, u in enumerate(used) if u == path)
    )
    assert [document.path for document in last.workspace] == order
