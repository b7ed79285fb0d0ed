"""A model bundle: the schema of bundle.json, and a folder opened and checked."""

import hashlib
import importlib.resources
import importlib.util
import json
from enum import Enum
from pathlib import Path
from typing import Any

import cattrs
from attrs import field, frozen
from cattrs.gen import make_dict_unstructure_fn

from lowabs_lsp.errors import BundleError
from lowabs_lsp.values import Layout

SCHEMA = 1
"""Raised by a change that older readers must not guess at."""

SPARE_POSITIONS = 2
"""Positions that a graph has beyond `context_length`, for the token that pads a run to an even number."""

MANIFEST = "bundle.json"
TOKENIZER = "tokenizer.json"
CALIBRATION = "confidence.json"
"""What a bundle may have besides: how its certainty is to be read."""
ATTENTION = "attention"
"""The name among `Bundle.graphs` of the one that gives its attention weights out too."""
DEFAULT_PACKAGE = "lowabs_default_model"


@frozen
class Architecture:
    """The sizes of a Qwen3 decoder, in the units of its own tensors."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    feed_forward: int
    vocabulary: int
    tied: bool
    """The output matrix is the embedding."""
    rope_theta: float
    norm_epsilon: float


@frozen
class FileRecord:
    """What a file of the bundle must be."""

    bytes: int
    sha256: str


@frozen
class Graph:
    """One ONNX graph of the model and the arithmetic of its weights."""

    file: str
    variant: str
    """`fp32`, `fp16`, `bf16`, `int8`, `int4` (blocks), `rowq` (8 bits by output column, activations by row), `w8a8` (the
    same weights, activations with the scales of all rows)."""


@frozen
class Parity:
    """How the shipped graph compares with the PyTorch decoder, measured at export on `tokens` tokens of `sample`."""

    sample: str
    tokens: int
    graph_max_abs_logit_difference: float
    """Of the same graph in fp32: whether the graph computes what PyTorch does."""
    max_abs_logit_difference: float
    """Of the shipped graph: quantisation included."""
    argmax_agreement: float
    loss_before: float
    """Nats for a token, PyTorch."""
    loss_after: float
    """Nats for a token, the shipped graph."""


@frozen
class Bundle:
    """bundle.json."""

    schema: int
    name: str
    licence: str
    context_length: int
    tokenizer_size: int
    """Number of token ids that mean something; those from here to `architecture.vocabulary` are padding."""
    architecture: Architecture
    layout: Layout
    graphs: dict[str, Graph]
    """By kind of device: `cpu` always, `cuda` where the bundle has a graph for it. `attention` is the CPU's once more, with
    its attention weights as outputs, on the same file of weights; `explain` alone opens it."""
    files: dict[str, FileRecord]
    parity: Parity | None = None
    training: dict[str, Any] = field(factory=dict)
    """What the checkpoint says of its training, as it says it."""


@frozen
class OpenBundle:
    """A bundle whose files are there and are what bundle.json says."""

    folder: Path
    manifest: Bundle

    def path(self, name: str) -> Path:
        """Where a file of the bundle lies."""
        return self.folder / name


def default_folder(package: str = DEFAULT_PACKAGE) -> Path:
    """The folder of the model that is installed with this program. Raises BundleError when there is none."""
    if importlib.util.find_spec(package) is None:
        raise BundleError(f"the default model (package {package}) is not installed: reinstall lowabs-lsp")
    folder = Path(str(importlib.resources.files(package)))
    if not (folder / MANIFEST).is_file():
        raise BundleError(
            f"{folder / MANIFEST}: the default model is missing; reinstall lowabs-lsp, "
            "or name a model folder in the setting `model`"
        )
    return folder


def open_bundle(folder: Path) -> OpenBundle:
    """Read bundle.json and check every file by size and sha256. Raises BundleError naming the file and the remedy."""
    if not folder.is_dir():
        raise BundleError(f"{folder}: there is no such folder; the setting `model` must name a model bundle")
    manifest = read_manifest(folder / MANIFEST)
    for name in [TOKENIZER, *(graph.file for graph in manifest.graphs.values())]:
        if name not in manifest.files:
            raise BundleError(f"{folder / MANIFEST}: lists no {name!r} in `files`; {_REMEDY}")
    for name, record in manifest.files.items():
        check_file(folder / name, record)
    return OpenBundle(folder, manifest)


def read_manifest(path: Path) -> Bundle:
    """Read and check bundle.json alone. Raises BundleError."""
    try:
        raw = json.loads(read_bytes(path))
    except ValueError as exc:
        raise BundleError(f"{path}: is not JSON ({exc}); {_REMEDY}") from exc
    schema = raw.get("schema") if isinstance(raw, dict) else None
    if not isinstance(schema, int):
        raise BundleError(f"{path}: is not the manifest of a model bundle (no `schema`); {_REMEDY}")
    if schema > SCHEMA:
        raise BundleError(
            f"{path}: has schema {schema}, this lowabs-lsp reads up to {SCHEMA}; upgrade it (pip install -U lowabs-lsp)"
        )
    try:
        manifest = _converter().structure(raw, Bundle)
    except Exception as exc:  # cattrs groups whatever its hooks raise
        raise BundleError(f"{path}: {'; '.join(cattrs.transform_error(exc, path='bundle'))}; {_REMEDY}") from exc
    if "cpu" not in manifest.graphs:
        raise BundleError(f"{path}: `graphs` has none for `cpu`; {_REMEDY}")
    for name in manifest.files:
        if Path(name).name != name:
            raise BundleError(f"{path}: `files` names {name!r}, which is not a plain file name; {_REMEDY}")
    return manifest


def write_manifest(path: Path, manifest: Bundle) -> None:
    """Write bundle.json for a reader's eyes."""
    path.write_text(json.dumps(_converter().unstructure(manifest), indent=2, ensure_ascii=False) + "\n", "utf-8")


def record_file(path: Path) -> FileRecord:
    """Size and sha256 of a file as it is."""
    with path.open("rb") as stream:
        return FileRecord(path.stat().st_size, hashlib.file_digest(stream, "sha256").hexdigest())


def check_file(path: Path, expected: FileRecord) -> None:
    """Raise BundleError unless the file is there, whole and unaltered."""
    try:
        size = path.stat().st_size
        if size != expected.bytes:
            raise BundleError(f"{path}: has {size} bytes instead of {expected.bytes} (cut or replaced); {_REMEDY}")
        if record_file(path).sha256 != expected.sha256:
            raise BundleError(f"{path}: is damaged (its sha256 is not the one in {MANIFEST}); {_REMEDY}")
    except OSError as exc:
        raise _unreadable(path, exc) from exc


def read_bytes(path: Path) -> bytes:
    """The content of a file of a bundle. Raises BundleError."""
    try:
        return path.read_bytes()
    except OSError as exc:
        raise _unreadable(path, exc) from exc


_REMEDY = "copy or download the model folder again"


def _unreadable(path: Path, exc: OSError) -> BundleError:
    if isinstance(exc, PermissionError):
        return BundleError(f"{path}: may not be read; give your user the right to read it")
    if isinstance(exc, FileNotFoundError):
        return BundleError(f"{path}: is missing; {_REMEDY}")
    return BundleError(f"{path}: cannot be read ({exc.strerror}); {_REMEDY}")


def _converter() -> cattrs.Converter:
    """Strict: unknown keys and ill-typed values are refused with their path."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    for kind in (bool, int, str):
        converter.register_structure_hook(kind, _exactly)
    converter.register_structure_hook(float, _number)
    as_short = make_dict_unstructure_fn(Layout, converter, _cattrs_omit_if_default=True)
    converter.register_unstructure_hook(Layout, as_short)
    return converter


def _exactly(value: object, kind: type[Any]) -> Any:
    if issubclass(kind, Enum):  # a StrEnum is dispatched as the str it is
        return kind(value)
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {value!r:.40}")
    return value


def _number(value: object, _: type[float]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"expected a number, got {value!r:.40}")
    return float(value)
