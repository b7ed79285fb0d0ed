"""Emacs with exactly the files of editor-clients/emacs: our own mode, eglot with completion-preview, lsp-mode."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from terminal import Terminal, open_terminal
from workplace import CLIENTS, EDITORS, Script, Workplace, eventually, find_editor

pytestmark = pytest.mark.editor
Open = Callable[..., Terminal]
Tell = Callable[[str, str, str], None]

EARLY_INIT = """
(setq make-backup-files nil auto-save-default nil create-lockfiles nil inhibit-startup-screen t
      require-final-newline nil mode-require-final-newline nil
      native-comp-enable-subr-trampolines nil native-comp-jit-compilation nil package-directory-list '("{packages}"))
(add-hook 'kill-emacs-hook (lambda ()
  (setq coding-system-for-write 'raw-text)
  (write-region (mapconcat (lambda (name) (with-current-buffer (get-buffer-create name) (buffer-string)))
                           '("*Messages*" "*Warnings*") "\\n") nil "~/messages")))
"""
OUR_MODE = f'(load "{CLIENTS / "emacs" / "lowabs.el"}")\n(global-lowabs-mode)\n'
EGLOT = (CLIENTS / "emacs" / "eglot.el").read_text()
LSP_MODE = (CLIENTS / "emacs" / "lsp-mode.el").read_text()


@pytest.fixture
def opened(scripted: Callable[[Script], Workplace]) -> Iterator[Open]:
    """Opens a file with `text` in an Emacs that has `init`, beside a server that follows `script`."""
    with ExitStack() as stack:

        def open_file(editor: str, init: str, text: str, script: Script, *, name: str = "demo.py") -> Terminal:
            program = find_editor(editor)
            workplace = scripted(script)
            folder = workplace.home / ".emacs.d"
            folder.mkdir()
            packages = EDITORS / "emacs" / "usr" / "share" / "emacs" / "site-lisp" / "elpa-src"
            (folder / "early-init.el").write_text(EARLY_INIT.replace("{packages}", str(packages)))
            (folder / "init.el").write_text(init)
            file = workplace.write(name, text)
            (workplace.project / ".git").mkdir()
            emacs = stack.enter_context(open_terminal([str(program), "-nw", str(file)], workplace))
            workplace.wait_for_model()
            return emacs

        yield open_file


def close(emacs: Terminal) -> str:
    """Leave Emacs, the file written. Returns what was said in the echo area and as a warning."""
    emacs.keys("C-x", "C-s", "C-x", "C-c")
    assert eventually(emacs.is_over), "\n".join(emacs.screen())
    return (emacs.workplace.home / "messages").read_text()


def problems(messages: str) -> list[str]:
    """The lines of `messages` that tell of a fault."""
    return [line for line in messages.splitlines() if "rror" in line or "Warning (" in line]


@pytest.fixture(params=["emacs", "emacs28"])
def ours(request: pytest.FixtureRequest, opened: Open) -> Open:
    """Opens a file in each Emacs with our own mode."""

    def open_file(text: str, script: Script, *, init: str = "", name: str = "demo.py") -> Terminal:
        return opened(request.param, init + OUR_MODE, text, script, name=name)

    return open_file


def test_tab_takes_the_ghost_text_that_is_on_the_screen(ours: Open, request: pytest.FixtureRequest, tell: Tell) -> None:
    emacs = ours("def add(a, b):\n    ", {"ret": "urn a + b"})
    emacs.keys("M->")
    emacs.type("ret")
    assert emacs.shows("    return a + b") == ["    return a + b"]
    emacs.keys("Tab")
    emacs.type("  # end")
    assert emacs.shows("    return a + b  # end") == ["    return a + b  # end"]
    assert problems(close(emacs)) == []
    assert (emacs.workplace.project / "demo.py").read_text() == "def add(a, b):\n    return a + b  # end"
    tell(request.node.callspec.params["ours"] + " (lowabs.el)", "ghost text", "return a + b")


def test_a_block_is_shown_below_the_line_and_taken_whole(ours: Open) -> None:
    emacs = ours("def add(a, b):\n   \nprint(add(1, 2))\n", {"b):\n    ": "total = a + b\n    return total"})
    emacs.keys("C-n", "C-e", "Space")
    block = ["    total = a + b", "    return total", "print(add(1, 2))"]
    assert emacs.shows(*block) == block
    emacs.keys("Tab")
    assert problems(close(emacs)) == []
    taken = "def add(a, b):\n    total = a + b\n    return total\nprint(add(1, 2))\n"
    assert (emacs.workplace.project / "demo.py").read_text() == taken


def test_the_next_word_and_the_next_line_are_taken_alone(ours: Open) -> None:
    emacs = ours("if x:\n   ", {"if x:\n    ": "höhe = 1\n    return höhe"})
    emacs.keys("M->", "Space")
    block = ["    höhe = 1", "    return höhe"]
    assert emacs.shows(*block) == block
    emacs.keys("M-Right", "C-M-Right")
    emacs.type("  # one")
    assert emacs.shows("    höhe = 1  # one", "") == ["    höhe = 1  # one", ""]
    assert problems(close(emacs)) == []
    assert (emacs.workplace.project / "demo.py").read_text() == "if x:\n    höhe = 1  # one"


def test_ghost_text_in_the_middle_of_a_line_hides_nothing(ours: Open) -> None:
    emacs = ours("print('ä',)", {"print('ä', ": "1 + 2"})
    emacs.keys("M->", "Left", "Space")
    assert emacs.shows("print('ä', 1 + 2)") == ["print('ä', 1 + 2)"]
    emacs.keys("Tab")
    assert problems(close(emacs)) == []
    assert (emacs.workplace.project / "demo.py").read_text() == "print('ä', 1 + 2)"


def test_typing_what_is_shown_keeps_the_rest_of_it(ours: Open) -> None:
    emacs = ours("", {"re": "turn a + b"}, name="demo.txt")
    emacs.type("re")
    assert emacs.shows("return a + b") == ["return a + b"]
    emacs.type("tu")
    emacs.keys("Tab")
    close(emacs)
    assert (emacs.workplace.project / "demo.txt").read_text() == "return a + b"


def test_a_key_that_leaves_the_ghost_text_is_not_followed_by_it(ours: Open) -> None:
    emacs = ours(
        "",
        {"re": "turn a + b"},
        name="demo.txt",
        init='(global-set-key (kbd "TAB") (lambda () (interactive) (insert "tab")))\n',
    )
    emacs.type("re")
    assert emacs.shows("return a + b") == ["return a + b"]
    emacs.type("x")
    emacs.keys("Tab")
    close(emacs)
    assert (emacs.workplace.project / "demo.txt").read_text() == "rextab"


def test_a_language_that_is_turned_off_has_no_ghost_text(ours: Open) -> None:
    emacs = ours("", {"re": "turn a + b"}, init='(setq lowabs-settings \'(:disabledLanguages ["python"]))\n')
    emacs.type("re")
    emacs.keys("C-x", "C-f")
    emacs.type("other.txt\r")
    assert emacs.shows("") == [""]
    emacs.type("re")
    assert emacs.shows("return a + b") == ["return a + b"]
    assert len(emacs.workplace.prompts()) == 1


def test_after_200_fast_keys_the_server_has_the_text_of_the_buffer(ours: Open) -> None:
    typed = "".join(f"value_{i} = 'ä€😀' + {i}\n" for i in range(10)) + "end"
    emacs = ours("first line\n\nlast line\n", {"end": " of it"}, name="demo.txt")
    emacs.keys("C-n")
    emacs.type(typed.replace("\n", "\r"))
    assert emacs.shows("end of it", "last line") == ["end of it", "last line"]
    assert problems(close(emacs)) == []
    text = (emacs.workplace.project / "demo.txt").read_text()
    assert text == f"first line\n{typed}\nlast line\n"
    assert emacs.workplace.server_text() == text


def test_eglot_previews_the_first_item_of_the_menu(opened: Open, tell: Tell) -> None:
    emacs = opened("emacs", EGLOT, "def add(a, b):\n    ", {"ret": "urn a + b"})
    emacs.keys("M->")
    emacs.type("ret")
    assert emacs.shows("      return a + b") == ["      return a + b"]  # two columns are flymake's margin
    emacs.keys("Tab")
    emacs.type("  # end")
    close(emacs)
    assert (emacs.workplace.project / "demo.py").read_text() == "def add(a, b):\n    return a + b  # end"
    tell("emacs (eglot)", "menu, previewed as ghost text", "return a + b")


def test_lsp_mode_shows_ghost_text(opened: Open, tell: Tell) -> None:
    emacs = opened("emacs", "(setq lsp-auto-guess-root t)\n" + LSP_MODE, "def add(a, b):\n    ", {"ret": "urn a + b"})
    emacs.keys("M->")
    emacs.type("ret")
    assert emacs.shows("      return a + b") == ["      return a + b"]
    emacs.keys("Tab")
    emacs.type("  # end")
    close(emacs)
    assert (emacs.workplace.project / "demo.py").read_text() == "def add(a, b):\n    return a + b  # end"
    tell("emacs (lsp-mode)", "ghost text", "return a + b")


def test_the_server_is_told_which_file_is_in_front(ours: Open) -> None:
    emacs = ours("a = 1\n", {}, init='(setq lowabs-settings \'(:logLevel "debug"))\n')
    emacs.workplace.write("front.py", "b = 2\n")
    emacs.keys("C-x", "C-f")
    emacs.type("front.py")
    emacs.keys("Enter")
    assert eventually(lambda: "event=focus file=front.py" in emacs.workplace.log()), emacs.workplace.log()
    emacs.keys("C-x", "b")
    emacs.type("demo.py")
    emacs.keys("Enter")

    def goes_back() -> bool:
        return "event=focus file=demo.py" in emacs.workplace.log().rpartition("file=front.py")[2]

    assert eventually(goes_back), emacs.workplace.log()
    assert problems(close(emacs)) == []
