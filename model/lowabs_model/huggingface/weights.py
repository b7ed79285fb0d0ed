"""The tensors of a Hugging Face directory under our names, each of the shape that its config.json says."""

import logging
import re
from pathlib import Path

from attrs import field, frozen

from lowabs_lsp.errors import BundleError
from lowabs_lsp.values import FloatArray
from lowabs_model.huggingface.config import MODEL_TYPES
from lowabs_model.tensors import WEIGHTS, WEIGHTS_INDEX, DecoderConfig, Place, Tensors, read_tensors, tensor_shapes

log = logging.getLogger(__name__)

_DERIVED = re.compile(r"\.rotary_emb\.inv_freq$")
"""Buffers that old checkpoints hold and that follow from the config."""


@frozen
class ReportedTensors(Tensors):
    """Tensors that say in the log which layer is being read."""

    layers: int = field(kw_only=True)

    def __getitem__(self, name: str) -> FloatArray:
        if name.endswith(".input_layernorm.weight"):
            log.info("layer %d of %d", int(name.split(".")[1]) + 1, self.layers)
        return super().__getitem__(name)


def read_weights(folder: Path, config: DecoderConfig, model_type: str) -> Tensors:
    """Raises BundleError for tensors that are missing, unknown, or of another shape than `config` says."""
    _refuse_pickles(folder)
    places = {_renamed(name, model_type): place for name, place in read_tensors(folder).places.items()}
    expected = tensor_shapes(config)
    ignored = {name for name in places if _DERIVED.search(name)} | ({"lm_head.weight"} if config.architecture.tied else set())
    _check_names(folder, places, expected, ignored)
    for name, shape in expected.items():
        if places[name].shape != shape:
            raise BundleError(f"{folder}: {name} has the shape {places[name].shape} where config.json says {shape}")
    return ReportedTensors({name: places[name] for name in expected}, layers=config.architecture.layers)


def _refuse_pickles(folder: Path) -> None:
    if not folder.is_dir():
        raise BundleError(f"{folder}: there is no such folder")
    if any((folder / name).is_file() for name in (WEIGHTS, WEIGHTS_INDEX)):
        return
    pickles = [*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth")]
    advice = (
        "a pickle may run any program, so it is not read: take a safetensors version, or save one with transformers"
        if pickles
        else f"there is neither {WEIGHTS} nor {WEIGHTS_INDEX}; name the folder that holds them"
    )
    raise BundleError(f"{pickles[0] if pickles else folder}: {advice}")


def _renamed(name: str, model_type: str) -> str:
    for theirs, ours in MODEL_TYPES[model_type].rename.items():
        name = name.replace(theirs, ours)
    return name


def _check_names(folder: Path, places: dict[str, Place], expected: dict[str, tuple[int, ...]], ignored: set[str]) -> None:
    if missing := sorted(expected.keys() - places.keys()):
        raise BundleError(f"{folder}: has no tensor {missing[0]} ({len(missing)} are missing); copy it again, with all shards")
    if unknown := sorted(places.keys() - expected.keys() - ignored):
        raise BundleError(f"{folder}: what the tensor {unknown[0]} ({len(unknown)} such) is for is not known; not imported")
