"""Serves an engine over HTTP from this process: the address, TLS, and uvicorn."""

import ipaddress
import logging
import socket
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

import uvicorn
from attrs import frozen
from starlette.applications import Starlette

from lowabs_lsp.engine.batch import BatchEngine
from lowabs_lsp.errors import ServingError
from lowabs_lsp.logs import key_values
from lowabs_lsp.serving.app import make_app
from lowabs_lsp.serving.gate import Limits
from lowabs_lsp.serving.local import LocalBackend

log = logging.getLogger(__name__)

GRACE_SECONDS = 5
"""For answers on their way when the server is told to end."""


@frozen
class Address:
    """Where to listen, and with which certificate."""

    host: str = "127.0.0.1"
    port: int = 8012
    """0 lets the system choose."""
    certificate: Path | None = None
    key: Path | None = None


def check_address(address: Address, *, has_tokens: bool, allow_strangers: bool) -> None:
    """Raise ServingError unless it is safe, or asked for by its name, to listen there."""
    if bool(address.certificate) != bool(address.key):
        raise ServingError("--tls-cert and --tls-key belong together; give both")
    for file in filter(None, (address.certificate, address.key)):
        if not file.is_file():
            raise ServingError(f"{file}: no such file; give the PEM files of a certificate and of its key")
    if not is_loopback(address.host) and not has_tokens and not allow_strangers:
        raise ServingError(
            f"--host {address.host}: every machine that reaches it could use this engine; give --token-file or "
            "--token-env, or say --allow-strangers"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def serve(backend: LocalBackend, limits: Limits, address: Address) -> None:
    """Serve until a signal ends it. Raises ServingError where nothing can listen or the certificate is no good."""
    server = uvicorn.Server(_configure(make_app(backend, limits, lifespan=_closing(backend.engine)), address))
    listening = bind(address)
    scheme = "https" if address.certificate else "http"
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    log.info("event=serving %s", key_values(url=f"{scheme}://{shown}:{port}", model=backend.engine.description))
    server.run(sockets=[listening])


def bind(address: Address) -> socket.socket:
    """A socket that listens. Raises ServingError."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=1024)
    except OSError as exc:
        where = f"{address.host}:{address.port}"
        raise ServingError(f"{where}: cannot listen there ({exc.strerror or exc}); choose another --host or --port") from exc


def _configure(app: Starlette, address: Address) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        ssl_certfile=address.certificate,
        ssl_keyfile=address.key,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    try:
        config.load()
    except (ssl.SSLError, OSError) as exc:
        raise ServingError(
            f"{address.certificate}, {address.key}: not a certificate in PEM form and its key ({exc}); give matching files"
        ) from exc
    return config


def _closing(engine: BatchEngine) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """Ends the engine's workers when the server ends."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None, None]:
        yield
        engine.close()

    return lifespan
