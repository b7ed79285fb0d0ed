"""From the Hugging Face hub to a folder of its cache: with progress, resumed, checked, offline if it is there."""

import hashlib
import re
from pathlib import Path

from lowabs_lsp.errors import LowabsError

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")

WANTED = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "README.md",
    "model*.safetensors",
    "model.safetensors.index.json",
)
"""Never a pickle, never a program."""


class HubError(LowabsError):
    """A model cannot be had from the hub; the message says what to do."""


def find_source(place: str) -> Path:
    """The folder `place`, or that of the cache which holds the model with this id. Raises HubError."""
    folder = Path(place).expanduser()
    if folder.is_dir():
        return folder
    if HUB_ID.fullmatch(place):
        return fetch(place)
    raise HubError(f"{place}: neither a folder nor the id of a model on the hub (as in Qwen/Qwen2.5-Coder-1.5B)")


def fetch(model: str) -> Path:
    """Download what an import needs, or what is missing of it. Raises HubError."""
    try:
        from huggingface_hub import errors, snapshot_download
    except ModuleNotFoundError as exc:
        raise HubError("huggingface_hub is not installed; run: pip install 'lowabs-lsp[models]'") from exc
    try:
        folder = Path(snapshot_download(model, allow_patterns=list(WANTED)))
    except errors.GatedRepoError as exc:
        raise HubError(f"{model}: its licence must be accepted first, at its page; then set HF_TOKEN and try again") from exc
    except errors.RepositoryNotFoundError as exc:
        raise HubError(
            f"{model}: the hub has no such model, or shows it to no stranger (set HF_TOKEN); is it misspelled?"
        ) from exc
    except errors.LocalEntryNotFoundError as exc:
        raise HubError(
            f"{model}: the hub cannot be reached and the cache does not hold it whole; check the network "
            "(HTTPS_PROXY, HF_ENDPOINT), or copy a folder from another machine and name it"
        ) from exc
    except (errors.HfHubHTTPError, OSError, ValueError) as exc:
        reason = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        raise HubError(f"{model}: downloading failed ({reason}); run the same again, it goes on where it stopped") from exc
    check_weights(folder)
    return folder


def check_weights(folder: Path) -> None:
    """Compare each large file with the sha256 after which the cache names it. Raises HubError."""
    for file in sorted(folder.glob("*.safetensors")):
        blob = file.resolve()
        if not re.fullmatch(r"[0-9a-f]{64}", blob.name):
            continue
        with blob.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != blob.name:
                raise HubError(f"{file}: is damaged (its sha256 is not the hub's); delete {blob} and run the same again")
