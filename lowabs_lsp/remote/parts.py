"""A prompt taken apart again, for servers that put it together themselves."""

from typing import Self

from attrs import evolve, frozen

from lowabs_lsp.prompt.fim import file_segments, fim_segments
from lowabs_lsp.values import Layout, Prompt, Sentinel


@frozen
class Parts:
    """What a prompt says, whatever its layout."""

    prefix: str
    suffix: str = ""
    path: str = ""
    files: tuple[tuple[str, str], ...] = ()
    """Path and text of the snippets, in their order."""
    is_plain: bool = False
    """A prompt without sentinels: `prefix` is all of it."""

    @classmethod
    def of(cls, prompt: Prompt) -> Self:
        """The parts of a rendered prompt."""
        texts: dict[Sentinel | None, str] = {}
        files: list[tuple[str, str]] = []
        role: Sentinel | None = None
        for segment in prompt.segments:
            if isinstance(segment, Sentinel):
                role = segment
            elif role is Sentinel.FILE:
                path, _, text = segment.partition("\n")
                files.append((path, text))
            else:
                texts[role] = texts.get(role, "") + segment
        if role is None:
            return cls(texts.get(None, ""), is_plain=True)
        path = files.pop()[0] if files else ""
        prefix = texts.get(Sentinel.PREFIX) or texts.get(Sentinel.MIDDLE, "")
        return cls(prefix, texts.get(Sentinel.SUFFIX, ""), path, tuple(files))

    def render(self, layout: Layout) -> Prompt:
        """The same in another layout, without files where it has no token for them."""
        if self.is_plain:
            return Prompt((self.prefix,), heal=False)
        files = [segment for path, text in (*self.files, (self.path, "")) for segment in file_segments(path, text)]
        shown = files if Sentinel.FILE in layout.spelling else []
        return Prompt((*shown, *fim_segments(layout, self.prefix, self.suffix)), heal=layout.ends_in_prefix)

    def spell(self, layout: Layout) -> str:
        """One text with the sentinels of `layout` in it."""
        segments = self.render(layout).segments
        return "".join(layout.spelling.get(part, "") if isinstance(part, Sentinel) else part for part in segments)

    def shortened(self) -> Self:
        """What matters most of it: no files, and else about three quarters, near the cursor."""
        if self.files:
            return evolve(self, files=())
        return evolve(self, prefix=self.prefix[len(self.prefix) // 4 :], suffix=self.suffix[: len(self.suffix) * 3 // 4])
