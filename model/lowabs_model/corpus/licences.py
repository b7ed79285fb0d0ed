"""Whether a text may be trained on: licence texts, SPDX expressions and package metadata against one allow-list."""

import re
from email.parser import Parser
from pathlib import PurePosixPath

from attrs import frozen

ALLOWED = frozenset({
    "MIT",
    "MIT-0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSD",
    "Apache-2.0",
    "ISC",
    "0BSD",
    "PSF-2.0",
    "Python-2.0",
    "Unlicense",
    "CC0-1.0",
    "Zlib",
    "BSL-1.0",
})  # fmt: skip
UNKNOWN = "unknown"

_REFUSED = (
    ("MPL", r"mozilla public license"),
    ("AGPL", r"gnu affero general public licen[cs]e,? (version|v\d|as published)"),
    ("LGPL", r"gnu (lesser|library) general public licen[cs]e,? (version|v\d|as published)"),
    ("GPL", r"(gnu general public licen[cs]e|gpl),? (version|v\d|as published)"),
    ("SSPL", r"server side public license"),
    ("BUSL", r"business source license"),
    ("Elastic", r"elastic license"),
    ("EPL", r"eclipse public license"),
    ("EUPL", r"european union public licen[cs]e"),
    ("Commons-Clause", r"commons clause"),
)
# Code under a permissive licence often has documentation under CC-BY: what comes first counts.
_GRANTED = (
    ("MIT", r"permission is hereby granted,? free of charge,? to any person obtaining a copy"),
    ("Apache-2.0", r"apache license,? version 2\.0"),
    ("BSD-3-Clause", r"redistribution and use in source and binary forms.{0,1800}?(neither the name|the names? of)"),
    ("BSD-2-Clause", r"redistribution and use in source and binary forms"),
    ("ISC", r"permission to use, copy, modify,? (and/or|and) distribute .{0,60}with or without fee.{0,99}?provided that the"),
    ("0BSD", r"permission to use, copy, modify,? (and/or|and) distribute .{0,60}with or without fee"),
    ("PSF-2.0", r"python software foundation license"),
    ("Unlicense", r"this is free and unencumbered software released into the public domain"),
    ("CC0-1.0", r"cc0 1\.0 universal"),
    ("Zlib", r"this software is provided .as[- ]is.,? without any express or implied warranty.{0,600}?altered source"),
    ("BSL-1.0", r"boost software license"),
    ("CC-BY", r"creative commons (attribution|legal code attribution)|attribution(-\w+)* [34]\.0 international"),
)  # fmt: skip
_GRANTS = tuple((name, re.compile(pattern)) for name, pattern in _GRANTED)
_REFUSALS = tuple((name, re.compile(pattern)) for name, pattern in _REFUSED)
_HEADER_REFUSAL = re.compile(
    r"gnu (affero |lesser |library )?general public licen[cs]e|mozilla public license|server side public license"
    r"|business source license|elastic license|\b(a|l)?gpl(v|-)?[23](?!\.0\.txt)\b|confidential and proprietary|cc by-(nc|sa)"
)
_SPDX = re.compile(r"SPDX-License-Identifier:\s*([^\n*]+)")
HEADER_CHARS = 3000
LICENCE_FILE = re.compile(r"(un)?licen[cs]e([-._]\w+)*$|copying([-._]\w+)*$", re.I)
NO_CODE = frozenset({"", ".txt", ".md", ".rst", ".mit", ".apache", ".bsd"})
_SPELLINGS = {
    "Apache-2.0": "apache; apache 2.0 license; apache 2; apache-2; apache 2.0; apache license 2.0; apache license, version 2.0;"
    " apache software license; apache-2.0 with llvm-exception",
    "MIT": "mit license; the mit license",
    "BSD": "bsd license",
    "BSD-2-Clause": "bsd 2-clause",
    "BSD-3-Clause": "bsd 3-clause; bsd-3-clause license; 3-clause bsd license; new bsd",
    "ISC": "isc license; isc license (iscl)",
    "PSF-2.0": "psf; psfl; python software foundation license",
    "Python-2.0": "cnri-python",
    "Unlicense": "the unlicense (unlicense)",
    "BSL-1.0": "boost software license 1.0 (bsl-1.0)",
    "Zlib": "zlib/libpng license",
}
"""What package metadata writes for each, in lower case."""
_BY_SPELLING = {name.lower(): name for name in ALLOWED} | {
    spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings.split("; ")
}


@frozen
class Verdict:
    """What a licence text says."""

    allowed: bool
    name: str


def _flat(text: str) -> str:
    """Lower case, one blank between words, comment marks and quotes of markup gone: licence texts differ only there."""
    return re.sub(r"[\s#*/>;|-]*\s[\s#*/>;|]*", " ", text.lower())


def classify(text: str) -> Verdict:
    """The first known licence of a text. One refused licence anywhere in it refuses all."""
    flat = _flat(text)
    for name, pattern in _REFUSALS:
        if pattern.search(flat):
            return Verdict(allowed=False, name=name)
    return first_grant(flat)


def first_grant(text: str) -> Verdict:
    """The licence that a text begins with, whatever it bundles below."""
    flat = _flat(text)
    found = [(match.start(), order, name) for order, (name, pattern) in enumerate(_GRANTS) if (match := pattern.search(flat))]
    name = min(found)[2] if found else UNKNOWN
    return Verdict(allowed=name in ALLOWED, name=name)


def is_licence_file(name: str) -> bool:
    """Whether a file of this name licenses the code beside it, not its documentation or what it bundles."""
    if re.search(r"docs?\b|third", name, re.I):
        return False
    return bool(LICENCE_FILE.match(name)) and (PurePosixPath(name).suffix.lower() in NO_CODE or name.lower().endswith("-2.0"))


def classify_all(texts: list[str]) -> Verdict:
    """The licence of a folder from all its licence files: one refusal refuses, then at least one must be known."""
    verdicts = [classify(text) for text in texts]
    for verdict in verdicts:
        if not verdict.allowed and verdict.name != UNKNOWN:
            return verdict
    names = sorted({verdict.name for verdict in verdicts if verdict.allowed})
    return Verdict(allowed=bool(names), name=" AND ".join(names) or UNKNOWN)


def is_allowed(name: str) -> bool:
    return name.strip().lower() in _BY_SPELLING


def allows_expression(expression: str) -> bool:
    """Whether an SPDX expression leaves a choice that is on the allow-list: AND binds before OR, `WITH` is refused.

    With parentheses inside, every licence named must be on the list, whatever the choice.
    """
    plain = expression.strip().rstrip("*/->").strip()
    if re.fullmatch(r"\([^()]*\)", plain):
        plain = plain[1:-1]
    if "(" in plain and plain.lower() not in _BY_SPELLING:
        return all(map(is_allowed, re.split(r"[\s()]+(?:AND|OR)[\s()]+", plain.strip("() "), flags=re.I)))
    options = re.split(r"\s+OR\s+|\s*/\s*", plain, flags=re.I)
    return any(all(map(is_allowed, re.split(r"\s+AND\s+", option, flags=re.I))) for option in options)


def header_refuses(text: str) -> bool:
    """Whether the head of a file puts it under a licence that is not on the list."""
    head = text[:HEADER_CHARS]
    if (spdx := _SPDX.search(head)) and not allows_expression(spdx[1]):
        return True
    return bool(_HEADER_REFUSAL.search(_flat(head)))


def classify_metadata(metadata: str, licence_texts: list[str]) -> Verdict:
    """The licence of an installed distribution: its metadata must allow it, and so must the first grant of its licence file."""
    message = Parser().parsestr(metadata, headersonly=True)
    stated = stated_licences(message["License-Expression"], message.get_all("Classifier", []), message["License"])
    if not stated or not all(allows_expression(licence) for licence in stated):
        return Verdict(allowed=False, name=" AND ".join(stated) or UNKNOWN)
    granted = [verdict.name for text in licence_texts if (verdict := first_grant(text)).allowed]
    if not granted:
        return Verdict(allowed=False, name=UNKNOWN)
    return Verdict(allowed=True, name=" AND ".join(spdx_names(stated)))


def stated_licences(expression: str | None, classifiers: list[str], free_text: str | None) -> list[str]:
    """What package metadata states, the most exact kind alone."""
    if expression:
        return [expression]
    kinds = [entry.rsplit("::", 1)[1].strip() for entry in classifiers if entry.startswith("License ::")]
    if exact := [kind for kind in kinds if kind != "OSI Approved"]:
        return exact
    return [free_text.strip()] if free_text and len(free_text) < 80 else []


def spdx_names(stated: list[str]) -> list[str]:
    return [_BY_SPELLING.get(name.lower(), name) for name in stated]
