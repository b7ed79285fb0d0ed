"""Takes docs/images/neovim.png: Neovim in a terminal window, with ghost text by the default model. Run it from anywhere.

Needs what `tests/editors/install.sh neovim` puts down, and Xvfb, xterm and ImageMagick's `import`.
"""

import os
import subprocess
import tempfile
from pathlib import Path

from drive_neovim import GHOST_TEXT, open_neovim
from workplace import EDITORS, REPOSITORY, eventually, model_workplace

from lowabs_lsp.engine.bundle import default_folder

PICTURE = REPOSITORY / "docs" / "images" / "neovim.png"
DISPLAY = ":83"

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
CURSOR_LINE, TYPED = 14, "Arg"

VIMRC = (
    "set background=dark number laststatus=0 noruler noshowmode shortmess+=F notermguicolors guicursor=\ncolorscheme habamax\n"
)


def main() -> None:
    """Open the file, type, wait for ghost text, take the picture."""
    with tempfile.TemporaryDirectory() as folder:
        workplace = model_workplace(Path(folder), default_folder())
        workplace.environment["DISPLAY"] = DISPLAY
        file = workplace.write("words.py", SOURCE)
        screen = subprocess.Popen(["Xvfb", DISPLAY, "-screen", "0", "900x420x24"], stderr=subprocess.DEVNULL)
        window = [
            "xterm",
            "-geometry",
            "88x20+0+0",
            "-fa",
            "DejaVu Sans Mono",
            "-fs",
            "12",
            "-b",
            "8",
            "-bw",
            "0",
            "-bg",
            "#1c1c1c",
        ]
        try:
            assert eventually(lambda: Path(f"/tmp/.X11-unix/X{DISPLAY[1:]}").exists())
            with open_neovim(EDITORS / "bin" / "neovim", workplace, file, vimrc=VIMRC, window=[*window, "-e"]) as neovim:
                neovim.type(f"{CURSOR_LINE}GA{TYPED}")
                shown = neovim.when(f"return (function() {GHOST_TEXT} end)() ~= ''", expected=True)
                assert shown is True, "the model says nothing here: change SOURCE or TYPED"
                neovim.lua("vim.cmd('redraw!')")
                command = ["import", "-window", "root", "-trim", "-depth", "8", "-colors", "64", str(PICTURE)]
                subprocess.run(command, check=True, env=os.environ | {"DISPLAY": DISPLAY})
        finally:
            screen.terminate()
            screen.wait()


if __name__ == "__main__":
    main()
