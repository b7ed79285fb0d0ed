"""Hypothesis without its clock, which a busy machine trips; and a corpus that is small enough to train on in seconds."""

import email
import json
from pathlib import Path

import pytest
from hypothesis import settings
from lowabs_model.corpus.shards import HELD_OUT, TRAIN, SourceFile, write_shards

settings.register_profile("model", deadline=None)
settings.load_profile("model")


def standard_library(package: str) -> list[SourceFile]:
    """The modules of a package that every Python has, as a corpus holds them."""
    root = Path(package).parent
    return [
        SourceFile("python/cpython", f"{root.name}/{file.name}", "python", "PSF-2.0", "0", file.read_text("utf-8"))
        for file in sorted(root.glob("*.py"))
    ]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus folder: `json` to train on, a module of `email` held out."""
    folder = tmp_path_factory.mktemp("corpus")
    write_shards(folder, TRAIN, standard_library(json.__file__))
    write_shards(folder, HELD_OUT, standard_library(email.__file__)[-1:])
    return folder
