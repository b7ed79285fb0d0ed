"""What real clients send and the protocol's types refuse, made to fit before it is read."""

from collections.abc import Callable, Iterator
from typing import Any

from lsprotocol import types as lsp

Json = Any
"""Parsed JSON from outside, of any shape: each step here looks before it touches."""

_LARGEST_UINTEGER = 2**31 - 1

_USED_CAPABILITIES: dict[str, Json] = {
    "general": {"positionEncodings": None},
    "window": {"workDoneProgress": None},
    "workspace": {"configuration": None, "didChangeConfiguration": None},
    "textDocument": {"completion": {"completionItem": None}, "inlineCompletion": None},
    "notebookDocument": None,
}


def mend(method: str, params: Json) -> Json:
    """`params` with what is known to be wrong in some client put right; changed in place."""
    if isinstance(params, dict) and method in _MENDERS:
        _MENDERS[method](params)
    return params


def fallbacks(method: str, params: Json) -> Iterator[Json]:
    """What to try, in order, when `params` cannot be read. An editor must not fail to start over a capability."""
    if method == lsp.INITIALIZE and isinstance(params, dict):
        yield {**params, "capabilities": _prune(params.get("capabilities"), _USED_CAPABILITIES)}
        kept = ("rootUri", "rootPath", "processId", "initializationOptions", "workspaceFolders")
        plain: dict[str, Json] = {"processId": None, "capabilities": {}}
        yield plain | {key: params[key] for key in kept if key in params}
        yield plain | {key: params[key] for key in kept if key == "initializationOptions" and key in params}


def _prune(capabilities: Json, used: dict[str, Json]) -> Json:
    if not isinstance(capabilities, dict):
        return {}
    kept = {key: value for key, value in capabilities.items() if key in used}
    return {key: _prune(value, used[key]) if used[key] else value for key, value in kept.items()}


def _mend_inline(params: dict[str, Json]) -> None:
    """vscode-languageclient 9 counts trigger kinds from 0 and writes a range as a list of two."""
    _mend_place(params)
    context = params.get("context")
    if not isinstance(context, dict):
        context = params["context"] = {}
    if context.get("triggerKind") not in (1, 2):
        context["triggerKind"] = 1 + (context.get("triggerKind") != 0)
    selected = context.get("selectedCompletionInfo")
    if isinstance(selected, dict):
        if isinstance(selected.get("range"), list):
            selected["range"] = dict(zip(("start", "end"), selected["range"], strict=False))
        _clamp_range(selected.get("range"))


def _mend_menu(params: dict[str, Json]) -> None:
    _mend_place(params)
    context = params.get("context")
    if not isinstance(context, dict) or context.get("triggerKind") not in (1, 2, 3):
        params.pop("context", None)


def _mend_place(params: dict[str, Json]) -> None:
    _clamp(params.get("position"))


def _mend_open(params: dict[str, Json]) -> None:
    _mend_item(params.get("textDocument"))


def _mend_item(item: Json) -> None:
    if isinstance(item, dict):
        _mend_version(item)
        if not isinstance(item.get("languageId"), str):
            item["languageId"] = ""


def _mend_notebook(params: dict[str, Json]) -> None:
    _mend_version(params.get("notebookDocument"))
    for item in _list(params, "cellTextDocuments"):
        _mend_item(item)
    cells = _member(_member(params, "change"), "cells")
    for item in _list(_member(cells, "structure"), "didOpen"):
        _mend_item(item)
    for content in _list(cells, "textContent"):
        _mend_version(_member(content, "document"))
        _mend_changes(content, "changes")


def _member(value: Json, key: str) -> Json:
    return value.get(key) if isinstance(value, dict) else None


def _list(value: Json, key: str) -> list[Json]:
    found = _member(value, key)
    return found if isinstance(found, list) else []


def _mend_change(params: dict[str, Json]) -> None:
    _mend_version(params.get("textDocument"))
    _mend_changes(params, "contentChanges")


def _mend_changes(params: Json, key: str) -> None:
    for change in _list(params, key):
        if isinstance(change, dict):
            change.pop("rangeLength", None)  # deprecated, and wrong in some clients
            if change.get("range") is None:
                change.pop("range", None)
            _clamp_range(change.get("range"))


def _mend_version(identifier: Json) -> None:
    """Versions were optional before LSP 3.16."""
    if isinstance(identifier, dict) and not _is_integer(identifier.get("version")):
        identifier["version"] = 0


def _clamp_range(span: Json) -> None:
    if isinstance(span, dict):
        _clamp(span.get("start"))
        _clamp(span.get("end"))


def _clamp(position: Json) -> None:
    """Some clients say "the end" with a huge number, or one before the beginning with -1."""
    if isinstance(position, dict):
        for key in ("line", "character"):
            if _is_integer(position.get(key)):
                position[key] = min(max(position[key], 0), _LARGEST_UINTEGER)


def _is_integer(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_MENDERS: dict[str, Callable[[dict[str, Json]], None]] = {
    lsp.TEXT_DOCUMENT_INLINE_COMPLETION: _mend_inline,
    lsp.TEXT_DOCUMENT_COMPLETION: _mend_menu,
    lsp.TEXT_DOCUMENT_DID_OPEN: _mend_open,
    lsp.TEXT_DOCUMENT_DID_CHANGE: _mend_change,
    lsp.NOTEBOOK_DOCUMENT_DID_OPEN: _mend_notebook,
    lsp.NOTEBOOK_DOCUMENT_DID_CHANGE: _mend_notebook,
}
