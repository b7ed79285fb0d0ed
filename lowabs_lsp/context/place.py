"""The cursor's place as the sources of context see it: what is on screen, what is near, and what kind of file it is."""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import PurePosixPath

from attrs import define

from lowabs_lsp.values import Document

ABOVE, BELOW = 20, 4
"""Lines near the cursor, before and behind it."""

_FAMILIES = (
    (".py", ".pyi", ".pyx"),
    (".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".mts", ".cts", ".vue", ".svelte"),
    (".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".hh", ".hxx", ".cu", ".cuh", ".m", ".mm"),
    (".java", ".kt", ".kts", ".scala", ".groovy"),
    (".sh", ".bash", ".zsh", ".bats", ""),
    (".yml", ".yaml"),
    (".tf", ".tfvars", ".hcl"),
    (".css", ".scss", ".less"),
)
_BY_SUFFIX = {suffix: family[0] for family in _FAMILIES for suffix in family}
_NAMED = ("dockerfile", "containerfile", "makefile", "gnumakefile", "jenkinsfile", "vagrantfile", "justfile")


@lru_cache(1 << 14)
def family_of(path: str) -> str:
    """What files have in common that can learn from each other."""
    name = PurePosixPath(path.lower())
    named = next((kind for kind in _NAMED if name.name.startswith(kind) or name.suffix == f".{kind}"), None)
    return named or _BY_SUFFIX.get(name.suffix, name.suffix)


@define(slots=False)
class Place:
    """A masked document and a cursor in it."""

    document: Document
    offset: int
    start: int
    """Where the prefix that is shown begins."""
    suffix: str
    """What is shown behind the cursor."""

    @cached_property
    def line(self) -> int:
        """The cursor's line, from 0."""
        return self.document.text.count("\n", 0, self.offset)

    @cached_property
    def first_line(self) -> int:
        """The first line that is shown."""
        return self.document.text.count("\n", 0, self.start)

    @cached_property
    def family(self) -> str:
        """The kind of file."""
        return family_of(self.document.path)

    @cached_property
    def visible(self) -> str:
        """The text that is shown without any snippet."""
        return self.document.text[self.start : self.offset] + self.suffix

    @cached_property
    def visible_lines(self) -> frozenset[str]:
        """The lines that are shown, less blanks around them."""
        return frozenset(line.strip() for line in self.visible.split("\n"))

    @cached_property
    def near(self) -> list[tuple[int, str]]:
        """The lines near the cursor with their distances from it, the nearest first."""
        text = self.document.text
        before = text[max(0, self.offset - 200 * ABOVE) : self.offset].split("\n")[-ABOVE:]
        behind = text[self.offset : self.offset + 200 * BELOW].split("\n")[: BELOW + 1]
        lines = [*enumerate(reversed(before)), *((distance, line) for distance, line in enumerate(behind) if distance)]
        return sorted(lines, key=lambda numbered: numbered[0])

    def shows(self, lines: Sequence[str], elsewhere: frozenset[str] = frozenset()) -> float:
        """The share of `lines` that is shown, here or `elsewhere`; blank ones left aside, and 1 where there are no others."""
        written = [line.strip() for line in lines if line.strip()]
        return sum(line in self.visible_lines or line in elsewhere for line in written) / len(written) if written else 1.0
