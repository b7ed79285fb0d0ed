"""Keep what benchmarks measure out of the corpus: by name of the repository, of the file, and by 10-token runs."""

import re
from collections import Counter
from hashlib import blake2b
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from lowabs_model.corpus.shards import CorpusError

RUN = 10
SAMPLING = np.uint64(4)
MIN_HASHES = 2
MIN_SHARE = 0.3

_SOURCES = re.compile(
    r"openai/human-eval|google-research/google-research$|bigcode-project/(bigcode-evaluation-harness|bigcodebench)|gonglinyuan/safim"
    r"|amazon-science/(cceval|mxeval|patchcore-inspection)|evalplus/|nuprl/multipl-e|tellinatool/|microsoft/(codexglue|coderunner)|leolty/repobench"
    r"|xlang-ai/ds-1000|livecodebench/|swe-bench|princeton-nlp/|hendrycks/apps|deepmind/code_contests|thudm/codegeex|zai-org/codegeex"
    r"|huggingface/(diffusers|evaluate)$|alibaba/federatedscope|awslabs/fortuna|nerfstudio-project/|opendilab/ace|google/vizier"
    r"|lucidrains/imagen-pytorch|(google-)?deepmind/tracr|leopard-ai/betty|maxhumber/redframes|facebookresearch/omnivore|pytorch/rl$"
    r"|ibm/project_codenet|github/codesearchnet|eth-sri/py150|eleutherai/lm-evaluation-harness",
    re.I,
)
_PATHS = re.compile(
    r"human[-_]?eval|(^|[/_-])(mbpp|nl2bash|safim|multipl[-_]?e|cceval|crosscodeeval|evalplus|mceval|ds1000)([/._-]|$)", re.I
)
_MENTIONS = re.compile(r"human[-_]?eval", re.I)
_TOKEN = re.compile(r"\w+|[^\w\s]")


def is_benchmark_source(repository: str) -> bool:
    return bool(_SOURCES.search(repository))


def mentions_benchmark(path: str, text: str) -> bool:
    return bool(_PATHS.search(path) or _MENTIONS.search(text))


def run_hashes(text: str) -> NDArray[np.uint64]:
    """The distinct sampled hashes of a text's runs of ten tokens, sorted."""
    tokens = [token.encode() for token in _TOKEN.findall(text)]
    joined = b" ".join(tokens)
    ends = np.cumsum([len(token) + 1 for token in tokens], dtype=np.int64) - 1
    starts = ends - np.array([len(token) for token in tokens], dtype=np.int64)
    runs = zip(starts[: max(0, len(tokens) - RUN + 1)].tolist(), ends[RUN - 1 :].tolist(), strict=True)
    digests = b"".join(blake2b(joined[start:end], digest_size=8).digest() for start, end in runs)
    hashes: NDArray[np.uint64] = np.unique(np.frombuffer(digests, dtype="<u8"))
    sampled: NDArray[np.uint64] = hashes[hashes % SAMPLING == 0]
    return sampled


@frozen(eq=False)
class Blocklist:
    """Hashes of benchmark items: `hash` sorted, `item` its item, `size` the hashes that each item has."""

    hash: NDArray[np.uint64]
    item: NDArray[np.uint32]
    size: NDArray[np.uint16]

    @property
    def digest(self) -> str:
        """Names the list in a harvest, so that files are never taken for checked that were not; "" of the empty one."""
        return blake2b(self.hash.tobytes() + self.size.tobytes(), digest_size=8).hexdigest() if self.hash.size else ""

    def holds_item(self, text: str) -> bool:
        """Whether the text holds at least two and at least 30 % of the hashes of one item."""
        hashes = run_hashes(text)
        first = np.searchsorted(self.hash, hashes, side="left")
        last = np.searchsorted(self.hash, hashes, side="right")
        found: Counter[int] = Counter()
        for start, stop in zip(first.tolist(), last.tolist(), strict=True):
            found.update(set(self.item[start:stop].tolist()))
        return any(count >= MIN_HASHES and count >= MIN_SHARE * int(self.size[item]) for item, count in found.items())


EMPTY = Blocklist(hash=np.zeros(0, np.uint64), item=np.zeros(0, np.uint32), size=np.zeros(0, np.uint16))


def read_blocklist(path: Path) -> Blocklist:
    """Raises `CorpusError` when the file is no blocklist."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Blocklist(hash=arrays["hash"], item=arrays["item"], size=arrays["size"])
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as exc:
        raise CorpusError(f"{path} is no blocklist ({exc}): give an .npz file with the arrays hash, item and size") from exc
