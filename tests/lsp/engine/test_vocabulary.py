import argparse
import json
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from lowabs_lsp.engine.healing import Healing
from lowabs_lsp.engine.tokenizer import Tokenizer
from lowabs_lsp.engine.vocabulary import METASPACE
from lowabs_lsp.errors import BundleError

SPECIAL = ["<unk>", "<s>", "</s>", f"{METASPACE}<PRE>"]
TEXTS = st.lists(st.one_of(st.text(), st.sampled_from(["\n    ", "def f(x):", " ", "  ", "é", "🦊", "<s>", "<0x41>"])))

LLAMA = normalizers.Sequence([normalizers.Prepend(METASPACE), normalizers.Replace(" ", METASPACE)])
GEMMA = normalizers.Replace(" ", METASPACE)
NEWER = pre_tokenizers.Metaspace(METASPACE, prepend_scheme="first", split=False)


def sentencepiece(folder: Path, name: str) -> Path:
    """A small BPE with byte tokens as Llama's, newer Llama's or Gemma's files have it."""
    tokenizer = tokenizers.Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = GEMMA
    tokenizer.pre_tokenizer = pre_tokenizers.Split(METASPACE, "merged_with_next")
    pieces = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=pieces, show_progress=False)
    tokenizer.train_from_iterator(Path(argparse.__file__).read_text("utf-8").splitlines(), trainer)
    tokenizer.normalizer = {"llama": LLAMA, "gemma": GEMMA, "newer": None}[name]
    tokenizer.pre_tokenizer = NEWER if name == "newer" else pre_tokenizers.Split(" ", "merged_with_previous")
    replaced = [decoders.Replace(METASPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(replaced)
    raw = json.loads(tokenizer.to_str())
    raw["added_tokens"] = [token for token in raw["added_tokens"] if token["content"] in SPECIAL[:3]]
    path = folder / f"{name}.json"
    path.write_text(json.dumps(raw))
    return path


@pytest.fixture(scope="module", params=["llama", "newer", "gemma"])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sentencepiece(tmp_path_factory.mktemp("tokenizer"), request.param)


@pytest.fixture(scope="module")
def tokenizer(file: Path) -> Tokenizer:
    return Tokenizer(file, reserved=SPECIAL)


@settings(deadline=None, max_examples=200)
@given(parts=TEXTS)
def test_the_bytes_of_the_ids_are_the_text_with_no_space_before_it(tokenizer: Tokenizer, parts: list[str]) -> None:
    text = "".join(parts)
    assert tokenizer.decode_bytes(tokenizer.encode(text)) == text.replace(METASPACE, " ").encode()


def test_the_ids_behind_a_space_are_those_of_the_library(file: Path, tokenizer: Tokenizer) -> None:
    text = "def f(self):\n    return self.x  # ünïcode 🦊"
    theirs = tokenizers.Tokenizer.from_file(str(file))
    ours = tokenizer.encode(text if theirs.encode(text).tokens[0][0] != METASPACE else f" {text}")
    assert list(ours) == theirs.encode(text, add_special_tokens=False).ids


def test_a_reserved_piece_of_the_vocabulary_is_a_special_token(tokenizer: Tokenizer) -> None:
    piece = tokenizer.special[f"{METASPACE}<PRE>"]
    assert tokenizer.bytes_of[piece] == b""
    assert piece not in tokenizer.encode(f"x {METASPACE}<PRE>")


def test_torn_words_are_taken_back_behind_a_space(tokenizer: Tokenizer) -> None:
    healing, tokens = Healing(tokenizer.bytes_of), tokenizer.encode("x = par")
    ending = tokenizer.decode_bytes(tokens[len(tokens) - healing.count_torn(tokens) :])
    assert ending in b" par"
    agreed = {tokenizer.bytes_of[i] for i in healing.agreeing(b" p")}
    assert {b" ", b" p", b" parser"} <= agreed
    assert all(spelled.startswith(b" p") or spelled == b" " for spelled in agreed)


def test_text_that_would_be_changed_is_refused(file: Path, tmp_path: Path) -> None:
    raw = json.loads(file.read_text())
    raw["normalizer"] = {"type": "Lowercase"}
    (tmp_path / "tokenizer.json").write_text(json.dumps(raw))
    with pytest.raises(BundleError, match="normalizes texts by 'Lowercase'"):
        Tokenizer(tmp_path / "tokenizer.json")


def test_bytes_that_no_text_has_may_lack(bundle_tokenizer: Path) -> None:
    raw = json.loads(bundle_tokenizer.read_text())
    raw["model"]["vocab"] = {key: i for key, i in raw["model"]["vocab"].items() if key not in ("ÿ", "õ", "À")}
    bundle_tokenizer.write_text(json.dumps(raw))
    assert b"\xff" not in Tokenizer(bundle_tokenizer).bytes_of


@pytest.fixture
def bundle_tokenizer(copy: Path) -> Path:
    return copy / "tokenizer.json"
