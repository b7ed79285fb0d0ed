"""The whole way from document to completion, with an engine that says what it is told."""

from typing import Any

import pytest
from attrs import evolve

from lowabs_lsp.completer import Completer, block_begins
from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.settings import Settings, load_settings
from lowabs_lsp.values import (
    Cancelled,
    Completion,
    Decoding,
    Document,
    Generated,
    Limits,
    Prompt,
    Reason,
    Sentinel,
    Stop,
    never,
)

CURSOR = "‸"


def place(marked: str, language: str = "python") -> tuple[Document, int]:
    offset = marked.index(CURSOR)
    return Document("file:///w/a.py", "a.py", language, marked.replace(CURSOR, "")), offset


def complete(marked: str, says: str, settings: Settings | None = None) -> Completion:
    return Completer(ScriptedEngine(says), settings or Settings()).complete(*place(marked))


@pytest.mark.parametrize(
    ("marked", "says", "text"),
    [
        ("def add(a, b):\n    return ‸", "a + b\n\ndef sub", "a + b"),
        ("x = f(‸)", "a, b)", "a, b"),
        ("x = 'a‸'", "bc'", "bc"),
        ("x = ‸\ny = 2\n", "f(\n    1)", "f("),
        ("def f():‸", "\n    return 1\n\nx = 2", "\n    return 1"),
        ("def f():\n    ‸\n", "x = 1\n    return x\ny = 2", "x = 1\n    return x"),
        ("# swap a and b\n‸", "a, b = b, a\n", "a, b = b, a"),
        ("if x:\n\ty = 1\n\ndef f():‸", "\n    return 1", "\n\treturn 1"),
        ("password = ‸", "getpass('password: ')", "getpass('password: ')"),
        ("def f():\r\n    ‸\r\n", "x = 1\n    return x", "x = 1\r\n    return x"),
    ],
)
def test_a_completion_ends_where_it_should(marked: str, says: str, text: str) -> None:
    completion = complete(marked, says)
    assert (completion.text, completion.reason) == (text, Reason.SHOWN)


@pytest.mark.parametrize(
    ("marked", "says", "reason"),
    [
        ("x = ‸", "", Reason.EMPTY),
        ("x = ‸", "  \n", Reason.EMPTY),
        ("def f():\n    ‸\n    return 1\n", "return 1", Reason.SUFFIX),
        ("x = ‸", "ababababababab", Reason.REPETITION),
        ("password = ‸", '"hunter2-Q9x"', Reason.SECRET),
        ("password = 'hun‸'", "ter2-Q9x", Reason.SECRET),
        ("def connect():‸", '\n    login(user, password="hunter2-Q9x")', Reason.SECRET),
        ("na‸me = 1", "never asked", Reason.MID_WORD),
        ("x = ‸ + 1", "never asked", Reason.MID_WORD),
    ],
)
def test_silence_has_its_reason(marked: str, says: str, reason: Reason) -> None:
    completion = complete(marked, says)
    assert (completion.text, completion.reason) == ("", reason)


class Noting(ScriptedEngine):
    """Keeps how it was asked to decode."""

    def generate(self, prompt: Prompt, decoding: Decoding, cancelled: Cancelled = never, **more: Any) -> Generated:
        self.decoding = decoding
        return super().generate(prompt, decoding, cancelled, **more)


def test_limits_reach_the_engine_and_never_widen_the_settings() -> None:
    engine, heard = Noting("abc"), list[str]()
    completer = Completer(engine, load_settings({"completion": {"maxTokens": 9}}))
    for most, tokens in ((5, 5), (50, 9), (None, 9)):
        completer.complete(*place("x = ‸"), limits=Limits(max_tokens=most, deadline=7.0, observer=heard.append))
        assert (engine.decoding.max_tokens, engine.decoding.deadline) == (tokens, 7.0)
    engine.told = 2
    completer.complete(*place("x = ‸"), limits=Limits(observer=heard.append))
    assert heard == ["ab"]


def test_prefilling_shows_the_engine_the_very_prompt_that_a_completion_will() -> None:
    engine = Noting("abc")
    completer = Completer(engine, Settings())
    completer.prefill(*place("def f(x):\n    y = ‸\n    return y\n"))
    assert engine.decoding.max_tokens == 1
    completer.complete(*place("def f(x):\n    y = ‸\n    return y\n"))
    assert engine.prompts[0] == engine.prompts[1]


def test_what_may_not_be_shown_is_not_prefilled() -> None:
    engine = ScriptedEngine("abc")
    completer = Completer(engine, load_settings({"context": {"exclude": ["a.py"]}}))
    assert completer.prefill(*place("x = ‸")) is None
    assert engine.prompts == []


class Late(ScriptedEngine):
    """Runs out of time behind its script."""

    def generate(self, prompt: Prompt, decoding: Decoding, cancelled: Cancelled = never, **more: Any) -> Generated:
        return evolve(super().generate(prompt, decoding, cancelled, **more), stop=Stop.DEADLINE)


@pytest.mark.parametrize(
    ("marked", "says", "text", "reason"),
    [
        ("x = ‸", "first(arg, seco", "first(arg,", Reason.SHOWN),
        ("x = ‸", "", "", Reason.DEADLINE),
        ("x = ‸", "unfinishe", "", Reason.DEADLINE),
        ("def f():\n    ‸\n", "x = 1\n    return x.unfinishe", "x = 1", Reason.SHOWN),
    ],
)
def test_a_deadline_shows_the_part_that_is_complete(marked: str, says: str, text: str, reason: Reason) -> None:
    completion = Completer(Late(says), Settings()).complete(*place(marked))
    assert (completion.text, completion.reason) == (text, reason)


@pytest.mark.parametrize("raw", [{"enabled": False}, {"disabledLanguages": ["python"]}])
def test_off_means_that_the_model_is_not_asked(raw: dict[str, object]) -> None:
    engine = ScriptedEngine("x")
    assert Completer(engine, load_settings(raw)).complete(*place("x = ‸")).reason is Reason.DISABLED
    assert engine.prompts == []


def test_nothing_of_an_excluded_file_reaches_the_model() -> None:
    engine = ScriptedEngine("x")
    completion = Completer(engine, Settings()).complete(Document("file:///w/.env", ".env", "plaintext", "PASSWORD="), 9)
    assert (completion.reason, engine.prompts) == (Reason.EXCLUDED, [])


def test_a_secret_is_never_continued() -> None:
    assert complete('AWS_SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCY‸"', "x").reason is Reason.EXCLUDED


def test_other_open_documents_are_shown_to_the_model() -> None:
    engine = ScriptedEngine("x")
    other = Document("file:///w/b.py", "b.py", "python", "def triangle_area(base, height):\n    return base * height / 2\n")
    settings = load_settings({"context": {"snippetShare": 0.25}})
    Completer(engine, settings).complete(*place("area = triangle_area(‸"), workspace=[other])
    assert "triangle_area(base, height)" in engine.spell(engine.prompts[0])


def test_without_a_model_there_is_silence() -> None:
    assert Completer(None, Settings()).complete(*place("x = ‸")).reason is Reason.NO_MODEL


def test_a_cancelled_request_says_so() -> None:
    completer = Completer(ScriptedEngine("x"), Settings())
    assert completer.complete(*place("x = ‸"), lambda: True).reason is Reason.CANCELLED


def test_multi_line_can_be_turned_off() -> None:
    settings = evolve(Settings(), completion=load_settings({"completion": {"multiLine": "never"}}).completion)
    assert complete("def f():\n    ‸", "a = 1\n    b = 2", settings).text == "a = 1"


def test_the_prompt_and_its_completion_fit_the_engine() -> None:
    engine = ScriptedEngine("x", context_length=300)
    document, _ = place("‸" + "value = 1\n" * 500)
    Completer(engine, Settings()).complete(document, 2509)
    tokens = sum(1 if isinstance(segment, Sentinel) else len(segment) for segment in engine.prompts[0].segments)
    assert tokens + Settings().completion.max_tokens <= 300


def test_the_prompt_holds_both_sides_of_the_cursor() -> None:
    engine = ScriptedEngine("x")
    Completer(engine, Settings()).complete(*place("before‸\nafter"))
    assert isinstance(engine.prompts[0], Prompt)
    assert {"before", "\nafter"} <= set(engine.prompts[0].segments)


@pytest.mark.parametrize(
    ("marked", "block"),
    [
        ("def f():‸", True),
        ("def f():\n    ‸", True),
        ("x = 1\n‸", False),
        ("x = ‸", False),
        ("‸", False),
        ("if x: ‸\n", True),
        ("f(‸)", False),
    ],
)
def test_a_block_begins_behind_its_opener(marked: str, block: bool) -> None:
    assert block_begins(*place(marked)) is block
