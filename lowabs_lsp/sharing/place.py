"""Where the editors of one user find their engine process: a socket in a folder that nobody else may enter."""

import hashlib
import os
import stat
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from lowabs_lsp.errors import LowabsError

LONGEST_PATH = 100
"""Bytes of a socket's path at most; systems differ, none takes fewer."""


def own_version() -> str:
    """Of this program: processes of different versions do not talk to each other."""
    return version("lowabs-lsp")


def socket_path() -> Path:
    """The socket of this user's engine process of this installation. Raises LowabsError where there is no safe place."""
    installation = hashlib.sha256(f"{sys.executable} {__file__}".encode()).hexdigest()[:8]
    path = private_folder() / f"{own_version()}-{installation}.sock"
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise LowabsError(f"{path}: too long for a socket; set XDG_RUNTIME_DIR to a shorter folder")
    return path


def private_folder() -> Path:
    """A folder that only this user may enter, made if need be. Raises LowabsError when it is somebody else's."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    shared = Path(tempfile.gettempdir())
    folder = Path(runtime) / "lowabs-lsp" if runtime and Path(runtime).is_dir() else shared / f"lowabs-lsp-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise LowabsError(f"{folder}: cannot be made ({error.strerror}); set XDG_RUNTIME_DIR to a folder of yours") from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise LowabsError(f"{folder}: is not a folder of yours alone; remove it, or set XDG_RUNTIME_DIR to one that is")
    return folder
