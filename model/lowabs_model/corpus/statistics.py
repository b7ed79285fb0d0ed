"""Count a corpus: by split, language and repository, with what was left out and why."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from lowabs_model.corpus.harvest import Harvest
from lowabs_model.corpus.shards import CorpusError, SourceFile

FILE = "statistics.json"
COLUMNS = ("corpus", "repository", "commit", "license", "split", "files", "bytes")


class Amount(TypedDict):
    files: int
    bytes: int


class Repository(TypedDict):
    split: str
    commit: str
    license: str
    files: int
    bytes: int


class Statistics:
    """Filled by the builder while it writes."""

    def __init__(self) -> None:
        self.languages: dict[str, dict[str, Amount]] = {}
        self.repositories: dict[str, Repository] = {}
        self.refused: dict[str, str] = {}
        self.drops: Counter[str] = Counter()

    def add(self, split: str, file: SourceFile) -> None:
        amount = self.languages.setdefault(split, {}).setdefault(file.language, Amount(files=0, bytes=0))
        fresh = Repository(split=split, commit=file.commit, license=file.license, files=0, bytes=0)
        repository = self.repositories.setdefault(file.repository, fresh)
        for counted in (amount, repository):
            counted["files"] += 1
            counted["bytes"] += file.size

    def drop(self, reasons: Counter[str]) -> None:
        self.drops.update(reasons)

    def refuse(self, harvest: Harvest) -> None:
        self.refused[harvest.repository] = f"{harvest.refusal} {harvest.license}".strip()


def write_statistics(folder: Path, statistics: Statistics) -> None:
    totals = {
        split: Amount(files=sum(a["files"] for a in amounts.values()), bytes=sum(a["bytes"] for a in amounts.values()))
        for split, amounts in statistics.languages.items()
    }
    content = {
        "splits": totals,
        "languages": {split: dict(sorted(amounts.items())) for split, amounts in statistics.languages.items()},
        "repositories": dict(sorted(statistics.repositories.items())),
        "refused": dict(sorted(statistics.refused.items())),
        "drops": dict(statistics.drops.most_common()),
    }
    partial = folder / f"{FILE}.partial"
    partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    partial.replace(folder / FILE)


def summary(statistics: Statistics) -> str:
    """For the person who built it."""
    lines = []
    for split, amounts in statistics.languages.items():
        languages = sorted(amounts.items(), key=lambda item: -item[1]["bytes"])
        parts = ", ".join(f"{language} {amount['bytes'] / 1e6:.1f}" for language, amount in languages)
        files, size = sum(a["files"] for a in amounts.values()), sum(a["bytes"] for a in amounts.values())
        repositories = sum(repository["split"] == split for repository in statistics.repositories.values())
        lines.append(f"{split}: {repositories} repositories, {files} files, {size / 1e6:.1f} MB ({parts})")
    lines += [f"refused: {name} ({why})" for name, why in sorted(statistics.refused.items())]
    if statistics.drops:
        lines.append("left out: " + ", ".join(f"{count} {why}" for why, count in statistics.drops.most_common()))
    return "\n".join(lines)


def read_repositories(folder: Path) -> dict[str, Repository]:
    """Raises `CorpusError` for a folder without statistics."""
    try:
        repositories: dict[str, Repository] = json.loads((folder / FILE).read_text(encoding="utf-8"))["repositories"]
    except (OSError, ValueError, KeyError) as exc:
        raise CorpusError(f"{folder / FILE} cannot be read ({exc}): build the corpus with `lowabs-model corpus`") from exc
    return repositories


def sources_table(folders: Sequence[Path]) -> str:
    """What corpora were made of, for the model card: tab-separated, a line a repository, each with its corpus' folder name."""
    rows = [
        (folder.name, name, row["commit"], row["license"], row["split"], str(row["files"]), str(row["bytes"]))
        for folder in folders
        for name, row in sorted(read_repositories(folder).items())
    ]
    return "".join("\t".join(row) + "\n" for row in (COLUMNS, *rows))
