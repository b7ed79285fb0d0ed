"""An engine that says what it is told: the one test double, shipped so that any layer can be tried without a model."""

import threading
from collections.abc import Callable, Mapping
from itertools import accumulate

from lowabs_lsp.values import Cancelled, Decoding, Draft, Generated, Layout, Mixer, Prompt, Sentinel, Stop, Vocabulary, never

Script = str | Mapping[str, str] | Callable[[str], str]
"""What to say: always the same text, the text behind the longest key that ends the prompt, or a function of the prompt."""

PLAIN_LAYOUT = Layout(order="spm", spelling={role: f"<|{role}|>" for role in Sentinel}, stops=("<|end|>",))


class ScriptedEngine:
    """Answers from `script`, one token for each character, all of probability one.

    Close `gate` to make `generate` wait until the gate opens or its caller cancels; `started` tells that a call waits.
    A function given as `script` may raise what a failing engine would raise.
    """

    def __init__(self, script: Script = "", *, layout: Layout = PLAIN_LAYOUT, context_length: int = 2048) -> None:
        self.script = script
        self.layout = layout
        self.context_length = context_length
        self.description = "scripted engine"
        self.vocabulary: Vocabulary | None = None
        self.prompts: list[Prompt] = []
        """Every prompt it was given, oldest first."""
        self.told = 0
        """How many characters of its answer an observer hears before the gate."""
        self.started = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def count_tokens(self, text: str) -> int:
        """One token for each character."""
        return len(text)

    def spell(self, prompt: Prompt) -> str:
        """`prompt` as one text, sentinels spelled out; a role that the layout lacks is left out."""
        spelling = self.layout.spelling
        return "".join(spelling.get(s, "") if isinstance(s, Sentinel) else s for s in prompt.segments)

    def generate(
        self,
        prompt: Prompt,
        decoding: Decoding,
        cancelled: Cancelled = never,
        *,
        draft: Draft | None = None,
        mixer: Mixer | None = None,
    ) -> Generated:
        """Say the scripted text up to the first of `decoding.stop`; of the rest of `decoding` nothing applies."""
        self.prompts.append(prompt)
        if self.told and decoding.observer is not None:
            decoding.observer(look_up(self.script, self.spell(prompt))[: self.told])
        self.started.set()
        while not cancelled() and not self.gate.wait(timeout=0.001):
            pass
        prompt_tokens = len(self.spell(prompt))
        if cancelled():
            return Generated("", (), (), Stop.CANCELLED, prompt_tokens=prompt_tokens)
        text, stop = cut_at_stop(look_up(self.script, self.spell(prompt)), decoding.stop)
        zeros, ends = (0.0,) * len(text), tuple(accumulate(len(character.encode()) for character in text))
        return Generated(text, tuple(map(ord, text)), zeros, stop, ends, zeros, zeros, prompt_tokens=prompt_tokens)


def look_up(script: Script, prompt: str) -> str:
    """What `script` says after `prompt`; nothing where a mapping has no key that ends it."""
    if isinstance(script, str):
        return script
    if isinstance(script, Mapping):
        endings = [key for key in script if prompt.endswith(key)]
        return script[max(endings, key=len)] if endings else ""
    return script(prompt)


def cut_at_stop(text: str, stops: tuple[str, ...]) -> tuple[str, Stop]:
    """`text` up to the first place where one of `stops` begins, and why it ends there."""
    places = [text.index(stop) for stop in stops if stop in text]
    return (text[: min(places)], Stop.TEXT) if places else (text, Stop.END)
