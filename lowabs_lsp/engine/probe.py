"""How fast this machine multiplies by the weights of a large model, for each arithmetic: `probes/*.onnx` timed.

The graphs are written by `lowabs_model.probes`; each is a chain of products between 2048 and 8192 channels whose weights are
more bytes than a cache holds. Another one is a whole decoder, so small that its products take next to no time.
"""

import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
from attrs import frozen

from lowabs_lsp.engine.bundle import Architecture
from lowabs_lsp.engine.feed import CPU
from lowabs_lsp.engine.session import ORT_ERRORS, Session
from lowabs_lsp.errors import EngineError

PROBES = Path(__file__).parent / "probes"
WIDTH, FEED_FORWARD = 2048, 8192
PAIRS = {"int4": 8, "int8": 4, "rowq": 4, "fp32": 2}
DECODED, PREFILLED = 2, 128
"""Rows of a decoding step (their number is made even where attention is grouped) and of a chunk of a prompt."""
DECODER = Architecture(3, 256, 4, 2, 64, 768, 4096, tied=True, rope_theta=1e4, norm_epsilon=1e-6)
"""In `rowq`, with grouped attention, as models are that people import."""
DECODER_CONTEXT = 1024


@frozen
class Rates:
    """What a weight costs."""

    decode: float
    """Seconds for a weight in a step of `DECODED` rows: mostly the time to read it."""
    prefill: float
    """Seconds for a weight and a row where there are many rows."""


def open_decoder(threads: int) -> Session:
    """The small decoder. Raises EngineError."""
    return Session(PROBES / "decoder.onnx", DECODER, DECODER_CONTEXT, CPU, threads)


def measure_rates(variant: str, threads: int, repeats: int = 5) -> Rates:
    """Time the probe of `variant`; needs some 300 MB for a moment. Raises EngineError."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    options.add_session_config_entry("session.force_spinning_stop", "1")
    weights = PAIRS[variant] * 2 * WIDTH * FEED_FORWARD
    try:
        session = ort.InferenceSession(str(PROBES / f"{variant}.onnx"), options, providers=["CPUExecutionProvider"])
        return Rates(
            decode=fastest_run(session, DECODED, repeats) / weights,
            prefill=fastest_run(session, PREFILLED, max(1, repeats // 2)) / weights / PREFILLED,
        )
    except ORT_ERRORS as exc:
        raise EngineError(f"this machine cannot be measured with {variant} weights ({exc}); free some memory") from exc


def fastest_run(session: ort.InferenceSession, rows: int, repeats: int) -> float:
    """Seconds; the first run is not counted."""
    x, times = np.ones((rows, WIDTH), np.float32), []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        session.run(None, {"x": x})
        times.append(time.perf_counter() - began)
    return min(times[1:])
