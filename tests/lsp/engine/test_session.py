import os
from collections.abc import Sequence

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowabs_lsp.engine.bundle import OpenBundle
from lowabs_lsp.engine.feed import CPU
from lowabs_lsp.engine.form import ROWS_AT_ONCE
from lowabs_lsp.engine.session import InterruptedRunError, KeyValueMemory, Session
from lowabs_lsp.engine.watcher import Watcher
from lowabs_lsp.values import FloatArray

TOKENS = st.lists(st.integers(0, 511), min_size=1, max_size=80)
exact = settings(deadline=None, max_examples=int(os.environ.get("EXAMPLES", "60")))


def whole(session: Session, ids: Sequence[int]) -> FloatArray:
    """The logits after every token, in one run: the oracle."""
    return session.run(session.create_memory(), ids, 0, len(ids))


def feed(session: Session, memory: KeyValueMemory, ids: Sequence[int], start: int, pieces: Sequence[int]) -> FloatArray:
    """Run ids[start:] in pieces of the given lengths, over and over; the logits of all of them."""
    logits, turn = [], 0
    while start < len(ids):
        piece = ids[start : start + pieces[turn % len(pieces)]]
        logits.append(session.run(memory, piece, start, len(piece)))
        start, turn = start + len(piece), turn + 1
    return np.concatenate(logits)


PIECES = st.lists(st.integers(1, 40), min_size=1, max_size=6)


@exact
@given(ids=TOKENS, pieces=PIECES)
def test_any_split_gives_the_bits_of_the_whole(session: Session, ids: list[int], pieces: list[int]) -> None:
    assert np.array_equal(feed(session, session.create_memory(), ids, 0, pieces), whole(session, ids))


@exact
@given(ids=TOKENS, wrong=TOKENS, pieces=PIECES, data=st.data())
def test_a_rewind_leaves_no_trace(
    session: Session, ids: list[int], wrong: list[int], pieces: list[int], data: st.DataObject
) -> None:
    kept = data.draw(st.integers(0, len(ids) - 1))
    memory = session.create_memory()
    feed(session, memory, ids[:kept] + wrong, 0, pieces)
    assert np.array_equal(feed(session, memory, ids, kept, pieces), whole(session, ids)[kept:])


@exact
@given(ids=TOKENS, other=TOKENS, data=st.data())
def test_copied_rows_are_as_good_as_computed_ones(
    session: Session, ids: list[int], other: list[int], data: st.DataObject
) -> None:
    shared = data.draw(st.integers(0, len(ids) - 1))
    source, memory = session.create_memory(), session.create_memory()
    feed(session, source, ids[:shared] + other, 0, [len(ids) + len(other)])
    memory.copy_rows(source, shared)
    assert np.array_equal(feed(session, memory, ids, shared, [len(ids)]), whole(session, ids)[shared:])


@exact
@given(ids=TOKENS, data=st.data())
def test_fewer_rows_are_the_last_of_all_rows(session: Session, ids: list[int], data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, len(ids)))
    logits = session.run(session.create_memory(), ids, 0, rows)
    assert np.array_equal(logits, whole(session, ids)[-rows:])


def test_the_context_can_be_filled_to_its_last_token(session: Session) -> None:
    ids = [i % 500 for i in range(session.context_length)]
    memory = session.create_memory()
    session.run(memory, ids[:-1], 0, 1)
    last = session.run(memory, ids[-1:], len(ids) - 1, 1)
    assert np.array_equal(last, whole(session, ids)[-1:])


def test_a_memory_has_a_row_for_each_position_in_each_layer(bundle: OpenBundle, session: Session) -> None:
    size = bundle.manifest.architecture
    row = 2 * size.layers * size.kv_heads * size.head_dim * 4
    rows = bundle.manifest.context_length + 2
    shared = bundle.manifest.graphs["cpu"].variant == "w8a8"
    assert session.memory_bytes == row * (rows + -rows % ROWS_AT_ONCE if shared else rows)


def test_the_number_of_threads_changes_no_bit(bundle: OpenBundle, session: Session) -> None:
    manifest = bundle.manifest
    path = bundle.path(manifest.graphs["cpu"].file)
    single = Session(path, manifest.architecture, manifest.context_length, CPU, threads=1)
    ids = list(range(100))
    assert np.array_equal(whole(single, ids), whole(session, ids))


def run_until_interrupted(session: Session, memory: KeyValueMemory, ids: Sequence[int], past: int) -> None:
    """Run the same tokens again and again while nobody waits for them."""
    with Watcher().watching(lambda: True) as options:
        for _ in range(10_000):
            session.run(memory, ids, past, 1, options)


def test_a_run_in_flight_ends_when_nobody_waits(session: Session) -> None:
    with pytest.raises(InterruptedRunError):
        run_until_interrupted(session, session.create_memory(), range(200), 0)


def test_after_an_interruption_the_memory_is_as_good_as_before(session: Session) -> None:
    memory, ids = session.create_memory(), list(range(60))
    session.run(memory, ids[:30], 0, 1)
    with pytest.raises(InterruptedRunError):
        run_until_interrupted(session, memory, ids[30:], 30)
    assert np.array_equal(session.run(memory, ids[30:], 30, 30), whole(session, ids)[30:])


def test_an_interruption_prints_nothing(session: Session, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InterruptedRunError):
        run_until_interrupted(session, session.create_memory(), [1, 2], 0)
    assert capfd.readouterr() == ("", "")


@exact
@given(tokens=st.lists(st.integers(0, 511), min_size=1, max_size=5), past=st.lists(st.integers(0, 511), max_size=20))
def test_what_shares_a_batch_changes_no_bit(session: Session, tokens: list[int], past: list[int]) -> None:
    together, alone = session.create_memory(len(tokens)), session.create_memory(1)
    for n, token in enumerate(past):
        session.run_together(together, [token] * len(tokens), n)
        session.run_together(alone, [token], n)
    logits = session.run_together(together, tokens, len(past))
    for row, token in zip(logits, tokens, strict=True):
        assert np.array_equal(row, session.run_together(alone, [token], len(past))[0])


@exact
@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=8))
def test_runs_of_changing_shapes_read_what_they_are_given(session: Session, lengths: list[int]) -> None:
    memory, other = session.create_memory(), session.create_memory()
    for n, length in enumerate(lengths):
        ids = [17 * n + i for i in range(length)]
        kept = session.run(memory, ids, 0, length)
        assert np.array_equal(kept, session.run(session.create_memory(), ids, 0, length))
        session.run(memory, ids[::-1], 0, length)
        assert np.array_equal(kept, session.run(other, ids, 0, length))  # a later run does not write into what was returned


class Picky(Session):
    """Its kernels say something else of an odd number of tokens, or of rows."""

    odd_tokens = odd_rows = False

    def run(
        self, memory: KeyValueMemory, ids: Sequence[int], past: int, rows: int, options: ort.RunOptions | None = None
    ) -> FloatArray:
        logits = super().run(memory, ids, past, rows, options)
        tokens = len(ids) + -len(ids) % self.token_unit
        wanted = rows + -rows % self.row_unit
        other = (self.odd_tokens and tokens % 2) or (self.odd_rows and wanted % 2)
        return logits + np.float32(1e-6) if other else logits


class PickyTokens(Picky):
    odd_tokens = True


class PickyRows(Picky):
    odd_rows = True


@pytest.mark.parametrize(("kind", "units"), [(PickyTokens, (2, 2)), (PickyRows, (1, 2))])
def test_numbers_are_made_even_where_odd_ones_have_other_bits(
    bundle: OpenBundle, session: Session, kind: type[Picky], units: tuple[int, int]
) -> None:
    manifest = bundle.manifest
    path = bundle.path(manifest.graphs["cpu"].file)
    picky = kind(path, manifest.architecture, manifest.context_length, CPU, threads=1)
    found = picky.token_unit, picky.row_unit
    assert found == (units if manifest.graphs["cpu"].variant == "w8a8" else (2, 2))
    ids = [5, 6, 7]
    assert np.array_equal(picky.run(picky.create_memory(), ids, 0, 3), whole(session, ids))
