"""Drives a headless Neovim over its own RPC, as a person would with keys and eyes."""

import itertools
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]  # it ships none
from attrs import define, field
from workplace import CLIENTS, Workplace, eventually

READY = """
local server, file = ...
for _, client in ipairs((vim.lsp.get_clients or vim.lsp.get_active_clients)()) do
  local ready = client.name == server and client.initialized and vim.lsp.buf_is_attached(0, client.id)
  if ready and vim.fn.expand('%:t') == file then return true end
end"""

GHOST_TEXT = """
local spaces = vim.api.nvim_get_namespaces()
local space = spaces['nvim.lsp.inline_completion'] or spaces.lowabs
local mark = space and vim.api.nvim_buf_get_extmarks(0, space, 0, -1, { details = true })[1]
if not mark then return '' end
local lines = { mark[4].virt_text[1][1] }
for _, line in ipairs(mark[4].virt_lines or {}) do lines[#lines + 1] = line[1][1] end
return table.concat(lines, '\\n')"""

TEXT = "return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\\n')"

SCREEN = """
vim.cmd('redraw')
return vim.tbl_map(function(row)
  return table.concat(vim.tbl_map(function(column) return vim.fn.screenstring(row, column) end, vim.fn.range(1, vim.o.columns)))
end, vim.fn.range(1, vim.o.lines))"""

TELL_WHEN = """
local source, expected, channel, left, arguments = ...
local condition, timer = loadstring(source), vim.loop.new_timer()
timer:start(0, 5, vim.schedule_wrap(function()
  if timer:is_closing() then return end
  local value = condition(unpack(arguments))
  left = left - 5
  if value == expected or left <= 0 then
    timer:close()
    vim.rpcnotify(channel, 'condition', value == nil and vim.NIL or value)
  end
end))"""


@define
class Neovim:
    """A running Neovim with one file open."""

    connection: socket.socket
    workplace: Workplace
    _incoming: msgpack.Unpacker = field(factory=msgpack.Unpacker)
    _calls: Iterator[int] = field(factory=itertools.count)

    def call(self, method: str, *arguments: object) -> Any:  # Neovim answers with whatever the method has
        """Ask Neovim's API (MessagePack-RPC) and wait for the answer."""
        number = next(self._calls)
        self.connection.sendall(msgpack.packb([0, number, method, arguments]))
        while True:
            kind, *rest = self._receive()
            if kind == 1 and rest[0] == number:
                _, problem, result = rest
                assert problem is None, problem
                return result

    def _receive(self) -> Any:
        for message in self._incoming:
            return message
        self._incoming.feed(self.connection.recv(1 << 16))
        return self._receive()

    def lua(self, source: str, *arguments: object) -> Any:  # whatever `source` returns
        """Run Lua."""
        return self.call("nvim_exec_lua", source, arguments)

    def type(self, keys: str) -> None:
        """Press `keys`, in Neovim's notation."""
        assert self.call("nvim_input", keys) == len(keys.encode())

    def when(self, lua: str, expected: object, *arguments: str, milliseconds: int = 120_000) -> object:
        """The value of `lua` as soon as it equals `expected`, else its value when the time is over. Keys go on meanwhile."""
        channel, _ = self.call("nvim_get_api_info")
        self.lua(TELL_WHEN, lua, expected, channel, milliseconds, arguments)
        while True:
            kind, *rest = self._receive()
            if kind == 2 and rest[0] == "condition":
                return rest[1][0]

    def wait_for(self, server: str, file: str) -> None:
        """Until `file` is in front, and `server` has it."""
        assert self.when(READY, True, server, file) is True

    def ghost_text(self, expected: str) -> object:
        """What is shown as ghost text, once it is `expected` or never."""
        return self.when(GHOST_TEXT, expected)

    def text(self, expected: str) -> object:
        """The buffer's text, once it is `expected` or never."""
        return self.when(TEXT, expected)

    def text_now(self) -> str:
        """The buffer's text."""
        now: str = self.lua(TEXT)
        return now

    def screen(self) -> list[str]:
        """What a person sees, without blanks at line ends."""
        return [line.rstrip() for line in self.lua(SCREEN)]

    def messages(self) -> str:
        """All that was said on the message line."""
        said: str = self.lua("return vim.fn.execute('messages')")
        return said.strip()


@contextmanager
def open_neovim(
    program: Path, workplace: Workplace, file: Path, *, vimrc: str = "", window: Sequence[str] = ()
) -> Iterator[Neovim]:
    """Neovim in `file`, the shipped folder copied to where its README says; `vimrc` is the user's own init.vim.

    It has no terminal unless `window` is a command that gives it one.
    """
    config = workplace.config / "nvim"
    shutil.copytree(CLIENTS / "neovim", config / "pack" / "lowabs" / "start" / "lowabs")
    (config / "init.vim").write_text(vimrc)
    address = workplace.home / "nvim.sock"
    argv = [
        *window,
        str(program),
        *(() if window else ("--headless",)),
        "--listen",
        str(address),
        "-i",
        "NONE",
        "-n",
        str(file),
    ]
    with subprocess.Popen(argv, cwd=workplace.project, env=workplace.environment) as process:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                assert eventually(lambda: connection.connect_ex(str(address)) == 0)
                neovim = Neovim(connection, workplace)
                neovim.wait_for("lowabs", file.name)
                workplace.wait_for_model()
                yield neovim
                connection.sendall(msgpack.packb([2, "nvim_command", ["qall!"]]))
                process.wait(120)
        finally:
            process.kill()
