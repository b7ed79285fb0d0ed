"""What ONNX Runtime offers on this machine, for `doctor`."""

import platform
from pathlib import Path

import onnxruntime as ort
from attrs import frozen

from lowabs_lsp.engine.device import why_no_driver
from lowabs_lsp.engine.threads import choose_threads

VECTOR_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm")
"""Instruction sets that decide how fast 8-bit weights run."""


@frozen
class Runtime:
    """ONNX Runtime and what it can use here."""

    version: str
    providers: tuple[str, ...]
    cpu: str
    """Threads that the model gets, and the processor's vector instructions."""
    cuda_fault: str
    """What keeps CUDA from being used; empty when a device was found. Whether it works shows when a model is opened."""


def describe_runtime(threads: int = 0) -> Runtime:
    """Look at this machine. Loads no model."""
    flags = [flag for flag in VECTOR_FLAGS if flag in _processor_flags()]
    providers = tuple(ort.get_available_providers())
    built = "CUDAExecutionProvider" in providers
    return Runtime(
        version=ort.__version__,
        providers=providers,
        cpu=f"{choose_threads(threads)} threads, {' '.join(flags) or platform.processor() or platform.machine()}",
        cuda_fault=why_no_driver() if built else "this ONNX Runtime is built without CUDA",
    )


def _processor_flags() -> set[str]:
    """As Linux lists them; elsewhere nothing is known."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.lower().startswith(("flags", "features")) for flag in line.partition(":")[2].split()}
