"""`lowabs-lsp models`: install, list and remove models. Converting is the work of another program, `lowabs-model import`."""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from lowabs_lsp.engine.bundle import MANIFEST, Bundle, default_folder, open_bundle, read_manifest
from lowabs_lsp.engine.installed import InstalledModel, find_model, installed_models, model_folder, remove_model
from lowabs_lsp.errors import BundleError
from lowabs_lsp.settings import EngineSettings

DEFAULT = "(default)"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The subcommands and their options."""
    actions = parser.add_subparsers(title="what to do", metavar="WHAT", required=True)
    add = actions.add_parser("add", help="install a model from a Hugging Face directory, or from the hub")
    add.add_argument("source", metavar="DIR|HUB-ID", help="a directory with safetensors, or an id as Qwen/Qwen2.5-Coder-1.5B")
    add.add_argument("--name", required=True, help="what --model and the setting `model` will call it")
    add.add_argument(
        "--quantize",
        choices=("int4", "int8", "rowq", "fp16", "bf16", "fp32"),
        default="int8",
        help="arithmetic of the weights (int8)",
    )
    add.add_argument("--context", type=int, metavar="N", help="tokens of prompt and completion together (4096 at most)")
    add.set_defaults(run=_add, log_level="warning")
    show = actions.add_parser("list", help="what is installed: arithmetic, context, size, licence")
    show.add_argument("--json", action="store_true", help="print it as JSON")
    show.set_defaults(run=_list, log_level="warning")
    choose = actions.add_parser("recommend", help="measure this machine, and name the best model for a latency")
    choose.add_argument("--latency", type=float, default=500.0, metavar="MS", help="that a line of 12 tokens may take (500)")
    choose.add_argument("--check", metavar="NAME|DIR", help="also run this model, and say how far the prediction was off")
    choose.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads; 0 is one for each physical core")
    choose.add_argument("--json", action="store_true", help="print it as JSON")
    choose.set_defaults(run=_recommend, log_level="warning")
    remove = actions.add_parser("remove", help="delete an installed model")
    remove.add_argument("name")
    remove.set_defaults(run=_remove, log_level="warning")


def _add(options: argparse.Namespace) -> int:
    model_folder(options.name)  # a wrong name is told at once
    words = [options.source, "--name", options.name, "--quantize", options.quantize]
    return hand_over(["import", *words, *(["--context", str(options.context)] if options.context else [])])


def hand_over(words: Sequence[str]) -> int:
    """Run `lowabs-model` with the same Python; its exit code."""
    return subprocess.run([sys.executable, "-m", "lowabs_model", *words], check=False).returncode


def _list(options: argparse.Namespace) -> int:
    rows = [_row(model) for model in [*_default(), *installed_models()]]
    if options.json:
        print(json.dumps(rows, indent=1))
        return 0
    print(f"{'name':<24} {'weights':<8} {'context':>7} {'MB':>7}  licence")
    for row in rows:
        told = f"{row['weights']:<8} {row['context']:>7} {row['megabytes']:>7.0f}  {row['licence']}"
        print(f"{row['name']:<24} {row['fault'] or told}")
    return 0


def _default() -> list[InstalledModel]:
    try:
        folder = default_folder()
        return [InstalledModel(DEFAULT, folder, read_manifest(folder / MANIFEST))]
    except BundleError:
        return []


def _row(model: InstalledModel) -> dict[str, Any]:
    manifest = model.manifest
    return {
        "name": model.name,
        "folder": str(model.folder),
        "weights": manifest.graphs["cpu"].variant if manifest else "",
        "context": manifest.context_length if manifest else 0,
        "megabytes": round(model.bytes / 1e6, 1),
        "licence": manifest.licence if manifest else "",
        "fault": model.fault,
    }


def _remove(options: argparse.Namespace) -> int:
    print(f"removed {remove_model(options.name)}")
    return 0


def _recommend(options: argparse.Namespace) -> int:
    from lowabs_lsp.bench.recommend import advice, as_json, as_text, check, measure_machine, predict_all, recommend
    from lowabs_lsp.engine.device import open_session
    from lowabs_lsp.engine.session import Session

    settings = EngineSettings(device="cpu", threads=options.threads)

    def opened(model: str) -> tuple[Session, Bundle]:
        bundle = open_bundle(find_model(model))
        return open_session(bundle, settings), bundle.manifest

    machine = measure_machine(*opened(""))
    predictions = predict_all(machine)
    chosen = recommend(predictions, machine, options.latency)
    checked = check(*opened(options.check), machine) if options.check else None
    if options.json:
        print(json.dumps(as_json(machine, predictions, chosen, checked), indent=1))
        return 0
    print(as_text(machine, predictions))
    print(checked.sentence if checked else "", advice(chosen, options.latency), sep="\n")
    return 0
