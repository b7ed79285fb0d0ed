"""Where a bundle's model runs: CUDA if it really works, else the CPU, and the reason in one line."""

import contextlib
import ctypes
import io
import logging
import sys

import onnxruntime as ort

from lowabs_lsp.engine.bundle import OpenBundle
from lowabs_lsp.engine.feed import CPU, CUDA, CUDA_GRAPHS, Device
from lowabs_lsp.engine.session import Session
from lowabs_lsp.engine.threads import choose_threads
from lowabs_lsp.errors import EngineError
from lowabs_lsp.settings import EngineSettings

log = logging.getLogger(__name__)

REHEARSED = 8
"""Tokens said before captured steps are trusted: they are captured at the first ones and replayed behind those."""


def open_session(bundle: OpenBundle, settings: EngineSettings) -> Session:
    """The best session that works here. Raises EngineError when not even the CPU does."""
    threads = choose_threads(settings.threads)
    reason = "as set" if settings.device == "cpu" else why_not_cuda(bundle)
    if not reason:
        try:
            session = open_cuda(bundle, threads)
            log.info("device=cuda graph=%s", bundle.manifest.graphs["cuda"].file)
            return session
        except EngineError as exc:
            reason = str(exc)
    level = logging.WARNING if settings.device == "cuda" else logging.INFO
    log.log(level, "device=cpu threads=%d reason=%r", threads, reason)
    return open_on(CPU, bundle, threads)


def open_on(device: Device, bundle: OpenBundle, threads: int) -> Session:
    """A session of the bundle's graph for `device`. Raises EngineError and BundleError."""
    manifest = bundle.manifest
    path = bundle.path(manifest.graphs[device.kind].file)
    return Session(path, manifest.architecture, manifest.context_length, device, threads)


def why_not_cuda(bundle: OpenBundle) -> str:
    """What speaks against CUDA before anything is loaded; empty when nothing does."""
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        return "this ONNX Runtime is built without CUDA"
    if "cuda" not in bundle.manifest.graphs:
        return "the model has no graph for CUDA"
    return why_no_driver()


def why_no_driver() -> str:
    """What keeps NVIDIA's driver from finding a device; empty when it finds one."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        count = ctypes.c_int()
        failed = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    except (OSError, AttributeError):
        return "no NVIDIA driver is installed"
    if failed:
        return f"the NVIDIA driver does not start (error {failed}); `nvidia-smi` may say more"
    return "" if count.value else "the NVIDIA driver finds no device"


def open_cuda(bundle: OpenBundle, threads: int) -> Session:
    """A session on CUDA that said the same two tokens as one on the CPU. Raises EngineError with the reason."""
    with contextlib.redirect_stdout(io.StringIO()) as said:  # it prints what it misses, and stdout is the protocol
        ort.preload_dlls()
    ort.set_default_logger_severity(4)
    session = open_on(CUDA, bundle, threads)
    if session.providers[0] != CUDA.providers[0]:
        missing = said.getvalue().strip().splitlines()
        raise EngineError(f"CUDA's libraries do not load; pip install 'lowabs-lsp[cuda]' ({'; '.join(missing[:1])})")
    if choices(session, 2) != choices(open_on(CPU, bundle, threads), 2):
        raise EngineError("CUDA computes something else than the CPU; update the driver, and report this")
    return open_capturing(bundle, threads, session)


def open_capturing(bundle: OpenBundle, threads: int, plain: Session) -> Session:
    """A session whose decoding steps are captured, if that works here and says what `plain` says; else `plain`."""
    try:
        session = open_on(CUDA_GRAPHS, bundle, threads)
        if choices(session, REHEARSED) == choices(plain, REHEARSED):
            return session
        reason = "what is replayed says something else"
    except EngineError as exc:
        reason = str(exc)
    log.info("cuda_graphs=off reason=%r", reason)
    return plain


def choices(session: Session, count: int) -> list[int]:
    """The most probable tokens behind the first of all, one by one, on two memories in turn."""
    memories, said = [session.create_memory(), session.create_memory()], [0]
    for past in range(count):
        rows = [session.run(memory, said[-1:], past, 1) for memory in memories]
        said.append(int(rows[past % 2][0].argmax()))
    return said[1:]
