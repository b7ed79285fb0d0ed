"""Replay the history of a repository under one policy after another: options in, figures out."""

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import evolve, field, frozen

from lowabs_lsp.bench.replay.assistant import Backend
from lowabs_lsp.bench.replay.clock import Clock, RealClock, VirtualClock
from lowabs_lsp.bench.replay.history import Repository
from lowabs_lsp.bench.replay.inside import CountingEngine, InsideBackend
from lowabs_lsp.bench.replay.measures import Figures, MachineCounts, figures_of, machine_figures
from lowabs_lsp.bench.replay.ours import SERVED, UNCOUNTED, UNTIMED, make_ours, make_silent, merged
from lowabs_lsp.bench.replay.peers.at_once import at_once
from lowabs_lsp.bench.replay.peers.continue_dev import make_continue
from lowabs_lsp.bench.replay.peers.copilot import make_copilot
from lowabs_lsp.bench.replay.peers.llama_vim import make_llama_vim
from lowabs_lsp.bench.replay.peers.tabby import make_tabby
from lowabs_lsp.bench.replay.policy import MakePolicy
from lowabs_lsp.bench.replay.served import ServedBackend
from lowabs_lsp.bench.replay.session import Session, pick_sessions
from lowabs_lsp.bench.replay.sitting import OpenBackend, Sitting, sit
from lowabs_lsp.engine.installed import find_model
from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.errors import BenchError
from lowabs_lsp.logs import key_values
from lowabs_lsp.settings import Settings, load_settings
from lowabs_lsp.values import Engine

logger = logging.getLogger(__name__)

OpenEngine = Callable[[Settings], Engine]
EVERY = "all"
"""The name that stands for every policy, ours first."""


@frozen
class ReplayOptions:
    """One run of the benchmark."""

    repository: Path
    commits: int = 20
    revision: str = "HEAD"
    """A branch, tag, commit or range `A..B`: what commits are drawn from."""
    policies: tuple[str, ...] = ("ours",)
    clock: str = "virtual"
    """`virtual` or `real`."""
    speed: float = 1.0
    """On the real clock: how many times as fast as a person the simulated one is."""
    latency: int = 0
    """On the virtual clock: milliseconds that each answer takes."""
    seed: int = 0
    settings: Settings = field(factory=Settings)
    """The model, its device and threads, for every policy."""
    overrides: Mapping[str, object] = field(factory=dict)
    """Settings of ours as an editor sends them, over which a policy's own are laid."""
    server: tuple[str, ...] = ()
    """The command that starts the server; empty is this package's own."""


@frozen
class PolicyResult:
    """What one policy came to."""

    figures: Figures
    """The same on every machine, if the clock is virtual."""
    machine: Mapping[str, float]


@frozen
class ReplayResult:
    """What a run came to."""

    options: ReplayOptions
    head: str
    """The commit that the revision names."""
    sessions: Sequence[Session]
    policies: Sequence[PolicyResult]


def policy_names() -> tuple[str, ...]:
    """Every policy, ours first."""
    return (*SERVED, *_inside(ReplayOptions(Path())))


def _inside(options: ReplayOptions) -> dict[str, MakePolicy]:
    """The policies that run in this process."""
    ours = evolve(load_settings(options.overrides), model=options.settings.model, engine=options.settings.engine)
    return {
        "completer": make_ours(ours),
        "llama.vim": make_llama_vim,
        "continue": make_continue,
        "tabby": make_tabby(clips=True),
        "tabby-unclipped": make_tabby(clips=False),
        "copilot": make_copilot,
        "continue-at-once": at_once(make_continue),
        "tabby-at-once": at_once(make_tabby(clips=True)),
        "copilot-at-once": at_once(make_copilot),
        "silent": make_silent,
    }


def run_replay(
    options: ReplayOptions, open_engine: OpenEngine, *, so_far: Callable[[ReplayResult], None] = lambda result: None
) -> ReplayResult:
    """Replay, and tell `so_far` after each policy what there is by then.

    Raises BenchError for what cannot be replayed, BundleError and EngineError for a model that cannot run.
    """
    _check(options)
    names = policy_names() if EVERY in options.policies else options.policies
    with Repository(options.repository) as repository:
        head = repository.resolve(options.revision)
        sessions = pick_sessions(repository, count=options.commits, revision=options.revision, seed=options.seed)
        opener, results = _Opener(options, open_engine), list[PolicyResult]()
        for name in names:
            results.append(_play(repository, sessions, name, opener.backend(name), options))
            so_far(ReplayResult(options, head, sessions, tuple(results)))
    return ReplayResult(options, head, sessions, tuple(results))


def _check(options: ReplayOptions) -> None:
    """Raises BenchError and SettingsError for what can be seen to be wrong before anything runs."""
    load_settings(options.overrides)
    if unknown := [name for name in options.policies if name not in (*policy_names(), EVERY)]:
        raise BenchError(f"{', '.join(unknown)}: unknown policy; known are {', '.join((*policy_names(), EVERY))}")
    if options.clock not in ("virtual", "real"):
        raise BenchError(f"{options.clock}: unknown clock; give virtual or real")
    if options.commits < 1 or options.latency < 0 or options.speed <= 0 or not options.policies:
        raise BenchError("give at least one commit and one policy, a latency of at least 0 and a speed above 0")


class _Opener:
    """Opens backends by the name of their policy; the engine for those inside is opened once, when it is needed."""

    def __init__(self, options: ReplayOptions, open_engine: OpenEngine) -> None:
        self._options, self._open_engine = options, open_engine
        self._engine: Engine | None = None

    def backend(self, name: str) -> OpenBackend:
        """How to open the policy's backend for a workspace."""
        if name in SERVED:
            wanted = merged(merged(self._options.overrides, SERVED[name]), UNCOUNTED)
            settings = merged(wanted, UNTIMED) if self._options.clock == "virtual" else wanted
            return lambda root, seed: ServedBackend(self._command(), root, settings)
        make = _inside(self._options)[name]
        engine = ScriptedEngine() if make is make_silent else self._shared_engine()

        def open_inside(root: Path, seed: str) -> Backend:
            counting = CountingEngine(engine)
            return InsideBackend(make(counting, root, f"{seed}/{name}"), counting)

        return open_inside

    def _shared_engine(self) -> Engine:
        if self._engine is None:
            self._engine = self._open_engine(self._options.settings)
        return self._engine

    def _command(self) -> Sequence[str]:
        engine = self._options.settings.engine
        named = self._options.settings.model
        model = ("--model", str(find_model(named).absolute())) if named else ()
        return self._options.server or (
            *(sys.executable, "-m", "lowabs_lsp", "serve", "--stdio", "--log-level", "info"),
            *("--device", engine.device, "--threads", str(engine.threads), *model),
        )


def _play(
    repository: Repository, sessions: Sequence[Session], name: str, open_backend: OpenBackend, options: ReplayOptions
) -> PolicyResult:
    sittings = []
    for number, session in enumerate(sessions, 1):
        sitting = sit(repository, session, open_backend, _clock(options), seed=options.seed, latency=options.latency)
        sittings.append(sitting)
        total = sitting.counts.total()
        progress = f"{number}/{len(sessions)}"
        saved = total.keys_accepted - total.acceptances
        logger.info(key_values(policy=name, commit=session.commit[:10], done=progress, keys=total.keys, saved=saved))
    figures = figures_of(name, [sitting.counts for sitting in sittings])
    return PolicyResult(figures, machine_figures(_all_machines(sittings), int(figures.total["keys"])))


def _clock(options: ReplayOptions) -> Clock:
    return RealClock(options.speed) if options.clock == "real" else VirtualClock()


def _all_machines(sittings: Sequence[Sitting]) -> MachineCounts:
    latencies = [latency for sitting in sittings for latency in sitting.machine.latencies]
    seconds = sum(sitting.machine.cpu_seconds for sitting in sittings)
    return MachineCounts(latencies, seconds, sum(sitting.machine.model_runs for sitting in sittings))
