"""Drives VS Code, as code-server in a headless Chromium, with the extension that editor-clients/vscode packs."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen
from playwright.sync_api import Page, sync_playwright
from workplace import CLIENTS, Workplace, eventually, find_program

EXTENSION = CLIENTS / "vscode" / "lowabs-lsp.vsix"
GHOST_TEXT = """() => {
  const text = (parts) => parts.map((part) => part.textContent).join('').replaceAll('\u00a0', ' ')
  const below = new Map()
  for (const part of document.querySelectorAll('.view-zones [class*="ghost-text"]:not(:has(*))')) {
    const line = part.closest('div')
    below.set(line, [...(below.get(line) ?? []), part])
  }
  const first = [...document.querySelectorAll('.view-lines [class*="ghost-text-decoration"]')]
  return [first, ...below.values()].map(text).join('\\n')
}"""
NOTIFICATION = ".notifications-toasts .notification-list-item-message"
STATUS = '[id="lowabs.lowabs-lsp.lowabs"]'

BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]
USER_SETTINGS = {
    "workbench.startupEditor": "none",
    "security.workspace.trust.enabled": False,
    "telemetry.telemetryLevel": "off",
    "extensions.autoCheckUpdates": False,
    "extensions.autoUpdate": False,
    "update.mode": "none",
    "chat.disableAIFeatures": True,
    "git.enabled": False,
    "editor.minimap.enabled": False,
    "editor.autoIndent": "none",
    "editor.autoClosingBrackets": "never",
    "editor.autoClosingQuotes": "never",
    "editor.acceptSuggestionOnEnter": "off",
    "editor.fontSize": 16,
}


@frozen
class VsCode:
    """A running VS Code with one file open."""

    page: Page
    workplace: Workplace
    file: Path

    def reset(self, text: str) -> None:
        """Make `text` the whole file, the cursor at its end."""
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Control+a")
        self.page.keyboard.press("Delete")
        self.page.keyboard.insert_text(text)
        self.page.keyboard.press("Escape")
        self.save(text)

    def type(self, text: str, delay: float = 0) -> None:
        """Press the keys of `text`, `delay` milliseconds apart."""
        self.page.keyboard.type(text, delay=delay)

    def press(self, key: str) -> None:
        """Press one key, such as `Tab`."""
        self.page.keyboard.press(key)

    def ghost_text(self, expected: str) -> str:
        """The ghost text, its lines joined, once it is `expected`, else what there is when the time is over."""

        def shown() -> str:
            text: str = self.page.evaluate(GHOST_TEXT)
            return text

        eventually(lambda: shown() == expected)
        return shown()

    def take(self, expected: str) -> str:
        """Press Tab for the ghost text; the file's text, once it is saved as `expected`.

        VS Code learns a moment after it has drawn ghost text that Tab takes it; a key that comes first does nothing.
        """
        for _ in range(3):
            self.page.keyboard.press("Tab")
            if self.save(expected, seconds=5) == expected:
                break
        return self.file.read_text()

    def save(self, expected: str, seconds: float = 20) -> str:
        """The file's text once it is saved as `expected`, else what is saved when the time is over."""

        def saved() -> bool:
            self.page.keyboard.press("Control+s")
            return self.file.read_text() == expected

        eventually(saved, seconds)
        return self.file.read_text()

    def status(self, expected: str) -> str:
        """What the status bar item says when one points at it, once it is `expected`."""

        def label() -> str:
            return self.page.locator(STATUS).locator("a").get_attribute("aria-label") or ""

        eventually(lambda: expected in label())
        return label()

    def choose(self, label: str) -> None:
        """Choose from the menu of the status bar item."""
        self.page.locator(STATUS).locator("a").click()
        self.page.locator(".quick-input-list .monaco-list-row", has_text=label).click()

    def notifications(self) -> list[str]:
        """The pop-up messages on the screen."""
        return self.page.locator(NOTIFICATION).all_inner_texts()


@contextmanager
def open_vscode(program: Path, workplace: Workplace, file: Path) -> Iterator[VsCode]:
    """VS Code in `file`, with the packed extension installed as a user would."""
    (workplace.home / ".profile").write_text(f"PATH={workplace.environment['PATH']}\n")  # VS Code asks a login shell for it
    data = workplace.home / "data"
    (data / "User").mkdir(parents=True)
    (data / "User" / "settings.json").write_text(json.dumps(USER_SETTINGS))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (workplace.home / "config.yaml").write_text(f"bind-addr: 127.0.0.1:{port}\nauth: none\ncert: false\n")
    command = [str(program), "--config", str(workplace.home / "config.yaml"), "--user-data-dir", str(data)]
    command += ["--extensions-dir", str(workplace.home / "extensions")]
    install = [*command, "--install-extension", str(EXTENSION)]
    subprocess.run(install, check=True, capture_output=True, env=workplace.environment)
    serve = [
        *command,
        "--disable-telemetry",
        "--disable-update-check",
        "--disable-getting-started-override",
        str(workplace.project),
    ]
    log = (workplace.home / "code-server.log").open("w")
    with log, subprocess.Popen(serve, env=workplace.environment, stdout=log, stderr=log) as server:
        try:
            with sync_playwright() as playwright:
                chromium = str(find_program("chromium"))
                browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=BROWSER)
                page = browser.new_page(viewport={"width": 1100, "height": 620})
                assert eventually(lambda: _answers(port), 60)
                page.goto(f"http://127.0.0.1:{port}/?folder={workplace.project}")
                row = page.locator(".explorer-folders-view .monaco-list-row", has_text=file.name).first
                row.dblclick(timeout=90_000)
                page.locator(".editor-instance .view-lines").first.click(timeout=60_000)
                assert eventually(workplace.is_ready, 60)
                yield VsCode(page, workplace, file)
                browser.close()
        finally:
            server.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0
