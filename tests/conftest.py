"""What holds for every test."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None)  # a busy machine is not a failure
settings.load_profile("patient")


@pytest.fixture(autouse=True, scope="session")
def no_statistics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests do is not counted among what the developer does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOWABS_STATE", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A command run in this process sets logging up for itself; the next test must not write to its closed stderr."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
