"""Ask what ships: the completer as an editor asks it, or the engine behind it for a hole of several lines."""

from collections.abc import Callable

from attrs import evolve, frozen

from lowabs_lsp.completer import Completer
from lowabs_lsp.context.build import ContextBuilder
from lowabs_lsp.context.window import remembering
from lowabs_lsp.memory.workspace import WorkspaceMemory
from lowabs_lsp.prompt.fim import render
from lowabs_lsp.prompt.languages import language_of
from lowabs_lsp.settings import ContextSettings, MemorySettings, Settings
from lowabs_lsp.surroundings import Surroundings
from lowabs_lsp.values import Cancelled, Decoding, Document, Draft, Engine, Generated, Mixer, Prompt, never
from lowabs_lsp.wrapper import EngineWrapper
from lowabs_model.evaluate.memory_lines import Alone, NoDraft

WHOLE_TOKENS = 192
"""Of a hole that the model closes itself."""


@frozen
class Hole:
    """A cursor in a file."""

    path: str
    prefix: str
    suffix: str
    language: str = ""
    """LSP language identifier; told by the path where it is empty."""

    @property
    def document(self) -> Document:
        """The file as an editor shows it."""
        text = self.prefix + self.suffix
        return Document(f"file:///{self.path}", self.path, self.language or language_of(self.path, text), text)


Fill = Callable[[Hole], str]
"""What goes into a hole; an empty text is silence."""


def settings_of(*, memory: bool = True, snippets: float | None = None, one_line: bool = False) -> Settings:
    """The user's default settings, but for what is measured; nothing is held back for doubt, as peers' scores are."""
    settings = Settings()
    settings = evolve(settings, completion=evolve(settings.completion, precision=0.0))
    if not memory:
        settings = evolve(settings, memory=MemorySettings(enabled=False))
    if snippets is not None:
        settings = evolve(settings, context=ContextSettings(snippet_share=snippets))
    return evolve(settings, completion=evolve(settings.completion, multi_line="never")) if one_line else settings


def fill_shown(engine: Engine, settings: Settings, surroundings: Surroundings | None = None) -> Fill:
    """What an editor would insert. Without `surroundings` every hole is a new session in which nothing else is open."""
    if surroundings is not None:
        completer = Completer(engine, settings, surroundings)
        return lambda hole: completer.complete(hole.document, len(hole.prefix)).text
    return lambda hole: Completer(engine, settings).complete(hole.document, len(hole.prefix)).text


def fill_whole(engine: Engine, settings: Settings, stop: tuple[str, ...] = ()) -> Fill:
    """What the model says until it closes the hole, in the prompt that the completer writes, not trimmed."""
    decoding = Decoding(max_tokens=min(WHOLE_TOKENS, engine.context_length // 3), stop=stop)
    room = engine.context_length - decoding.max_tokens
    count = remembering(engine.count_tokens)

    def fill(hole: Hole) -> str:
        context = ContextBuilder(settings.context, count).build(hole.document, len(hole.prefix), room=room)
        surroundings = Surroundings((), settings, engine.vocabulary)
        memory = surroundings.memory_at(hole.document, len(hole.prefix))
        return engine.generate(render(context, engine.layout), decoding, draft=memory, mixer=memory).text

    return fill


class MemoryAlone(EngineWrapper):
    """An engine whose model has no say: every word comes from the workspace memory."""

    @property
    def description(self) -> str:
        """What has no say."""
        return f"workspace memory without {self.engine.description}"

    @property
    def calibration(self) -> str:
        """None: it was fitted for model and memory together."""
        return ""

    def generate(
        self,
        prompt: Prompt,
        decoding: Decoding,
        cancelled: Cancelled = never,
        *,
        draft: Draft | None = None,
        mixer: Mixer | None = None,
    ) -> Generated:
        """What the memory says behind `prompt`."""
        if isinstance(mixer, WorkspaceMemory):
            mixer = Alone(mixer)
        return self.engine.generate(prompt, decoding, cancelled, draft=NoDraft(), mixer=mixer)
