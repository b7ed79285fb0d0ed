"""Whether this machine runs on its battery, where the platform tells."""

import sys
from pathlib import Path

SUPPLIES = Path("/sys/class/power_supply")


def on_battery(supplies: Path = SUPPLIES) -> bool:
    """False on mains, and where nobody can tell."""
    return _windows_on_battery() if sys.platform == "win32" else _linux_on_battery(supplies)


def _linux_on_battery(supplies: Path) -> bool:
    """A battery that is discharging, or one beside mains that are off. Batteries of mice and the like do not count."""
    own = [told for told in map(_read, supplies.glob("*")) if told.get("scope") != "Device"]
    batteries = [told.get("status") for told in own if told.get("type") == "Battery"]
    mains = [told["online"] for told in own if told.get("type") == "Mains" and "online" in told]
    return bool(batteries) and "1" not in mains and ("Discharging" in batteries or bool(mains))


def _read(supply: Path) -> dict[str, str]:
    found = {}
    for name in ("type", "online", "status", "scope"):
        try:
            found[name] = (supply / name).read_text().strip()
        except (OSError, UnicodeDecodeError):  # many supplies lack one, and some drivers fail when they are read
            continue
    return found


def _windows_on_battery() -> bool:
    import ctypes

    status = (ctypes.c_ubyte * 12)()
    kernel = getattr(ctypes, "windll", None)  # there alone
    known = kernel is not None and kernel.kernel32.GetSystemPowerStatus(ctypes.byref(status))
    return bool(known) and status[0] == 0
