"""A key comes from the environment, else from the keyring."""

import pytest

from lowabs_lsp.remote.keys import SERVICE, VARIABLE, find_key

keyring = pytest.importorskip("keyring", reason="keyring is not installed (it is in the group `dev`)")


class Keyring(keyring.backend.KeyringBackend):
    """One that lies in memory."""

    priority = 1

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault

    def get_password(self, service: str, username: str) -> str | None:
        if self.fault:
            raise self.fault
        return "from the keyring" if (service, username) == (SERVICE, "gpu.example") else None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", Keyring())


def test_the_keyring_has_it_under_the_servers_host() -> None:
    assert (find_key("gpu.example"), find_key("other.example")) == ("from the keyring", "")


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, " from the environment\n")
    assert find_key("gpu.example") == "from the environment"


def test_a_keyring_that_is_locked_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", Keyring(keyring.errors.KeyringLocked("locked")))
    assert find_key("gpu.example") == ""
