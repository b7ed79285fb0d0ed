"""The remote model while it is well, the local one when it is slow, cut, garbled, busy, broken or gone, and back."""

import logging
import threading
import time

import pytest
from attrs import evolve
from conftest import Open
from staged_server import Call, StagedServer, says, serving

from lowabs_lsp.completer import Completer
from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.errors import EngineError, RemoteError, SettingsError
from lowabs_lsp.prompt.fim import PSM, SPM, render
from lowabs_lsp.remote.breaker import FAILURES, SHORTEST, Breaker
from lowabs_lsp.remote.engine import RemoteEngine, fitting
from lowabs_lsp.settings import EngineSettings, Settings
from lowabs_lsp.values import Context, Decoding, Document, Prompt, Reason, Stop

PROMPT = render(Context("a.py", "python", "x = ", "\ny = 2"), SPM)
LINE = Decoding(max_tokens=8, stop=("\n",))


def hold(call: Call) -> None:
    """Never answer."""
    call.wait_for_leave()


def cut(call: Call) -> None:
    call.begin()
    call.chunk(b'data: {"choices": [{"text": "rem", "finish_reason": null}]}\n\n')
    call.server.shutdown_request(call._connection)


def unfinished(call: Call) -> None:
    """A proper end of HTTP without one of the answer."""
    call.events({"choices": [{"text": "rem", "finish_reason": None}]}, done=False)


def garbage(call: Call) -> None:
    call.events("what?", {"no": "choices"})


def binary(call: Call) -> None:
    call.begin()
    call.chunk(b"data: \xff\xfe\x00\n\n" * 3)
    call.end()


def endless(call: Call) -> None:
    call.begin()
    while True:
        call.chunk(b"x" * 100_000)


def no_http(call: Call) -> None:
    call.send(b"\x00\x01\x02 what?\r\n\r\n")
    call.server.shutdown_request(call._connection)


def gives_up(call: Call) -> None:
    call.events({"error": {"message": "out of memory", "code": 500}}, done=False)


def status(line: str, **headers: str) -> object:
    return lambda call: call.json({"error": "no"}, line, **headers)


def text_of(engine: RemoteEngine) -> str:
    return engine.generate(PROMPT, LINE).text


def test_a_server_that_is_well_answers(server: StagedServer, open_engine: Open) -> None:
    server.posts = [says("remote")]
    generated = open_engine().generate(PROMPT, LINE)
    assert (generated.text, generated.stop) == ("remote", Stop.END)
    body = server.posted[0].body
    assert (body["prompt"], body["suffix"], body["model"], body["max_tokens"]) == ("x = ", "\ny = 2", "staged", 8)


def test_a_completer_needs_to_know_nothing_of_it(server: StagedServer, open_engine: Open) -> None:
    server.posts = [says("f(1)\nz = 3")]
    completer = Completer(open_engine(), Settings())
    completion = completer.complete(Document("file:///w/a.py", "a.py", "python", "x = "), 4)
    assert (completion.text, completion.reason) == ("f(1)", Reason.SHOWN)


def test_one_connection_serves_many_answers(server: StagedServer, open_engine: Open) -> None:
    server.posts = [says("remote")]
    engine = open_engine()
    assert [text_of(engine) for _ in range(5)] == ["remote"] * 5
    assert server.connections <= 2  # the answer's last bytes may still be on their way when the next request leaves


@pytest.mark.parametrize("fault", [hold, cut, unfinished, garbage, binary, endless, no_http, gives_up])
def test_a_server_that_is_not_well_is_not_noticed(server: StagedServer, open_engine: Open, fault: object) -> None:
    server.posts = [fault]  # type: ignore[list-item]
    engine = open_engine(deadline=150)
    assert text_of(engine) == "local"
    server.posts = [says("remote")]
    assert text_of(engine) == "remote"


@pytest.mark.parametrize("line", ["500 Internal Server Error", "502 Bad Gateway", "503 Busy", "429 Too Many Requests"])
def test_what_passes_is_tried_again(server: StagedServer, open_engine: Open, line: str) -> None:
    server.posts = [status(line), status(line), says("remote")]  # type: ignore[list-item]
    assert text_of(open_engine(deadline=5000)) == "remote"
    assert len(server.posted) == 3


def test_what_does_not_pass_is_left_to_the_local_model(server: StagedServer, open_engine: Open) -> None:
    server.posts = [status("500 Internal Server Error")]  # type: ignore[list-item]
    assert text_of(open_engine(deadline=5000)) == "local"
    assert len(server.posted) == 3


def test_what_never_passes_is_not_tried_again(server: StagedServer, open_engine: Open) -> None:
    server.posts = [status("400 Bad Request")]  # type: ignore[list-item]
    assert text_of(open_engine()) == "local"
    assert len(server.posted) == 1


def test_an_answer_that_has_begun_is_not_asked_for_twice(server: StagedServer, open_engine: Open) -> None:
    server.posts = [cut, says("remote")]
    assert text_of(open_engine(deadline=5000)) == "local"


def test_a_server_that_asks_for_peace_gets_it_at_once(server: StagedServer, open_engine: Open) -> None:
    now = 100.0
    server.posts = [status("429 Too Many Requests", Retry_After="30")]  # type: ignore[list-item]
    engine = open_engine(Breaker(clock=lambda: now, spread=lambda: 0.0))
    assert text_of(engine) == "local"
    now += 29.9
    assert text_of(engine) == "local"
    assert len(server.posted) == 1
    server.posts = [says("remote")]
    now += 0.2
    assert text_of(engine) == "local"
    engine.settle()
    assert text_of(engine) == "remote"


def test_after_failures_in_a_row_nobody_waits_for_it_any_more(server: StagedServer, open_engine: Open) -> None:
    now = 100.0
    server.posts = [hold]
    engine = open_engine(Breaker(clock=lambda: now, spread=lambda: 0.0), deadline=200)
    for _ in range(FAILURES + 5):
        assert text_of(engine) == "local"
    assert len(server.posted) == FAILURES
    assert "the model of this machine answers" in engine.description
    now += SHORTEST + 0.1
    assert text_of(engine) == "local"
    engine.settle()  # still slow: twice the pause
    now += SHORTEST + 0.1
    assert text_of(engine) == "local"
    assert len(server.posted) == FAILURES + 1
    server.posts = [says("remote")]
    now += SHORTEST
    assert text_of(engine) == "local"
    engine.settle()
    assert text_of(engine) == "remote"


def stall(call: Call) -> None:
    """Begin, and say no more."""
    call.begin()
    call.chunk(b'data: {"choices": [{"text": "rem", "finish_reason": null}]}\n\n')
    call.wait_for_leave()


def test_what_has_come_by_the_deadline_is_used(server: StagedServer, open_engine: Open) -> None:
    server.posts = [stall]
    decoding = evolve(LINE, deadline=time.monotonic() + 1)
    generated = open_engine(deadline=60_000).generate(PROMPT, decoding)
    assert (generated.text, generated.stop) == ("rem", Stop.DEADLINE)


def test_what_has_come_before_it_stalls_is_used(server: StagedServer, open_engine: Open) -> None:
    server.posts = [stall]
    generated = open_engine(deadline=500).generate(PROMPT, LINE)
    assert (generated.text, generated.stop) == ("rem", Stop.DEADLINE)


def test_there_is_time_left_for_the_local_model(server: StagedServer, open_engine: Open) -> None:
    server.posts = [hold]
    deadline = time.monotonic() + 1
    assert open_engine(deadline=60_000).generate(PROMPT, evolve(LINE, deadline=deadline)).text == "local"
    assert time.monotonic() < deadline


def test_who_observes_hears_the_text_grow(server: StagedServer, open_engine: Open) -> None:
    server.posts = [says("abc")]
    heard: list[str] = []
    open_engine(deadline=60_000).generate(PROMPT, evolve(LINE, observer=heard.append))
    assert heard == ["a", "ab", "abc"]


def test_who_cancels_leaves_and_closes_the_connection(server: StagedServer, open_engine: Open) -> None:
    cancelled = threading.Event()

    def stall(call: Call) -> None:
        cancelled.set()
        call.wait_for_leave()

    server.posts = [stall]
    generated = open_engine(deadline=60_000).generate(PROMPT, LINE, cancelled.is_set)
    assert (generated.text, generated.stop) == ("", Stop.CANCELLED)
    assert server.left.wait(10)


def test_a_stop_that_the_server_does_not_know_ends_the_answer_all_the_same(server: StagedServer, open_engine: Open) -> None:
    def chatters(call: Call) -> None:
        call.begin()
        for text in ("rem", "ote\nmore", "and more"):
            call.chunk(b'data: {"choices": [{"text": "%b"}]}\n\n' % text.replace("\n", "\\n").encode())
        call.wait_for_leave()

    server.posts = [chatters]
    generated = open_engine().generate(PROMPT, LINE)
    assert (generated.text, generated.stop) == ("remote", Stop.TEXT)
    assert server.left.wait(10)


def test_a_server_that_is_gone_at_first_is_used_once_it_is_there(local: ScriptedEngine) -> None:
    now = 100.0
    with serving() as server:
        port = server.server_address[1]
    settings = EngineSettings(url=server.url)
    engine = RemoteEngine(settings, lambda: local, Breaker(clock=lambda: now, spread=lambda: 0.0))
    assert text_of(engine) == "local"
    with serving(port) as server:
        server.posts = [says("remote")]
        now += SHORTEST + 0.1
        assert text_of(engine) == "local"
        engine.settle()
        assert text_of(engine) == "remote"
        engine.model.close()


def test_the_local_model_is_opened_when_it_is_needed_and_once(server: StagedServer) -> None:
    opened = []

    def open_local() -> ScriptedEngine:
        opened.append(1)
        return ScriptedEngine("local")

    server.posts = [says("remote")]
    engine = RemoteEngine(EngineSettings(url=server.url), open_local)
    text_of(engine)
    assert opened == []
    server.posts = [garbage]
    assert [text_of(engine), text_of(engine)] == ["local", "local"]
    assert opened == [1]
    engine.model.close()


def test_a_fault_of_both_models_names_both(server: StagedServer) -> None:
    def open_local() -> ScriptedEngine:
        raise EngineError("no model here")

    server.posts = [garbage]
    engine = RemoteEngine(EngineSettings(url=server.url), open_local)
    with pytest.raises(EngineError, match=f"{server.url}.*does not answer.*no model here"):
        text_of(engine)
    engine.model.close()


def test_a_key_that_is_refused_is_told_with_the_remedy(server: StagedServer, open_engine: Open) -> None:
    server.gets["/v1/models"] = status("401 Unauthorized")
    with pytest.raises(RemoteError, match=r"127\.0\.0\.1.*401.*LOWABS_ENGINE_KEY"):
        open_engine()


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x", "http://", "http://h:port", "x"])
def test_what_is_no_address_says_how_to_write_one(url: str, local: ScriptedEngine) -> None:
    with pytest.raises(SettingsError, match="http://127"):
        RemoteEngine(EngineSettings(url=url), lambda: local)


def test_the_key_is_sent_and_written_nowhere(
    server: StagedServer, open_engine: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("LOWABS_ENGINE_KEY", "s3cr3t-key")
    server.posts = [says("remote"), garbage, status("401 Unauthorized")]  # type: ignore[list-item]
    engine = open_engine()
    assert [text_of(engine) for _ in range(3)] == ["remote", "local", "local"]
    assert {call.headers["authorization"] for call in server.calls} == {"Bearer s3cr3t-key"}
    assert "s3cr3t-key" not in caplog.text + engine.description + repr(vars(engine))
    assert "remote-failed" in caplog.text


def test_what_the_person_wrote_is_in_no_log(server: StagedServer, open_engine: Open, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.posts = [lambda call: call.json({"error": f"bad prompt {call.body['prompt']}"}, "422 Unprocessable")]
    assert text_of(open_engine()) == "local"
    assert ("x = " in caplog.text, "422" in caplog.text) == (False, True)


def test_a_prompt_is_cut_for_a_smaller_local_model() -> None:
    context = Context("a.py", "python", "p" * 5000 + "END", "BEGIN" + "s" * 5000)
    small = ScriptedEngine(context_length=300)
    prompt = fitting(render(context, SPM), small, Decoding(max_tokens=64))
    assert small.spell(prompt).endswith("END")
    assert "BEGIN" in small.spell(prompt)
    assert sum(small.count_tokens(segment) for segment in prompt.segments) <= 300 - 64


def test_a_prompt_that_fits_is_only_written_anew() -> None:
    context = Context("a.py", "python", "before", "after")
    psm = ScriptedEngine(layout=PSM)
    assert fitting(render(context, SPM), psm, LINE) == render(context, PSM)
    assert fitting(render(context, SPM), ScriptedEngine(), LINE) == render(context, SPM)
    assert fitting(Prompt(("plain",), heal=False), psm, LINE) == Prompt(("plain",), heal=False)
