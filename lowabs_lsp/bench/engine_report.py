"""The figures of `bench engine` as Markdown, and as two plots beside it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Figures = dict[str, Any]


def as_markdown(figures: Figures, plots: list[str] | None = None) -> str:
    """Tables of minima, of medians and of ratios, then memory, start and the rest; `plots` are shown at the end."""
    contenders: Figures = figures["contenders"]
    lines = [f"{figures['model']}; {figures['machine']}, {figures['threads']} threads.", ""]
    lines += as_table("minimum, ms", contenders, "minimum_ms")
    lines += as_table("median, ms", contenders, "median_ms")
    lines += _ratios(contenders)
    lines += _processes(figures)
    lines += _edits(figures)
    lines += _rest(figures)
    lines += [f"{line}." for line in figures["left_out"]]
    lines += ["", *(f"![{Path(plot).stem}]({plot})" for plot in plots)] if plots else []
    return "\n".join(lines)


def step_names(contenders: Figures) -> list[str]:
    """Of all contenders, in the order of the first that has them."""
    return list(dict.fromkeys(step for own in contenders.values() for step in own["timings"]))


def as_table(title: str, contenders: Figures, figure: str) -> list[str]:
    """One figure of each step of each contender."""
    return _table(title, contenders, lambda own, step: f"{own['timings'][step][figure]:.2f}")


def _table(title: str, contenders: Figures, cell: Callable[[Figures, str], str]) -> list[str]:
    steps = step_names(contenders)
    rows = [
        f"| {name} | " + " | ".join(cell(own, step) if step in own["timings"] else "" for step in steps) + " |"
        for name, own in contenders.items()
    ]
    return [f"| {title} | " + " | ".join(steps) + " |", "|" + "---|" * (len(steps) + 1), *rows, ""]


def _ratios(contenders: Figures) -> list[str]:
    """How many times as long a peer takes as the first of ours with as many bits, by the minima."""
    lines: list[str] = []
    ours = {name: own for name, own in contenders.items() if name.startswith("lowabs")}
    for name, own in ours.items():
        others = {other: theirs for other, theirs in contenders.items() if other not in ours}

        def ratio(theirs: Figures, step: str, own: Figures = own) -> str:
            mine = own["timings"].get(step)
            return f"{theirs['timings'][step]['minimum_ms'] / mine['minimum_ms']:.2f}" if mine else ""

        lines += _table(f"times the minimum of {name}", others, ratio) if others else []
    return lines


def _processes(figures: Figures) -> list[str]:
    cold: Figures = figures["cold_start_ms"]
    rows = [
        f"| {name} | {own['peak_resident_mb']:.0f} | {own['start_ms']:.0f} | {f'{cold[name]:.0f}' if name in cold else ''} |"
        for name, own in figures["contenders"].items()
    ]
    head = "| process | peak resident, MB | start until ready, ms | start to the first completion, files uncached, ms |"
    return [head, "|---|---|---|---|", *rows, ""]


def _edits(figures: Figures) -> list[str]:
    rows = []
    for name, own in figures["contenders"].items():
        if "edit" in own:
            found = (f"{own['edit'][key]:.1f}" if key in own["edit"] else "" for key in ("computed", "tokens", "runs"))
            rows.append(f"| {name} | " + " | ".join(found) + " |")
    head = f"| an edit, prompts of {figures['edit_prompt_tokens']} tokens | prompt tokens computed | generated | runs |"
    return [head, "|---|---|---|---|", *rows, ""]


def _rest(figures: Figures) -> list[str]:
    roof, cancel, idle = figures["roofline"], figures["cancel_ms"], figures["idle"]
    decode, prefill = roof["decode"], roof["prefill"]
    rates = ", ".join(f"{name} {rate:.0f}" for name, rate in roof["multiply_adds_g_s"].items())
    shares = ", ".join(f"{share:.0%} of {name}" for name, share in prefill["share"].items())
    profile: dict[str, float] = figures["profile_ms"]
    whole = profile["run"]
    operators = ", ".join(f"{kind} {ms / whole:.0%}" for kind, ms in profile.items() if kind != "run" and ms / whole >= 0.01)
    return [
        f"* Roofline: memory is read with {roof['bandwidth_gb_s']:.1f} GB/s; multiply-adds, in 10^9 a second: {rates}.",
        f"* A decoding step reads {decode['bytes'] / 1e6:.1f} MB, {decode['gb_s']:.1f} GB/s: {decode['share']:.0%} "
        f"of the memory's. Prefill of {prefill['tokens']} does {prefill['multiply_adds_g_s']:.0f}: {shares}.",
        f"* Where a profiled decoding step of {whole:.2f} ms goes: {operators}; the rest is between the operators.",
        *_cancels(cancel),
        f"* Idle: {idle['cpu_seconds']:.3f} seconds of processor in {idle['seconds']} seconds.",
    ]


def _cancels(cancel: Figures) -> list[str]:
    if not cancel["times"]:
        return ["* No prefill was long enough to be cancelled in its middle."]
    return [
        f"* From a cancel in the middle of a prefill to the end: median {cancel['median']:.1f} ms, "
        f"99 of 100 within {cancel['of_100_the_99th']:.1f} ms ({cancel['times']} times)."
    ]


def draw_plots(figures: Figures, folder: Path, stem: str) -> list[str]:
    """Draw the plots into `folder`; their file names. None where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        return []
    drawn = []
    for name, draw in (("steps", _draw_steps), ("tokens", _draw_tokens)):
        figure = Figure(figsize=(9, 4.5), layout="constrained")
        draw(figure.add_subplot(), figures["contenders"])
        drawn.append(f"{stem}-{name}.svg")
        figure.savefig(folder / drawn[-1])
    return drawn


def _draw_steps(axes: Any, contenders: Figures) -> None:
    """Every step of every contender as a bar; matplotlib's axes are not typed."""
    steps = step_names(contenders)
    width = 0.8 / len(contenders)
    for n, (name, own) in enumerate(contenders.items()):
        known = [i for i, step in enumerate(steps) if step in own["timings"]]
        minima = [own["timings"][steps[i]]["minimum_ms"] for i in known]
        axes.bar([i + n * width for i in known], minima, width, label=name)
    axes.set_xticks([i + 0.4 for i in range(len(steps))], steps, rotation=30, ha="right")
    axes.set_yscale("log")
    axes.set_ylabel("minimum, ms")
    axes.legend(fontsize="small", ncols=2)


def _draw_tokens(axes: Any, contenders: Figures) -> None:
    """What one run costs by the number of tokens in it, decoding to prefill."""
    for name, own in contenders.items():
        points = sorted(
            (1 if step == "decode" else int(step.split()[1]), timing["minimum_ms"])
            for step, timing in own["timings"].items()
            if step.split()[0] in ("decode", "verify", "prefill")
        )
        if points:
            axes.plot([count for count, _ in points], [ms for _, ms in points], marker="o", label=name)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlabel("tokens in a run")
    axes.set_ylabel("minimum, ms")
    axes.legend(fontsize="small", ncols=2)
