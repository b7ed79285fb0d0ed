"""Writes the server's settings into package.json, from the one place that knows them. Run it after settings.py has changed."""

import json
from pathlib import Path
from typing import Any

from lowabs_lsp.settings import SettingDoc, settings_table

MANIFEST = Path(__file__).with_name("package.json")

OWN: dict[str, Any] = {
    "lowabs.command": {
        "type": "array",
        "items": {"type": "string"},
        "default": ["lowabs-lsp"],
        "scope": "machine-overridable",
        "markdownDescription": "Program of the server and its arguments",
    }
}
TYPES = {"true or false": "boolean", "a whole number": "integer", "a number": "number", "a string": "string"}


def property_of(row: SettingDoc) -> dict[str, Any]:
    """One setting as VS Code's settings editor wants it."""
    described = {"markdownDescription": row.doc}
    listed = isinstance(row.default, tuple)
    choices = {"enum": list(row.choices)} if row.choices else {}
    if listed:
        return {"type": "array", "items": {"type": "string", **choices}, "default": list(row.default), **described}
    return {"type": TYPES[row.type], **choices, "default": row.default, **described}


def manifest() -> str:
    """package.json with the settings of now."""
    whole = json.loads(MANIFEST.read_text())
    rows = {f"lowabs.{row.key}": property_of(row) for row in settings_table()}
    whole["contributes"]["configuration"]["properties"] = OWN | rows
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    MANIFEST.write_text(manifest())
