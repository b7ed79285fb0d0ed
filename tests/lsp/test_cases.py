"""Every golden case of tests/cases, through the whole completer."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from lowabs_lsp.completer import Completer
from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.settings import Settings
from lowabs_lsp.values import Document

CASES = Path(__file__).parents[1] / "cases"
CURSOR = "‸"


@frozen
class Case:
    name: str
    language: str
    place: str
    says: str
    shows: str
    reason: str


def cases() -> Iterator[Case]:
    for file in sorted(CASES.glob("*.txt")):
        for section in file.read_text().split("=== ")[1:]:
            head, _, body = section.partition("\n")
            name, language = head.rsplit(" | ", 1)
            place, said = body.split("--- says\n")
            says, _, ending = said.partition("\n--- ")
            kind, _, shows = ending.partition("\n")
            reason = kind.removeprefix("silent ") if kind.startswith("silent") else "shown"
            yield Case(name, language, *map(spelled, (place.removesuffix("\n"), says, shows.removesuffix("\n"))), reason)


def spelled(text: str) -> str:
    return text.replace("→", "\t").replace("␍", "\r").replace("␣", " ").replace("␂", "\x02")


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: f"{case.language}: {case.name}")
def test_golden(case: Case) -> None:
    offset = case.place.index(CURSOR)
    document = Document("file:///w/a", f"a.{case.language}", case.language, case.place.replace(CURSOR, ""))
    completion = Completer(ScriptedEngine(case.says), Settings()).complete(document, offset)
    assert (completion.text, str(completion.reason)) == (case.shows, case.reason)
