"""One source, from its tree to cleaned files with fingerprints; kept on disk so that a build can resume."""

import base64
import json
import logging
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path, PurePosixPath

import numpy as np
from attrs import asdict, evolve, frozen
from numpy.typing import NDArray

from lowabs_model.corpus.clean import MAX_BYTES, RefusedFileError, clean, decode
from lowabs_model.corpus.decontaminate import Blocklist, is_benchmark_source, mentions_benchmark
from lowabs_model.corpus.dedup import fingerprint, signature
from lowabs_model.corpus.history import historic_files
from lowabs_model.corpus.languages import SYSTEM_LANGUAGES, language_of, language_of_name, may_have_language
from lowabs_model.corpus.licences import classify_all, is_licence_file
from lowabs_model.corpus.paths import is_test, refusal_of_path
from lowabs_model.corpus.shards import CorpusError, SourceFile, read_lines, write_lines
from lowabs_model.corpus.sources import GitTree, Source, Tree, open_tree, parent

VERSION = 2
"""Of the filters: a harvest of another version is made again."""
MAX_TEST_SHARE = 0.35

logger = logging.getLogger(__name__)


@frozen
class HarvestedFile:
    """A file that passed every filter that looks at it alone."""

    path: str
    language: str
    text: str
    exact: str
    near: str
    """MinHash: 128 uint32, base64."""
    commit: str = ""
    """Of an older version; else that of the whole harvest."""

    def signature(self) -> NDArray[np.uint32]:
        return np.frombuffer(base64.b64decode(self.near), dtype=np.uint32)


@frozen
class Harvest:
    """What one source gave, and why the rest was left out."""

    repository: str
    commit: str
    license: str
    refusal: str
    """Why the whole source is left out, or ""."""
    drops: dict[str, int]
    files: tuple[HarvestedFile, ...]
    blocklist: str = ""
    """Digest of the blocklist that the files were checked against."""
    version: int = VERSION

    def source_file(self, file: HarvestedFile) -> SourceFile:
        return SourceFile(self.repository, file.path, file.language, self.license, file.commit or self.commit, file.text)


def refused(source: Source, refusal: str, *, commit: str = "", license: str = "") -> Harvest:  # noqa: A002
    return Harvest(source.name, commit, license, refusal, {}, ())


def refused_folders(tree: Tree) -> frozenset[str]:
    """Folders below the root whose own licence file is not on the allow-list."""
    paths = [path for path in tree.sizes() if parent(path) and is_licence_file(PurePosixPath(path).name)]
    texts: dict[str, list[str]] = {}
    for path, data in tree.read(paths):
        texts.setdefault(parent(path), []).append(data.decode("utf-8", "replace"))
    return frozenset(folder for folder, found in texts.items() if not classify_all(found).allowed)


def is_below(path: str, folders: frozenset[str]) -> bool:
    return any(str(folder) in folders for folder in PurePosixPath(path).parents)


def refusal_before_reading(path: str, size: int, folders: frozenset[str]) -> str:
    if not may_have_language(path):
        return "no language"
    if language_of_name(path) == "markdown" and parent(path):
        return "prose"
    if size > MAX_BYTES:
        return "size"
    return "nested licence" if is_below(path, folders) else refusal_of_path(path)


def harvest_file(path: str, data: bytes, blocklist: Blocklist) -> HarvestedFile:
    """Raises `Refused` with the reason."""
    language = language_of(path, decode(data[:MAX_BYTES]))
    if not language:
        raise RefusedFileError("no language")
    text = clean(data, language)
    if mentions_benchmark(path, text) or blocklist.holds_item(text):
        raise RefusedFileError("benchmark")
    return HarvestedFile(path, language, text, fingerprint(text), base64.b64encode(signature(text).tobytes()).decode())


def harvest_or_count(path: str, data: bytes, blocklist: Blocklist, drops: Counter[str]) -> list[HarvestedFile]:
    """The file, or none and one more in the counts; a broken file is one of these."""
    try:
        return [harvest_file(path, data, blocklist)]
    except RefusedFileError as exc:
        drops[str(exc)] += 1
    except Exception:  # One bad file of ten thousand must not stop a build of hours.
        logger.exception("unreadable file=%s", path)
        drops["unreadable"] += 1
    return []


def limit_tests(files: list[HarvestedFile]) -> list[HarvestedFile]:
    """Keep tests to a share of the bytes, drawn by the hash of their path; system-level text is too scarce to be limited."""
    tests = [file for file in files if is_test(file.path) and file.language not in SYSTEM_LANGUAGES]
    kept = {file.path for file in files} - {file.path for file in tests}
    budget = MAX_TEST_SHARE / (1 - MAX_TEST_SHARE) * sum(len(file.text) for file in files if file.path in kept)
    for file in sorted(tests, key=lambda file: blake2b(file.path.encode()).digest()):
        budget -= len(file.text)
        if budget >= 0:
            kept.add(file.path)
    return [file for file in files if file.path in kept]


def harvest_tree(tree: Tree, blocklist: Blocklist) -> tuple[list[HarvestedFile], Counter[str]]:
    """The good files in the order of their paths, and the number of others by reason."""
    drops: Counter[str] = Counter()
    folders, wanted, files = refused_folders(tree), [], []
    for path, size in sorted(tree.sizes().items()):
        if reason := refusal_before_reading(path, size, folders):
            drops[reason] += 1
        else:
            wanted.append(path)
    read = 0
    for read, (path, data) in enumerate(tree.read(wanted), start=1):  # noqa: B007
        files.extend(harvest_or_count(path, data, blocklist, drops))
    drops["unreadable"] += len(wanted) - read
    kept = limit_tests(files)
    drops["too many tests"] += len(files) - len(kept)
    return kept, +drops


def harvest_history(tree: Tree, blocklist: Blocklist) -> tuple[list[HarvestedFile], Counter[str]]:
    """The older versions worth keeping; none of what has no history. What is not kept is not counted as dropped."""
    files: list[HarvestedFile] = []
    if isinstance(tree, GitTree):
        folders = refused_folders(tree)
        for commit, path, data in historic_files(tree):
            if not is_below(path, folders):
                files.extend(evolve(file, commit=commit) for file in harvest_or_count(path, data, blocklist, Counter()))
    return files, Counter()


def harvest(source: Source, blocklist: Blocklist) -> Harvest:
    """Never raises for what the source holds: a source that cannot be read is refused."""
    if is_benchmark_source(source.name):
        return refused(source, "benchmark source")
    try:
        tree = open_tree(source)
        verdict = tree.licence()
        if not verdict.allowed:
            return refused(source, "licence", commit=tree.commit, license=verdict.name)
        files, drops = (harvest_history if source.history else harvest_tree)(tree, blocklist)
    except (CorpusError, OSError, ValueError) as exc:
        logger.warning("unreadable source=%s: %s", source.name, exc)
        return refused(source, "unreadable")
    return Harvest(source.name, tree.commit, verdict.name, "", dict(drops), tuple(files), blocklist.digest)


def is_current(path: Path, source: Source, blocklist: Blocklist) -> bool:
    """Whether a kept harvest is what harvesting now would give. A plain folder counts as changed when its version does."""
    try:
        head = read_head(path)
        checked = bool(head.refusal) or head.blocklist == blocklist.digest
        return checked and head.version == VERSION and head.commit == open_tree(source).commit
    except (CorpusError, OSError, TypeError, ValueError):
        return False


def write_harvest(path: Path, harvest: Harvest) -> None:
    head = {key: value for key, value in asdict(harvest, recurse=False).items() if key != "files"}
    write_lines(path, (json.dumps(line) for line in [head, *map(asdict, harvest.files)]))


def read_head(path: Path) -> Harvest:
    """A harvest without its files."""
    for line in read_lines(path):
        return Harvest(**json.loads(line), files=())
    raise CorpusError(f"{path} is empty: delete it and build the corpus again")


def read_files(path: Path) -> Iterator[HarvestedFile]:
    for number, line in enumerate(read_lines(path)):
        if number:
            yield HarvestedFile(**json.loads(line))
