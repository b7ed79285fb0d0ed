"""Small repositories made for a test."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

MIT = (
    "MIT License\n\nCopyright (c) 2020 A. Person\n\nPermission is hereby granted, free of charge, to any person obtaining a copy\n"
    'of this software and associated documentation files (the "Software"), to deal in the Software without restriction.\n'
)
GPL = "                    GNU GENERAL PUBLIC LICENSE\n                       Version 3, 29 June 2007\n\n Everyone is permitted ...\n"

MakeTree = Callable[[str, Mapping[str, str]], Path]


@pytest.fixture
def mit() -> str:
    return MIT


@pytest.fixture
def gpl() -> str:
    return GPL


@pytest.fixture
def module() -> Callable[[str], str]:
    return write_module


def write_module(seed: str) -> str:
    """A Python module of some 20 lines that is unlike that of another seed."""
    verbs = [f"{seed}_{word}" for word in ("load", "store", "merge", "split", "sort")]
    functions = (
        f"def {verb}({seed}_items, {seed}_limit={number}):\n"
        f'    """Return what {verb} finds in the {seed} items."""\n'
        f"    found = [{seed}.{verb}(item) for item in {seed}_items if item.{seed} > {number}]\n"
        f"    return found[:{seed}_limit]\n"
        for number, verb in enumerate(verbs)
    )
    return "\n\n".join(functions)


@pytest.fixture
def make_tree(tmp_path: Path) -> MakeTree:
    def make(name: str, files: Mapping[str, str]) -> Path:
        for path, text in files.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_bytes(text.encode())
        return tmp_path / name

    return make


@pytest.fixture
def make_repository(make_tree: MakeTree) -> MakeTree:
    """Returns the git directory of a repository with one commit of these files."""

    def make(name: str, files: Mapping[str, str]) -> Path:
        folder = make_tree(name, files)
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
        for arguments in (["init", "-q"], ["add", "-A", "-f"], [*identity, "commit", "-qm", "Add files"]):
            subprocess.run(["git", *arguments], cwd=folder, check=True)
        return folder / ".git"

    return make
