"""The engine of a user who named a server: its model while it is well, the one of this machine when it is not."""

import logging
import math
import threading
from collections.abc import Callable

from lowabs_lsp.errors import EngineError, RemoteError
from lowabs_lsp.logs import key_values
from lowabs_lsp.prompt.fim import SPM
from lowabs_lsp.remote.breaker import Breaker
from lowabs_lsp.remote.model import RemoteModel
from lowabs_lsp.remote.parts import Parts
from lowabs_lsp.settings import EngineSettings
from lowabs_lsp.values import Cancelled, Decoding, Draft, Engine, Generated, Layout, Mixer, Prompt, Stop, Vocabulary, never

logger = logging.getLogger(__name__)

BYTES_PER_TOKEN = 3.0
"""Of code, by the tokenizers of code models: rather fewer than they have."""
SAFE_SHARE = 0.6
"""Of a server's context length, since what is counted here is an estimate."""
SPARE = 16
"""Tokens kept free for sentinels where a prompt is cut for a smaller model."""
TRIAL = Prompt(("def add(a, b):\n    return a",), heal=False)


class RemoteEngine:
    """A `values.Engine` of two models. Prompts come in one layout, and go out in each model's own."""

    def __init__(self, settings: EngineSettings, open_local: Callable[[], Engine], breaker: Breaker | None = None) -> None:
        """Raises SettingsError for an address that is none, and RemoteError for a server that refuses us.

        One that cannot be reached may come later. `open_local` is called when its model is first needed.
        """
        self.model = RemoteModel(settings)
        self._open_local = open_local
        self._local: Engine | None = None
        self._breaker = breaker or Breaker()
        self._trial: threading.Thread | None = None
        self._introduce()

    @property
    def layout(self) -> Layout:
        """The one of the prompts that come in."""
        return SPM

    @property
    def context_length(self) -> int:
        """How many tokens the prompt and its continuation may have together."""
        return int(self.model.context_length * SAFE_SHARE)

    @property
    def description(self) -> str:
        """The model and its server."""
        state = "" if self._breaker.is_closed else "; it cannot be reached now, the model of this machine answers"
        return self.model.description + state

    @property
    def vocabulary(self) -> Vocabulary | None:
        """Not known here."""
        return None

    def count_tokens(self, text: str) -> int:
        """An estimate."""
        return math.ceil(len(text.encode(errors="replace")) / BYTES_PER_TOKEN)

    def generate(
        self,
        prompt: Prompt,
        decoding: Decoding,
        cancelled: Cancelled = never,
        *,
        draft: Draft | None = None,
        mixer: Mixer | None = None,
    ) -> Generated:
        """Continue `prompt`, somewhere. Raises EngineError when neither model can."""
        if self._breaker.is_closed:
            try:
                generated = self.model.generate(prompt, decoding, cancelled)
            except RemoteError as fault:
                self._note(fault)
            else:
                if generated.stop is not Stop.CANCELLED:
                    self._breaker.succeeded()
                return generated
        else:
            self._try_again()
        return self._generate_here(prompt, decoding, cancelled)

    def settle(self) -> None:
        """Wait for the trial that may be under way."""
        if self._trial is not None:
            self._trial.join()

    def _introduce(self) -> None:
        try:
            self.model.connect()
        except RemoteError as fault:
            if not fault.passing:
                raise
            self._breaker.trip()
            logger.warning(key_values(event="remote-away", fault=str(fault)))

    def _note(self, fault: RemoteError) -> None:
        opened = self._breaker.failed(fault.retry_after)
        logger.warning(key_values(event="remote-failed", fault=str(fault), left_alone=opened))

    def _try_again(self) -> None:
        """Once the pause is over, see beside the user's work whether the server is well."""
        if self._breaker.take_trial():
            self._trial = threading.Thread(target=self._run_trial, name="lowabs-trial", daemon=True)
            self._trial.start()

    def _run_trial(self) -> None:
        try:
            self.model.generate(TRIAL, Decoding(max_tokens=1))
        except RemoteError as fault:
            logger.info(key_values(event="remote-still-away", fault=str(fault)))
        else:
            self._breaker.succeeded()
            logger.info(key_values(event="remote-back", engine=self.model.description))

    def _generate_here(self, prompt: Prompt, decoding: Decoding, cancelled: Cancelled) -> Generated:
        if cancelled():
            return Generated("", (), (), Stop.CANCELLED)
        if self._local is None:
            self._local = self._open_here()
        return self._local.generate(fitting(prompt, self._local, decoding), decoding, cancelled)

    def _open_here(self) -> Engine:
        try:
            return self._open_local()
        except EngineError as error:
            raise EngineError(f"{self.model.description} does not answer, and the model of this machine: {error}") from error


def fitting(prompt: Prompt, engine: Engine, decoding: Decoding) -> Prompt:
    """`prompt` in the layout of `engine`, cut to what it takes."""
    parts = Parts.of(prompt)
    room = engine.context_length - decoding.max_tokens - SPARE
    fits = parts.render(engine.layout)
    while _size(fits, engine) > room and len(parts.prefix) > 1:
        parts = parts.shortened()
        fits = parts.render(engine.layout)
    return fits


def _size(prompt: Prompt, engine: Engine) -> int:
    return sum(engine.count_tokens(segment) for segment in prompt.segments)
