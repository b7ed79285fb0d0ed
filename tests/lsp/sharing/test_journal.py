"""What is said again brings a new engine process to where the old one was."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types as lsp
from pygls.protocol import default_converter

from lowabs_lsp.server.documents import Documents
from lowabs_lsp.sharing.journal import Journal, Message

CONVERTER = default_converter()
URIS = ["file:///a", "file:///b", "file:///c"]
positions = st.fixed_dictionaries({"line": st.integers(0, 3), "character": st.integers(0, 4)})
ranges = st.fixed_dictionaries({"start": positions, "end": positions})
texts = st.text("a\né😀", max_size=6)
changes = st.fixed_dictionaries({"text": texts}, optional={"range": ranges})
steps = st.one_of(
    st.tuples(st.just("didOpen"), st.sampled_from(URIS), texts),
    st.tuples(st.just("didChange"), st.sampled_from(URIS), st.lists(changes, max_size=3)),
    st.tuples(st.just("didClose"), st.sampled_from(URIS), st.none()),
)


def message(step: tuple[str, str, Any]) -> Message:
    kind, uri, what = step
    params: dict[str, Any] = {"textDocument": {"uri": uri, "version": 1}}
    if kind == "didOpen":
        params["textDocument"] |= {"languageId": "python", "text": what}
    elif kind == "didChange":
        params["contentChanges"] = what
    return {"jsonrpc": "2.0", "method": f"textDocument/{kind}", "params": params}


def texts_after(messages: list[Message]) -> dict[str, str]:
    """The open documents of a server that was told these."""
    documents = Documents()
    for one in messages:
        method, params = one["method"], one["params"]
        if method == "textDocument/didOpen":
            documents.open(CONVERTER.structure(params, lsp.DidOpenTextDocumentParams).text_document)
        elif method == "textDocument/didClose":
            documents.close(params["textDocument"]["uri"])
        else:
            changed = CONVERTER.structure(params, lsp.DidChangeTextDocumentParams)
            if any(open_one.uri == changed.text_document.uri for open_one in documents._open.values()):
                documents.change(changed.text_document, changed.content_changes)
    return {name: document.snapshot().text for name, document in documents._open.items()}


@given(st.lists(steps, max_size=12))
def test_a_new_process_has_the_same_texts(taken: list[tuple[str, str, Any]]) -> None:
    journal = Journal()
    messages = [message(step) for step in taken]
    for one in messages:
        journal.take(one)
    assert texts_after(list(journal.replay())) == texts_after(messages)


def request(number: object, method: str = "textDocument/completion") -> Message:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": {"of": number}}


def notification(method: str, params: object = None) -> Message:
    return {"jsonrpc": "2.0", "method": method, "params": params}


def test_what_a_whole_text_replaces_is_forgotten() -> None:
    journal = Journal()
    journal.take(message(("didOpen", "file:///a", "old")))
    for number in range(100):
        journal.take(message(("didChange", "file:///a", [{"text": str(number)}])))
    assert len(list(journal.replay())) == 2


def test_the_order_is_handshake_folders_settings_documents_requests() -> None:
    journal = Journal()
    said = [
        request(1, "initialize"),
        notification("initialized", {}),
        notification("workspace/didChangeWorkspaceFolders", {}),
        notification("workspace/didChangeConfiguration", {}),
        message(("didOpen", "file:///a", "x")),
        request(2),
    ]
    for one in (said[0], said[1], said[5], said[4], said[3], said[2], notification("$/setTrace")):
        journal.take(one)
    assert journal.answered(1)
    assert list(journal.replay()) == said


def command(number: int, name: str) -> Message:
    return {"jsonrpc": "2.0", "id": number, "method": "workspace/executeCommand", "params": {"command": name}}


def test_a_pause_lasts_until_it_is_ended_and_so_does_the_wish_for_the_status() -> None:
    journal = Journal()
    said = [command(1, "lowabs.pause"), request(2, "lowabs/status"), command(3, "lowabs.accepted")]
    for one in said:
        journal.take(one)
        journal.answered(one["id"])
    assert list(journal.replay()) == said[:2]
    journal.take(command(4, "lowabs.resume"))
    journal.answered(4)
    assert list(journal.replay()) == said[1:2]


def test_an_answer_is_wanted_once() -> None:
    journal = Journal()
    journal.take(request(1, "initialize"))
    assert [journal.answered(1), journal.answered(1), journal.answered(None), journal.answered(7)] == [
        True,
        False,
        False,
        False,
    ]
    assert list(journal.replay()) == [request(1, "initialize")]


def test_a_request_is_said_again_once() -> None:
    journal = Journal()
    journal.take(request(1))
    assert (journal.take_suspects(), list(journal.replay())) == ([], [request(1)])
    journal.take(request(2))
    assert journal.take_suspects() == [request(1)]
    assert list(journal.replay()) == [request(2)]


def test_giving_up_spares_the_first_request_of_all() -> None:
    journal = Journal()
    journal.take(request(1, "initialize"))
    journal.take(request("two"))
    assert journal.give_up() == [request("two")]
    assert [journal.answered("two"), journal.answered(1)] == [False, True]


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda children: st.lists(children) | st.dictionaries(st.text(max_size=3), children),
    )
)
def test_whatever_comes_is_no_reason_to_fail(params: object) -> None:
    journal = Journal()
    for method in ("textDocument/didOpen", "textDocument/didChange", "textDocument/didClose", "initialize", params):
        journal.take({"method": method, "params": params, "id": params})
        journal.take({"method": method, "params": {"textDocument": params, "contentChanges": params}})
        journal.take({"method": method, "params": {"textDocument": {"uri": params}, "contentChanges": [params]}})
    list(journal.replay())
    assert all(isinstance(one["id"], int | str) for one in journal.give_up())
