"""From a job to a prompt in the model's own layout, cut to its context."""

import re
from functools import lru_cache
from itertools import pairwise

from lowabs_lsp.context.window import CountTokens, count_lines, cut_prefix, cut_suffix
from lowabs_lsp.errors import EngineError
from lowabs_lsp.prompt.fim import file_segments, fim_segments
from lowabs_lsp.serving.jobs import Job
from lowabs_lsp.values import Engine, Layout, Prompt, Segment, Sentinel, Snippet

SUFFIX_SHARE = 0.25
"""Of the room for a prompt, for the text behind the cursor."""

SENTINELS = 8
"""Tokens kept free for sentinels and a seam or two."""

LONGEST_TOKEN = 32
"""Characters that a token of code hardly ever exceeds: what is longer than so many times the room cannot fit."""

LONG_LINE = 256
"""Characters; the tokens of longer lines are not remembered."""


class PromptWriter:
    """Writes prompts for one engine; remembers how many tokens lines have."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._count = remembering_lines(engine.count_tokens)

    def write(self, job: Job) -> tuple[Prompt, bool]:
        """The prompt, and whether text was left out. A prompt without suffix is never cut: it is refused."""
        layout = self._engine.layout
        context = self._engine.context_length
        if job.suffix is None:
            if (length := len(job.prefix)) > context * LONGEST_TOKEN:
                raise EngineError(f"a prompt of {length} characters does not fit a context of {context} tokens; cut it")
            return raw_prompt(job.prefix, layout), False
        room = context - min(job.decoding.max_tokens, context // 4) - SENTINELS
        return fitted_prompt(job, layout, room, self._count)


def fitted_prompt(job: Job, layout: Layout, room: int, count: CountTokens) -> tuple[Prompt, bool]:
    """Prefix and suffix share `room` tokens; snippets get what is left, the last ones first."""
    assert job.suffix is not None
    names_files = Sentinel.FILE in layout.spelling
    opening = file_segments(job.path) if job.path and names_files else ()
    room -= sum(count(segment) for segment in opening)
    suffix = cut_suffix(job.suffix[: room * LONGEST_TOKEN], 0, budget=int(SUFFIX_SHARE * room), count=count)
    room -= count_lines(suffix, count)
    before = job.prefix[-room * LONGEST_TOKEN :]
    prefix = cut_prefix(before, len(before), budget=room, count=count)
    snippets = last_that_fit(job.snippets, room - count_lines(prefix, count), count) if names_files else ()
    segments = [*(part for snippet in snippets for part in file_segments(snippet.path, snippet.text)), *opening]
    segments += fim_segments(layout, prefix, suffix)
    cut = (prefix, suffix, len(snippets)) != (job.prefix, job.suffix, len(job.snippets))
    return Prompt(tuple(segments), heal=layout.ends_in_prefix), cut


def last_that_fit(snippets: tuple[Snippet, ...], room: int, count: CountTokens) -> tuple[Snippet, ...]:
    """The longest end of `snippets` that has at most `room` tokens, sentinels included."""
    kept = len(snippets)
    while kept:
        path, text = snippets[kept - 1].path, snippets[kept - 1].text
        room -= 2 + count(path) + (count_lines(text, count) if len(text) <= room * LONGEST_TOKEN else room)
        if room < 0:
            break
        kept -= 1
    return snippets[kept:]


def remembering_lines(count: CountTokens) -> CountTokens:
    """`count` with a memory for lines of ordinary length: from one request to the next nearly all are the same."""
    remembered = lru_cache(1 << 14)(count)
    return lambda text: remembered(text) if len(text) <= LONG_LINE else count(text)


def raw_prompt(text: str, layout: Layout) -> Prompt:
    """`text` with the sentinels that are spelled out in it.

    A fill-in-the-middle prompt in the other order than the model's is put in order: clients often know one order only.
    """
    segments = split_sentinels(text, layout)
    if Sentinel.MIDDLE not in segments:
        return Prompt(segments, heal=False)
    return Prompt(reordered(segments, layout), heal=layout.ends_in_prefix)


def split_sentinels(text: str, layout: Layout) -> tuple[Segment, ...]:
    """Sentinels and the texts between them."""
    roles = {spelled: role for role, spelled in layout.spelling.items()}
    parts = re.split(f"({'|'.join(map(re.escape, roles))})", text) if roles else [text]
    return tuple(roles.get(part, part) for part in parts if part)


def reordered(segments: tuple[Segment, ...], layout: Layout) -> tuple[Segment, ...]:
    """`segments` with its prefix and suffix as `layout` wants them; as they are where the order cannot be told."""
    start = segments.index(Sentinel.PREFIX) if Sentinel.PREFIX in segments else len(segments)
    texts = dict.fromkeys((Sentinel.PREFIX, Sentinel.SUFFIX, Sentinel.MIDDLE), "")
    for role, text in pairwise((*segments[start:], "")):
        if isinstance(role, Sentinel) and role in texts and not isinstance(text, Sentinel):
            texts[role] = text
    roles = [segment for segment in segments[start:] if isinstance(segment, Sentinel)]
    if roles != [Sentinel.PREFIX, Sentinel.SUFFIX, Sentinel.MIDDLE]:
        return segments
    prefix = texts[Sentinel.PREFIX].removeprefix(layout.lead) + texts[Sentinel.MIDDLE]  # one of them is empty
    return (*segments[:start], *fim_segments(layout, prefix, texts[Sentinel.SUFFIX]))
