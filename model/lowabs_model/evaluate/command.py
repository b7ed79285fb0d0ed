"""`lowabs-model evaluate`: its arguments, and what each of its forms runs."""

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lowabs_lsp.errors import LowabsError

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

MEASURES = ("curve", "infilling", "lines", "loss", "mbpp", "memory", "nl2bash", "tasks")


def spelled_out(words: list[str]) -> list[str]:
    """`evaluate CHECKPOINT --corpus DIR` is `evaluate loss CHECKPOINT --corpus DIR`."""
    if words[:1] == ["evaluate"] and len(words) > 1 and not words[1].startswith("-") and words[1] not in MEASURES:
        return ["evaluate", "loss", *words[1:]]
    return words


def add_evaluate(commands: "Commands") -> None:
    """Everything behind `evaluate`."""
    parser = commands.add_parser(
        "evaluate",
        help="measure a model: benchmarks, held-out lines, bits per byte",
        description="Measure what ships: every answer comes from the completer. Benchmarks are never trained or tuned on.",
    )
    parser.add_argument("--all", action="store_true", help="every benchmark that is here, as one table")
    parser.add_argument("--benchmarks", type=Path, default=Path("benchmarks"), metavar="DIR", help="their data")
    parser.add_argument("--repositories", type=Path, default=Path("held-out"), metavar="DIR", help="held-out work trees")
    parser.add_argument("--scale", type=float, default=1.0, metavar="F", help="do F times as much; 1 is some minutes on 2 CPUs")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the tables into this model card, or a new file"
    )
    _add_common(parser)
    parser.set_defaults(command=_all)
    measures = parser.add_subparsers(metavar="MEASURE")
    _add_curve(measures)
    _add_infilling(measures)
    _add_lines(measures)
    _add_loss(measures)
    _add_simple(measures, "mbpp", "MBPP: pass@1 of functions from a sentence", _mbpp)
    _add_simple(
        measures, "nl2bash", "NL2Bash: a line of shell from a sentence; FILE is the folder with all.nl and all.cm", _nl2bash
    )
    _add_memory(measures)
    _add_tasks(measures)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, metavar="DIR", help="bundle to measure; the default model if left out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")


def _add_curve(measures: "Commands") -> None:
    parser = measures.add_parser("curve", help="draw the learning curves of training runs: loss against tokens")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder that a training run has written")
    parser.add_argument("--plot", type=Path, required=True, metavar="FILE", help="the .png or .svg to write")
    parser.set_defaults(command=_curve)


def _add_infilling(measures: "Commands") -> None:
    parser = measures.add_parser("infilling", help="holes from JSON lines with prompt, suffix and canonical_solution")
    parser.add_argument("file", type=Path, help="JSON lines, also .gz; with `test` and `entry_point` for pass@1")
    parser.add_argument("--limit", type=_count, metavar="N", help="items at most, drawn evenly")
    parser.add_argument(
        "--form",
        choices=("line", "shown", "whole"),
        help="ask for a line, for what an editor shows, or for whole holes; default: lines where all solutions are lines",
    )
    parser.add_argument("--no-memory", action="store_true", help="the model alone")
    _add_common(parser)
    parser.set_defaults(command=_infilling)


def _add_lines(measures: "Commands") -> None:
    parser = measures.add_parser("lines", help="rests of lines in repositories, by CodeXGLUE's protocol")
    parser.add_argument("repositories", nargs="+", type=Path, metavar="DIR", help="work trees that were never trained on")
    parser.add_argument("--limit", type=_count, default=30, metavar="N", help="lines of each language")
    _add_common(parser)
    parser.set_defaults(command=_lines)


def _add_loss(measures: "Commands") -> None:
    parser = measures.add_parser("loss", help="bits per byte of a checkpoint on a corpus' held-out files, by language")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--corpus", required=True, type=Path, metavar="DIR")
    parser.add_argument("--bytes", type=int, default=100_000, metavar="N", help="of text at most for each language")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    parser.set_defaults(command=_loss)


def _add_simple(measures: "Commands", name: str, summary: str, command: Any) -> None:
    parser = measures.add_parser(name, help=summary)
    parser.add_argument("file", type=Path)
    parser.add_argument("--limit", type=_count, metavar="N", help="items at most, drawn evenly")
    _add_common(parser)
    parser.set_defaults(command=command)


def _add_memory(measures: "Commands") -> None:
    parser = measures.add_parser("memory", help="model and workspace memory, alone and both: bits, lines, drafts")
    parser.add_argument("checkpoint", type=Path, help="what the bundle was exported from")
    parser.add_argument("repositories", nargs="+", type=Path, metavar="REPO", help="git repositories, unseen")
    _add_common(parser)
    parser.set_defaults(command=_memory)


def _add_tasks(measures: "Commands") -> None:
    parser = measures.add_parser("tasks", help="what checkpoints make of held-out task items, by family, side by side")
    parser.add_argument("checkpoints", nargs="+", type=Path, metavar="CHECKPOINT", help="before, after, ...")
    parser.add_argument("--corpus", required=True, type=Path, metavar="DIR", help="its held-out files make the items")
    parser.add_argument("--limit", type=_count, default=100, metavar="N", help="items of each family")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    parser.set_defaults(command=_tasks)


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of items, 1 or more")
    return int(text)


def _memory(options: argparse.Namespace) -> int:
    from lowabs_model.evaluate.memory import show_memory

    show_memory(options.checkpoint, options.model, options.repositories, options.json)
    return 0


def _all(options: argparse.Namespace) -> int:
    if not options.all:
        raise LowabsError(f"give --all, or what to measure: {', '.join(MEASURES)}")
    from rich.console import Console

    from lowabs_model.evaluate.suite import evaluate_all
    from lowabs_model.evaluate.tables import markdown, put_into, show_report

    with Console(stderr=True).status("evaluate") as status:
        report = evaluate_all(
            options.model,
            benchmarks=options.benchmarks,
            repositories=options.repositories,
            limit=options.scale,
            told=lambda name: status.update(f"evaluate: {name}"),
        )
    show_report(report, Console(width=150))
    if options.markdown is not None:
        put_into(options.markdown, markdown(report))
    return _written(report, options.json)


def _curve(options: argparse.Namespace) -> int:
    from lowabs_model.evaluate.curve import plot_curve

    plot_curve(options.runs, options.plot)
    return 0


def _infilling(options: argparse.Namespace) -> int:
    from rich.console import Console

    from lowabs_model.evaluate.infilling import evaluate_infilling
    from lowabs_model.evaluate.suite import as_json
    from lowabs_model.evaluate.tables import infilling_table

    engine = _engine(options)
    memory = not options.no_memory
    report = evaluate_infilling(engine, options.file, limit=options.limit, form=options.form, memory=memory)
    figures = {"model": engine.description, **as_json(report)}
    for skipped in report.skipped:
        Console(stderr=True, soft_wrap=True).print(
            f"{options.file}, line {skipped.line}: skipped: {skipped.problem}", highlight=False
        )
    Console().print(infilling_table({report.benchmark: figures}))
    return _written(figures, options.json)


def _lines(options: argparse.Namespace) -> int:
    from rich.console import Console

    from lowabs_model.evaluate.lines import evaluate_lines
    from lowabs_model.evaluate.suite import as_json
    from lowabs_model.evaluate.tables import lines_table

    engine = _engine(options)
    scores = as_json(evaluate_lines(engine, options.repositories, limit=options.limit))
    Console(width=150).print(lines_table(scores))
    return _written({"model": engine.description, "lines": scores}, options.json)


def _loss(options: argparse.Namespace) -> int:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from lowabs_model.evaluate.loss import show_loss

    show_loss(options.checkpoint, options.corpus, bytes_per_language=options.bytes, output=options.json)
    return 0


def _mbpp(options: argparse.Namespace) -> int:
    from lowabs_model.evaluate.mbpp import evaluate_mbpp

    engine = _engine(options)
    return _shown(options, engine.description, evaluate_mbpp(engine, options.file, limit=options.limit))


def _nl2bash(options: argparse.Namespace) -> int:
    from lowabs_model.evaluate.nl2bash import evaluate_nl2bash

    engine = _engine(options)
    return _shown(options, engine.description, evaluate_nl2bash(engine, options.file, limit=options.limit))


def _tasks(options: argparse.Namespace) -> int:
    from lowabs_model.evaluate.tasks import show_tasks

    show_tasks(options.checkpoints, options.corpus, limit=options.limit, output=options.json)
    return 0


def _engine(options: argparse.Namespace) -> Any:  # LocalEngine, whose import is not for those who only ask for --help
    from lowabs_lsp.engine.local import LocalEngine

    return LocalEngine.open(options.model)


def _shown(options: argparse.Namespace, model: str, report: Any) -> int:
    """Print the figures of a report as they are."""
    from rich.console import Console

    from lowabs_model.evaluate.suite import as_json

    figures = {"model": model, **as_json(report)}
    for name, value in figures.items():
        if name != "skipped":
            Console().print(f"{name}: {value}", highlight=False)
    return _written(figures, options.json)


def _written(figures: dict[str, Any], file: Path | None) -> int:
    if file is not None:
        try:
            file.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", errors="replace")
        except OSError as error:
            raise LowabsError(f"--json {file}: {error.strerror}; give a file that can be written") from error
    return 0
