"""Neovim with exactly the files of editor-clients/neovim: ghost text is on the screen, a key takes it, the buffer holds it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from drive_neovim import Neovim, open_neovim
from workplace import REPOSITORY, TINY_MODEL, Script, Workplace, eventually, find_editor, model_workplace, talkative_line

pytestmark = pytest.mark.editor
Open = Callable[..., Neovim]

JEDI = """
lua << END
vim.api.nvim_create_autocmd('FileType', { pattern = 'python', callback = function()
  local config = { name = 'jedi', cmd = { 'jedi-language-server' }, root_dir = vim.fn.getcwd() }
  config.on_attach = function(_, buffer) vim.bo[buffer].omnifunc = 'v:lua.vim.lsp.omnifunc' end
  local start = vim.lsp.start or function(it) vim.lsp.buf_attach_client(0, vim.lsp.start_client(it)) end
  start(config)
end })
END
"""
MENU_HAS_BASENAME = """
for _, item in ipairs(vim.fn.complete_info({ 'items' }).items) do
  if item.word:match('^basename') then return true end
end
return false"""
Tell = Callable[[str, str, str], None]


@pytest.fixture(params=["neovim", "neovim-trixie", "neovim-bookworm"])
def opened(request: pytest.FixtureRequest, scripted: Callable[[Script], Workplace]) -> Iterator[Open]:
    """Opens a file with `text` in each Neovim, beside a server that follows `script`."""
    program = find_editor(request.param)
    with ExitStack() as stack:

        def open_file(text: str, script: Script, *, name: str = "demo.py", vimrc: str = "") -> Neovim:
            workplace = scripted(script)
            file = workplace.write(name, text)
            return stack.enter_context(open_neovim(program, workplace, file, vimrc=vimrc))

        yield open_file


def test_a_real_file_is_completed_by_the_model_in_the_server(tmp_path: Path) -> None:
    source = (REPOSITORY / "lowabs_lsp" / "completer.py").read_text()
    line, said = talkative_line(source, TINY_MODEL)
    workplace = model_workplace(tmp_path, TINY_MODEL)
    file = workplace.write("demo.py", source)
    before, after = source.splitlines()[: line + 1], source.splitlines()[line + 1 :]
    with open_neovim(find_editor("neovim"), workplace, file) as neovim:
        neovim.type(f"{line + 1}GA")
        assert neovim.ghost_text(said) == said
        neovim.type("<Tab><Esc>:write<CR>")
        taken = "\n".join(before) + said + "\n" + "\n".join(after)
        assert neovim.text(taken) == taken
        assert neovim.when("return vim.bo.modified", expected=False) is False
    assert file.read_text() == taken + "\n"


def test_tab_takes_the_ghost_text_that_is_on_the_screen(opened: Open, request: pytest.FixtureRequest, tell: Tell) -> None:
    neovim = opened("def add(a, b):\n    \n", {"ret": "urn a + b"})
    neovim.type("GAret")
    assert neovim.ghost_text("urn a + b") == "urn a + b"
    assert neovim.screen()[1] == "    return a + b"
    neovim.type("<Tab>")
    assert neovim.text("def add(a, b):\n    return a + b") == "def add(a, b):\n    return a + b"
    assert neovim.ghost_text("") == ""
    assert neovim.messages() == ""
    tell(request.node.callspec.params["opened"], "ghost text", "return a + b")


def test_a_block_is_shown_below_the_line_and_taken_whole(opened: Open) -> None:
    neovim = opened("def add(a, b):\n    \n\nprint(add(1, 2))", {"b):\n    ": "total = a + b\n    return total"})
    neovim.type("jA")
    assert neovim.ghost_text("total = a + b\n    return total") == "total = a + b\n    return total"
    assert neovim.screen()[:4] == ["def add(a, b):", "    total = a + b", "    return total", ""]
    neovim.type("<Tab>  # end")
    taken = "def add(a, b):\n    total = a + b\n    return total  # end\n\nprint(add(1, 2))"
    assert neovim.text(taken) == taken


def test_in_a_file_with_the_line_ends_of_windows_none_is_drawn(opened: Open) -> None:
    neovim = opened("def add(a, b):\r\n    \r\n", {"b):\n    ": "total = a + b\n    return total"})
    neovim.type("GA")
    assert neovim.ghost_text("total = a + b\n    return total") == "total = a + b\n    return total"
    assert neovim.screen()[:3] == ["def add(a, b):", "    total = a + b", "    return total"]
    neovim.type("<Tab>")
    assert (
        neovim.text("def add(a, b):\n    total = a + b\n    return total")
        == "def add(a, b):\n    total = a + b\n    return total"
    )


def test_the_next_word_and_the_next_line_are_taken_alone(opened: Open) -> None:
    neovim = opened("if x:\n    ", {"if x:\n    ": "höhe = 1\n    return höhe", "höhe": " = 2"})
    neovim.type("GA")
    assert neovim.ghost_text("höhe = 1\n    return höhe") == "höhe = 1\n    return höhe"
    neovim.type("<M-Right>")
    assert neovim.text("if x:\n    höhe") == "if x:\n    höhe"
    assert neovim.ghost_text(" = 1\n    return höhe") == " = 1\n    return höhe"
    neovim.type("<M-C-Right>")
    assert neovim.text("if x:\n    höhe = 1") == "if x:\n    höhe = 1"


def test_ghost_text_in_the_middle_of_a_line_hides_nothing(opened: Open) -> None:
    neovim = opened("print()", {"print(": "1 + 2"})
    neovim.type("A<Left>")
    assert neovim.ghost_text("1 + 2") == "1 + 2"
    assert neovim.screen()[0] == "print(1 + 2)"
    neovim.type("<Tab>")
    assert neovim.text("print(1 + 2)") == "print(1 + 2)"


def test_typing_what_is_shown_keeps_the_rest_of_it(opened: Open) -> None:
    neovim = opened("", {"re": "turn a + b"})
    neovim.type("ire")
    assert neovim.ghost_text("turn a + b") == "turn a + b"
    neovim.type("tu")
    assert neovim.ghost_text("rn a + b") == "rn a + b"
    neovim.type("<Tab>")
    assert neovim.text("return a + b") == "return a + b"


def test_a_key_that_leaves_the_ghost_text_is_not_followed_by_it(opened: Open) -> None:
    neovim = opened("", {"re": "turn a + b"}, name="demo.txt")
    neovim.type("ire")
    assert neovim.ghost_text("turn a + b") == "turn a + b"
    neovim.type("x")
    assert neovim.text("rex") == "rex"
    neovim.type("<Tab>")
    assert neovim.text("rex\t") == "rex\t"


def test_tab_without_ghost_text_does_what_the_user_mapped_it_to(opened: Open) -> None:
    neovim = opened("", {}, vimrc="inoremap <expr> <Tab> 'ta' .. 'b'")
    neovim.type("i<Tab>")
    assert neovim.text("tab") == "tab"


def test_a_language_that_is_turned_off_has_no_ghost_text(opened: Open) -> None:
    neovim = opened("", {"re": "turn a + b"}, vimrc="let g:lowabs = #{disabledLanguages: ['python']}")
    neovim.type("ire<Esc>:edit! other.txt<CR>")
    neovim.wait_for("lowabs", "other.txt")
    neovim.type("ire")
    assert neovim.ghost_text("turn a + b") == "turn a + b"
    assert len(neovim.workplace.prompts()) == 1


def test_the_menu_of_another_server_appears_beside_the_ghost_text(opened: Open) -> None:
    neovim = opened("import os\n\n", {"os.path": ".join(a, b)"}, vimrc=JEDI)
    neovim.wait_for("jedi", "demo.py")
    neovim.type("Gios.path")
    assert neovim.ghost_text(".join(a, b)") == ".join(a, b)"
    neovim.type(".base<C-x><C-o>")
    assert neovim.when(MENU_HAS_BASENAME, expected=True) is True


def test_after_200_fast_keys_the_server_has_the_text_of_the_buffer(opened: Open) -> None:
    typed = "".join(f"value_{i} = 'ä€😀' + {i}\n" for i in range(10)) + "end"
    neovim = opened("first line\nlast line", {"end": " of it"}, name="demo.txt")
    neovim.type("ggo" + typed.replace("\n", "<CR>"))
    assert neovim.ghost_text(" of it") == " of it"
    assert neovim.text_now() == f"first line\n{typed}\nlast line"
    assert neovim.workplace.server_text() == neovim.text_now()
    assert neovim.messages() == ""


def test_the_server_is_told_which_file_is_in_front(opened: Open) -> None:
    neovim = opened("a = 1", {}, vimrc="let g:lowabs = #{logLevel: 'debug'}")
    neovim.workplace.write("front.py", "b = 2")
    neovim.type(":edit front.py<CR>")
    neovim.wait_for("lowabs", "front.py")
    neovim.type(":buffer demo.py<CR>$")

    def goes_back() -> bool:
        return neovim.workplace.log().rpartition("file=front.py")[2].count("event=focus file=demo.py") > 0

    assert eventually(goes_back), neovim.workplace.log()
    assert neovim.messages().count("rror") == 0
