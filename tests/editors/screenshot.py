"""Takes docs/images/neovim.png and docs/images/neovim.gif: Neovim in a terminal window, the default model at work. Run it from anywhere.

Needs what `tests/editors/install.sh neovim` puts down, and Xvfb, xterm and ImageMagick's `import` and `convert`.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drive_neovim import GHOST_TEXT, Neovim, open_neovim
from workplace import EDITORS, REPOSITORY, eventually, model_workplace

from lowabs_lsp.engine.bundle import default_folder

PICTURES = REPOSITORY / "docs" / "images"
DISPLAY = ":83"
COLOURS = "32"
PAUSES = {"keys": 16, "ghost": 90, "taken": 70, "end": 250}
"""Hundredths of a second that a picture stands, by what it shows."""

SOURCE = '''"""Count the words of files."""

import argparse
from collections import Counter
from pathlib import Path


def count(path: Path) -> Counter[str]:
    """How often each word stands in `path`."""
    return Counter(path.read_text().split())


def main() -> None:
    parser = argparse.
'''
CURSOR_LINE = 14
STEPS = (
    "Arg",
    ')<CR>parser.add_argument("path", type=Path)<CR>args = parser.parse_args()<CR>print(count(args.path))<CR><CR><CR><C-d>if ',
    "<CR>ma",
)
"""What is typed, in Neovim's notation, until ghost text is taken."""
KEYS = re.compile("<[^>]+>|[^<]{1,2}")

VIMRC = (
    "set background=dark number laststatus=0 noruler noshowmode shortmess+=F notermguicolors guicursor=\ncolorscheme habamax\n"
)
WINDOW = ["xterm", "-geometry", "76x20+0+0", "-fa", "DejaVu Sans Mono", "-fs", "12", "-b", "8", "-bw", "0", "-bg", "#1c1c1c"]


@contextmanager
def screen() -> Iterator[None]:
    """A virtual screen."""
    with subprocess.Popen(["Xvfb", DISPLAY, "-screen", "0", "900x420x24"], stderr=subprocess.DEVNULL) as server:
        try:
            assert eventually(lambda: Path(f"/tmp/.X11-unix/X{DISPLAY[1:]}").exists())
            yield
        finally:
            server.terminate()


def picture(neovim: Neovim, path: Path) -> Path:
    """What is on the screen."""
    neovim.lua("vim.cmd('redraw!')")
    command = ["import", "-window", "root", "-crop", "776x416+0+0", "+repage", str(path)]
    subprocess.run(command, check=True, env=os.environ | {"DISPLAY": DISPLAY})
    return path


def frames(neovim: Neovim, folder: Path) -> Iterator[tuple[str, Path]]:
    """Each picture of a short session, with what it shows."""
    number = 0

    def shot(kind: str) -> tuple[str, Path]:
        nonlocal number
        number += 1
        return kind, picture(neovim, folder / f"{number:03}.png")

    for step in STEPS:
        for keys in KEYS.findall(step):
            neovim.type(keys)
            yield shot("keys")
        shown = neovim.when(f"return (function() {GHOST_TEXT} end)() ~= ''", expected=True, milliseconds=10_000)
        if shown is not True:
            raise SystemExit(f"the model says nothing behind {step!r}: change STEPS")
        yield shot("ghost")
        neovim.type("<Tab>")
        neovim.ghost_text("")
        yield shot("taken")
    yield shot("end")


def main() -> None:
    """Open the file, type, take the pictures."""
    with tempfile.TemporaryDirectory() as name, screen():
        folder = Path(name)
        workplace = model_workplace(folder, default_folder())
        workplace.environment["DISPLAY"] = DISPLAY
        file = workplace.write("words.py", SOURCE)
        with open_neovim(EDITORS / "bin" / "neovim", workplace, file, vimrc=VIMRC, window=[*WINDOW, "-e"]) as neovim:
            neovim.type(f"{CURSOR_LINE}GA")
            shots = list(frames(neovim, folder))
        still = next(path for kind, path in shots if kind == "ghost")
        palette = folder / "palette.png"  # one for all pictures: what stays the same costs nothing then
        convert(str(still), "+dither", "-colors", COLOURS, str(PICTURES / "neovim.png"))
        convert(str(PICTURES / "neovim.png"), "-unique-colors", str(palette))
        pauses = [word for kind, path in shots for word in ("-delay", str(PAUSES[kind]), str(path))]
        convert(*pauses, "+dither", "-remap", str(palette), "-layers", "optimize", "-loop", "0", str(PICTURES / "neovim.gif"))


def convert(*arguments: str) -> None:
    """ImageMagick at work."""
    subprocess.run(["convert", *arguments], check=True)


if __name__ == "__main__":
    main()
