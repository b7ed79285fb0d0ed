"""Where a run's time goes, by kind of operator, as ONNX Runtime's own profiler tells it."""

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from lowabs_lsp.engine.session import Session


def profile_runs(session: Session, past: Sequence[int], count: int, times: int) -> dict[str, float]:
    """Milliseconds of a run of `count` tokens behind `past`, by kind of operator, the longest first; `run` is the whole.

    The profiler takes time of its own for each node, so `run` is longer than a run without it.
    """
    with tempfile.TemporaryDirectory(prefix="lowabs-") as folder:
        profiled = session.profiled(Path(folder, "run"))
        memory = profiled.create_memory()
        profiled.run(memory, past, 0, 1)
        for _ in range(times + 1):
            profiled.run(memory, past[:count], len(past), count)
        events = json.loads(Path(profiled.end_profile()).read_text("utf-8"))
    starts = sorted(event["ts"] for event in events if event["name"] == "model_run")
    begin = starts[2]  # the prefill, and a run that warms up
    spent: Counter[str] = Counter()
    for event in events:
        if event["ts"] >= begin and event["name"].endswith("_kernel_time"):
            spent[event["args"]["op_name"]] += event["dur"]
        elif event["ts"] >= begin and event["name"] == "model_run":
            spent["run"] += event["dur"]
    return {kind: micros / 1e3 / times for kind, micros in spent.most_common()}
