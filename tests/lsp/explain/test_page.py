"""The page in a real browser."""

import shutil
from pathlib import Path

import pytest
from attrs import evolve

from lowabs_lsp.explain.explanation import Alternative, Attended, ExplainedPart, ExplainedToken, Explanation, Found
from lowabs_lsp.explain.page import as_html

EXPLANATION = Explanation(
    path="src/a.py",
    language="python",
    line=3,
    column=12,
    before="    return ",
    behind="",
    text="a + b",
    reason="shown",
    confidence=0.62,
    others=("a - b",),
    log_probability=-0.5,
    memory_effect=0.7,
    tokens=(
        ExplainedToken(" a", 0.8, 0.7, True, (Alternative(" a", 0.8), Alternative(" b", 0.1))),
        ExplainedToken(" + b", 0.75, 0.5, True, (Alternative(" + b", 0.75), Alternative(" - b", 0.2))),
        ExplainedToken("\n", 0.9, 0.9, False, (Alternative("\n", 0.9),)),
    ),
    parts=(
        ExplainedPart("above", "src/a.py", 1, ("import os",), "this file", -0.2, 0.1, (0.1,)),
        ExplainedPart("above", "src/a.py", 2, ("def add(a, b):",), "this file", 2.3, 0.4, (0.4,)),
        ExplainedPart("below", "src/a.py", 4, ("", "x = 1"), "this file", 0.1, 0.05, (0.0, 0.05)),
    ),
    attention=Attended(first_token=0.6, cursor_line=0.2, suggestion=0.2, rest=0.05, layers=3, heads=4),
    attention_note="",
    found=(Found("src/b.py", 7, 12.5, "def sub(a, b):", False),),
    engine="tiny",
    seconds=0.1,
)


def test_the_page_works_in_a_browser_that_is_offline(tmp_path: Path) -> None:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed: run tests/editors/install.sh")
    file = tmp_path / "page.html"
    file.write_text(as_html(EXPLANATION), encoding="utf-8")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=["--no-sandbox"])
        page = browser.new_page()
        asked: list[str] = []
        faults: list[object] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda fault: faults.append(fault))
        page.goto(file.as_uri())
        assert page.title() == "a + b · a.py"
        assert page.locator(".current").inner_text().split() == ["3", "return", "a", "+", "b"]

        page.locator(".token", has_text="+ b").hover()
        page.locator("#tip.open").wait_for()
        assert "·-·b 20 %" in page.locator("#tip").inner_text()

        names = page.locator("#parts button")
        assert [" ".join(name.split()) for name in names.all_inner_texts()] == [
            "line 2 def add(a, b):",
            "line 1 import os",
            "lines 4–5 x = 1",
        ]
        names.first.hover()
        page.locator("#code .part.lit", has_text="def add").wait_for()

        looked = [" ".join(text.split()) for text in page.locator("#look").inner_text().split("\n")]
        assert looked == [
            "line 2 def add(a, b):", "40 %", "line 3 return", "20 %", "line 1 import os", "10 %", "line 5 x = 1", "5.0 %",
            "line 4 blank", "0.0 %", "the suggestion itself", "20 %", "names of files, marks, blank lines", "5.0 %",
            "the first token (of all)", "60 %",
        ]  # fmt: skip
        assert "where the model looked, not what difference it made" in page.get_by_label("Where the model looked").inner_text()
        bars = page.locator("#code .look i").evaluate_all("bars => bars.map(bar => bar.getBoundingClientRect().width)")
        assert [width / max(bars) for width in bars] == pytest.approx([0.25, 1, 0.5, 0, 0.125], abs=0.02)
        page.locator("#look button", has_text="import os").hover()
        page.locator("#code .part.lit", has_text="import os").wait_for()
        assert page.locator("details summary").inner_text() == "src/b.py:7"
        browser.close()
    assert (asked, faults) == ([file.as_uri()], [])


def test_without_attention_weights_the_page_says_why() -> None:
    bare = [evolve(part, attention=None, line_attention=()) for part in EXPLANATION.parts]
    page = as_html(evolve(EXPLANATION, parts=tuple(bare), attention=None, attention_note="no <graph>"))
    assert "Not known here: no &lt;graph&gt;." in page
    assert 'class="look"' not in page
