"""Which kind of server is at an address, which model it runs and how that model wants its prompts."""

from collections.abc import Mapping
from typing import Any

from lowabs_lsp.errors import RemoteError
from lowabs_lsp.prompt.families import FAMILIES, layout_of
from lowabs_lsp.remote.connection import Connection
from lowabs_lsp.remote.dialects import Server
from lowabs_lsp.settings import EngineSettings
from lowabs_lsp.values import Layout

ASSUMED_CONTEXT = 2048
"""Tokens, of a model whose server does not say; Ollama's default has not been less."""

_OWNERS = {"vllm": "vllm", "llamacpp": "llama.cpp", "library": "ollama", "me": "llama-cpp-python", "lowabs-lsp": "lowabs"}
"""Kinds by who owns a model, according to its server."""
_WRITES_ITSELF = ("lowabs", "llama.cpp", "ollama")
"""Kinds that know their model's layout."""
_NEEDS_LAYOUT = ("vllm", "tgi")
"""Kinds that take one text only."""


def find_server(connection: Connection, settings: EngineSettings, *, timeout: float) -> Server:
    """Ask the server at the other end about itself. Raises RemoteError."""
    model = _model(connection, settings.model, timeout)
    kind = settings.kind if settings.kind != "auto" else _kind(connection, model, timeout)
    info = _info(connection, kind, timeout)
    name = settings.model or str(model.get("id") or info.get("model_id") or "")
    layout = _layout(kind, settings.layout, name)
    return Server(kind, name, _context_length(model | info), layout)


def _model(connection: Connection, name: str, timeout: float) -> dict[str, Any]:
    """The server's entry for the model called `name`, or its first; empty where it has no list."""
    models = _get(connection, "/v1/models", timeout).get("data")
    entries = [entry for entry in models if isinstance(entry, dict)] if isinstance(models, list) else []
    named = [entry for entry in entries if entry.get("id") == name]
    return {**(named or entries)[0]} if entries else {}


def _kind(connection: Connection, model: Mapping[str, Any], timeout: float) -> str:
    if model.get("owned_by") in _OWNERS:
        return _OWNERS[model["owned_by"]]
    if "model_id" in _get(connection, "/info", timeout):
        return "tgi"
    if not model and "version" in _get(connection, "/api/version", timeout):
        return "ollama"
    if not model:
        raise RemoteError("no server of a kind that we know; set engine.kind, or check engine.url")
    return "openai"


def _info(connection: Connection, kind: str, timeout: float) -> dict[str, Any]:
    """What this kind of server says of itself elsewhere."""
    if kind == "llama.cpp":
        settings = _get(connection, "/props", timeout).get("default_generation_settings")
        return {"n_ctx": settings.get("n_ctx")} if isinstance(settings, dict) else {}
    return _get(connection, "/info", timeout) if kind == "tgi" else {}


def _get(connection: Connection, path: str, timeout: float) -> dict[str, Any]:
    """The object at `path`; empty where the server has none. Raises RemoteError for a server that is gone or refuses."""
    try:
        found = connection.get(path, timeout=timeout)
    except RemoteError as fault:
        if fault.passing or fault.status in (401, 403):
            raise
        return {}
    return found if isinstance(found, dict) else {}


def _layout(kind: str, wish: str, model: str) -> Layout | None:
    if wish in FAMILIES:
        return FAMILIES[wish]
    layout = layout_of(model)
    own_in_llama_cpp = kind == "llama.cpp" and layout == FAMILIES["lowabs"]  # which it would show no path
    if wish == "server" or (kind in _WRITES_ITSELF and not own_in_llama_cpp):
        return None
    if layout is None and kind in _NEEDS_LAYOUT:
        raise RemoteError(
            f"the name {model!r} does not tell how the model wants its prompts; "
            f"set engine.layout to one of {', '.join(FAMILIES)}"
        )
    return layout


def _context_length(info: Mapping[str, Any]) -> int:
    lengths = (info.get(key) for key in ("n_ctx", "max_model_len", "max_total_tokens", "context_length"))
    return next((length for length in lengths if isinstance(length, int) and length > 0), ASSUMED_CONTEXT)
