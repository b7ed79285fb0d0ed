"""What runs where on this machine, and what to do about each fault."""

import os
import platform
import sys
import time
from collections.abc import Callable, Iterator

from attrs import evolve, frozen

from lowabs_lsp.completer import Completer
from lowabs_lsp.errors import LowabsError
from lowabs_lsp.settings import Settings
from lowabs_lsp.values import Document, Engine, Reason

EXAMPLE = """import logging
import os
from pathlib import Path

log = logging."""


@frozen
class Finding:
    """One examined thing."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def examine(settings: Settings, open_engine: Callable[[Settings], Engine]) -> list[Finding]:
    """Everything `lowabs-lsp doctor` says, in order. Never raises for a fault that it can report."""
    return [_python(), *_onnx_runtime(settings), *_model(settings, open_engine), *_recommendation(settings)]


def _python() -> Finding:
    wanted = (3, 11)
    found = f"{platform.python_version()} at {sys.executable}, {platform.system()} {platform.machine()}"
    remedy = "" if sys.version_info >= wanted else "install Python 3.11 or newer, then install lowabs-lsp with it"
    return Finding("python", not remedy, f"{found}, {os.cpu_count()} logical cores", remedy)


def _onnx_runtime(settings: Settings) -> Iterator[Finding]:
    from lowabs_lsp.engine.runtime import describe_runtime

    runtime = describe_runtime(settings.engine.threads)
    yield Finding("onnxruntime", True, f"{runtime.version}; offers {', '.join(runtime.providers)}; {runtime.cpu}")
    asked = settings.engine.device == "cuda"
    yield Finding(
        "cuda",
        runtime.cuda_fault == "" or not asked,
        f"not used: {runtime.cuda_fault}"
        if runtime.cuda_fault
        else "a device is there; the model's line says whether it is used",
        ""
        if not (asked and runtime.cuda_fault)
        else "pip install 'lowabs-lsp[cuda]', check `nvidia-smi`, or set device to auto",
    )


def _model(settings: Settings, open_engine: Callable[[Settings], Engine]) -> Iterator[Finding]:
    start = time.perf_counter()
    try:
        engine = open_engine(settings)
    except LowabsError as error:
        yield Finding("model", False, str(error), "reinstall lowabs-lsp, or give --model a folder with a bundle.json")
        return
    yield Finding("model", True, f"{engine.description}, opened in {_milliseconds(start):.0f} ms")
    yield _timed_completion(engine, settings)


def _timed_completion(engine: Engine, settings: Settings) -> Finding:
    document = Document(uri="file:///example.py", path="example.py", language="python", text=EXAMPLE)
    completer = Completer(engine, settings)
    try:
        start = time.perf_counter()
        completer.complete(document, len(EXAMPLE))
        cold = _milliseconds(start)
        start = time.perf_counter()
        completion = completer.complete(document, len(EXAMPLE))
    except LowabsError as error:
        return Finding("completion", False, str(error), "run again with --device cpu; if it stays, reinstall onnxruntime")
    shown = repr(completion.text) if completion.reason is Reason.SHOWN else f"silent ({completion.reason})"
    return Finding("completion", True, f"{shown} in {cold:.0f} ms cold, {_milliseconds(start):.0f} ms warm")


def _milliseconds(start: float) -> float:
    return (time.perf_counter() - start) * 1e3


def _recommendation(settings: Settings) -> Iterator[Finding]:
    """What `lowabs-lsp models recommend` says, from a quick look at one arithmetic."""
    from lowabs_lsp.bench.recommend import LATENCY, advice, measure_machine, predict_all, recommend
    from lowabs_lsp.engine.bundle import default_folder, open_bundle
    from lowabs_lsp.engine.device import open_session

    try:
        bundle = open_bundle(default_folder())
        session = open_session(bundle, evolve(settings.engine, device="cpu"))
        machine = measure_machine(session, bundle.manifest, variants=("int4",), repeats=2)
    except LowabsError as error:
        yield Finding("other models", True, f"not measured: {error}")
        return
    yield Finding("other models", True, advice(recommend(predict_all(machine), machine, LATENCY), LATENCY))
