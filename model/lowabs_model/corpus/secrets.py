"""Find keys and passwords: a file that holds one is never trained on."""

import math
import re
from collections import Counter

_KNOWN = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b(AKIA|ASIA)(?!IOSFODNN7EXAMPLE)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_[A-Za-z0-9_]{60,}|\bglpat-[A-Za-z0-9_-]{20}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{20,}|\bsk-(ant-|proj-)?[A-Za-z0-9_-]{32,}|\b[sr]k_live_[A-Za-z0-9]{20,}"
    r"|\bAIza[A-Za-z0-9_-]{35}|\bya29\.[A-Za-z0-9_-]{30,}|\bnpm_[A-Za-z0-9]{36}\b|\bhf_[A-Za-z]{34}\b|\bpypi-AgEI[A-Za-z0-9_-]{50,}"
    r"|\bSG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{40,}|\bdop_v1_[0-9a-f]{64}|\bAC[0-9a-f]{32}\b"
    r"|\beyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{15,}"
)
_NAMED = re.compile(
    r"(?i)(secret|token|passw(?:or)?d|api_?-?key|access_?-?key|private_?-?key|credential)\w*[\"']?\s*(?:=|:|=>|:=)\s*[\"']?"
    r"([A-Za-z0-9+/_=-]{20,100})(?![\w.(\[])"
)
_PLACEHOLDER = re.compile(
    r"(?i)example|sample|dummy|changeme|your|xxx|test|fake|placeholder|secret|password|token|1234567890|abcdef"
)
BITS_PER_CHARACTER = 4.0
"""A random base64 string of 32 characters has about 4.4; words joined by underscores have less than 3.8."""


def entropy(text: str) -> float:
    """Bits per character of a text's own distribution of characters."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


def looks_random(value: str) -> bool:
    """Letters of both cases and digits, near the entropy of chance, and no placeholder."""
    mixed = bool(re.search(r"[a-z]", value) and re.search(r"[A-Z]", value) and re.search(r"\d", value))
    hexadecimal = bool(re.fullmatch(r"[0-9a-f]{32,}", value)) and entropy(value) > 3.3
    return (hexadecimal or (mixed and entropy(value) > BITS_PER_CHARACTER)) and not _PLACEHOLDER.search(value)


def has_secret(text: str) -> bool:
    return bool(_KNOWN.search(text)) or any(looks_random(match[2]) for match in _NAMED.finditer(text))
