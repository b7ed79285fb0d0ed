"""Builds dist/lowabs-lsp, one file for people without Python, and tries it: its version, a completion, an editor's session."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PyInstaller import __main__ as pyinstaller  # type: ignore[import-untyped]  # it ships none

ROOT = Path(__file__).parents[1]
BINARY = ROOT / "dist" / ("lowabs-lsp.exe" if sys.platform == "win32" else "lowabs-lsp")
SESSION: list[dict[str, object]] = [
    {"id": 1, "method": "initialize", "params": {"processId": None, "rootUri": None, "capabilities": {}}},
    {"method": "initialized", "params": {}},
    {"id": 2, "method": "shutdown"},
    {"method": "exit"},
]


def build() -> None:
    """Put everything into one file."""
    folders = ["--distpath", str(ROOT / "dist"), "--workpath", str(ROOT / "build" / "binary")]
    pyinstaller.run(["--noconfirm", *folders, str(Path(__file__).with_name("lowabs-lsp.spec"))])


def run(*arguments: str, data: bytes = b"") -> tuple[str, float]:
    """What the binary says, away from this repository and its Python, and the seconds that it took."""
    with tempfile.TemporaryDirectory() as home:
        environment = {"HOME": home, "PATH": "", "TMPDIR": home}
        start = time.perf_counter()
        command = [str(BINARY), *arguments]
        done = subprocess.run(command, check=True, input=data, stdout=subprocess.PIPE, cwd=home, env=environment)
        return done.stdout.decode(), time.perf_counter() - start


def framed(message: dict[str, object]) -> bytes:
    """A message as LSP sends it."""
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def main() -> None:
    """Build, try, and say what it weighs and takes."""
    build()
    version, first = run("--version")
    _, second = run("--version")
    completion, completing = run("complete", str(ROOT / "examples" / "sizes.py") + ":7")
    answers, _ = run(data=b"".join(map(framed, SESSION)))
    assert completion.strip(), "the model says nothing"
    assert '"inlineCompletionProvider"' in answers, "no server answers"
    size = BINARY.stat().st_size / 1e6
    sys.stdout.write(
        f"{version.strip()}: {size:.0f} MB, starts in {min(first, second):.1f} s, completes in {completing:.1f} s\n"
    )


if __name__ == "__main__":
    main()
