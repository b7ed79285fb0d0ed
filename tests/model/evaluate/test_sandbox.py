import socket
from pathlib import Path

import pytest
from lowabs_model.evaluate.sandbox import Verdict, run_program, run_programs


@pytest.mark.parametrize(
    ("program", "verdict"),
    [
        ("assert 1 + 1 == 2", Verdict.PASSED),
        ("import math, re, heapq, collections, typing, itertools, json\nprint('said' * 10_000)", Verdict.PASSED),
        ("open('note.txt', 'w').write('kept in a fresh directory')\nassert open('note.txt').read()", Verdict.PASSED),
        ("import os\nassert os.listdir() == []", Verdict.PASSED),
        ("assert 1 + 1 == 3", Verdict.FAILED),
        ("def f(:", Verdict.FAILED),
        ("raise SystemExit(0)", Verdict.FAILED),
        ("import os\nos._exit(0)", Verdict.FAILED),
        ("", Verdict.PASSED),
        ("s = '\\ud800'", Verdict.PASSED),
        ("def f():\n    return f()\nf()", Verdict.FAILED),
    ],
)
def test_a_program_passes_when_it_comes_to_its_end(program: str, verdict: Verdict) -> None:
    assert run_program(program) == verdict


def test_a_program_that_never_ends_is_stopped() -> None:
    assert run_program("while True: pass", seconds=1) == Verdict.TIMEOUT
    assert run_program("import time\ntime.sleep(60)", seconds=1) == Verdict.TIMEOUT


def test_a_program_that_wants_all_memory_fails() -> None:
    assert run_program("b = bytearray(4_000_000_000)\nb[::4096] = b[::4096]") == Verdict.FAILED


def test_a_program_cannot_fill_the_disk() -> None:
    assert run_program("open('big', 'wb').write(bytes(50_000_000))") == Verdict.FAILED


def test_a_program_reaches_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert run_program(f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)") == Verdict.FAILED


@pytest.mark.parametrize(
    "program",
    [
        "import os\nos.system('true')",
        "import subprocess\nsubprocess.run(['true'])",
        "import os\nos.fork()",
        "import os\nos.kill(os.getppid(), 0)",
        "import ctypes\nctypes.CDLL(None)",
    ],
)
def test_a_program_starts_and_ends_no_other(program: str) -> None:
    assert run_program(program) == Verdict.FAILED


def test_a_program_changes_nothing_outside_of_its_directory(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("as it was")
    programs = [
        f"open({str(tmp_path / 'new')!r}, 'w')",
        f"open({str(tmp_path / 'kept')!r}, 'a')",
        f"import os\nos.remove({str(tmp_path / 'kept')!r})",
        f"import shutil\nshutil.rmtree({str(tmp_path)!r})",
        f"import os\nos.open({str(tmp_path / 'new')!r}, os.O_CREAT | os.O_WRONLY)",
    ]
    assert run_programs(programs) == [Verdict.FAILED] * 5
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("kept", "as it was")]


def test_verdicts_come_in_order() -> None:
    assert run_programs(f"assert {n} % 3" for n in range(6)) == [Verdict.FAILED, *[Verdict.PASSED] * 2] * 2
