import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve

from lowabs_lsp.engine.bundle import OpenBundle, open_bundle
from lowabs_lsp.engine.chunk_length import ChunkLength
from lowabs_lsp.engine.device import open_on
from lowabs_lsp.engine.draft_length import DraftLength
from lowabs_lsp.engine.feed import CPU
from lowabs_lsp.engine.generate import Model
from lowabs_lsp.engine.healing import Healing
from lowabs_lsp.engine.kv_cache import KvCache
from lowabs_lsp.engine.local import open_tokenizer
from lowabs_lsp.engine.session import Session
from lowabs_lsp.engine.watcher import Watcher

TINY = Path(__file__).parents[2] / "data" / "tiny"


@pytest.fixture(scope="session", params=["shared", "grouped"])
def bundle(request: pytest.FixtureRequest) -> OpenBundle:
    """The tiny model with each form of attention."""
    return open_bundle(TINY if request.param == "shared" else TINY.with_name("tiny-grouped"))


@pytest.fixture(scope="session")
def session(bundle: OpenBundle) -> Session:
    return open_on(CPU, bundle, threads=2)


@pytest.fixture(scope="session")
def fresh(bundle: OpenBundle, session: Session) -> Callable[[], Model]:
    """Make the tiny model with an empty cache."""
    tokenizer = open_tokenizer(bundle)
    cache = KvCache(session.create_memory)
    healing, layout = Healing(tokenizer.bytes_of), bundle.manifest.layout
    model = Model(session, tokenizer, healing, layout, cache, Watcher(), quick(), DraftLength(session.token_unit))
    return lambda: evolve(
        model,
        cache=KvCache(session.create_memory),
        chunk_length=quick(),
        draft_length=DraftLength(session.token_unit),
    )


def quick() -> ChunkLength:
    """What is learnt on a machine where a token takes next to no time: prompts of a test run in one piece."""
    length = ChunkLength(layers=1)
    length.learn(1, 1e-6)
    return length


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the tiny bundle, to be spoiled."""
    return shutil.copytree(TINY, tmp_path / "bundle")
