"""Runs inside the sandbox's process: give up what can be given up, then run the program named by the first argument."""

import ctypes
import os
import sys

PASSED = 86
"""Exit code of a program that came to its end; one that a program which exits early would hardly choose."""
MEGABYTES = 512
FILE_BYTES = 1_000_000
OPEN_FILES = 32
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000

FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.fork", "os.kill", "pty.")
CHANGES = {
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.chmod",
    "os.chown",
    "os.link",
    "os.symlink",
    "os.truncate",
    "shutil.rmtree",
}
"""Of the file system, by name; a fresh directory is the only place for them."""


def limit(seconds: int) -> None:
    """Bound processor time, memory, and files, where the platform can."""
    try:
        import resource
    except ImportError:  # Windows: the parent's clock is the only limit
        return
    for name, most in (
        ("RLIMIT_CPU", seconds),
        ("RLIMIT_AS", MEGABYTES * 1_000_000),
        ("RLIMIT_FSIZE", FILE_BYTES),
        ("RLIMIT_NOFILE", OPEN_FILES),
        ("RLIMIT_CORE", 0),
    ):
        try:
            resource.setrlimit(getattr(resource, name), (most, most))
        except (AttributeError, ValueError, OSError):
            continue


def leave_the_network() -> None:
    """A network of its own with nothing in it, where the system lets anybody have one."""
    if sys.platform == "linux":
        ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNET)


def watch(home: str) -> None:
    """From here on the interpreter itself refuses sockets, processes, and writing outside `home`; nothing takes this back."""
    inside = os.path.realpath(home) + os.sep

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event.startswith(FORBIDDEN):
            raise PermissionError(f"{event} is not allowed here")
        if event in CHANGES and not _is_inside(arguments[0], inside):
            raise PermissionError(f"{event} is not allowed outside of {home}")
        if event == "open" and _writes(arguments) and not _is_inside(arguments[0], inside):
            raise PermissionError(f"writing {arguments[0]!r} is not allowed here")
        if event in ("ctypes.dlopen", "ctypes.dlsym", "ctypes.call_function"):
            raise PermissionError("native code is not allowed here")

    sys.addaudithook(refuse)


def _writes(arguments: tuple[object, ...]) -> bool:
    mode, flags = arguments[1], arguments[2]
    changes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    return (isinstance(mode, str) and any(c in mode for c in "wax+")) or (isinstance(flags, int) and bool(flags & changes))


def _is_inside(path: object, home: str) -> bool:
    return isinstance(path, str | bytes | os.PathLike) and os.path.realpath(os.fsdecode(path)).startswith(home)


def main() -> None:
    """Leaves with PASSED when the program came to its end."""
    program, seconds = sys.argv[1], int(sys.argv[2])
    with open(program, encoding="utf-8", errors="surrogatepass") as file:  # noqa: PTH123  # no import more than needed
        text = file.read()
    code = compile(text, "program.py", "exec")
    sys.argv[:] = ["program.py"]
    limit(seconds)
    leave_the_network()
    watch(os.getcwd())  # noqa: PTH109
    exec(code, {"__name__": "__main__"})
    os._exit(PASSED)  # whatever threads and exit handlers the program has left


if __name__ == "__main__":
    main()
