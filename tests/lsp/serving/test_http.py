import socket
from pathlib import Path

import pytest

from lowabs_lsp.errors import ServingError
from lowabs_lsp.serving.http import Address, bind, check_address, is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.9.10"])
def test_this_machine_alone_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    check_address(Address(host), has_tokens=False, allow_strangers=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_others_are_let_in_with_a_token_or_when_it_is_said_so(host: str) -> None:
    with pytest.raises(ServingError, match="give --token-file or --token-env, or say --allow-strangers"):
        check_address(Address(host), has_tokens=False, allow_strangers=False)
    check_address(Address(host), has_tokens=True, allow_strangers=False)
    check_address(Address(host), has_tokens=False, allow_strangers=True)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (Address(certificate=Path("cert.pem")), "belong together"),
        (Address(certificate=Path("absent.pem"), key=Path("absent.pem")), "absent.pem: no such file"),
    ],
)
def test_half_a_certificate_is_a_fault(address: Address, told: str) -> None:
    with pytest.raises(ServingError, match=told):
        check_address(address, has_tokens=False, allow_strangers=False)


def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServingError, match=f"127.0.0.1:{port}: cannot listen there .* choose another --host or --port"):
            bind(Address(port=port))
