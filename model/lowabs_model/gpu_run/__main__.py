"""One GPU session as one script: check, sweep, train, decay, export, measure, and weights cut into pieces to carry home.

    python -m lowabs_model.gpu_run pack CORPUS PIECES --megabytes 48      at home: folders of shards that fit a transfer
    python -m lowabs_model.gpu_run receive PIECE CORPUS                   there, once for each piece
    python -m lowabs_model.gpu_run run CORPUS SESSION --minutes 22
    python -m lowabs_model.gpu_run deliver SESSION OUT --part 0           there, until it says that no part is left
    python -m lowabs_model.gpu_run assemble PARTS CHECKPOINT              at home

`run` goes on where the last call, ended by its time or by force, left off; `--call-minutes` ends a call in good time.
`--init CHECKPOINT` starts the stable phase from the stable weights of an earlier session, which `run` never decays.
"""

import argparse
import logging
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lowabs_lsp.errors import LowabsError
from lowabs_model.gpu_run.session import Plan, Session, prepare_tokenizer, run_session
from lowabs_model.gpu_run.transfer import assemble, deliver, pack, receive


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    options = make_parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s gpu_run %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    try:
        options.command(options)
    except LowabsError as error:
        print(f"gpu_run: error: {error}", file=sys.stderr)
        return 1
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="gpu_run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("pack", help="cut a corpus into pieces")
    _paths(command, "corpus", "pieces")
    command.add_argument("--megabytes", type=float, default=48, metavar="MB")
    command.set_defaults(command=lambda o: print(*pack(o.corpus, o.pieces, int(o.megabytes * 2**20)), sep="\n"))
    command = commands.add_parser("receive", help="put a piece into the corpus")
    _paths(command, "piece", "corpus")
    command.set_defaults(command=lambda o: print(receive(o.piece, o.corpus), "files"))
    command = commands.add_parser("run", help="check, sweep, train, export, measure; again, it goes on")
    _paths(command, "corpus", "session")
    command.add_argument(
        "--tokenizer", type=Path, metavar="FILE", help="by lowabs-model tokenizer; default: trained here first"
    )
    command.add_argument("--recipe", default="gpu")
    command.add_argument("--minutes", type=float, default=22, metavar="M", help="of sweep and training, over all calls")
    command.add_argument("--call-minutes", type=float, default=math.inf, metavar="M", help="save and stop after M minutes")
    command.add_argument("--init", type=Path, metavar="CHECKPOINT", help="stable weights of an earlier session")
    command.set_defaults(command=_run)
    command = commands.add_parser("deliver", help="one part of the weights, as files that a transfer takes")
    _paths(command, "session", "output")
    command.add_argument("--part", type=int, default=0, metavar="N")
    command.add_argument("--stable", action="store_true", help="the weights before the decay, to go on from")
    command.set_defaults(command=_deliver)
    command = commands.add_parser("assemble", help="join what was delivered")
    _paths(command, "parts", "checkpoint")
    command.set_defaults(command=lambda o: assemble(o.parts, o.checkpoint))
    return parser


def _paths(parser: argparse.ArgumentParser, *names: str) -> None:
    for name in names:
        parser.add_argument(name, type=Path, metavar=name.upper())


def _run(options: argparse.Namespace) -> None:
    ends = time.monotonic() + 60 * options.call_minutes
    session = Session(options.session)
    tokenizer = options.tokenizer or session.folder / "tokenizer.json"
    plan = Plan(options.corpus, session, options.recipe, tokenizer, options.init, options.minutes, ends)
    if options.tokenizer is None:
        prepare_tokenizer(plan)
    print("gpu_run: done; deliver the weights" if run_session(plan) else "gpu_run: not done; run the same command again")


def _deliver(options: argparse.Namespace) -> None:
    parts = deliver(Session(options.session), options.output, options.part, stable=options.stable)
    left = parts - options.part - 1
    print(f"gpu_run: part {options.part} of {parts}; " + (f"{left} left" if left > 0 else "no part is left"))


if __name__ == "__main__":
    raise SystemExit(main())
