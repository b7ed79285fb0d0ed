"""What a model is run on to see how large its activations become."""

import numpy as np

from lowabs_lsp.bench.engine import written
from lowabs_lsp.engine.tokenizer import Tokenizer
from lowabs_lsp.values import Layout
from lowabs_model.parity import Sample, cut_windows, standard_library

MODULES = ("argparse", "inspect", "json.decoder", "tarfile")
"""Of the standard library; others than those on which losses are measured."""

PLAIN_TOKENS = 20_000
CURSORS = 8
"""In each module; behind sentinels activations become up to nine times as large as in plain text."""
BEFORE, BEHIND = 2200, 700
"""Characters around a cursor, less where the context is short."""
NOISE, NOISE_TOKENS = 6, 512
"""Windows of drawn tokens: other languages have tokens that Python has not."""


def calibration_windows(tokenizer: Tokenizer, layout: Layout, context_length: int) -> list[list[int]]:
    """Token ids of plain text, of prompts around a cursor, and of noise; always the same ones."""
    sample = standard_library(MODULES)
    draw = np.random.default_rng(0)
    windows = cut_windows(sample, tokenizer, context_length, PLAIN_TOKENS)
    windows += prompts_around_cursors(sample, tokenizer, layout)
    windows += draw.integers(tokenizer.size, size=(NOISE, NOISE_TOKENS)).tolist()
    return [ids[-context_length:] for ids in windows]


def prompts_around_cursors(sample: Sample, tokenizer: Tokenizer, layout: Layout) -> list[list[int]]:
    """As the completer writes them, with the rest of the cursor's line behind."""
    windows = []
    for text in sample.texts:
        for cursor in np.linspace(len(text) // 4, len(text) * 3 // 4, CURSORS, dtype=int).tolist():
            line_end = text.find("\n", cursor) + 1
            prompt = written(tokenizer, layout, text[max(0, cursor - BEFORE) : cursor], text[line_end : line_end + BEHIND])
            windows.append([*prompt, *tokenizer.encode(text[cursor:line_end])])
    return windows
