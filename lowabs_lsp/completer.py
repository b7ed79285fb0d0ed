"""START HERE. One completion from a document and a cursor: context -> prompt -> engine -> postprocess."""

from collections.abc import Sequence
from functools import partial

from lowabs_lsp.context.build import ContextBuilder
from lowabs_lsp.context.window import remembering
from lowabs_lsp.memory.workspace import WorkspaceMemory
from lowabs_lsp.postprocess.confidence import Confidence, Judge, confidence_of
from lowabs_lsp.postprocess.deleting import Deletions
from lowabs_lsp.postprocess.filters import may_insert
from lowabs_lsp.postprocess.finish import finish
from lowabs_lsp.postprocess.place import Place
from lowabs_lsp.postprocess.withheld import Withheld
from lowabs_lsp.prompt.fim import render
from lowabs_lsp.prompt.languages import is_among, is_comment, opens_block
from lowabs_lsp.scoring import best_of, explore
from lowabs_lsp.settings import Settings
from lowabs_lsp.surroundings import Surroundings
from lowabs_lsp.syntax.check import check_at
from lowabs_lsp.syntax.trees import Trees
from lowabs_lsp.values import (
    UNLIMITED,
    Cancelled,
    Completion,
    Context,
    Decoding,
    Document,
    Engine,
    Generated,
    Limits,
    Reason,
    never,
)


class Completer:
    """Completes with one engine under one set of settings. One caller at a time: the engine's thread."""

    def __init__(
        self,
        engine: Engine | None,
        settings: Settings,
        surroundings: Surroundings | None = None,
        confidence: Confidence | None = None,
    ) -> None:
        """Without `surroundings` only the open documents are known; without `confidence`, as the engine's model brings it."""
        self.engine = engine
        self.settings = settings
        self.surroundings = surroundings or Surroundings((), settings, engine.vocabulary if engine else None)
        count = remembering(engine.count_tokens) if engine else len
        self._context = ContextBuilder(settings.context, count, lambda: self.surroundings.segments)
        self._trees = Trees()
        self._deletions = Deletions()
        self.withheld: Withheld | None = Withheld()
        """Answers keys that agree with what was said and not shown. None: the model is asked at each place."""
        self.confidence: Confidence | None = confidence or confidence_of(engine)
        """Learns from what is accepted: hand it `Completion.features`. None where the model brings no calibration."""
        self.judge: Judge | None = self.confidence

    def complete(
        self,
        document: Document,
        offset: int,
        cancelled: Cancelled = never,
        workspace: Sequence[Document] = (),
        *,
        limits: Limits = UNLIMITED,
    ) -> Completion:
        """The text to insert at `offset` (code points) of `document`, or silence and its reason.

        `workspace` holds the other open documents, the most recently used first. Raises EngineError when the model fails.
        """
        if silence := self._silence(document, offset, limits):
            return Completion("", silence)
        assert self.engine is not None
        check = check_at(self._trees, document, offset)
        in_text = check is not None and check.is_in_text
        block = self.settings.completion.multi_line == "auto" and block_begins(document, offset) and not in_text
        decoding = self._decoding(limits, stop=("\n\n",) if block else ("\n",))

        context, memory = self._read(document, offset, workspace, limits)
        prompt = render(context, self.engine.layout)
        place = Place(document, offset, check, self.surroundings.knows)
        precision = 0.0 if limits.is_explicit else self.settings.completion.precision
        form = partial(finish, context=context, block=block, place=place, judge=self.judge, precision=precision)

        def end(generated: Generated) -> Completion:
            return self._without_secret(form(generated), document, offset)

        if limits.is_explicit and (count := self.settings.completion.alternatives) > 1:
            ways = explore(self.engine, prompt, decoding, cancelled, memory=memory, count=count)
            return best_of([end(each) for each in ways], count)
        if self.withheld is None or limits.is_explicit:
            return end(self.engine.generate(prompt, decoding, cancelled, draft=memory, mixer=memory))
        enough = self.judge.threshold(precision) if self.judge else 0.0
        if known := self.withheld.answer(document, offset, end, block=block, enough=enough):
            return known
        completion = end(self.engine.generate(prompt, decoding, cancelled, draft=memory, mixer=memory))
        self.withheld.note(document, offset, completion, block=block)
        return completion

    def read(
        self, document: Document, offset: int, workspace: Sequence[Document] = ()
    ) -> tuple[Context, WorkspaceMemory | None]:
        """What the model would be shown at a place, and what the workspace remembers there; nothing is learnt from it."""
        return self._read(document, offset, workspace, Limits(is_ahead=True))

    def prefill(
        self, document: Document, offset: int, cancelled: Cancelled = never, workspace: Sequence[Document] = ()
    ) -> Generated | None:
        """Let the engine read what it will be shown at `offset` of `document`, for the next completion to begin at once.

        None where it may not be shown. Raises EngineError when the model fails.
        """
        if self.engine is None or self._context.withholds(document):
            return None
        context, _ = self.read(document, offset, workspace)
        return self.engine.generate(render(context, self.engine.layout), Decoding(max_tokens=1), cancelled)

    def _decoding(self, limits: Limits, stop: tuple[str, ...]) -> Decoding:
        most = self.settings.completion.max_tokens
        tokens = most if limits.max_tokens is None else min(most, limits.max_tokens)
        return Decoding(max_tokens=tokens, stop=stop, deadline=limits.deadline, observer=limits.observer)

    def _read(
        self, document: Document, offset: int, workspace: Sequence[Document], limits: Limits
    ) -> tuple[Context, WorkspaceMemory | None]:
        """What the model is shown at a place, and what the workspace remembers there."""
        assert self.engine is not None
        room = self.engine.context_length - self.settings.completion.max_tokens
        learns = not limits.is_ahead
        context = self._context.build(document, offset, room=room, recent=workspace, observes=learns)
        shown, others = self._context.shown(document), self._context.shown_of(workspace)
        return context, self.surroundings.memory_at(shown, offset, others, learns=learns)

    def _without_secret(self, completion: Completion, document: Document, offset: int) -> Completion:
        is_secret = completion.text and self._context.makes_secret(document, offset, completion.text)
        return Completion("", Reason.SECRET, completion.generated) if is_secret else completion

    def _silence(self, document: Document, offset: int, limits: Limits) -> Reason | None:
        """Why nothing is to be asked of the model at all."""
        if not self.settings.enabled or is_among(document.language, self.settings.disabled_languages):
            return Reason.DISABLED
        if self.engine is None:
            return Reason.NO_MODEL
        if self._context.withholds(document) or self._context.is_in_secret(document, offset):
            return Reason.EXCLUDED
        if not limits.is_ahead and self._deletions.goes_on(document, offset) and not limits.is_explicit:
            return Reason.DELETING
        return None if may_insert(*cursor_line(document.text, offset)) else Reason.MID_WORD


def cursor_line(text: str, offset: int) -> tuple[str, str]:
    """The two halves of the line that `offset` is on."""
    return text[:offset].rpartition("\n")[2], text[offset:].partition("\n")[0].rstrip("\r")


def block_begins(document: Document, offset: int) -> bool:
    """Whether several lines may follow: behind a line that opens a block, or on the blank one below it or below a comment."""
    before, after = cursor_line(document.text, offset)
    if after.strip():
        return False
    if before.strip():
        return opens_block(document.language, before)
    above = document.text[:offset].rstrip().rpartition("\n")[2]
    return bool(above) and (opens_block(document.language, above) or is_comment(document.language, above))
