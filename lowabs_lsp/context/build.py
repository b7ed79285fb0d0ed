"""Everything the model is shown for one completion; a new source of context adds one line here."""

from lowabs_lsp.context.window import CountTokens, cut_window
from lowabs_lsp.settings import ContextSettings
from lowabs_lsp.values import Context, Document

OVERHEAD = 16
"""Tokens kept free for sentinels and merges."""


def build_context(document: Document, offset: int, settings: ContextSettings, *, room: int, count: CountTokens) -> Context:
    """The context at `offset` of `document`, in at most `settings.max_tokens` and at most `room` tokens."""
    budget = max(0, min(settings.max_tokens, room) - OVERHEAD - count(document.path))
    share = min(settings.suffix_share, 0.9)
    window = cut_window(document.text, offset, budget=budget, suffix_share=share, count=count)
    return Context(
        path=document.path,
        language=document.language,
        prefix=window.prefix.replace("\r\n", "\n"),
        suffix=window.suffix.replace("\r\n", "\n"),
        newline="\r\n" if "\r\n" in document.text else "\n",
    )
