"""Drives VS Code, as code-server in a headless Chromium, with the extension that editor-clients/vscode packs."""

import json
import logging
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen
from playwright.sync_api import Page, sync_playwright
from workplace import CLIENTS, EDITORS, HERE, Workplace, eventually, find_program

log = logging.getLogger(__name__)

SOURCES = CLIENTS / "vscode"
EXTENSION = SOURCES / "lowabs-lsp.vsix"
PICTURES = EDITORS / "pictures"
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
NOTIFICATION = ".notifications-toasts .notification-list-item"
STATUS = '[id="lowabs.lowabs-lsp.lowabs"]'
MENU = ".suggest-widget.visible .monaco-list-row"

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
    "editor.quickSuggestions": {"other": "off"},  # an item selected in jedi's menu hides ghost text that does not begin with it
}


@frozen
class VsCode:
    """A running VS Code with one file open."""

    page: Page
    workplace: Workplace
    file: Path

    def reset(self, text: str) -> None:
        """Make `text` the whole file, the cursor at its end."""
        self.page.locator(".editor-instance .view-lines").first.click()
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

    def shown(self) -> str:
        """The ghost text on the screen, its lines joined; empty where there is none."""
        text: str = self.page.evaluate(GHOST_TEXT)
        return text

    def ghost_text(self, expected: str) -> str:
        """The ghost text once it is `expected`, else what there is when the time is over, and what else is to be seen in the log."""
        if not eventually(lambda: self.shown() == expected):
            self.picture("vscode-failed")
            log.warning("menu: %s\npop-ups: %s\n%s", self.menu(), self.notifications(), self.workplace.log()[-3000:])
        return self.shown()

    def take(self, expected: str) -> str:
        """Press Tab for the ghost text; the file's text, once it is saved as `expected`."""
        self.take_part("Tab", "")
        return self.save(expected)

    def take_part(self, key: str, rest: str) -> None:
        """Press a key that takes ghost text but for `rest`.

        VS Code learns a moment after it has drawn ghost text that a key takes it; one that comes first does nothing.
        """
        for _ in range(3):
            self.page.keyboard.press(key)
            if eventually(lambda: self.shown() == rest, seconds=20):
                break

    def save(self, expected: str) -> str:
        """The file's text once it is saved as `expected`, else what is saved when the time is over."""
        for _ in range(30):
            self.page.keyboard.press("Control+s")
            if eventually(lambda: self.file.read_text() == expected, seconds=4):
                break
        return self.file.read_text()

    def offer(self, typed: str, expected: str) -> str:
        """The ghost text behind `typed`, the whole file, once it is `expected`: typed anew while new settings or a new server come."""
        for _ in range(3):
            self.reset("")
            self.type(typed, delay=60)
            if eventually(lambda: self.shown() == expected, seconds=20):
                return expected
        return self.ghost_text(expected)

    def menu(self) -> list[str]:
        """What of the menu of completions one sees."""
        return self.page.locator(f"{MENU} .label-name").all_inner_texts()

    def status(self, expected: str) -> str:
        """What the status bar item says when one points at it, once it says `expected`."""

        def label() -> str:
            return self.page.locator(STATUS).locator("a").get_attribute("aria-label") or ""

        eventually(lambda: expected in label())
        return label()

    def choose(self, label: str) -> None:
        """Choose from the menu of the status bar item."""
        self.page.locator(STATUS).locator("a").click()
        self.page.locator(".quick-input-list .monaco-list-row", has=self.page.get_by_text(label, exact=True)).click()

    def answer(self, text: str) -> None:
        """Write into the box that asks for something, and send it."""
        box = self.page.locator(".quick-input-widget:visible .quick-input-box input")
        box.fill(text)
        box.press("Enter")

    def open(self, name: str) -> None:
        """Open a file of the project."""
        self.page.locator(".explorer-folders-view .monaco-list-row", has_text=name).first.dblclick()

    def configure(self, settings: Mapping[str, object]) -> None:
        """The settings of the workspace from now on."""
        file = self.workplace.project / ".vscode" / "settings.json"
        file.with_suffix(".new").write_text(json.dumps(settings))
        file.with_suffix(".new").replace(file)  # VS Code must not see half of it

    @contextmanager
    def new_server(self) -> Iterator[None]:
        """What is done within has a server started, whose model is there at the end."""
        (self.workplace.home / "server.log").write_text("")
        yield
        self.workplace.wait_for_model()

    def configured(self) -> dict[str, object]:
        """The user's settings that are not those which every test has; none while VS Code writes the file."""
        try:
            settings: dict[str, object] = json.loads(_settings(self.workplace).read_text())
        except json.JSONDecodeError:
            return {}
        return {key: value for key, value in settings.items() if key not in USER_SETTINGS}

    def notifications(self) -> list[str]:
        """The pop-up messages on the screen."""
        return self.page.locator(f"{NOTIFICATION} .notification-list-item-message").all_inner_texts()

    def agree(self, button: str) -> None:
        """Press a button of a pop-up message, once it is there."""
        self.page.locator(NOTIFICATION).get_by_role("button", name=button).click()

    def picture(self, name: str) -> None:
        """Keep what is on the screen in .editors/pictures."""
        PICTURES.mkdir(exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png")


def _settings(workplace: Workplace) -> Path:
    return workplace.home / "data" / "User" / "settings.json"


def pack_jedi(folder: Path) -> Path:
    """The extension that starts jedi-language-server, packed in `folder`."""
    package = folder / "jedi.vsix"
    shutil.copytree(HERE / "jedi_for_vscode", folder / "jedi")
    programs = SOURCES / "node_modules" / ".bin"
    bundle = [
        programs / "esbuild",
        "extension.js",
        "--bundle",
        "--platform=node",
        "--external:vscode",
        "--outfile=dist/extension.js",
    ]
    environment = os.environ | {"NODE_PATH": str(SOURCES / "node_modules")}
    pack = [programs / "vsce", "package", "--no-dependencies", "--allow-missing-repository", "--skip-license", "--out", package]
    for command in (bundle, pack):
        subprocess.run(command, check=True, capture_output=True, cwd=folder / "jedi", env=environment)
    return package


@contextmanager
def open_vscode(program: Path, workplace: Workplace, file: Path, others: Sequence[Path] = ()) -> Iterator[VsCode]:
    """VS Code in `file`, with the packed extension installed as a user would, and `others`."""
    (workplace.home / ".profile").write_text(f"PATH={workplace.environment['PATH']}\n")  # VS Code asks a login shell for it
    _settings(workplace).parent.mkdir(parents=True)
    _settings(workplace).write_text(json.dumps(USER_SETTINGS))
    (workplace.project / ".vscode").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (workplace.home / "config.yaml").write_text(f"bind-addr: 127.0.0.1:{port}\nauth: none\ncert: false\n")
    command = [str(program), "--config", str(workplace.home / "config.yaml"), "--user-data-dir", str(workplace.home / "data")]
    command += ["--extensions-dir", str(workplace.home / "extensions")]
    for extension in (EXTENSION, *others):
        install = [*command, "--install-extension", str(extension)]
        subprocess.run(install, check=True, capture_output=True, env=workplace.environment)
    serve = [
        *command,
        "--disable-telemetry",
        "--disable-update-check",
        "--disable-getting-started-override",
        str(workplace.project),
    ]
    output = (workplace.home / "code-server.log").open("w")
    with output, subprocess.Popen(serve, env=workplace.environment, stdout=output, stderr=output) as server:
        try:
            with sync_playwright() as playwright:
                chromium = str(find_program("chromium"))
                browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=BROWSER)
                page = browser.new_page(viewport={"width": 1100, "height": 620})
                page.set_default_timeout(120_000)
                assert eventually(lambda: _answers(port))
                page.goto(f"http://127.0.0.1:{port}/?folder={workplace.project}")
                row = page.locator(".explorer-folders-view .monaco-list-row", has_text=file.name).first
                row.dblclick(timeout=120_000)
                page.locator(".editor-instance .view-lines").first.click()
                workplace.wait_for_model()
                opened = VsCode(page, workplace, file)
                assert "lowabs: ready" in opened.status("lowabs: ready")
                yield opened
                browser.close()
        finally:
            server.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0
