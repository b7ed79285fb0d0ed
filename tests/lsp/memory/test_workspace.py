from collections.abc import Callable
from threading import Event, Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.engine.tokenizer import Tokenizer
from lowabs_lsp.memory.workspace import WorkspaceMemory
from lowabs_lsp.values import FloatArray

LINE = "    response = client.fetch_everything(url, timeout=3)\n"
MakeMemory = Callable[..., WorkspaceMemory]


@pytest.fixture(scope="session")
def make(tokenizer: Tokenizer) -> MakeMemory:
    return lambda **settings: WorkspaceMemory(tokenizer.size, tokenizer.encode, **settings)


@pytest.fixture(scope="session")
def even(tokenizer: Tokenizer) -> FloatArray:
    """A model that knows nothing."""
    return np.full(tokenizer.size, -np.log(tokenizer.size), np.float32)


def test_an_empty_memory_leaves_the_model_alone(make: MakeMemory, even: FloatArray) -> None:
    memory = make()
    assert memory.mix([5, 6, 7], even) is even
    assert list(memory.propose([5, 6, 7], 8)) == []


def test_other_files_are_remembered_word_for_word(make: MakeMemory, tokenizer: Tokenizer, even: FloatArray) -> None:
    memory = make()
    memory.update({"a.py": "def f():\n" + LINE})
    memory.look("b.py", "def g():\n    response = client.", "\n")
    typed = tokenizer.encode("def g():\n    response = client.")
    rest = tokenizer.encode("def g():\n" + LINE)[len(typed) :]
    assert tuple(memory.propose(typed, 8)) == rest[:8]
    assert memory.mix(typed, even).argmax() == rest[0]


@given(texts=st.dictionaries(st.sampled_from("abc"), st.sampled_from([LINE, "x = 1\n", "", "y = client.x\n"])))
def test_what_is_removed_was_never_there(
    make: MakeMemory, tokenizer: Tokenizer, even: FloatArray, texts: dict[str, str]
) -> None:
    memory, never = make(), make()
    memory.update(texts)
    memory.update({"gone.py": LINE * 3})
    memory.remove(["gone.py"])
    never.update(texts)
    typed = tokenizer.encode("    response = client")
    for each in (memory, never):
        each.look("here.py", "", "")
    assert np.array_equal(memory.mix(typed, even), never.mix(typed, even))


def test_the_open_file_is_not_remembered_twice(make: MakeMemory, tokenizer: Tokenizer, even: FloatArray) -> None:
    memory, alone = make(), make()
    memory.update({"a.py": LINE, "b.py": "x = 1\n"})
    alone.update({"b.py": "x = 1\n"})
    typed = tokenizer.encode("    response = client")
    for each in (memory, alone):
        each.look("a.py", "y = 2\n", "")
    assert np.array_equal(memory.mix(typed, even), alone.mix(typed, even))


def test_lines_written_here_are_remembered_in_the_next_file(make: MakeMemory, tokenizer: Tokenizer) -> None:
    memory = make()
    memory.look("a.py", "import x\n", "")
    memory.look("a.py", "import x\n" + LINE, "")
    memory.look("b.py", "", "")
    typed = tokenizer.encode(LINE)[:6]
    assert tuple(memory.propose(typed, 3)) == tokenizer.encode(LINE)[6:9]


def test_within_a_generation_the_answers_stay_the_same(make: MakeMemory, tokenizer: Tokenizer, even: FloatArray) -> None:
    memory = make()
    memory.update({"a.py": LINE})
    memory.look("b.py", "x", "")
    typed = tokenizer.encode("    response = client")
    first = memory.mix(typed, even)
    memory.update({"a.py": LINE.replace("fetch", "drop") * 4})
    assert np.array_equal(memory.mix([*typed], even), first)
    memory.look("b.py", "x", "")
    assert not np.array_equal(memory.mix(typed, even), first)


def test_it_learns_from_what_is_typed_next(make: MakeMemory, tokenizer: Tokenizer, even: FloatArray) -> None:
    head = "def f(url, client):\n    'Fetch everything that there is to be fetched from the address'\n"
    text = head + "    response = client.forget_everything_and_everybody(url, timeout=3, retries=5)\n"
    memory = make()
    memory.update({"a.py": LINE * 3})
    typed = tokenizer.encode(head + "    response = client.")
    memory.look("b.py", head + "    response = client.", "")
    before = memory.mix(typed, even)
    memory.look("b.py", text, "")
    after = memory.mix(typed, even)
    right = tokenizer.encode(text)[len(typed)]
    assert before.argmax() != right
    assert after[right] > before[right]


@pytest.mark.parametrize("learns", [True, False])
def test_a_text_that_nobody_typed_teaches_nothing(
    make: MakeMemory, tokenizer: Tokenizer, even: FloatArray, learns: bool
) -> None:
    head = "def f(url, client):\n    'Fetch everything that there is to be fetched from the address'\n"
    start = head + "    response = client."
    memory = make()
    memory.update({"a.py": LINE * 3})
    memory.look("b.py", start, "")
    before = memory.mix(tokenizer.encode(start), even)
    memory.look("b.py", start + "forget_everything_and_everybody(url, timeout=3, retries=5)\n", "", learns=learns)
    memory.look("b.py", start, "")
    assert np.array_equal(memory.mix(tokenizer.encode(start), even), before) is not learns


def test_the_workspace_keeps_within_its_memory(make: MakeMemory) -> None:
    memory = make(megabytes=0.05)
    memory.update({f"{n}.py": f"name_{n} = {n}\n" * 100 for n in range(30)})
    memory.look("b.py", "", "")
    assert 0 < memory.nbytes <= 60_000


def test_updates_come_from_other_threads(make: MakeMemory, tokenizer: Tokenizer, even: FloatArray) -> None:
    memory, done = make(), Event()

    def write() -> None:
        for n in range(40):
            memory.update({f"{n % 5}.py": LINE * (n % 7)})
            memory.remove([f"{n % 3}.py"])
        done.set()

    writer = Thread(target=write)
    writer.start()
    typed = tokenizer.encode("    response = client")
    while not done.is_set():
        memory.look("b.py", "x = 1\n", "")
        assert np.exp(memory.mix(typed, even)).sum() == pytest.approx(1, abs=1e-4)
    writer.join()
