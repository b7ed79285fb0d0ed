"""docs/completion.md shows the prompt that the server writes for its example."""

import textwrap
from pathlib import Path

from lowabs_lsp.completer import Completer
from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.prompt.fim import SPM, render
from lowabs_lsp.settings import Settings
from lowabs_lsp.values import Document

ROOT = Path(__file__).parents[1]


def test_the_prompt_is_the_one_that_is_written() -> None:
    text = (ROOT / "examples" / "sizes.py").read_text()
    page = (ROOT / "docs" / "completion.md").read_text()
    shown = page.partition("<!-- prompt -->")[2].partition("<!-- /prompt -->")[0]
    engine = ScriptedEngine(layout=SPM)
    offset = text.rindex("logging.") + len("logging.")
    context, _ = Completer(engine, Settings()).read(Document("file:///w/sizes.py", "sizes.py", "python", text), offset)
    written = engine.spell(render(context, SPM))
    assert textwrap.dedent(shown).strip() == f"```text\n{written}\n```"
