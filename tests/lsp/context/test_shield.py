"""Documents are shown masked, key by key as if from scratch."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.context.secrets import mask_secrets
from lowabs_lsp.context.shield import REMEMBERED, Shield
from lowabs_lsp.values import Document


def document(text: str, path: str = "a.py") -> Document:
    return Document(f"file:///w/{path}", path, "python", text)


@given(data=st.data())
def test_masking_what_changed_equals_masking_everything(planted: Any, data: st.DataObject) -> None:
    lines = [plant.line.replace("{}", plant.secret) for plant in planted.in_place[:8]]
    bits = ["\n", "\n", "\n", "x = 1", "tok", 'password = "', "Bearer ", '"', " ", "é", "\r\n", "--password ", "-u a:"]
    pieces = st.lists(st.sampled_from([*planted.tokens[:6], *lines, *planted.armoured.split("\n"), *bits]), max_size=12)
    shield, text = Shield(), ""
    for _ in range(6):
        start, end = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
        text = text[:start] + "".join(data.draw(pieces)) + text[end:]
        assert shield.shown(document(text)).text == mask_secrets(text, "a.py")


def test_what_is_shown_twice_stays_the_same_object(planted: Any) -> None:
    shield = Shield()
    raw = document(f'token = "{planted.tokens[0]}"\n')
    shown = shield.shown(raw)
    assert shown != raw
    assert shield.shown(shown) is shown
    assert shield.shown(raw) == shown


def test_a_document_without_secrets_is_shown_as_it_is() -> None:
    clean = document("x = 1\n")
    assert Shield().shown(clean) is clean


def test_a_private_binary_minified_or_excluded_document_is_withheld() -> None:
    shield = Shield(("generated/",))
    withheld = [document("A=1", ".env"), document("x", "generated/a.py"), document("a\0b"), document("f();" * 1000)]
    assert [shield.withholds(d) for d in [*withheld, document("x = 1")]] == [True, True, True, True, False]


def test_no_more_documents_are_remembered_than_said() -> None:
    shield = Shield()
    for number in range(REMEMBERED + 5):
        shield.shown(document("x", f"{number}.py"))
    assert len(shield._last) == REMEMBERED
