"""How fast a model bundle runs here: prefill, decoding, verification and a warm keystroke, interleaved in one run."""

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from lowabs_lsp.engine.generate import Model
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.settings import EngineSettings
from lowabs_lsp.values import Decoding, Generated, Prompt, Sentinel

PREFILLS = (128, 512, 1024)
BEHIND = 512
"""How many tokens stand before those that are decoded or verified."""
VERIFIED = (4, 8, 16)
PROMPT_TOKENS = 1000
LINE = Decoding(max_tokens=32, stop=("\n",))

Figures = dict[str, Any]
"""JSON-able. `timings` has, by name, `minimum_ms` and `median_ms` of wall time and how often it was `repeated`."""


def measure_engine(model: str = "", settings: EngineSettings | None = None, *, repeats: int = 15) -> Figures:
    """Measure the bundle in the folder `model`, empty for the default one. What its context is too short for is left out."""
    started = time.perf_counter()
    engine = LocalEngine.open(Path(model).expanduser() if model else None, settings)
    opened = time.perf_counter()
    typist = Typist(engine)
    typed: list[Generated] = []
    steps = runs_to_measure(engine.model)
    steps[f"keystroke behind {typist.prompt_tokens}, a line"] = lambda: typed.append(typist.press())
    return {
        "model": engine.description,
        "machine": describe_machine(),
        "threads": engine.model.session.threads,
        "timings": interleave(steps, repeats),
        "keystroke": {
            "tokens": statistics.mean(len(each.tokens) for each in typed),
            "model_runs": statistics.mean(each.model_runs for each in typed),
            "computed_prompt_tokens": statistics.mean(each.prompt_tokens - each.reused_tokens for each in typed),
        },
        "open_ms": 1e3 * (opened - started),
        "peak_resident_mb": peak_resident_mb(),
    }


def interleave(steps: dict[str, Callable[[], object]], repeats: int) -> dict[str, dict[str, float]]:
    """Time each step once a round, so that a slow moment of the machine does not hit one of them alone."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(repeats + 1):
        for name, step in steps.items():
            begin = time.perf_counter()
            step()
            if turn:  # the first round warms up
                times[name].append(1e3 * (time.perf_counter() - begin))
    return {
        name: {"minimum_ms": min(each), "median_ms": statistics.median(each), "repeated": repeats}
        for name, each in times.items()
    }


def runs_to_measure(model: Model) -> dict[str, Callable[[], object]]:
    """Bare runs of the session by name, as far as the context allows."""
    room = model.session.context_length
    behind = min(BEHIND, room // 2)
    text = model.tokenizer.encode(sample_text())[:room]
    memory = model.session.create_memory()

    def prefill(count: int) -> None:
        for start in range(0, count, model.prefill_chunk):
            model.session.run(memory, text[start : min(count, start + model.prefill_chunk)], start, 1)

    def verify(count: int) -> None:
        model.session.run(memory, text[behind : behind + count], behind, count)

    steps: dict[str, Callable[[], object]] = {f"decode 1 behind {behind}": partial(verify, 1)}
    steps |= {f"verify {count} behind {behind}": partial(verify, count) for count in VERIFIED}
    steps |= {f"prefill {count}": partial(prefill, count) for count in PREFILLS if count <= room}
    prefill(behind)
    return steps


class Typist:
    """Types a file on, and after each key asks for the rest of the line."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self._text = sample_text()
        self._end = self._cut(min(PROMPT_TOKENS, engine.context_length - 2 * LINE.max_tokens))
        self.prompt_tokens = self.press().prompt_tokens

    def _cut(self, tokens: int) -> int:
        """Where in the text so many tokens end, roughly."""
        end = len(self._text)
        while (count := self._engine.count_tokens(self._text[:end])) > tokens:
            end = min(end - 1, end * tokens // count)
        return end

    def press(self) -> Generated:
        """One more character, in the middle of a line."""
        self._end += 1
        while self._text[self._end - 1].isspace() or self._text[self._end] == "\n":
            self._end += 1
        prompt = (Sentinel.FILE, "argparse.py\n", Sentinel.PREFIX, Sentinel.SUFFIX, Sentinel.MIDDLE, self._text[: self._end])
        return self._engine.generate(Prompt(prompt), LINE)


def sample_text() -> str:
    """Source code that every Python has."""
    return Path(argparse.__file__).read_text("utf-8")


def describe_machine() -> str:
    """Processor and system, as far as they tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return f"{names[0] if names else platform.processor() or platform.machine()}, {platform.system()}"


def peak_resident_mb() -> float:
    """Of this process since it began; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def as_markdown(figures: Figures) -> str:
    """A table of the timings, with what it was measured on above and the rest below."""
    rows = [f"| {name} | {t['minimum_ms']:.2f} | {t['median_ms']:.2f} |" for name, t in figures["timings"].items()]
    keystroke = figures["keystroke"]
    lines = [
        f"{figures['model']}; {figures['machine']}.",
        "",
        "| what | minimum, ms | median, ms |",
        "|---|---|---|",
        *rows,
        "",
        f"A keystroke computed {keystroke['computed_prompt_tokens']:.1f} tokens of the prompt and generated "
        f"{keystroke['tokens']:.1f} in {keystroke['model_runs']:.1f} runs, on average. "
        f"Opening took {figures['open_ms']:.0f} ms; peak resident memory was {figures['peak_resident_mb']:.0f} MB.",
    ]
    return "\n".join(lines)
