"""JupyterLab with exactly the file of editor-clients/jupyter: Tab opens the menu, and its item is taken."""

import shutil
import socket
import subprocess
from collections.abc import Callable

import pytest
from workplace import CLIENTS, Script, Workplace, eventually, find_editor, find_program

pytestmark = pytest.mark.editor

BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]


def test_tab_opens_the_menu_and_its_item_is_taken(
    scripted: Callable[[Script], Workplace], tell: Callable[[str, str, str], None]
) -> None:
    program, workplace = find_editor("jupyter"), scripted({"ret": "urn a + b"})
    playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    config = workplace.home / ".jupyter" / "jupyter_server_config.d"
    config.mkdir(parents=True)
    shutil.copy(CLIENTS / "jupyter" / "lowabs.json", config)
    patience = workplace.home / ".jupyter/lab/user-settings/@jupyterlab/completer-extension/manager.jupyterlab-settings"
    patience.parent.mkdir(parents=True)
    patience.write_text('{"providerTimeout": 60000}')
    file = workplace.write("demo.py", "def add(a, b):\n    ")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--port={port}", "--ip=127.0.0.1", "--no-browser", "--allow-root", "--IdentityProvider.token="]
    nowhere = subprocess.DEVNULL
    command = [str(program), "lab", *options, str(workplace.project)]
    with subprocess.Popen(command, env=workplace.environment, stdout=nowhere, stderr=nowhere) as server:
        try:
            with socket.socket() as connection:
                assert eventually(lambda: connection.connect_ex(("127.0.0.1", port)) == 0)
            with playwright_api.sync_playwright() as playwright:
                chromium = str(find_program("chromium"))
                browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=BROWSER)
                page = browser.new_page()
                page.set_default_timeout(120_000)
                page.goto(f"http://127.0.0.1:{port}/lab?reset")
                page.locator("#jupyterlab-splash").wait_for(
                    state="detached"
                )  # before that, a file may open without its plugins
                page.locator(".jp-DirListing-item", has_text="demo.py").dblclick()
                page.locator(".jp-FileEditor .cm-content").click()
                workplace.wait_for_model()
                page.locator(".lsp-status-message", has_text="Fully initialized").wait_for()
                page.keyboard.press("Control+End")
                page.keyboard.type("ret", delay=50)
                page.keyboard.press("Tab")
                page.locator(".jp-Completer-item", has_text="return a + b").wait_for()
                page.keyboard.press("Enter")
                page.locator(".jp-FileEditor .cm-content", has_text="return a + b").wait_for()
                page.keyboard.press("Control+s")
                assert eventually(lambda: "return a + b" in file.read_text()), file.read_text()
                browser.close()
            tell("jupyter", "menu", "return a + b")
        finally:
            server.terminate()
