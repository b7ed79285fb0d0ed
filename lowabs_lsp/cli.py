"""The command line: serve an editor, complete a place in a file, examine this machine, measure."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lowabs_lsp.errors import BenchError, LowabsError, PlaceError, SettingsError
from lowabs_lsp.history import add_replay_options, add_stats_options
from lowabs_lsp.logs import set_up_logging
from lowabs_lsp.models import add_options as add_model_options
from lowabs_lsp.serving.command import add_options as add_serving_options
from lowabs_lsp.settings import Settings, load_settings

if TYPE_CHECKING:  # numpy comes with them, and not every command needs it
    from lowabs_lsp.values import Completion, Document, Engine

OK, NOTHING, FAULT = 0, 1, 2
"""Exit codes: done; nothing to show or something is not well; bad input or a fault."""

STDIN = "<stdin>"

SHELLS = ("bash", "zsh", "tcsh")
"""Shells whose completion script can be printed."""

EPILOG = "Exit codes: 0 done, 1 nothing to show or something needs attention, 2 bad input or a fault."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Every fault is one line on stderr that says what to do."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(_with_command(words))
    set_up_logging(options.log_level)
    command: Callable[[argparse.Namespace], int] = options.run
    try:
        return command(options)
    except LowabsError as error:
        print(f"lowabs-lsp: {error}", file=sys.stderr)
        return FAULT
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone: nothing more can be said
        return OK
    except KeyboardInterrupt:
        return 130


_COMMANDS = ("serve", "complete", "explain", "doctor", "bench", "serve-engine", "models", "stats", "replay")


def _with_command(words: list[str]) -> list[str]:
    """Editors call the bare program, with or without `--stdio`: that is `serve`. `-:3:4` is no option but standard input."""
    words = [STDIN + word[1:] if word == "-" or word.startswith("-:") else word for word in words]
    asks_itself = any(word.partition("=")[0] in ("-h", "--help", "--version", "--print-completion") for word in words[:1])
    return words if asks_itself or any(word in _COMMANDS for word in words[:1]) else ["serve", *words]


def _parser() -> argparse.ArgumentParser:
    from importlib.metadata import version

    parser = argparse.ArgumentParser(
        prog="lowabs-lsp", description="Code completion from a model inside the language server, offline.", epilog=EPILOG
    )
    parser.add_argument("--version", action="version", version=f"lowabs-lsp {version('lowabs-lsp')}")
    parser.add_argument("--print-completion", action=_PrintCompletion, choices=SHELLS, help="print a completion script")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_serve(commands.add_parser("serve", help="serve an editor over LSP (the default)", epilog=EPILOG))
    _add_complete(commands.add_parser("complete", help="print the completion at FILE:LINE:COLUMN", epilog=EPILOG))
    _add_explain(commands.add_parser("explain", help="say where the suggestion at FILE:LINE:COLUMN comes from", epilog=EPILOG))
    _add_doctor(commands.add_parser("doctor", help="say what runs where on this machine, and mend advice", epilog=EPILOG))
    _add_bench(commands.add_parser("bench", help="measure the engine on this machine", epilog=EPILOG))
    add_model_options(commands.add_parser("models", help="use other models: add, list, remove", epilog=EPILOG))
    add_stats_options(commands.add_parser("stats", help="count what became of suggestions on this machine", epilog=EPILOG))
    add_replay_options(
        commands.add_parser("replay", help="compute a recorded request again, bit for bit", epilog=EPILOG), _open_engine
    )
    add_serving_options(commands.add_parser("serve-engine", help="serve the engine over HTTP, to one or many", epilog=EPILOG))
    return parser


class _PrintCompletion(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, namespace: object, shell: object, option: str | None = None) -> None:
        import shtab

        print(shtab.complete(parser, str(shell)))
        parser.exit()


def _add_common(parser: argparse.ArgumentParser, log_level: str) -> None:
    parser.add_argument("--model", metavar="NAME|DIR", default="", help="an installed model or a bundle's folder")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where the model runs")
    parser.add_argument("--engine", metavar="URL", default="", help="address of a server whose model is used while it answers")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads; 0 is one for each physical core")
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), default=log_level, help="detail on stderr"
    )


def _settings(options: argparse.Namespace) -> Settings:
    return load_settings(
        {"model": options.model, "engine": {"device": options.device, "threads": options.threads, "url": options.engine}}
    )


def _open_engine(settings: Settings) -> Engine:
    if settings.engine.url:
        from lowabs_lsp.remote.engine import RemoteEngine

        return RemoteEngine(settings.engine, lambda: _open_local(settings))
    return _open_local(settings)


def _open_local(settings: Settings) -> Engine:
    from lowabs_lsp.engine.local import LocalEngine

    return LocalEngine.open(Path(settings.model).expanduser() if settings.model else None, settings.engine)


# ---------------------------------------------------------------------------------------------------------------- serve


def _add_serve(parser: argparse.ArgumentParser) -> None:
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--stdio", action="store_true", help="over standard input and output (the default)")
    way.add_argument("--tcp", metavar="[HOST:]PORT", help="listen for one editor on a TCP port; HOST is 127.0.0.1 if left out")
    way.add_argument("--ws", metavar="[HOST:]PORT", help="listen for one editor on a WebSocket")
    way.add_argument("--shared", action="store_true", help="as --stdio, with one engine process for all editors of yours")
    way.add_argument("--socket", metavar="PATH", type=Path, help="be that engine process; --shared starts it when needed")
    parser.add_argument("--ready", metavar="DESCRIPTOR", type=int, help=argparse.SUPPRESS)
    _add_common(parser, log_level="info")
    parser.set_defaults(run=_serve)


def _serve(options: argparse.Namespace) -> int:
    settings = _settings(options)
    if options.shared:
        try:
            return _serve_shared(settings)
        except LowabsError as error:
            print(f"lowabs-lsp: {error}; serving with an engine of this process alone", file=sys.stderr)
    if options.socket:
        from lowabs_lsp.sharing.host import run_host

        return run_host(options.socket, options.ready, open_engine=_open_engine)
    from lowabs_lsp.server import app

    if options.tcp:
        return app.serve_tcp(*_address(options.tcp), open_engine=_open_engine, settings=settings)
    if options.ws:
        return app.serve_websocket(*_address(options.ws), open_engine=_open_engine, settings=settings)
    return app.serve_stdio(open_engine=_open_engine, settings=settings)


def _serve_shared(settings: Settings) -> int:
    if sys.platform == "win32":
        raise LowabsError("an engine process for all editors needs Unix sockets, which Windows' Python has not")
    from lowabs_lsp.sharing.relay import serve_shared

    return serve_shared(settings)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise LowabsError(f"{text}: not a port; give PORT or HOST:PORT, as in 127.0.0.1:7777")
    return host.strip("[]") or "127.0.0.1", int(port)


# ------------------------------------------------------------------------------------------------------------- complete


def _add_complete(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "place",
        metavar="FILE[:LINE[:COLUMN]]",
        help="where to complete, counted from 1; no column is the end of the line, no line the end of the file; "
        "FILE `-` is standard input",
    )
    parser.add_argument("--path", help="with standard input: the name of the file, which tells its language")
    parser.add_argument("--json", action="store_true", help="print text, tokens, logprobs, timings_ms and reason as JSON")
    parser.add_argument("--raw", action="store_true", help="the input is a plain prompt: no context, no post-processing")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="tokens to generate at most")
    parser.add_argument(
        "--alternatives",
        type=int,
        default=1,
        metavar="N",
        help="with --json: up to so many ways to go on, and how sure the first is",
    )
    _add_common(parser, log_level="warning")
    parser.set_defaults(run=_complete)


def _complete(options: argparse.Namespace) -> int:
    settings = _settings(options)
    if options.max_tokens is not None and options.max_tokens < 1:
        raise LowabsError(f"--max-tokens {options.max_tokens}: must be at least 1")
    document, offset = _read_place(options.place, options.path)
    start = time.perf_counter()
    if options.raw:
        completion = _continue_raw(_open_engine(settings), document.text, options.max_tokens or settings.completion.max_tokens)
    else:
        completion = _complete_document(settings, document, offset, options.max_tokens, options.alternatives)
    total = (time.perf_counter() - start) * 1e3
    if options.json:
        answer = _as_json(completion, total)
        if options.alternatives > 1:
            answer |= {"confidence": completion.confidence, "alternatives": list(completion.others)}
        print(json.dumps(answer, ensure_ascii=False))
        return OK
    if completion.text:
        print(completion.text)
        return OK
    print(f"lowabs-lsp: nothing to show: {completion.reason}", file=sys.stderr)
    return NOTHING


def _continue_raw(engine: Engine, text: str, max_tokens: int) -> Completion:
    from lowabs_lsp.values import Completion, Decoding, Prompt, Reason

    generated = engine.generate(Prompt((engine.layout.lead + text,), heal=False), Decoding(max_tokens=max_tokens))
    return Completion(generated.text, Reason.SHOWN if generated.text else Reason.EMPTY, generated)


def _complete_document(
    settings: Settings, document: Document, offset: int, max_tokens: int | None, alternatives: int
) -> Completion:
    from attrs import evolve

    from lowabs_lsp.completer import Completer
    from lowabs_lsp.values import Limits

    wanted = evolve(settings.completion, max_tokens=max_tokens or settings.completion.max_tokens, alternatives=alternatives)
    settings = evolve(settings, completion=wanted)
    return Completer(_open_engine(settings), settings).complete(document, offset, limits=Limits(is_explicit=True))


def _as_json(completion: Completion, total_ms: float) -> dict[str, object]:
    from lowabs_lsp.values import Generated, Stop

    generated = completion.generated or Generated("", (), (), Stop.END)
    timings = generated.timings
    return {
        "text": completion.text,
        "tokens": list(generated.tokens),
        "logprobs": [round(value, 4) for value in generated.logprobs],
        "timings_ms": {
            "encode": round(timings.encode, 3),
            "prefill": round(timings.prefill, 3),
            "decode": round(timings.decode, 3),
            "total": round(total_ms, 3),
        },
        "reason": str(completion.reason),
    }


def _read_place(place: str, path: str | None) -> tuple[Document, int]:
    """FILE:LINE:COLUMN -> the document and the cursor's offset. Raises PlaceError."""
    from lowabs_lsp.prompt.languages import language_of
    from lowabs_lsp.values import Document

    name, line, column = _split_place(place)
    text = _read_text(name)
    shown = path or name.strip("<>")  # the model is shown a plain word
    relative = Path(shown).as_posix() if not Path(shown).is_absolute() else Path(shown).name
    document = Document(uri=Path(shown).absolute().as_uri(), path=relative, language=language_of(shown, text), text=text)
    return document, _offset_of(text, line, column, shown)


def _split_place(place: str) -> tuple[str, int | None, int | None]:
    """FILE:LINE:COLUMN apart. File names may have colons too, so numbers are taken from the right, two at most."""
    parts = place.split(":")
    numbers: list[int] = []
    while len(parts) > 1 and len(numbers) < 2 and parts[-1].isdigit():
        numbers.insert(0, int(parts.pop()))
    line, column = [*numbers, None, None][:2]
    return ":".join(parts), line, column


def _read_text(name: str) -> str:
    try:
        data = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    except OSError as error:
        raise PlaceError(f"{name}: {error.strerror}; give FILE:LINE:COLUMN of a readable text file, or - for stdin") from error
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise PlaceError(f"{name}: not UTF-8 at byte {error.start}; convert it to UTF-8 first") from error


def _offset_of(text: str, line: int | None, column: int | None, name: str) -> int:
    if line is None:
        return len(text)
    lines = text.split("\n")
    if not 1 <= line <= len(lines):
        raise PlaceError(f"{name}:{line}: the file has {len(lines)} lines; give a line from 1 to {len(lines)}")
    width = len(lines[line - 1].rstrip("\r"))
    if column is None:
        column = width + 1
    if not 1 <= column <= width + 1:
        raise PlaceError(f"{name}:{line}:{column}: the line has {width} characters; give a column from 1 to {width + 1}")
    return sum(len(each) + 1 for each in lines[: line - 1]) + column - 1


# -------------------------------------------------------------------------------------------------------------- explain


def _add_explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("place", metavar="FILE[:LINE[:COLUMN]]", help="as for `complete`")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page to look at")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON")
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="the workspace; the git repository that the file is in if left out"
    )
    _add_common(parser, log_level="warning")
    parser.set_defaults(run=_explain)


def _explain(options: argparse.Namespace) -> int:
    from lowabs_lsp.explain.command import run

    settings = _settings(options)
    document, offset = _read_place(options.place, None)
    for file in filter(None, (options.html, options.json)):
        if not file.absolute().parent.is_dir():
            raise PlaceError(f"{file}: no such folder; make it first, the explanation is written there")
    print(run(options, settings, _open_engine(settings), document, offset, Path(_split_place(options.place)[0])))
    return OK


# --------------------------------------------------------------------------------------------------------------- doctor


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument(
        "--last", type=int, nargs="?", const=20, metavar="N", help="instead: how the last N requests of editors ended, and why"
    )
    _add_common(parser, log_level="error")
    parser.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    if options.last is not None:
        from lowabs_lsp.history import print_last

        return print_last(max(1, options.last), as_json=options.json)
    from lowabs_lsp.bench.doctor import examine

    findings = examine(_settings(options), _open_engine)
    if options.json:
        print(json.dumps([{"name": f.name, "ok": f.ok, "found": f.found, "remedy": f.remedy} for f in findings], indent=1))
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.ok else 'FAIL'} {finding.name:<14} {finding.found}")
            if finding.remedy:
                print(f"     {'':<14} -> {finding.remedy}")
    return OK if all(finding.ok for finding in findings) else NOTHING


# ---------------------------------------------------------------------------------------------------------------- bench


def _add_bench(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(title="what to measure", metavar="WHAT", required=True)
    _add_engine(kinds.add_parser("engine", help="prefill, decode, verify, an edit and the roofline; peers", epilog=EPILOG))
    _add_replay(kinds.add_parser("replay", help="real edits of a git history, typed by a simulated person", epilog=EPILOG))
    _add_people(kinds.add_parser("people", help="simulated people who type against engines behind HTTP", epilog=EPILOG))


def _add_engine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--peers", default="", metavar="P", help="beside ours, by commas: llama.cpp, genai, transformers")
    parser.add_argument(
        "--checkpoint", type=Path, metavar="DIR", help="with --peers: the Hugging Face directory with the same weights"
    )
    parser.add_argument("--beside", action="append", default=[], metavar="DIR", help="a further model bundle of ours")
    parser.add_argument(
        "--peer-files", type=Path, default=Path("peers"), metavar="DIR", help="where the peers' own files are made and kept"
    )
    parser.add_argument("--llama-server", default="", metavar="FILE", help="llama.cpp's server; else llama-cpp-python's own")
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="how often everything is measured in turn")
    parser.add_argument("--idle", type=int, default=60, metavar="S", help="seconds in which the idle engine is watched")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures as JSON")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="write the tables as Markdown, and plots beside it")
    _add_common(parser, log_level="error")
    parser.set_defaults(run=_bench_engine)


def _add_replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", type=Path, help="a git repository, work tree or bare")
    parser.add_argument("--commits", type=int, default=20, metavar="N", help="how many commits to replay")
    parser.add_argument(
        "--revision", default="HEAD", metavar="R", help="what they are drawn from: a branch, a tag or a range A..B"
    )
    parser.add_argument("--policy", default="ours", metavar="P", help="who completes: a name, several by commas, or all")
    parser.add_argument("--clock", choices=("virtual", "real"), default="virtual", help="virtual is the same on every machine")
    parser.add_argument("--speed", type=float, default=1.0, metavar="X", help="real clock: times as fast as a person")
    parser.add_argument("--latency", type=int, default=0, metavar="MS", help="virtual clock: what each answer takes")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="draws the commits and the rhythm of the person")
    parser.add_argument("--settings", default="{}", metavar="JSON", help="settings of ours, as an editor sends them")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write everything as JSON, anew after each policy")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="write the tables as Markdown, anew after each policy")
    _add_common(parser, log_level="info")
    parser.set_defaults(run=_bench_replay)


def _add_people(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("urls", nargs="+", metavar="URL", help="fronts of one service, as in http://127.0.0.1:8012")
    parser.add_argument("--people", type=int, default=10, metavar="N", help="how many type at once")
    parser.add_argument("--seconds", type=float, default=30.0, metavar="S", help="how long")
    parser.add_argument("--keys", type=float, default=4.0, metavar="X", help="keys a second of each person")
    parser.add_argument("--token-env", metavar="NAME", default="", help="environment variable with a bearer token")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="error", help="detail on stderr")
    parser.set_defaults(run=_bench_people)


def _bench_people(options: argparse.Namespace) -> int:
    import os

    from lowabs_lsp.bench.people import Crowd, summary, type_away

    if options.people < 1 or options.seconds <= 0 or options.keys <= 0:
        raise BenchError("--people, --seconds and --keys must be more than 0")
    token = os.environ.get(options.token_env, "")
    crowd = Crowd(tuple(options.urls), options.people, options.seconds, options.keys, token=token)
    print(json.dumps(summary(crowd, type_away(crowd)), indent=1))
    return OK


def _bench_engine(options: argparse.Namespace) -> int:
    from lowabs_lsp.bench.engine import EngineBench, measure_engine
    from lowabs_lsp.bench.engine_report import as_markdown, draw_plots

    for file in filter(None, (options.json, options.markdown)):
        if not file.absolute().parent.is_dir():
            raise BenchError(f"{file}: no such folder; make it first, the benchmark writes its figures there")
    bench = EngineBench(
        model=options.model,
        beside=tuple(options.beside),
        peers=tuple(filter(None, options.peers.split(","))),
        checkpoint=options.checkpoint,
        folder=options.peer_files,
        llama_server=options.llama_server,
        device="cpu" if options.device == "auto" else options.device,
        threads=_settings(options).engine.threads,
        rounds=max(1, options.rounds),
        idle_seconds=options.idle,
    )
    figures = measure_engine(bench)
    print(as_markdown(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    if options.markdown:
        plots = draw_plots(figures, options.markdown.absolute().parent, options.markdown.stem)
        options.markdown.write_text(as_markdown(figures, plots) + "\n")
    return OK


def _bench_replay(options: argparse.Namespace) -> int:
    from lowabs_lsp.bench.replay.report import as_json, as_table
    from lowabs_lsp.bench.replay.run import ReplayOptions, ReplayResult, run_replay

    replay = ReplayOptions(
        repository=options.path,
        commits=options.commits,
        revision=options.revision,
        policies=tuple(options.policy.split(",")),
        clock=options.clock,
        speed=options.speed,
        latency=options.latency,
        seed=options.seed,
        settings=_settings(options),
        overrides=_read_json_object(options.settings),
    )
    for file in filter(None, (options.json, options.markdown)):
        if not file.absolute().parent.is_dir():
            raise BenchError(f"{file}: no such folder; make it first, the benchmark writes its figures there")

    def write(result: ReplayResult) -> None:
        if options.json:
            options.json.write_text(json.dumps(as_json(result), indent=1) + "\n")
        if options.markdown:
            options.markdown.write_text(as_table(result) + "\n")

    print(as_table(run_replay(replay, _open_engine, so_far=write)))
    return OK


def _read_json_object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise SettingsError(f'--settings: no JSON: {error}; write it as in \'{{"context": {{"maxTokens": 512}}}}\'') from error
    if not isinstance(value, dict):
        raise SettingsError(f"--settings {text}: expected a JSON object")
    return value


if __name__ == "__main__":
    sys.exit(main())
