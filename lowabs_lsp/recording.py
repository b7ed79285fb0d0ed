"""Generations kept with all that the model saw, to be computed again bit for bit. They hold code and stay on this machine."""

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from attrs import asdict, evolve, field, frozen

from lowabs_lsp.errors import LedgerError
from lowabs_lsp.ledger import private_folder
from lowabs_lsp.values import (
    Cancelled,
    Decoding,
    Draft,
    Engine,
    FloatArray,
    Generated,
    Mixer,
    Prompt,
    Sentinel,
    Stop,
    never,
)
from lowabs_lsp.wrapper import EngineWrapper

FOLDER = "recordings"


@frozen
class Step:
    """One token's probabilities."""

    digest: str
    """SHA-256 of the model's own log-probabilities."""
    mixed: FloatArray | None
    """What the mixer made of them [V]; None where it left them alone."""


@frozen(eq=False)
class Recording:
    """One generation."""

    prompt: Prompt
    decoding: Decoding
    generated: Generated
    steps: tuple[Step, ...]
    about: dict[str, Any] = field(factory=dict)
    """Where and when, with which model and settings, and what was shown."""


class RecordingEngine(EngineWrapper):
    """An engine that remembers its last generation. Belongs to the engine's thread."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.last: Recording | None = None

    def generate(
        self,
        prompt: Prompt,
        decoding: Decoding,
        cancelled: Cancelled = never,
        *,
        draft: Draft | None = None,
        mixer: Mixer | None = None,
    ) -> Generated:
        """As the engine."""
        witness = _Witness(mixer)
        generated = self.engine.generate(prompt, decoding, cancelled, draft=draft, mixer=witness)
        self._remember(prompt, decoding, generated, witness)
        return generated

    def alternatives(
        self,
        prompt: Prompt,
        decoding: Decoding,
        count: int,
        cancelled: Cancelled = never,
        *,
        draft: Draft | None = None,
        mixer: Mixer | None = None,
    ) -> list[Generated]:
        """As the engine, or one way alone where it follows but one. The first, which is what `generate` says, is remembered."""
        follow = getattr(self.engine, "alternatives", None)
        if follow is None:
            return [self.generate(prompt, decoding, cancelled, draft=draft, mixer=mixer)]
        witness = _Witness(mixer)
        found: list[Generated] = follow(prompt, decoding, count, cancelled, draft=draft, mixer=witness)
        self._remember(prompt, decoding, found[0], witness)
        return found

    def _remember(self, prompt: Prompt, decoding: Decoding, generated: Generated, witness: "_Witness") -> None:
        steps = witness.steps[: len(generated.tokens)]  # those behind them are of other ways to go on
        self.last = Recording(prompt, evolve(decoding, deadline=None, observer=None), generated, tuple(steps))


class _Witness:
    """A mixer that notes what another one does."""

    def __init__(self, mixer: Mixer | None) -> None:
        self._mixer = mixer
        self.steps: list[Step] = []

    def mix(self, tokens: Sequence[int], logprobs: FloatArray) -> FloatArray:
        mixed = self._mixer.mix(tokens, logprobs) if self._mixer is not None else logprobs
        self.steps.append(Step(digest_of(logprobs), None if mixed is logprobs else np.array(mixed)))
        return mixed


class _Playback:
    """A mixer that says what it said then, and checks that the model does so too."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = iter(steps)
        self.count, self.first_other = 0, -1

    def mix(self, tokens: Sequence[int], logprobs: FloatArray) -> FloatArray:
        step = next(self._steps, None)
        if step is None or step.digest != digest_of(logprobs):
            self.first_other = self.count if self.first_other < 0 else self.first_other
        self.count += 1
        return logprobs if step is None or step.mixed is None else step.mixed


def replay(recording: Recording, engine: Engine) -> str:
    """Compute it again. Returns what is different, empty when every bit is the same. Raises EngineError."""
    then, playback = recording.generated, _Playback(recording.steps)
    decoding = recording.decoding
    if then.stop in (Stop.DEADLINE, Stop.CANCELLED):
        decoding = evolve(decoding, max_tokens=max(1, len(then.tokens)))
    now = engine.generate(recording.prompt, decoding, mixer=playback)
    count = len(then.tokens)
    if 0 <= playback.first_other < count:
        return f"the model's probabilities differ from token {playback.first_other + 1} of {count} on"
    if (now.tokens[:count], now.logprobs[:count]) != (then.tokens, then.logprobs):
        return "the tokens or their probabilities differ"
    return "" if then.stop in (Stop.DEADLINE, Stop.CANCELLED) or now.text == then.text else "the texts differ"


def digest_of(logprobs: FloatArray) -> str:
    """SHA-256 of every bit."""
    return sha256(np.ascontiguousarray(logprobs).tobytes()).hexdigest()


class Tape:
    """The last recordings, each in a file that its user alone can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER

    def save(self, name: str, recording: Recording, most: int) -> None:
        """Keep it under `name`, and the newest `most` in all. Raises LedgerError."""
        path = self._path(private_folder(self._folder) / name)
        steps = recording.steps
        mixed = {f"mixed{n}": step.mixed for n, step in enumerate(steps) if step.mixed is not None}
        try:
            path.touch(mode=0o600)
            with path.open("wb") as file:
                np.savez_compressed(file, recording=np.array(json.dumps(_as_json(recording))), **mixed)  # type: ignore[arg-type]  # numpy's own keyword
            for old in sorted(self._folder.glob("*.npz"), key=lambda each: each.stat().st_mtime_ns)[:-most]:
                old.unlink(missing_ok=True)
        except OSError as error:
            raise LedgerError(f"{path}: {error.strerror}; set LOWABS_STATE to a folder that can be written") from error

    def load(self, name: str) -> Recording:
        """Raises LedgerError when there is none, or it cannot be read."""
        path = self._path(self._folder / name)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                raw = json.loads(str(arrays["recording"]))
                mixed = {key: arrays[key] for key in arrays.files if key != "recording"}
            return _from_json(raw, mixed)
        except FileNotFoundError:
            known = ", ".join(self.names()[-8:]) or "none; set history.recordings to a number above 0 first"
            raise LedgerError(f"no recording of {name}; there are {known}") from None
        except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
            raise LedgerError(f"{path}: cannot be read ({error}); delete it") from error

    def names(self) -> list[str]:
        """Those that can be loaded, the oldest first."""
        files = sorted(self._folder.glob("*.npz"), key=lambda each: each.stat().st_mtime_ns)
        return [file.stem for file in files]

    def _path(self, path: Path) -> Path:
        if path.parent != self._folder:
            raise LedgerError(f"{path.name}: not an id; `lowabs-lsp doctor --last` lists them")
        return path.with_name(f"{path.name}.npz")


def _as_json(recording: Recording) -> dict[str, Any]:
    segments = [["sentinel", s.value] if isinstance(s, Sentinel) else ["text", s] for s in recording.prompt.segments]
    decoding = recording.decoding
    names = ("max_tokens", "stop", "temperature", "top_k", "top_p", "min_p", "seed")
    generated = recording.generated
    return {
        "segments": segments,
        "heal": recording.prompt.heal,
        "decoding": {name: getattr(decoding, name) for name in names},
        "text": generated.text,
        "tokens": generated.tokens,
        "logprobs": generated.logprobs,
        "stop": generated.stop.value,
        "timings": asdict(generated.timings),
        "digests": [step.digest for step in recording.steps],
        "about": recording.about,
    }


def _from_json(raw: dict[str, Any], mixed: dict[str, FloatArray]) -> Recording:
    segments = tuple(Sentinel(value) if kind == "sentinel" else str(value) for kind, value in raw["segments"])
    decoding = Decoding(**{**raw["decoding"], "stop": tuple(raw["decoding"]["stop"])})
    generated = Generated(raw["text"], tuple(raw["tokens"]), tuple(raw["logprobs"]), Stop(raw["stop"]))
    steps = tuple(Step(digest, mixed.get(f"mixed{n}")) for n, digest in enumerate(raw["digests"]))
    return Recording(Prompt(segments, heal=raw["heal"]), decoding, generated, steps, raw["about"])
