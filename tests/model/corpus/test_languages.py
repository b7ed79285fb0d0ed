import pytest
from lowabs_model.corpus.languages import LANGUAGES, language_of, may_have_language


@pytest.mark.parametrize(
    ("path", "text", "language"),
    [
        ("a/b.py", "", "python"),
        ("a/b.tsx", "", "typescriptreact"),
        ("Dockerfile", "", "dockerfile"),
        ("docker/Dockerfile.alpine", "", "dockerfile"),
        ("web.Dockerfile", "", "dockerfile"),
        ("GNUmakefile", "", "makefile"),
        ("rules.mk", "", "makefile"),
        (".github/workflows/ci.yml", "", "yaml"),
        ("README.md", "", "markdown"),
        ("etc/app.service", "", "ini"),
        ("list.h", "struct list;\n", "c"),
        ("list.h", "#pragma once\nnamespace a {\n", "cpp"),
        ("bin/run", "#!/usr/bin/env bash\n", "shellscript"),
        ("bin/run", "#!/bin/sh -e\n", "shellscript"),
        ("bin/run", "#! /usr/bin/env python3.11\n", "python"),
        ("bin/run", "#!/usr/bin/env -S node\n", "javascript"),
    ],
)
def test_a_language_is_told_by_name_extension_or_first_line(path: str, text: str, language: str) -> None:
    assert language_of(path, text) == language
    assert language in LANGUAGES
    assert may_have_language(path)


@pytest.mark.parametrize(
    ("path", "text"), [("data.json", "{}"), ("docs/guide.md", "# A"), ("bin/run", "#!/usr/bin/perl\n"), ("NOTICE", "a")]
)
def test_other_files_have_no_language(path: str, text: str) -> None:
    assert language_of(path, text) == ""


def test_a_file_of_an_unknown_extension_is_not_even_read() -> None:
    assert not may_have_language("photo.png")
