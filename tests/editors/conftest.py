"""Lets the tests of this folder import what they share, and makes the workplaces that they drive editors in."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # importlib mode, in which tests run, has no import by folder

from workplace import Script, Workplace, scripted_workplace


@pytest.fixture
def scripted(tmp_path: Path) -> Callable[[Script], Workplace]:
    """Makes the test's workplace: the scripted engine says what a script tells it."""
    return lambda script: scripted_workplace(tmp_path, script)
