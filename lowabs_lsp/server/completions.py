"""The handlers of the two ways to ask for a completion."""

import logging
import time

from attrs import asdict, frozen
from lsprotocol import types as lsp

from lowabs_lsp.ledger import RequestLine
from lowabs_lsp.logs import key_values
from lowabs_lsp.server.commands import accepted_command
from lowabs_lsp.server.documents import Cursor
from lowabs_lsp.server.items import documentation_of, extending_items, inline_items, menu_items
from lowabs_lsp.server.session import Session
from lowabs_lsp.values import Completion, Reason

logger = logging.getLogger(__name__)

_LOGGED = ("id", "method", "file", "reason", "ms", "tokens", "prompt", "reused", "runs")


@frozen
class _Asked:
    """One request of a client."""

    session: Session
    method: str
    uri: str
    cursor: Cursor | None
    name: str
    is_automatic: bool = True
    is_guess: bool = False
    """The text at the cursor is the client's guess, not yet in the document."""

    @property
    def command(self) -> lsp.Command | None:
        """By which the client tells that its item was accepted."""
        return accepted_command(self.name) if self.session.runs_commands else None


async def inline_completion(session: Session, params: lsp.InlineCompletionParams) -> lsp.InlineCompletionList:
    """Ghost text. With an item of the menu selected, what would follow it."""
    selected = params.context.selected_completion_info
    automatic = params.context.trigger_kind == lsp.InlineCompletionTriggerKind.Automatic
    cursor = session.cursor(params.text_document.uri, params.position, selected)
    asked = _Asked(
        session,
        lsp.TEXT_DOCUMENT_INLINE_COMPLETION,
        params.text_document.uri,
        cursor,
        session.next_name(),
        is_automatic=automatic,
        is_guess=selected is not None,
    )

    answer = await _answer(asked)
    if cursor is None:
        return lsp.InlineCompletionList([])
    text, others = answer.text, () if automatic or answer.reason is Reason.TYPED_THROUGH else answer.others
    items = extending_items(text, selected, asked.command) if selected else inline_items(text, cursor, asked.command)
    for other in others:
        items += extending_items(other, selected) if selected else inline_items(other, cursor)
    return lsp.InlineCompletionList(items)


async def completion(session: Session, params: lsp.CompletionParams) -> lsp.CompletionList:
    """An item of the menu. The list is incomplete, so that the client asks again with every key."""
    cursor = session.cursor(params.text_document.uri, params.position)
    asked = _Asked(session, lsp.TEXT_DOCUMENT_COMPLETION, params.text_document.uri, cursor, session.next_name())

    found = await _answer(asked)
    items = menu_items(found.text, cursor, session.menu, asked.command) if cursor else []
    return lsp.CompletionList(is_incomplete=True, items=items)


def resolve(session: Session, item: lsp.CompletionItem) -> lsp.CompletionItem:
    """The documentation, for a client that has dropped it."""
    if item.documentation is None:
        item.documentation = documentation_of(item, session.menu)
    return item


async def _answer(asked: _Asked) -> Completion:
    """The completion, with one log line whatever happens. A failure is silence for the user."""
    session, started, answer = asked.session, time.perf_counter(), Completion("", Reason.CANCELLED)
    try:
        answer = await session.complete(
            asked.method,
            asked.cursor,
            name=asked.name,
            is_automatic=asked.is_automatic,
            is_guess=asked.is_guess,
        )
    except Exception:  # the editor must not show an error with every key
        logger.exception("the completion failed")
        answer = Completion("", Reason.FAILED)
    finally:
        _note(asked, answer, (time.perf_counter() - started) * 1e3)
    if answer.text and asked.cursor is not None and not asked.is_guess:
        session.show(asked.name, asked.cursor, answer)
    return answer


def _note(asked: _Asked, answer: Completion, ms: float) -> None:
    generated = answer.generated
    line = RequestLine(
        at=time.time(),
        id=asked.name,
        method=asked.method.rpartition("/")[2],
        language=asked.cursor.document.language if asked.cursor else "",
        reason=answer.reason,
        ms=round(ms, 1),
        tokens=len(generated.tokens) if generated else 0,
        prompt=generated.prompt_tokens if generated else 0,
        reused=generated.reused_tokens if generated else 0,
        runs=generated.model_runs if generated else 0,
    )
    told = {**asdict(line), "file": asked.uri.rpartition("/")[2]}
    logger.info(key_values(**{name: told[name] for name in _LOGGED}))
    asked.session.end(line)
