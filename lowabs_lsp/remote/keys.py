"""The key to a server: from the environment, else from the user's keyring. It is in no setting, and in no log."""

import contextlib
import importlib
import importlib.util
import os

VARIABLE = "LOWABS_ENGINE_KEY"
SERVICE = "lowabs-lsp"
"""Under which the keyring has it, with the server's host as the user."""


def find_key(host: str) -> str:
    """The key for `host`; empty where there is none."""
    return os.environ.get(VARIABLE, "").strip() or _from_keyring(host)


def _from_keyring(host: str) -> str:
    if importlib.util.find_spec("keyring") is None:
        return ""
    keyring = importlib.import_module("keyring")
    with contextlib.suppress(keyring.errors.KeyringError):  # locked, or none on this machine
        return keyring.get_password(SERVICE, host) or ""
    return ""
