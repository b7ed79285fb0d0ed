"""Vim 9 with exactly the file of editor-clients/vim: ghost text is on the screen, a key takes it, the file holds it."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from terminal import Terminal, open_terminal
from workplace import CLIENTS, Script, Workplace, eventually, find_editor

pytestmark = pytest.mark.editor
Open = Callable[..., Terminal]
Tell = Callable[[str, str, str], None]

DEFAULTS = "source $VIMRUNTIME/defaults.vim\nset noswapfile viminfo= notimeout ttimeoutlen=0\n"


@pytest.fixture
def opened(scripted: Callable[[Script], Workplace]) -> Iterator[Open]:
    """Opens a file with `text`, beside a server that follows `script`."""
    program = find_editor("vim")
    with ExitStack() as stack:

        def open_file(text: str, script: Script, *, name: str = "demo.py", vimrc: str = "") -> Terminal:
            workplace = scripted(script)
            (workplace.home / ".vim" / "plugin").mkdir(parents=True)
            shutil.copy(CLIENTS / "vim" / "lowabs.vim", workplace.home / ".vim" / "plugin")
            (workplace.home / ".vimrc").write_text(DEFAULTS + vimrc)
            file = workplace.write(name, text)
            vim = stack.enter_context(open_terminal([str(program), str(file)], workplace))
            workplace.wait_for_model()
            return vim

        yield open_file


def close(vim: Terminal) -> list[str]:
    """Leave Vim, the file written. Returns the errors that were shown."""
    vim.keys("Escape")
    vim.type(":call writefile([execute('messages')], '../messages')|wq")
    vim.keys("Enter")
    assert eventually(vim.is_over), vim.screen()
    return re.findall(r"E\d+: .*", (vim.workplace.home / "messages").read_text())


def test_tab_takes_the_ghost_text_that_is_on_the_screen(opened: Open, tell: Tell) -> None:
    vim = opened("def add(a, b):\n    \n", {"ret": "urn a + b"})
    vim.type("GAret")
    assert vim.shows("    return a + b") == ["    return a + b"]
    vim.keys("Tab")
    vim.type("  # end")
    assert vim.shows("    return a + b  # end") == ["    return a + b  # end"]
    assert close(vim) == []
    assert (vim.workplace.project / "demo.py").read_text() == "def add(a, b):\n    return a + b  # end\n"
    tell("vim", "ghost text", "return a + b")


def test_a_block_is_shown_below_the_line_and_taken_whole(opened: Open) -> None:
    vim = opened("def add(a, b):\n    \nprint(add(1, 2))\n", {"b):\n    ": "total = a + b\n    return total"})
    vim.type("jA")
    block = ["    total = a + b", "    return total", "print(add(1, 2))"]
    assert vim.shows(*block) == block
    vim.keys("Tab")
    assert close(vim) == []
    taken = "def add(a, b):\n    total = a + b\n    return total\nprint(add(1, 2))\n"
    assert (vim.workplace.project / "demo.py").read_text() == taken


def test_the_next_word_and_the_next_line_are_taken_alone(opened: Open) -> None:
    vim = opened("if x:\n    \n", {"if x:\n    ": "höhe = 1\n    return höhe"})
    vim.type("GA")
    block = ["    höhe = 1", "    return höhe"]
    assert vim.shows(*block) == block
    vim.keys("M-Right")
    vim.keys("M-C-Right")
    vim.type("  # one")
    assert vim.shows("    höhe = 1  # one", "~") == ["    höhe = 1  # one", "~"]
    assert close(vim) == []
    assert (vim.workplace.project / "demo.py").read_text() == "if x:\n    höhe = 1  # one\n"


def test_ghost_text_in_the_middle_of_a_line_hides_nothing(opened: Open) -> None:
    vim = opened("print('ä', )\n", {"print('ä', ": "1 + 2"})
    vim.type("A")
    vim.keys("Left")
    assert vim.shows("print('ä', 1 + 2)") == ["print('ä', 1 + 2)"]
    vim.keys("Tab")
    assert close(vim) == []
    assert (vim.workplace.project / "demo.py").read_text() == "print('ä', 1 + 2)\n"


def test_typing_what_is_shown_keeps_the_rest_of_it(opened: Open) -> None:
    vim = opened("", {"re": "turn a + b"}, name="demo.txt")
    vim.type("ire")
    assert vim.shows("return a + b") == ["return a + b"]
    vim.type("tu")
    vim.keys("Tab")
    assert close(vim) == []
    assert (vim.workplace.project / "demo.txt").read_text() == "return a + b\n"


def test_a_key_that_leaves_the_ghost_text_is_not_followed_by_it(opened: Open) -> None:
    vim = opened("", {"re": "turn a + b"}, name="demo.txt")
    vim.type("ire")
    assert vim.shows("return a + b") == ["return a + b"]
    vim.type("x")
    vim.keys("Tab")
    assert close(vim) == []
    assert (vim.workplace.project / "demo.txt").read_text() == "rex\t\n"


def test_tab_without_ghost_text_does_what_the_user_mapped_it_to(opened: Open) -> None:
    vim = opened("", {}, vimrc="inoremap <expr> <Tab> 'ta' .. 'b'\n")
    vim.type("i")
    vim.keys("Tab")
    assert vim.shows("tab") == ["tab"]


def test_a_language_that_is_turned_off_has_no_ghost_text(opened: Open) -> None:
    vim = opened("", {"re": "turn a + b"}, vimrc="let g:lowabs = {'disabledLanguages': ['python']}\n")
    vim.type("ire")
    vim.keys("Escape")
    vim.type(":edit! other.txt")
    vim.keys("Enter")
    vim.type("ire")
    assert vim.shows("return a + b") == ["return a + b"]
    assert len(vim.workplace.prompts()) == 1


def test_after_200_fast_keys_the_server_has_the_text_of_the_buffer(opened: Open) -> None:
    typed = "".join(f"value_{i} = 'ä€😀' + {i}\n" for i in range(10)) + "end"
    vim = opened("first line\nlast line\n", {"end": " of it"}, name="demo.txt")
    vim.type("ggo" + typed.replace("\n", "\r"))
    assert vim.shows("end of it", "last line") == ["end of it", "last line"]
    assert close(vim) == []
    text = (vim.workplace.project / "demo.txt").read_text()
    assert text == f"first line\n{typed}\nlast line\n"
    assert vim.workplace.server_text() == text


def test_the_server_is_told_which_file_is_in_front(opened: Open) -> None:
    vim = opened("a = 1\n", {}, vimrc="let g:lowabs = #{logLevel: 'debug'}\n")
    vim.workplace.write("front.py", "b = 2\n")
    vim.type(":edit front.py")
    vim.keys("Enter")
    assert eventually(lambda: "event=focus file=front.py" in vim.workplace.log()), vim.workplace.log()
    vim.type(":buffer demo.py")
    vim.keys("Enter")

    def goes_back() -> bool:
        return "event=focus file=demo.py" in vim.workplace.log().rpartition("file=front.py")[2]

    assert eventually(goes_back), vim.workplace.log()
    assert close(vim) == []
