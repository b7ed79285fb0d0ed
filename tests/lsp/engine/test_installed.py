"""The user's models: where they lie, what `--model` means, listing and removing."""

import shutil
import sys
from pathlib import Path

import pytest

from lowabs_lsp.engine.bundle import default_folder
from lowabs_lsp.engine.installed import find_model, installed_models, model_folder, models_folder, remove_model
from lowabs_lsp.errors import BundleError

TINY = Path(__file__).parents[2] / "data" / "tiny"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own."""
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "WIN_PD_OVERRIDE_LOCAL_APPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def install(name: str) -> Path:
    return Path(shutil.copytree(TINY, models_folder() / name))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other folders")
def test_models_lie_where_the_system_keeps_a_users_data(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert models_folder() == data / "data" / "lowabs-lsp" / "models"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert models_folder() == data / ".local" / "share" / "lowabs-lsp" / "models"


def test_a_model_is_found_by_its_name() -> None:
    folder = install("small")
    assert find_model("small") == find_model(Path("small")) == folder


def test_an_installed_name_comes_before_a_folder_of_that_name(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data)
    (data / "small").mkdir()
    assert find_model("small") == Path("small")
    assert find_model("./small") == Path("small")
    folder = install("small")
    assert find_model("small") == folder


def test_no_name_is_the_default_model() -> None:
    assert find_model("") == default_folder()


def test_what_is_not_there_is_told_with_what_is() -> None:
    install("small")
    with pytest.raises(BundleError, match=r"other: neither an installed model \(small\) nor a folder"):
        find_model("other")
    with pytest.raises(BundleError, match="there is: small"):
        remove_model("other")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b"])
def test_a_name_cannot_lead_out_of_the_folder(name: str) -> None:
    with pytest.raises(BundleError, match="is no name for a model"):
        model_folder(name)
    with pytest.raises(BundleError, match="is no name for a model"):
        remove_model(name)


def test_listing_tells_of_broken_ones_too() -> None:
    install("small")
    (install("broken") / "bundle.json").write_text("{")
    (models_folder() / ".small-partial").mkdir()
    broken, small = installed_models()
    assert (broken.name, broken.manifest, small.name) == ("broken", None, "small")
    assert "is not JSON" in broken.fault
    assert small.manifest is not None
    assert small.bytes == sum(file.stat().st_size for file in TINY.iterdir())


def test_removing_leaves_nothing() -> None:
    install("small")
    install("other")
    remove_model("small")
    assert [model.name for model in installed_models()] == ["other"]
    with pytest.raises(BundleError, match="no model 'small' is installed"):
        remove_model("small")
