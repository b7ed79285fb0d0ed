"""A small repository with a history, and no deadlines: other work on a machine says nothing about these properties."""

import json
import runpy
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

from lowabs_lsp.engine.scripted import ScriptedEngine

settings.register_profile("replay", deadline=None)
settings.load_profile("replay")

SERVER = Path(__file__).parent / "scripted_server.py"
Files = Mapping[str, str | bytes | Path | None]
"""What a commit writes; None deletes a file, a path makes a link to it."""

STOCK = """\
import json


class Stock:
    def __init__(self):
        self.items = {}

    def add(self, name, count):
        self.items[name] = self.items.get(name, 0) + count

    def total(self):
        return sum(self.items.values())
"""
STOCK_2 = (
    STOCK.replace("import json\n", "import json\nfrom pathlib import Path\n")
    + """\

    def remove(self, name, count):
        if self.items.get(name, 0) < count:
            raise ValueError(f"not enough {name}")
        self.items[name] = self.items[name] - count

    # write everything down
    def save(self, path):
        Path(path).write_text(json.dumps(self.items))
"""
)
STOCK_3 = STOCK_2.replace("def total(self)", "def total(self, names=None)").replace(
    "return sum(self.items.values())", "return sum(self.items[name] for name in names or self.items)"
)
DEPLOY = "#!/bin/sh\nset -e\n\nbuild() {\n\tdocker build -t shop .\n}\n\nbuild\n"
DEPLOY_2 = DEPLOY.replace("\nbuild\n", '\npush() {\n\tdocker push shop\n\techo "pushed"\n}\n\nbuild\npush\n')
HELPERS = 'def price(count, each):\n    """What it costs."""\n    total = count * each\n    return round(total, 2)\n'

HISTORY: tuple[Files, ...] = (
    {"shop/stock.py": STOCK, "deploy.sh": DEPLOY, "README.md": "A shop.\n", "logo.png": b"\x89PNG\0", "shop/old.py": HELPERS},
    {"shop/stock.py": STOCK_2},
    {"deploy.sh": DEPLOY_2, "README.md": "A shop, deployed.\n"},
    {"shop/old.py": None, "shop/price.py": "import math\n\n\n" + HELPERS + '\n\nLARGEST = math.inf  # "größer" 🎈\n'},
    {"shop/stock.py": STOCK_3, "shop/__main__.py": "from shop.stock import Stock\n\nprint(Stock().total())\n"},
    {"logo.png": b"\x89PNG\0\1", "README.md": "A shop, deployed and drawn.\n"},
)


def git(path: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    date = {"GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}
    clean = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "PATH": "/usr/local/bin:/usr/bin:/bin"}
    subprocess.run(["git", "-C", path, *identity, *arguments], env={**date, **clean}, check=True, capture_output=True)


@pytest.fixture(scope="session")
def make_repository(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    def make(*commits: Files) -> Path:
        path = tmp_path_factory.mktemp("repository")
        git(path, "init", "-q", "-b", "main")
        for number, files in enumerate(commits):
            for name, content in files.items():
                file = path / name
                file.parent.mkdir(parents=True, exist_ok=True)
                if content is None:
                    file.unlink()
                elif isinstance(content, Path):
                    file.symlink_to(content)
                else:
                    file.write_bytes(content if isinstance(content, bytes) else content.encode())
            git(path, "add", "-A")
            git(path, "commit", "-q", "-m", f"Step {number}")
        return path

    return make


@pytest.fixture(scope="session")
def shop(make_repository: Callable[..., Path]) -> Path:
    return make_repository(*HISTORY)


@pytest.fixture(scope="session")
def engines() -> dict[str, Callable[[list[str]], ScriptedEngine]]:
    """The engines of the scripted server, for policies inside this process."""
    found: dict[str, Callable[[list[str]], ScriptedEngine]] = runpy.run_path(str(SERVER))["ENGINES"]
    return found


@pytest.fixture
def serve(tmp_path: Path) -> Callable[[str, list[str]], tuple[str, ...]]:
    """The command that starts a server with one of the scripted engines, which knows some texts."""

    def command(engine: str, texts: list[str]) -> tuple[str, ...]:
        known = tmp_path / "texts.json"
        known.write_text(json.dumps(texts))
        return sys.executable, str(SERVER), engine, str(known)

    return command
