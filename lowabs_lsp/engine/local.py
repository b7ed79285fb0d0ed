"""The engine that runs a model bundle in this process."""

import copy
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import onnxruntime as ort
from attrs import evolve

from lowabs_lsp.engine.alternatives import alternatives
from lowabs_lsp.engine.attention import watch
from lowabs_lsp.engine.bundle import CALIBRATION, TOKENIZER, OpenBundle, open_bundle, read_bytes
from lowabs_lsp.engine.chunk_length import ChunkLength
from lowabs_lsp.engine.device import open_session
from lowabs_lsp.engine.draft import PromptLookup
from lowabs_lsp.engine.draft_length import DraftLength
from lowabs_lsp.engine.generate import Model, generate
from lowabs_lsp.engine.healing import Healing
from lowabs_lsp.engine.installed import find_model
from lowabs_lsp.engine.kv_cache import KvCache, sequences_that_fit
from lowabs_lsp.engine.tokenizer import Tokenizer
from lowabs_lsp.engine.watcher import Watcher
from lowabs_lsp.errors import BundleError
from lowabs_lsp.settings import EngineSettings
from lowabs_lsp.values import Attention, Cancelled, Decoding, Draft, Generated, Layout, Mixer, Prompt, Vocabulary, never


class LocalEngine:
    """A `values.Engine`. A second caller waits until the first one's generation has ended."""

    def __init__(self, bundle: OpenBundle, settings: EngineSettings) -> None:
        layout = bundle.manifest.layout
        tokenizer = open_tokenizer(bundle)
        session = open_session(bundle, settings)
        self._manifest, self._folder = bundle.manifest, bundle.folder
        self._sequences = sequences_that_fit(session.memory_bytes, settings.kv_megabytes)
        cache = KvCache(session.create_memory, self._sequences)
        chunk_length = ChunkLength(bundle.manifest.architecture.layers)
        healing, draft_length = Healing(tokenizer.bytes_of), DraftLength(session.token_unit)
        self.model = Model(session, tokenizer, healing, layout, cache, Watcher(), chunk_length, draft_length)
        """What `generate` works with; benchmarks run its session directly."""
        self._draft = PromptLookup()
        self._turn = threading.Lock()
        self._whole: LocalEngine | None = None
        """Whose model a session's engine runs; it lives as long as they do."""

    @classmethod
    def open(cls, model: str | Path | None = None, settings: EngineSettings | None = None) -> Self:
        """Open an installed model, the bundle in a folder, or the default model. Raises BundleError and EngineError."""
        return cls(open_bundle(find_model(model or "")), settings or EngineSettings())

    def for_session(self) -> "LocalEngine":
        """The same model with keys and values of its own, so that no session drives out another's. They take turns."""
        own = copy.copy(self)
        own.model = evolve(self.model, cache=KvCache(self.model.session.create_memory, self._sequences))
        own._whole = self
        return own

    @property
    def layout(self) -> Layout:
        """How this model wants its prompts."""
        return self._manifest.layout

    @property
    def context_length(self) -> int:
        """How many tokens the prompt and its continuation may have together."""
        return self._manifest.context_length

    @property
    def description(self) -> str:
        """The model, its weights and the device in one line."""
        device = self.model.session.device.kind
        threads = self.model.session.threads
        where = "CUDA" if device == "cuda" else f"{threads} CPU thread{'s' * (threads > 1)}"
        variant = self._manifest.graphs[device].variant
        return f"{self._manifest.name}, {variant} weights, on {where} by ONNX Runtime {ort.__version__}"

    @property
    def vocabulary(self) -> Vocabulary:
        """The model's tokens."""
        return Vocabulary(self.model.tokenizer.size, self.model.tokenizer.encode_anew, self.spell)

    @property
    def calibration(self) -> str:
        """The bundle's confidence.json; empty where it has none."""
        named = CALIBRATION in self._manifest.files
        return read_bytes(self._folder / CALIBRATION).decode(errors="replace") if named else ""

    def spell(self, token: int) -> bytes:
        """The bytes of a token; none for a special one."""
        return self.model.tokenizer.bytes_of[token]

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` has on its own."""
        return len(self.model.tokenizer.encode(text))

    def generate(
        self,
        prompt: Prompt,
        decoding: Decoding,
        cancelled: Cancelled = never,
        *,
        draft: Draft | None = None,
        mixer: Mixer | None = None,
    ) -> Generated:
        """Continue `prompt`. Raises EngineError when it does not fit the context or the model cannot run."""
        with self._turn:
            return generate(self.model, prompt, decoding, cancelled, draft=draft or self._draft, mixer=mixer)

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
        """Up to `count` continuations of `prompt`, the most probable first. Raises EngineError as `generate` does."""
        with self._turn:
            return alternatives(self.model, prompt, decoding, count, cancelled, draft=draft or self._draft, mixer=mixer)

    def attention(self, prompt: Prompt, said: Sequence[int], cancelled: Cancelled = never) -> Attention:
        """Where the model looks when it says `said` behind `prompt`. Raises EngineError where its folder cannot tell."""
        with self._turn:
            return watch(self.model, OpenBundle(self._folder, self._manifest), prompt, said, cancelled)


def open_tokenizer(bundle: OpenBundle) -> Tokenizer:
    """The bundle's tokenizer. Raises BundleError unless it has the size and the tokens that bundle.json names."""
    manifest, path = bundle.manifest, bundle.path(TOKENIZER)
    tokenizer = Tokenizer(path, reserved=manifest.layout.special_tokens)
    if tokenizer.size != manifest.tokenizer_size or tokenizer.size > manifest.architecture.vocabulary:
        raise BundleError(
            f"{path}: has {tokenizer.size} tokens where bundle.json says {manifest.tokenizer_size} of the model's "
            f"{manifest.architecture.vocabulary}; the files come from different models, copy the model folder again"
        )
    return tokenizer
