"""The attention weights of the tests' model, from the graph beside the one that serves."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from lowabs_lsp.engine.attention import CHUNK, AttentionSession, watch
from lowabs_lsp.engine.bundle import ATTENTION, OpenBundle, open_bundle
from lowabs_lsp.engine.feed import CPU, Device
from lowabs_lsp.engine.generate import Model
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.engine.session import Session
from lowabs_lsp.errors import EngineError
from lowabs_lsp.settings import EngineSettings
from lowabs_lsp.values import Decoding, Prompt, Sentinel, never

TOKENS = st.lists(st.integers(0, 511), min_size=1, max_size=80)
PROMPT = Prompt((Sentinel.FILE, "a.py\n", Sentinel.PREFIX, Sentinel.SUFFIX, ")\n", Sentinel.MIDDLE, "import os\n\nprint("))
SAID = [300, 301, 302]


@pytest.fixture(scope="module")
def watched(bundle: OpenBundle) -> AttentionSession:
    return AttentionSession.open(bundle, threads=2)


@settings(deadline=None, max_examples=30)
@given(ids=TOKENS)
def test_what_it_computes_is_to_the_bit_what_the_graph_that_serves_does(
    session: Session, watched: AttentionSession, ids: list[int]
) -> None:
    ours, theirs = (each.run(each.create_memory(), ids, 0, len(ids)) for each in (watched, session))
    assert np.array_equal(ours, theirs)


@settings(deadline=None, max_examples=30)
@given(ids=TOKENS, data=st.data())
def test_each_token_shares_its_look_among_those_up_to_it(
    watched: AttentionSession, ids: list[int], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(ids) - 1))
    whole = watched.weights(watched.create_memory(), ids, 0)
    assert whole.shape == (2, 2, len(ids), len(ids))
    assert whole.sum(-1) == pytest.approx(1, abs=1e-5)
    assert not np.triu(whole, 1).any()
    memory = watched.create_memory()
    if cut:
        watched.run(memory, ids[:cut], 0, 1)
    assert watched.weights(memory, ids[cut:], cut) == pytest.approx(whole[:, :, cut:], abs=1e-5)


@pytest.mark.parametrize("repeats", [1, CHUNK])
def test_a_prompt_is_watched_while_it_is_continued(bundle: OpenBundle, fresh: Callable[[], Model], repeats: int) -> None:
    model, segments = fresh(), list(PROMPT.segments)
    segments[-1] = "import os\n" * repeats + "print("
    prompt = Prompt(tuple(segments), heal=False)
    attention = watch(model, bundle, prompt, SAID, never)
    assert attention.weights.shape == (2, 2, len(SAID), len(attention.tokens))
    assert attention.weights.sum(-1) == pytest.approx(1, abs=1e-5)
    assert attention.tokens[len(attention.segments) :] == (*SAID[:-1],)
    spelled = [b""] * len(segments)
    for token, segment in zip(attention.tokens, attention.segments, strict=False):
        spelled[segment] += model.tokenizer.bytes_of[token]
    assert [text.decode() for text in spelled] == ["" if isinstance(each, Sentinel) else each for each in segments]


def test_torn_tokens_are_of_what_is_said(bundle: OpenBundle, fresh: Callable[[], Model]) -> None:
    whole, healed = (watch(fresh(), bundle, Prompt(PROMPT.segments, heal), SAID, never) for heal in (False, True))
    assert len(healed.segments) < len(whole.segments)
    assert healed.segments == whole.segments[: len(healed.segments)]


def test_nobody_waits(bundle: OpenBundle, fresh: Callable[[], Model]) -> None:
    with pytest.raises(EngineError, match="nobody waits"):
        watch(fresh(), bundle, PROMPT, SAID, lambda: True)


def test_a_gpu_is_not_taken_for_a_slow_processor(bundle: OpenBundle, fresh: Callable[[], Model]) -> None:
    manifest, elsewhere = bundle.manifest, Device("cuda", CPU.providers)
    path = bundle.path(manifest.graphs["cpu"].file)
    session = Session(path, manifest.architecture, manifest.context_length, elsewhere, threads=1)
    with pytest.raises(EngineError, match="explain with --device cpu"):
        watch(evolve(fresh(), session=session), bundle, PROMPT, SAID, never)


def test_a_model_folder_without_the_graph_completes_and_says_what_to_do(copy: Path) -> None:
    manifest = open_bundle(copy).manifest
    del manifest.graphs[ATTENTION]
    engine = LocalEngine(OpenBundle(copy, manifest), EngineSettings(threads=1))
    assert engine.generate(PROMPT, Decoding(max_tokens=2)).tokens
    with pytest.raises(EngineError, match="no attention graph; export or import the model again"):
        engine.attention(PROMPT, SAID)
