"""`lowabs-lsp serve-engine`: its options, and what becomes of them."""

import argparse
from importlib.util import find_spec
from pathlib import Path

from lowabs_lsp.errors import ServingError

NEEDED = ("starlette", "uvicorn", "prometheus_client")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Every option of the command."""
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen; this machine alone if left out"
    )
    parser.add_argument("--port", type=int, default=8012, metavar="N", help="0 lets the system choose; the log tells (8012)")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="bearer tokens, one on each line; # begins a comment")
    parser.add_argument("--token-env", metavar="NAME", help="environment variable with bearer tokens, parted by blanks")
    parser.add_argument("--allow-strangers", action="store_true", help="listen for other machines without any token")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain in PEM form; serves https")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="the certificate's key in PEM form")
    parser.add_argument("--max-body", type=int, default=1 << 20, metavar="BYTES", help="largest body of a request (1 MiB)")
    parser.add_argument("--max-waiting", type=int, default=256, metavar="N", help="requests that may wait; more get 429 (256)")
    parser.add_argument("--kv-memory", type=int, default=256, metavar="MB", help="for the keys and values of documents (256)")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="model runs at once; 0 is one for each free core")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="CPU threads of one run (1)")
    parser.add_argument(
        "--model", metavar="NAME|DIR", default="", help="an installed model or a bundle's folder; else the default model"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where the model runs")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info", help="detail on stderr")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve until a signal ends it. Raises ServingError, BundleError and EngineError."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ServingError(f"serve-engine needs {', '.join(missing)}: pip install 'lowabs-lsp[serving]'")
    from lowabs_lsp.serving.gate import Limits
    from lowabs_lsp.serving.http import Address, check_address, serve
    from lowabs_lsp.serving.opening import Share, open_backend
    from lowabs_lsp.serving.tokens import read_tokens

    check_numbers(options)
    tokens = read_tokens(options.token_file, options.token_env)
    address = Address(options.host, options.port, options.tls_cert, options.tls_key)
    check_address(address, has_tokens=bool(tokens.digests), allow_strangers=options.allow_strangers)
    share = Share(options.threads, options.workers, options.kv_memory, options.max_waiting)
    serve(open_backend(options.model, options.device, share), Limits(options.max_body, tokens), address)
    return 0


def check_numbers(options: argparse.Namespace) -> None:
    """Raise ServingError unless each number is one that means something."""
    least = {"max_body": 1, "max_waiting": 1, "kv_memory": 1, "workers": 0, "threads": 0, "port": 0}
    for name, bound in least.items():
        if getattr(options, name) < bound:
            raise ServingError(f"--{name.replace('_', '-')} {getattr(options, name)}: must be at least {bound}")
    if options.port > 65535:
        raise ServingError(f"--port {options.port}: there are ports up to 65535")
