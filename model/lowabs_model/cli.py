"""lowabs-model: corpus, tokenizer, pretrain, finetune, evaluate, export, import, and attention to look at."""

import argparse
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import attrs

from lowabs_lsp.errors import LowabsError
from lowabs_model.evaluate.command import add_evaluate, spelled_out

if TYPE_CHECKING:
    from lowabs_model.corpus.shards import SourceFile
    from lowabs_model.recipe import Recipe
    from lowabs_model.train import Report, Reporter

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

log = logging.getLogger(__name__)

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code; a user's error is one line on stderr."""
    options = make_parser().parse_args(spelled_out(list(sys.argv[1:] if arguments is None else arguments)))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    command: Command = options.command
    try:
        return command(options)
    except LowabsError as error:
        print(f"lowabs-model: error: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        extra = "models" if command is _import else "train"
        print(f"lowabs-model: error: {error}; run: pip install 'lowabs-lsp[{extra}]'", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(prog="lowabs-model", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_attention(commands)
    _add_corpus(commands)
    _add_tasks(commands)
    _add_tokenizer(commands)
    _add_training(commands, "pretrain", "train a model from nothing, or go on with a run")
    _add_training(commands, "finetune", "train a checkpoint further by a recipe of its own")
    add_evaluate(commands)
    _add_export(commands)
    _add_restore(commands)
    _add_random(commands)
    _add_gates(commands)
    _add_import(commands)
    _add_calibrate(commands)
    return parser


def _add_corpus(commands: "Commands") -> None:
    parser = commands.add_parser("corpus", help="make clean, licensed, deduplicated shards of source code")
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="[NAME[@VERSION]=]folder or git directory, site-packages, a list of such, or a table like model/sources.tsv",
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument("--blocklist", type=Path, metavar="FILE", help="benchmark items that must not be trained on")
    parser.add_argument("--held-out", action="append", default=[], metavar="NAME", help="repository never trained on")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="where harvests are kept; default: beside the output")
    parser.add_argument(
        "--history", action="store_true", help="also mine older versions of system-level files, which are scarce"
    )
    parser.add_argument("--rows", metavar="NAME", help="of a table: the corpus whose rows are meant; default: all")
    parser.add_argument(
        "--fetch", type=Path, metavar="DIR", help="where a table's sources are fetched to; default: beside the output"
    )
    parser.add_argument("--origin", default="https://github.com", metavar="URL|DIR", help="where a table's repositories are")
    parser.set_defaults(command=_corpus)


def _add_tasks(commands: "Commands") -> None:
    parser = commands.add_parser("tasks", help="make a corpus for `finetune` from one: holes by family of task")
    parser.add_argument("corpus", type=Path, help="folder of a corpus")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument("--per-family", type=int, default=20_000, metavar="N", help="tasks at most")
    parser.add_argument("--ordinary", type=float, default=0.3, metavar="SHARE", help="of all bytes in ordinary files, below 1")
    parser.set_defaults(command=_tasks)


def _add_tokenizer(commands: "Commands") -> None:
    parser = commands.add_parser("tokenizer", help="train the byte-level BPE of a recipe on a corpus")
    parser.add_argument("--recipe", required=True, help="name of a shipped recipe, or a TOML file")
    parser.add_argument("--corpus", required=True, type=Path, metavar="DIR")
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="the tokenizer.json to write")
    parser.set_defaults(command=_tokenizer)


def _add_training(commands: "Commands", name: str, summary: str) -> None:
    parser = commands.add_parser(name, help=summary)
    parser.add_argument("--recipe", help="name of a shipped recipe, or a TOML file; default with --resume: the run's own")
    parser.add_argument("--corpus", required=True, type=Path, metavar="DIR")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="where checkpoints and curves go")
    parser.add_argument("--tokenizer", type=Path, metavar="FILE", help="default: the checkpoint's, else trained first")
    parser.add_argument("--init", type=Path, metavar="CHECKPOINT", required=name == "finetune", help="weights to start from")
    parser.add_argument(
        "--resume", nargs="?", const=Path(), type=Path, metavar="CHECKPOINT", help="go on exactly; default: the run's last"
    )
    parser.add_argument("--decay-now", type=int, metavar="STEPS", help="end the stable phase here and decay in STEPS")
    parser.add_argument("--max-minutes", type=float, default=math.inf, metavar="M", help="save and stop after M minutes")
    parser.set_defaults(command=_train)


def _add_attention(commands: "Commands") -> None:
    parser = commands.add_parser("attention", help="show what attention computes for a text: shapes and weights per head")
    parser.add_argument("text")
    parser.add_argument("--checkpoint", type=Path, metavar="DIR", help="default: a fresh attention with random weights")
    parser.add_argument("--layer", type=int, default=0, metavar="N", help="layer of the checkpoint to show")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="also draw the weights of each head")
    parser.set_defaults(command=_attention)


def _add_export(commands: "Commands") -> None:
    parser = commands.add_parser("export", help="write the bundle that lowabs-lsp runs, or a file for llama.cpp")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("output", type=Path, nargs="?", help="the bundle's folder; may be left out with --gguf")
    parser.add_argument("--gguf", type=Path, metavar="FILE", help="write the model for llama.cpp here")
    parser.add_argument("--gguf-type", default="f32", choices=("f32", "f16", "q8_0"), help="how that file stores matrices")
    parser.add_argument("--name", help="of the model; default: the checkpoint's folder")
    parser.add_argument(
        "--variant",
        default="w8a8",
        choices=("w8a8", "rowq", "int8", "int4", "fp32"),
        help="arithmetic of the weights on the CPU",
    )
    parser.add_argument(
        "--block-size", type=int, default=128, choices=(32, 64, 128), help="weights to a scale in int8, int4; fewer lose less"
    )
    parser.add_argument(
        "--kv-cache", default="float", choices=("float", "int8"), help="how keys and values are kept on the CPU"
    )
    parser.add_argument(
        "--corpus", type=Path, metavar="DIR", help="prove parity on its held-out files; default: standard library"
    )
    parser.set_defaults(command=_export)


def _add_import(commands: "Commands") -> None:
    parser = commands.add_parser("import", help="make a bundle of an open code model, for --model and the setting `model`")
    parser.add_argument("source", metavar="DIR|HUB-ID", help="a Hugging Face directory, or a model's id on the hub")
    parser.add_argument("--name", required=True, help="what --model and the setting `model` will call it")
    parser.add_argument(
        "--quantize",
        default="int8",
        choices=("int4", "int8", "rowq", "fp16", "bf16", "fp32"),
        help="arithmetic of the weights; default: int8",
    )
    parser.add_argument("--context", type=int, metavar="N", help="tokens of prompt and completion; default: 4096 at most")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: the folder of the user's models")
    parser.set_defaults(command=_import)


def _add_random(commands: "Commands") -> None:
    parser = commands.add_parser("random", help="write a checkpoint of drawn weights, to measure the speed of a shape")
    parser.add_argument("shape", help="64m, qwen2.5-coder-1.5b, qwen2.5-coder-7b or tiny")
    parser.add_argument("output", type=Path)
    parser.add_argument("--tokenizer", type=Path, metavar="FILE", help="default: the default model's")
    parser.set_defaults(command=_random)


def _add_restore(commands: "Commands") -> None:
    parser = commands.add_parser("restore", help="write the checkpoint of a bundle, to fine-tune what ships or to convert it")
    parser.add_argument("output", type=Path, metavar="CHECKPOINT", help="the folder to write")
    parser.add_argument("--model", type=Path, metavar="DIR", help="the bundle; the default model if left out")
    parser.set_defaults(command=_restore)


def _restore(options: argparse.Namespace) -> int:
    from lowabs_lsp.engine.bundle import default_folder
    from lowabs_model.restore import restore_checkpoint

    restore_checkpoint(options.model or default_folder(), options.output)
    print(options.output)
    return 0


def _tasks(options: argparse.Namespace) -> int:
    from lowabs_model.corpus.tasks.build import build_tasks

    if not 0 <= options.ordinary < 1 or options.per_family < 1:
        raise LowabsError("--ordinary must be from 0 to below 1, and --per-family at least 1")
    counts = build_tasks(options.corpus, options.output, per_family=options.per_family, ordinary=options.ordinary)
    for family, count in counts.items():
        print(f"{family}: {count}")
    return 0


def _add_gates(commands: "Commands") -> None:
    parser = commands.add_parser("gates", help="fit how the workspace memory is weighed beside a model")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("repositories", type=Path, nargs="+", metavar="REPO", help="git repositories it was not trained on")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the gates, as .npz")
    parser.set_defaults(command=_gates)


def _gates(options: argparse.Namespace) -> int:
    from lowabs_model.evaluate.memory import fit_memory

    fit_memory(options.checkpoint, options.repositories, options.output)
    return 0


def _add_calibrate(commands: "Commands") -> None:
    parser = commands.add_parser("calibrate", help="fit a bundle's confidence on the histories of git repositories")
    parser.add_argument("bundle", type=Path, help="gets a confidence.json, or a new one")
    parser.add_argument("repositories", type=Path, nargs="+", metavar="REPO", help="to fit on, none it was trained on")
    parser.add_argument("--report", type=Path, nargs="*", default=[], metavar="REPO", help="to measure on, none of those")
    parser.add_argument("--minutes", type=float, default=8.0, metavar="M", help="for completing, all repositories together")
    parser.add_argument("--keys", type=int, default=20_000, metavar="N", help="of each repository at most")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="processes, one thread each")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="draws the commits")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep what was completed here, and use what is there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them")
    parser.add_argument("--page", type=Path, metavar="FILE", help="put them into a page, between its marks")
    parser.set_defaults(command=_calibrate)


def _calibrate(options: argparse.Namespace) -> int:
    from lowabs_model.evaluate.calibrate import Plan, as_json, calibrate, plot, put_into

    plan = Plan(
        bundle=options.bundle,
        fitting=options.repositories,
        reporting=options.report,
        minutes=options.minutes,
        keys=options.keys,
        workers=options.workers,
        seed=options.seed,
        cache=options.cache,
    )
    figures = calibrate(plan)
    if options.json:
        options.json.write_text(as_json(figures), encoding="utf-8")
    if options.plot:
        plot(figures, options.plot)
    if options.page:
        options.page.write_text(put_into(options.page.read_text("utf-8"), figures), encoding="utf-8")
    for name, part in figures.items():
        print(f"{name}: {part['places']} places, expected calibration error {part['calibration_error']}")
        for row in part["curve"][::2]:
            print(
                f"  precision {row['wanted']:.2f}: met {row['precision'] or 0:.2f}, "
                f"{row['shown_per_100_keys']:.1f} shown and {row['wrong_per_100_keys']:.1f} wrong for 100 keys"
            )
    return 0


def _tokenizer(options: argparse.Namespace) -> int:
    from lowabs_model import recipe
    from lowabs_model.corpus.shards import TRAIN, read_shards

    settings = recipe.load_recipe(options.recipe)
    text = _trained_tokenizer(settings, list(read_shards(options.corpus, TRAIN)))
    options.output.write_text(text, encoding="utf-8")
    return 0


def _trained_tokenizer(settings: "Recipe", files: "list[SourceFile]") -> str:
    """On the mix that the model will see, as far as leaving files out can make it."""
    from lowabs_model.tokenizer import sample_texts, train_tokenizer

    if settings.model is None:
        raise LowabsError("the recipe has no [model], so no vocab_size: give --tokenizer")
    random, weights = Random(settings.train.seed), settings.language_weights
    texts = [file.text for file in files if random.random() < weights.get(file.language, 1.0)]
    sample = sample_texts(texts, sum(map(len, texts)), settings.tokenizer.sample_bytes)
    return train_tokenizer(sample, settings.model.vocab_size).to_str()


def _train(options: argparse.Namespace) -> int:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: spinning threads starve other programs
    from lowabs_model.corpus.shards import HELD_OUT, TRAIN, read_shards
    from lowabs_model.recipe import load_recipe, recipe_text
    from lowabs_model.train import Run, checkpoints, from_first, processes, train

    folder: Path = options.output
    resume: Path | None = options.resume
    if resume == Path():
        found = checkpoints(folder)
        if not found:
            raise LowabsError(f"{folder} holds no checkpoint to resume; leave out --resume to start it")
        resume = found[-1]
    if resume is None and checkpoints(folder):
        raise LowabsError(f"{folder} holds a run already: give --resume to go on with it, or another --output")
    if resume is None and options.recipe is None:
        raise LowabsError("give --recipe NAME or --recipe FILE")
    name = options.recipe or folder / "recipe.toml"
    recipe, files = load_recipe(name), list(read_shards(options.corpus, TRAIN))
    tokenizer = options.tokenizer or next((f for f in _tokenizers(resume, options.init, folder) if f.is_file()), None)
    with processes() as world:
        make = (lambda: tokenizer.read_text("utf-8")) if tokenizer else (lambda: _trained_tokenizer(recipe, files))
        text = from_first(make, world)
        if world.rank == 0:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "recipe.toml").write_text(recipe_text(name), encoding="utf-8")
            (folder / "tokenizer.json").write_text(text, encoding="utf-8")
        run = Run(
            folder=folder,
            tokenizer_json=text,
            files=files,
            held_out=list(read_shards(options.corpus, HELD_OUT)),
            init=options.init,
            resume=resume,
            decay_steps=options.decay_now,
            max_minutes=options.max_minutes,
        )
        with reporting(recipe.train.log_steps, quiet=world.rank != 0) as report:
            last = train(recipe, run, report, world)
        if world.rank == 0:
            print(last)
    return 0


@contextmanager
def reporting(log_steps: int, *, quiet: bool) -> "Iterator[Reporter]":
    """A progress bar on a terminal, a log line every `log_steps` elsewhere, nothing when `quiet`."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield (lambda _: None) if quiet else _line_reporter(log_steps)
        return
    columns = (TextColumn("train"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[figures]}"), console=console) as bar:
        task = bar.add_task("train", total=None, figures="")

        def show(report: "Report") -> None:
            bar.update(task, completed=report.step, total=report.steps, figures=_figures(report))

        yield show


def _line_reporter(log_steps: int) -> "Reporter":
    """One line for every `log_steps` steps, with their mean loss and speed."""
    losses: list[float] = []
    begun = [time.monotonic(), 0.0]

    def show(report: "Report") -> None:
        losses.append(report.loss)
        if report.step % log_steps == 0 or report.step == report.steps:
            elapsed, tokens = time.monotonic() - begun[0], report.tokens - begun[1]
            mean = attrs.evolve(report, loss=sum(losses) / len(losses), tokens_per_second=tokens / elapsed)
            log.info("%s", _figures(mean if begun[1] else report))
            losses.clear()
            begun[:] = [time.monotonic(), report.tokens]

    return show


def _figures(report: "Report") -> str:
    return (
        f"step={report.step}/{report.steps} tokens={report.tokens} loss={report.loss:.4f} length={report.length} "
        f"rate={report.factor:.3f} tokens_per_second={report.tokens_per_second:.0f}"
    )


def _tokenizers(resume: Path | None, init: Path | None, folder: Path) -> list[Path]:
    """Where a run's tokenizer may be, in this order."""
    return [place / "tokenizer.json" for place in (resume, init, folder) if place is not None]


def _attention(options: argparse.Namespace) -> int:
    from lowabs_model.evaluate.attention_weights import show_attention

    show_attention(options.text, options.checkpoint, layer=options.layer, plot=options.plot)
    return 0


def _corpus(options: argparse.Namespace) -> int:
    from lowabs_model.corpus.build import build_corpus
    from lowabs_model.corpus.statistics import summary
    from lowabs_model.corpus.table import fetch_table, is_table, read_table

    sources = [source for source in options.sources if not is_table(source)]
    held_out: list[str] = list(options.held_out)
    tables = [row for source in options.sources if is_table(source) for row in read_table(Path(source), options.rows)]
    if tables:
        folder = options.fetch or options.output.parent / "repositories"
        found = fetch_table(tables, folder, origin=options.origin, history=options.history, workers=options.workers)
        sources += found.sources
        held_out += found.held_out
    built = build_corpus(
        options.output,
        sources,
        blocklist=options.blocklist,
        held_out=held_out,
        workers=options.workers,
        cache=options.cache,
        history=options.history,
    )
    print(summary(built))
    return 0


def _export(options: argparse.Namespace) -> int:
    from lowabs_model.export import export_bundle
    from lowabs_model.parity import held_out

    if options.output is None and options.gguf is None:
        raise LowabsError("give a folder for the bundle, or --gguf FILE, or both")
    if options.output is not None:
        sample = held_out(options.corpus) if options.corpus else None
        bundle = export_bundle(
            options.checkpoint,
            options.output,
            name=options.name,
            variant=options.variant,
            block=options.block_size,
            cache=options.kv_cache,
            held_out=sample,
        )
        print(f"{options.output}: {bundle.name}, {bundle.parity}")
    if options.gguf is not None:
        from lowabs_model.gguf import write_gguf

        write_gguf(options.checkpoint, options.gguf, kind=options.gguf_type, name=options.name)
        print(f"{options.gguf}: {options.gguf.stat().st_size} bytes for llama.cpp, {options.gguf_type}")
    return 0


def _import(options: argparse.Namespace) -> int:
    from lowabs_lsp.engine.installed import model_folder
    from lowabs_model.huggingface.convert import import_model
    from lowabs_model.huggingface.hub import find_source

    output = model_folder(options.name) if options.output is None else options.output
    folder = find_source(options.source)
    bundle = import_model(
        folder, output, name=options.name, quantize=options.quantize, context=options.context, origin=options.source
    )
    parity = bundle.parity
    figures = "not compared as a whole"
    if parity is not None:
        losses = f"loss {parity.loss_before:.4f} -> {parity.loss_after:.4f}"
        figures = f"{parity.argmax_agreement:.1%} of choices as in transformers, {losses}"
    print(f"{output}: {bundle.name}, {options.quantize}, licence {bundle.licence}; {figures}")
    return 0


def _random(options: argparse.Namespace) -> int:
    from lowabs_lsp.engine.bundle import TOKENIZER, default_folder
    from lowabs_model.shapes import write_random

    write_random(options.shape, options.output, options.tokenizer or default_folder() / TOKENIZER)
    print(options.output)
    return 0
