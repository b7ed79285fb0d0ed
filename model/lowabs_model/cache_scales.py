"""How large keys and values become, channel by channel: the scales of a cache that keeps them in 8 bits."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lowabs_lsp.engine.feed import CPU
from lowabs_lsp.engine.session import Session
from lowabs_lsp.engine.threads import choose_threads
from lowabs_model.graph import CacheScales
from lowabs_model.tensors import DecoderConfig

MARGIN = 1.1
"""Other texts may have larger ones than those that were looked at; what is larger still is cut off."""


def measure_scales(path: Path, config: DecoderConfig, windows: Sequence[list[int]]) -> CacheScales:
    """Run the graph in the file `path`, which keeps numbers, on `windows` of token ids."""
    session = Session(path, config.architecture, config.context_length, CPU, choose_threads(0))
    memory = session.create_memory()
    peaks: CacheScales = {}
    for ids in windows:
        session.run(memory, ids, 0, 1)
        for name, rows in memory.rows(len(ids)).items():
            largest = np.abs(rows).max(1)
            peaks[name] = np.maximum(peaks.get(name, np.float32(1e-6)), largest)
    return {name: peak * np.float32(MARGIN / 127) for name, peak in peaks.items()}
