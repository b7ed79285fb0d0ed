import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lowabs_lsp.engine.bundle import (
    MANIFEST,
    SCHEMA,
    OpenBundle,
    default_folder,
    open_bundle,
    read_manifest,
    record_file,
    write_manifest,
)
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.errors import BundleError

FILES = ("bundle.json", "model.onnx", "model.onnx.data", "tokenizer.json")
NOBODY = 65534


def change(path: Path, edit: Callable[[Any], object]) -> None:
    raw = json.loads(path.read_text())
    edit(raw)
    path.write_text(json.dumps(raw))


def renew_records(folder: Path) -> None:
    """Make bundle.json agree with files that were altered on purpose."""
    change(
        folder / MANIFEST,
        lambda raw: raw.update(
            files={
                name: {"bytes": record.bytes, "sha256": record.sha256}
                for name in raw["files"]
                for record in [record_file(folder / name)]
            }
        ),
    )


def complaint(folder: Path) -> str:
    """What is said of a bundle that must not open."""
    with pytest.raises(BundleError) as caught:
        LocalEngine.open(folder)
    return str(caught.value)


def test_a_whole_bundle_opens(bundle: OpenBundle) -> None:
    assert bundle.manifest.schema == SCHEMA
    assert all(bundle.path(name).is_file() for name in FILES)


def test_what_is_written_is_read_again(bundle: OpenBundle, tmp_path: Path) -> None:
    write_manifest(tmp_path / MANIFEST, bundle.manifest)
    assert read_manifest(tmp_path / MANIFEST) == bundle.manifest


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "neither an installed model" in complaint(tmp_path / "nowhere")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    assert re.search(rf"{re.escape(str(copy / name))}: is missing; copy or download", complaint(copy))


@pytest.mark.parametrize("name", FILES)
def test_a_cut_file_is_named(copy: Path, name: str) -> None:
    data = (copy / name).read_bytes()
    (copy / name).write_bytes(data[: len(data) // 2])
    assert f"{copy / name}: " in complaint(copy)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), name=st.sampled_from([name for name in FILES if name != MANIFEST]))
def test_a_single_flipped_bit_is_found(copy: Path, data: st.DataObject, name: str) -> None:
    whole = (copy / name).read_bytes()
    place = data.draw(st.integers(0, 8 * len(whole) - 1))
    flipped = bytearray(whole)
    flipped[place // 8] ^= 1 << place % 8
    (copy / name).write_bytes(flipped)
    assert f"{copy / name}: is damaged" in complaint(copy)
    (copy / name).write_bytes(whole)


def test_a_newer_schema_asks_for_an_upgrade(copy: Path) -> None:
    change(copy / MANIFEST, lambda raw: raw.update(schema=SCHEMA + 1, unheard_of=1))
    assert re.search(r"has schema 2.*upgrade", complaint(copy))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda raw: raw.update(weihgts=1), r"extra fields found \(weihgts\)"),
        (lambda raw: raw.pop("name"), "required field missing @ bundle.name"),
        (lambda raw: raw.pop("schema"), "is not the manifest of a model bundle"),
        (lambda raw: raw["architecture"].update(layers="2"), "expected int @ bundle.architecture.layers"),
        (lambda raw: raw["architecture"].update(tied=1), "expected bool @ bundle.architecture.tied"),
        (lambda raw: raw["layout"].update(spelling={"beginning": "<s>"}), "expected Sentinel"),
        (lambda raw: raw["graphs"].pop("cpu"), "has none for `cpu`"),
        (lambda raw: raw["files"].pop("tokenizer.json"), "lists no 'tokenizer.json'"),
        (lambda raw: raw["files"].update({"../x": raw["files"]["model.onnx"]}), "not a plain file name"),
    ],
)
def test_a_faulty_manifest_is_explained(copy: Path, edit: Callable[[Any], object], said: str) -> None:
    change(copy / MANIFEST, edit)
    assert re.search(rf"{re.escape(str(copy / MANIFEST))}: .*{said}.*; copy or download", complaint(copy))


def test_sentinels_that_the_tokenizer_lacks(copy: Path) -> None:
    change(copy / MANIFEST, lambda raw: raw["layout"]["spelling"].update(file="<|no_such|>"))
    assert "tokenizer.json: has no token '<|no_such|>'" in complaint(copy)


def test_a_tokenizer_of_another_size(copy: Path) -> None:
    def add_token(raw: Any) -> None:
        raw["added_tokens"].append(raw["added_tokens"][0] | {"id": 512, "content": "<|one_more|>"})

    change(copy / "tokenizer.json", add_token)
    renew_records(copy)
    assert "has 513 tokens where bundle.json says 512" in complaint(copy)


@pytest.mark.parametrize("size", ["layers", "kv_heads", "head_dim", "vocabulary"])
def test_sizes_that_the_graph_has_not(copy: Path, size: str) -> None:
    change(copy / MANIFEST, lambda raw: raw["architecture"].update({size: raw["architecture"][size] * 2}))
    assert re.search(r"model\.onnx: \w+ has the shape .* where bundle.json wants .*different models", complaint(copy))


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_may_not_be_read(copy: Path, name: str) -> None:
    for folder in (copy, *list(copy.parents)[:3]):
        folder.chmod(0o755)
    (copy / name).chmod(0)
    with as_nobody():
        assert f"{copy / name}: may not be read" in complaint(copy)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything, so be nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_graph_that_onnx_runtime_cannot_load_is_an_error_not_a_crash(copy: Path) -> None:
    (copy / "model.onnx").write_bytes(b"not a graph")
    renew_records(copy)
    with pytest.raises(Exception, match=r"model\.onnx: ONNX Runtime .* cannot load it") as caught:
        LocalEngine.open(copy)
    assert type(caught.value).__name__ == "EngineError"


def test_the_default_model_is_found_as_a_package(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (copy / "__init__.py").write_text('"""A model."""\n')
    package = copy.rename(copy.with_name("model_for_this_test"))
    monkeypatch.syspath_prepend(package.parent)
    assert open_bundle(default_folder(package.name)).folder == package


def test_a_default_model_that_is_not_installed() -> None:
    with pytest.raises(BundleError, match="not installed: reinstall"):
        default_folder("no_such_package_of_ours")


def test_a_default_model_that_was_left_out() -> None:
    with pytest.raises(BundleError, match=r"bundle\.json: the default model is missing; reinstall"):
        default_folder("lowabs_lsp.engine")


def test_opening_twice_gives_the_same(bundle: OpenBundle) -> None:
    assert open_bundle(bundle.folder) == bundle
