"""The models of this user: bundles by name in a folder of the user's data, and what a `--model` means."""

import re
import shutil
from pathlib import Path

import platformdirs
from attrs import frozen

from lowabs_lsp.engine.bundle import MANIFEST, Bundle, default_folder, read_manifest
from lowabs_lsp.errors import BundleError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@frozen
class InstalledModel:
    """One folder of the user's models."""

    name: str
    folder: Path
    manifest: Bundle | None
    """None where bundle.json cannot be read; `fault` says why."""
    fault: str = ""

    @property
    def bytes(self) -> int:
        """On disk."""
        return sum(file.stat().st_size for file in self.folder.iterdir() if file.is_file())


def models_folder() -> Path:
    """Where models lie: XDG_DATA_HOME, Application Support or LOCALAPPDATA, by system."""
    return Path(platformdirs.user_data_dir("lowabs-lsp", appauthor=False)) / "models"


def model_folder(name: str) -> Path:
    """Where the model of that name lies or would lie. Raises BundleError for a name that is none."""
    if not NAME.fullmatch(name):
        raise BundleError(f"{name!r} is no name for a model; use letters, digits, `.`, `_` and `-`")
    return models_folder() / name


def find_model(model: str | Path) -> Path:
    """The folder that a setting `model` means: empty is the default model, else an installed name, else a folder.

    Raises BundleError naming what there is.
    """
    model = str(model)
    if not model:
        return default_folder()
    if NAME.fullmatch(model) and (models_folder() / model / MANIFEST).is_file():
        return models_folder() / model
    folder = Path(model).expanduser()
    if not folder.is_dir():
        names = ", ".join(each.name for each in installed_models()) or "none yet"
        raise BundleError(
            f"{model}: neither an installed model ({names}) nor a folder; `lowabs-lsp models list` shows all, "
            "`lowabs-lsp models add` installs one"
        )
    return folder


def installed_models() -> list[InstalledModel]:
    """Those of this user, by name."""
    root = models_folder()
    folders = sorted(each for each in root.iterdir() if NAME.fullmatch(each.name)) if root.is_dir() else []
    return [_look_at(folder) for folder in folders if (folder / MANIFEST).is_file()]


def _look_at(folder: Path) -> InstalledModel:
    try:
        return InstalledModel(folder.name, folder, read_manifest(folder / MANIFEST))
    except BundleError as error:
        return InstalledModel(folder.name, folder, None, str(error))


def remove_model(name: str) -> Path:
    """Delete an installed model. Raises BundleError when there is none, or it may not be deleted."""
    folder = model_folder(name)
    if not (folder / MANIFEST).is_file():
        names = ", ".join(each.name for each in installed_models()) or "none"
        raise BundleError(f"no model {name!r} is installed; there is: {names}")
    try:
        shutil.rmtree(folder)
    except OSError as exc:
        raise BundleError(f"{folder}: cannot be deleted ({exc.strerror}); close the editors that use it") from exc
    return folder
