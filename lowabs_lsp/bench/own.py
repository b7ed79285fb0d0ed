"""Our own engine as a contender: `python -m lowabs_lsp.bench.own DEVICE FOLDER`."""

import itertools
import random
import sys
import threading
import time
from pathlib import Path

from lowabs_lsp.bench.contender import Edit, Steps, Task, attend
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.engine.profile import profile_runs
from lowabs_lsp.prompt.fim import render
from lowabs_lsp.settings import EngineSettings
from lowabs_lsp.values import Context, Decoding, Generated, Prompt, Sentinel, Stop


class Own:
    """The steps on one engine; bare runs go to its session, edits through the whole of it."""

    def __init__(self, engine: LocalEngine, task: Task) -> None:
        self.engine, self.task = engine, task
        self.session = engine.model.session
        self.memory = self.session.create_memory()
        self.batches = {count: self.session.create_memory(count, task.behind + 1) for count in (2, 4, 8)}
        self.numbers = itertools.count()

    def prefill(self, count: int) -> None:
        """A cold prompt, in the chunks in which the engine computes one."""
        chunk = self.engine.model.chunk_length.choose()
        for start in range(0, count, chunk):
            self.session.run(self.memory, self.task.tokens[start : min(count, start + chunk)], start, 1)

    def verify(self, count: int) -> None:
        """So many tokens behind the past, a row of logits after each."""
        behind = self.task.behind
        self.session.run(self.memory, self.task.tokens[behind : behind + count], behind, count)

    def batch(self, count: int) -> None:
        """One token of each of so many sequences."""
        behind = self.task.behind
        self.session.run_together(self.batches[count], self.task.tokens[behind : behind + count], behind)

    def edit(self, number: int) -> dict[str, float]:
        """Complete the line at one of the places."""
        generated = self.engine.generate(prompt_of(self.task.edits[number], self.engine), self._line())
        return {
            "tokens": len(generated.tokens),
            "computed": generated.prompt_tokens - generated.reused_tokens,
            "runs": generated.model_runs,
        }

    def first(self, count: int) -> int:
        """The first completion of a cold prompt of so many tokens, roughly."""
        prefix = self.task.edits[0].prefix[: 3 * count]
        return len(self.engine.generate(Prompt((Sentinel.MIDDLE, prefix)), self._line()).tokens)

    def cancel(self, count: int) -> list[float]:
        """Milliseconds from a cancel at a drawn moment of a long prefill to the end of the call, so many times."""
        took, draw = list[float](), random.Random(0)
        whole = self._timed_prefill()
        for _ in range(4 * count):
            if len(took) == count:
                break
            begun, cancelled, answers = threading.Event(), threading.Event(), list[Generated]()
            caller = threading.Thread(target=lambda b=begun, c=cancelled, a=answers: a.append(self._ask_anew(b, c)))
            caller.start()
            begun.wait()
            time.sleep(whole * draw.uniform(0, 0.8))
            began = time.perf_counter()
            cancelled.set()
            caller.join()
            if answers[0].stop is Stop.CANCELLED:
                took.append(1e3 * (time.perf_counter() - began))
        return took

    def idle(self, seconds: int) -> float:
        """Seconds of processor that this process uses in so many seconds in which nobody asks, just after an answer."""
        self.edit(0)
        began = time.process_time()
        time.sleep(seconds)
        return time.process_time() - began

    def describe(self, _: int) -> str:
        """What runs where: the device may be another than was asked for."""
        return self.engine.description

    def profile(self, count: int) -> dict[str, float]:
        """Milliseconds of a decoding step by kind of operator, its mean over so many steps."""
        return profile_runs(self.session, self.task.tokens[: self.task.behind], 1, count)

    def _timed_prefill(self) -> float:
        began = time.perf_counter()
        self._ask_anew(threading.Event(), threading.Event())
        return time.perf_counter() - began

    def _ask_anew(self, begun: threading.Event, cancelled: threading.Event) -> Generated:
        """Ask for one token behind a long prompt of which nothing is cached; `begun` is set as its first run begins."""

        def is_cancelled() -> bool:
            begun.set()
            return cancelled.is_set()

        edit = self.task.edits[0]
        prompt = Prompt((f"{next(self.numbers)}\n", edit.suffix, edit.prefix))
        return self.engine.generate(prompt, Decoding(max_tokens=1), is_cancelled)

    def _line(self) -> Decoding:
        return Decoding(max_tokens=self.task.line_tokens, stop=("\n",))

    def steps(self) -> Steps:
        """By kind."""
        self.prefill(self.task.behind)
        kinds = (
            self.prefill,
            self.verify,
            self.batch,
            self.edit,
            self.first,
            self.cancel,
            self.idle,
            self.profile,
            self.describe,
        )
        return {kind.__name__: kind for kind in kinds}


def prompt_of(edit: Edit, engine: LocalEngine) -> Prompt:
    """As the completer writes it."""
    return render(Context(edit.path, "python", edit.prefix, edit.suffix), engine.layout)


def main(device: str, folder: str) -> None:
    """Run as a contender."""

    def start(task: Task) -> Steps:
        settings = EngineSettings(device=device, threads=task.threads)
        return Own(LocalEngine.open(Path(folder), settings), task).steps()

    attend(start)


if __name__ == "__main__":
    main(*sys.argv[1:])
