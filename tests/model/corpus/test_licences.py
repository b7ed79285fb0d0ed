import pytest
from lowabs_model.corpus.licences import (
    allows_expression,
    classify,
    classify_all,
    classify_metadata,
    header_refuses,
    is_licence_file,
)

BSD3 = (
    "Redistribution and use in source and binary forms, with or without\nmodification, are permitted ...\n"
    "* Neither the name of the copyright holder nor the names of its\n  contributors may be used ...\n"
)
APACHE = "                                 Apache License\n                           Version 2.0, January 2004\n"
ISC = (
    "Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted, "
    "provided that the above copyright notice and this permission notice appear in all copies.\n"
)
ZLIB = (
    "This software is provided 'as-is', without any express or implied warranty. In no event ...\n"
    "Altered source versions must be plainly marked as such.\n"
)
AGPL = "GNU AFFERO GENERAL PUBLIC LICENSE\n Version 3, 19 November 2007\n"
MPL = "Mozilla Public License Version 2.0\n==================================\n"
BUSL = "License text copyright (c) 2020 MariaDB Corporation Ab\n\n“Business Source License” is a trademark\n"
SSPL = "Server Side Public License\nVERSION 1, OCTOBER 16, 2018\n"
CC_BY = "Creative Commons Attribution 4.0 International Public License\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (BSD3, "BSD-3-Clause"),
        (BSD3.partition("*")[0], "BSD-2-Clause"),
        (APACHE, "Apache-2.0"),
        (ISC, "ISC"),
        (ISC.replace(", provided that the above copyright notice", "."), "0BSD"),
        (ZLIB, "Zlib"),
        ("PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2\nAll Python licenses, unlike the GPL, let you distribute", "PSF-2.0"),
        ("This is free and unencumbered software released into the public domain.", "Unlicense"),
        ("Creative Commons Legal Code\n\nCC0 1.0 Universal", "CC0-1.0"),
        ("Boost Software License - Version 1.0 - August 17th, 2003", "BSL-1.0"),
    ],
)
def test_permissive_texts_are_known_by_their_words(text: str, name: str) -> None:
    verdict = classify(text)
    assert (verdict.allowed, verdict.name) == (True, name)


def test_comment_marks_and_line_breaks_do_not_hide_a_licence(mit: str) -> None:
    commented = "".join(f"# {line}\n" for line in mit.split("\n"))
    assert classify(commented) == classify(mit)
    assert classify(mit).name == "MIT"


@pytest.mark.parametrize(("text", "name"), [(AGPL, "AGPL"), (MPL, "MPL"), (BUSL, "BUSL"), (SSPL, "SSPL"), (CC_BY, "CC-BY")])
def test_other_licences_are_refused_by_name(text: str, name: str) -> None:
    verdict = classify(text)
    assert (verdict.allowed, verdict.name) == (False, name)


def test_documentation_under_cc_by_does_not_refuse_code_under_bsd() -> None:
    assert classify(BSD3 + "Documentation License\n" + CC_BY).name == "BSD-3-Clause"
    assert not classify(CC_BY + BSD3).allowed


def test_an_unknown_text_is_refused() -> None:
    assert not classify("Ask me before you use this.").allowed
    postgresql = "Permission to use, copy, modify, and distribute this software for any purpose, without fee, is granted, "
    assert not classify(postgresql + "provided that the above copyright notice appears in all copies.").allowed


def test_one_refused_licence_refuses_the_whole_root(mit: str, gpl: str) -> None:
    assert classify_all([mit, APACHE]).name == "Apache-2.0 AND MIT"
    assert not classify_all([mit, gpl]).allowed
    assert not classify_all([mit + gpl]).allowed
    assert not classify_all([]).allowed


@pytest.mark.parametrize(
    "name", ["LICENSE", "LICENSE-MIT", "licence.txt", "LICENSE.md", "COPYING", "UNLICENSE", "LICENSE-APACHE-2.0"]
)
def test_licence_files_are_known_by_name(name: str) -> None:
    assert is_licence_file(name)


@pytest.mark.parametrize(
    "name",
    [
        "license.py",
        "licensing.rst",
        "README.md",
        "copying_files.sh",
        "license-key-formatting.cpp",
        "LICENSE-docs",
        "LICENSE-THIRD-PARTY",
    ],
)
def test_other_files_are_no_licence_files(name: str) -> None:
    assert not is_licence_file(name)


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT AND Apache-2.0", True),
        ("(MIT OR GPL-2.0)", True),
        ("(MIT OR Apache-2.0) AND GPL-3.0", False),
        ("(MIT OR Apache-2.0) AND BSD-3-Clause", True),
        ("GPL-2.0 WITH Linux-syscall-note", False),
        ("MIT/Apache-2.0", True),
        ("MPL-2.0", False),
        ("", False),
    ],
)
def test_an_expression_is_allowed_when_it_leaves_an_allowed_choice(expression: str, allowed: bool) -> None:
    assert allows_expression(expression) is allowed


@pytest.mark.parametrize(
    "head",
    [
        "# SPDX-License-Identifier: GPL-2.0-or-later\n",
        "/* SPDX-License-Identifier: MPL-2.0 */\n",
        " * it under the terms of the GNU General\n * Public License as published by\n",
        "// This Source Code Form is subject to the terms of the Mozilla Public\n// License, v. 2.0.\n",
    ],
)
def test_a_file_header_of_another_licence_refuses_the_file(head: str) -> None:
    assert header_refuses(head + "int x;\n")


@pytest.mark.parametrize(
    "head", ["# SPDX-License-Identifier: MIT\n", "/* SPDX-License-Identifier: Apache-2.0 OR MIT */\n", "x = 1\n"]
)
def test_a_permissive_header_or_none_does_not(head: str) -> None:
    assert not header_refuses(head)


def test_a_distribution_needs_metadata_and_licence_text_that_both_allow(mit: str, gpl: str) -> None:
    classified = "Name: a\nClassifier: License :: OSI Approved\nClassifier: License :: OSI Approved :: MIT License\n\n"
    assert classify_metadata(classified, [mit]).name == "MIT"
    assert classify_metadata("Name: a\nLicense-Expression: BSD-3-Clause AND MIT\n\n", [BSD3 + gpl]).allowed
    assert not classify_metadata(classified, []).allowed
    assert not classify_metadata(classified, [gpl]).allowed
    assert not classify_metadata("Name: a\nLicense-Expression: MPL-2.0\n\n", [mit]).allowed
    assert not classify_metadata("Name: a\n\n", [mit]).allowed
