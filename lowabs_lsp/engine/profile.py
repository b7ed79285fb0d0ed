"""Where a run's time goes, by kind of operator, as ONNX Runtime's own profiler tells it."""

import json
import statistics
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from lowabs_lsp.engine.session import Session


def profile_runs(session: Session, past: Sequence[int], count: int, times: int) -> dict[str, float]:
    """Milliseconds of a run of `count` tokens behind `past`, by kind of operator, the longest first; `run` is the whole.

    Each node counts with its median over so many runs. The profiler takes time of its own for each node, so `run` is
    longer than a run without it.
    """
    with tempfile.TemporaryDirectory(prefix="lowabs-") as folder:
        profiled = session.profiled(Path(folder, "run"))
        memory = profiled.create_memory()
        profiled.run(memory, past, 0, 1)
        for _ in range(times + 1):
            profiled.run(memory, past[:count], len(past), count)
        events = json.loads(Path(profiled.end_profile()).read_text("utf-8"))
    begin = sorted(event["ts"] for event in events if event["name"] == "model_run")[2]  # behind prefill and a run to warm up
    micros: dict[tuple[str, str], list[int]] = defaultdict(list)
    for event in events:
        if event["ts"] >= begin and event["name"] == "model_run":
            micros["run", ""].append(event["dur"])
        elif event["ts"] >= begin and event["name"].endswith("_kernel_time"):
            micros[event["args"]["op_name"], event["name"]].append(event["dur"])
    spent: Counter[str] = Counter()
    for (kind, _), each in micros.items():
        spent[kind] += statistics.median(each)  # type: ignore[assignment]  # a Counter adds up halves as well
    return {kind: total / 1e3 for kind, total in spent.most_common()}
