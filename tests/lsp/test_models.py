"""`lowabs-lsp models`, and an installed model used by its name."""

import json
import shutil
from pathlib import Path

import pytest

from lowabs_lsp.cli import main
from lowabs_lsp.engine.installed import models_folder

TINY = Path(__file__).parents[1] / "data" / "tiny"

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "WIN_PD_OVERRIDE_LOCAL_APPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def small() -> Path:
    return Path(shutil.copytree(TINY, models_folder() / "small"))


def test_list_shows_the_default_and_the_installed_ones(small: Path, capsys: Capture) -> None:
    assert main(["models", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["name", "(default)", "small"]
    assert main(["models", "list", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)[1]
    assert (row["name"], row["folder"], row["fault"]) == ("small", str(small), "")


def test_a_broken_model_is_listed_with_its_fault(small: Path, capsys: Capture) -> None:
    (small / "bundle.json").write_text("[]")
    assert main(["models", "list"]) == 0
    assert "is not the manifest of a model bundle" in capsys.readouterr().out


@pytest.mark.usefixtures("small")
def test_an_installed_model_is_used_by_its_name(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "a.py").write_text("import ")
    words = ["complete", str(tmp_path / "a.py"), "--raw", "--json", "--max-tokens", "4"]
    answers = []
    for model in ("small", str(TINY)):
        assert main([*words, "--model", model]) == 0
        answers.append(json.loads(capsys.readouterr().out)["tokens"])
    assert answers[0] == answers[1] != []
    assert main(["doctor", "--model", "small"]) == 0
    assert "ok   model" in capsys.readouterr().out


def test_remove_deletes_it(small: Path, capsys: Capture) -> None:
    assert main(["models", "remove", "small"]) == 0
    assert not small.exists()
    assert main(["models", "remove", "small"]) == 2
    assert "no model 'small' is installed" in capsys.readouterr().err


def test_a_wrong_name_is_told_before_anything_is_read(capsys: Capture) -> None:
    assert main(["models", "add", "nowhere", "--name", "../x"]) == 2
    assert "is no name for a model" in capsys.readouterr().err


@pytest.mark.usefixtures("small")
def test_an_unknown_model_is_told(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "a.py").write_text("import ")
    assert main(["complete", str(tmp_path / "a.py"), "--model", "large"]) == 2
    assert "large: neither an installed model (small) nor a folder" in capsys.readouterr().err
