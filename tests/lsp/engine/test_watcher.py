import gc
import threading
from collections.abc import Callable

from lowabs_lsp.engine.watcher import Watcher


def wait_for(condition: Callable[[], bool]) -> None:
    """At most some seconds; a thread of the watcher's has to come by."""
    poll = threading.Event()
    for _ in range(5_000):
        if condition():
            return
        poll.wait(0.001)
    raise AssertionError


def test_who_no_longer_waits_ends_the_run() -> None:
    cancel = threading.Event()
    with Watcher().watching(cancel.is_set) as options:
        assert not options.terminate
        cancel.set()
        wait_for(lambda: options.terminate)


def test_one_cancel_does_not_end_the_next_run() -> None:
    watcher, asked = Watcher(), threading.Event()
    with watcher.watching(lambda: True) as first:
        wait_for(lambda: first.terminate)

    def ask() -> bool:
        asked.set()
        return False

    with watcher.watching(ask) as second:
        assert asked.wait(5)
        assert not second.terminate


def test_between_runs_nobody_is_asked() -> None:
    watcher, asked, again = Watcher(), threading.Event(), threading.Event()
    with watcher.watching(lambda: bool(asked.set())):
        assert asked.wait(5)
    asked.clear()
    with watcher.watching(lambda: bool(again.set())):
        assert again.wait(5)
    assert not asked.is_set()


def test_the_thread_ends_with_its_watcher() -> None:
    before = set(threading.enumerate())
    watcher = Watcher()
    (thread,) = set(threading.enumerate()) - before
    del watcher
    gc.collect()
    thread.join(5)
    assert not thread.is_alive()
