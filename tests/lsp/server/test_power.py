"""Batteries and mains as Linux describes them."""

from pathlib import Path

import pytest

from lowabs_lsp.server.power import on_battery

MAINS, BATTERY = {"type": "Mains"}, {"type": "Battery"}
FULL, DRAINING = {**BATTERY, "status": "Full"}, {**BATTERY, "status": "Discharging"}
ON, OFF = {**MAINS, "online": "1"}, {**MAINS, "online": "0"}


@pytest.mark.parametrize(
    ("supplies", "expected"),
    [
        ([], False),
        ([ON], False),
        ([OFF], False),
        ([ON, FULL], False),
        ([ON, DRAINING], False),
        ([OFF, DRAINING], True),
        ([OFF, FULL], True),
        ([DRAINING], True),
        ([FULL], False),
        ([BATTERY], False),
        ([ON, {**DRAINING, "scope": "Device"}], False),
        ([{**DRAINING, "scope": "Device"}], False),
        ([{"type": "USB", "online": "0"}, FULL], False),
    ],
)
def test_whether_a_machine_runs_on_its_battery(tmp_path: Path, supplies: list[dict[str, str]], expected: bool) -> None:
    for number, supply in enumerate(supplies):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, value in supply.items():
            (folder / name).write_text(f"{value}\n")
    assert on_battery(tmp_path) is expected


def test_where_nobody_can_tell_there_is_no_battery(tmp_path: Path) -> None:
    assert not on_battery(tmp_path / "nowhere")
