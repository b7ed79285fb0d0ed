"""Fill-in-the-middle layouts: how prefix, suffix and other files become one sequence. Training imports this module.

Two orders, after Bavarian et al. 2022, "Efficient Training of Language Models to Fill in the Middle" (arXiv 2207.14255):

    psm   file* FILE path↵ PREFIX prefix SUFFIX suffix MIDDLE          -> middle
    spm   file* FILE path↵ PREFIX SUFFIX suffix MIDDLE prefix          -> middle

where each `file` is FILE path↵ text. In spm the middle continues the prefix with no token between, and prefix and middle
are tokenized as one text: while a person types, the sequence only grows at its end, and its keys and values stay cached.
"""

from lowabs_lsp.values import Context, Layout, Prompt, Segment, Sentinel

QWEN_SPELLING = {
    Sentinel.FILE: "<|file_sep|>",
    Sentinel.PREFIX: "<|fim_prefix|>",
    Sentinel.SUFFIX: "<|fim_suffix|>",
    Sentinel.MIDDLE: "<|fim_middle|>",
}
"""Qwen2.5-Coder's names, which llama.cpp and the editor plug-ins detect by themselves."""

END_OF_TEXT = "<|endoftext|>"
SPECIAL_TOKENS = (END_OF_TEXT, *QWEN_SPELLING.values(), "<|fim_pad|>", "<|repo_name|>")
"""Every special token of our own tokenizers, in the order of their ids."""

SPM = Layout(order="spm", spelling=QWEN_SPELLING, stops=(END_OF_TEXT,))
PSM = Layout(order="psm", spelling=QWEN_SPELLING, stops=(END_OF_TEXT,))


def fim_segments(layout: Layout, prefix: str, suffix: str) -> tuple[Segment, ...]:
    """Everything from the PREFIX sentinel up to the place where the middle begins."""
    prefix = layout.lead + prefix
    if layout.order == "prefix":
        return (prefix,)
    if layout.order == "spm":
        return (Sentinel.PREFIX, Sentinel.SUFFIX, suffix, Sentinel.MIDDLE, prefix)
    return (Sentinel.PREFIX, prefix, Sentinel.SUFFIX, suffix, Sentinel.MIDDLE)


def file_segments(path: str, text: str = "") -> tuple[Segment, ...]:
    """A file, or the opening of the one being completed when `text` is left out."""
    return (Sentinel.FILE, f"{path}\n{text}")


def render(context: Context, layout: Layout) -> Prompt:
    """Write `context` as `layout` wants it; the stable parts come first. A model without a token for files sees none."""
    segments: list[Segment] = []
    if Sentinel.FILE in layout.spelling:
        for snippet in context.snippets:
            segments += file_segments(snippet.path, snippet.text)
        segments += file_segments(context.path)
    segments += fim_segments(layout, context.prefix, context.suffix)
    return Prompt(segments=tuple(segments), heal=layout.ends_in_prefix)
