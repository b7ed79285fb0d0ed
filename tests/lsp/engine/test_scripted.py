import threading

import pytest

from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.errors import EngineError
from lowabs_lsp.values import Decoding, Engine, Generated, Prompt, Sentinel, Stop

PROMPT = Prompt((Sentinel.FILE, "a.py\n", Sentinel.PREFIX, "def "))


def say(engine: Engine, decoding: Decoding | None = None) -> Generated:
    return engine.generate(PROMPT, decoding or Decoding())


def test_says_the_text_it_was_given() -> None:
    generated = say(ScriptedEngine("main():\n"))
    assert (generated.text, generated.stop) == ("main():\n", Stop.END)
    assert len(generated.tokens) == len(generated.logprobs) == len("main():\n")


def test_a_mapping_answers_with_the_longest_key_that_ends_the_prompt() -> None:
    assert say(ScriptedEngine({"": "a", "def ": "b", "ef ": "c", "class ": "d"})).text == "b"
    assert say(ScriptedEngine({"class ": "d"})).text == ""


def test_a_function_sees_the_whole_prompt_spelled_out() -> None:
    assert say(ScriptedEngine(str.upper)).text == "<|FILE|>A.PY\n<|PREFIX|>DEF "


def test_the_text_ends_before_the_first_stop() -> None:
    generated = say(ScriptedEngine("one\ntwo;three"), Decoding(stop=(";", "\n")))
    assert (generated.text, generated.stop) == ("one", Stop.TEXT)


def test_a_function_may_fail_like_an_engine() -> None:
    def fail(prompt: str) -> str:
        raise EngineError("out of memory")

    with pytest.raises(EngineError, match="out of memory"):
        say(ScriptedEngine(fail))


def test_a_closed_gate_holds_the_answer_until_it_opens() -> None:
    engine = ScriptedEngine("x")
    engine.gate.clear()
    answers: list[Generated] = []
    worker = threading.Thread(target=lambda: answers.append(say(engine)))
    worker.start()
    assert engine.started.wait(5)
    assert answers == []
    engine.gate.set()
    worker.join(5)
    assert [answer.text for answer in answers] == ["x"]


def test_a_cancel_ends_a_held_answer() -> None:
    engine = ScriptedEngine("x")
    engine.gate.clear()
    cancel = threading.Event()
    answers: list[Generated] = []
    worker = threading.Thread(target=lambda: answers.append(engine.generate(PROMPT, Decoding(), cancel.is_set)))
    worker.start()
    assert engine.started.wait(5)
    cancel.set()
    worker.join(5)
    assert [(answer.text, answer.stop) for answer in answers] == [("", Stop.CANCELLED)]


def test_an_observer_hears_the_beginning_before_the_gate() -> None:
    engine, heard = ScriptedEngine("main():"), list[str]()
    engine.told = 4
    say(engine, Decoding(observer=heard.append))
    assert heard == ["main"]


def test_remembers_its_prompts() -> None:
    engine = ScriptedEngine()
    say(engine)
    assert engine.prompts == [PROMPT]
