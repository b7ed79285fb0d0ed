"""Opens the engine of a server: how many requests run at once, in how many threads, with how much memory."""

from attrs import frozen

from lowabs_lsp.engine.batch import WAITING, BatchEngine
from lowabs_lsp.engine.bundle import open_bundle
from lowabs_lsp.engine.installed import find_model
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.engine.threads import choose_threads
from lowabs_lsp.serving.jobs import ModelCard
from lowabs_lsp.serving.local import LocalBackend
from lowabs_lsp.settings import EngineSettings


@frozen
class Share:
    """What an engine takes of its machine."""

    threads: int = 1
    """CPU threads of one run. More make one answer of a large model faster, and all answers together slower."""
    workers: int = 0
    """Runs at once; 0 is as many as there are cores for their threads."""
    megabytes: int = 256
    """For keys and values of token sequences: each document that is being completed wants one."""
    waiting: int = WAITING
    """Requests that may wait for a sequence; further ones are refused."""


def open_backend(model: str, device: str, share: Share) -> LocalBackend:
    """The engine in this process. Raises BundleError and EngineError."""
    bundle = open_bundle(find_model(model))
    engine = LocalEngine(bundle, EngineSettings(device=device, threads=share.threads))
    session = engine.model.session
    batch = BatchEngine(
        engine,
        sequences=max(1, (share.megabytes << 20) // session.memory_bytes),
        workers=share.workers or max(1, choose_threads(0) // session.threads),
        waiting=share.waiting,
    )
    manifest = bundle.manifest
    return LocalBackend(batch, ModelCard(manifest.name, manifest.licence, engine.context_length, engine.description))
