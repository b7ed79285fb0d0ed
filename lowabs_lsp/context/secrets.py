"""Secrets inside of texts: found by their published formats, their names or their randomness, and masked in place."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import PurePosixPath

MASK = "*"

Span = tuple[int, int]

_ARMOUR = re.compile(r"-----BEGIN [A-Z0-9 ]+-----(?P<secret>.*?)(?:-----END|\Z)", re.DOTALL)
_RUN = re.compile(r"[\w.+/=~:%-]{16,}")
"""Every token of a published format is a run of these; most runs of these are words and fall at the first test."""
_TOKEN = re.compile(
    r"""(?<![A-Za-z0-9])(?:
      A(?:KIA|SIA|BIA|CCA|GPA|IDA|IPA|NPA|NVA|ROA)[A-Z0-9]{16}(?![A-Za-z0-9])             # AWS
    | gh[opsur]_\w{30,} | github_pat_\w{22,}                                             # GitHub
    | gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent|oas)-[\w-]{20,}                            # GitLab
    | xox[a-z]-[\w-]{10,} | xapp-\d-[\w-]{20,} | xoxe\.[\w.-]{20,}                       # Slack
    | [rs]k_(?:live|test)_\w{10,} | whsec_[\w+/=]{20,} | sq0[a-z]{3}-[\w-]{22,}          # Stripe, Square
    | sk-(?=[\w-]{0,60}\d)(?=[\w-]{0,60}[A-Z])[\w-]{20,}                                 # OpenAI, Anthropic
    | AIza[\w-]{35} | ya29\.[\w-]{20,} | GOCSPX-[\w-]{20,}                               # Google
    | npm_\w{36} | pypi-AgE[\w-]{50,} | rubygems_[0-9a-f]{48} | cio[A-Za-z0-9]{32}\b     # registries
    | hf_[A-Za-z0-9]{30,} | dckr_[a-z]{3}_[\w-]{20,}                                      # hubs
    | dapi[0-9a-f]{32} | hv[bsr]\.[\w-]{24,} | do[opr]_v1_[0-9a-f]{64}                    # Databricks, Vault, DigitalOcean
    | (?:AC|SK)[0-9a-f]{32}\b | SG\.[\w-]{16,}\.[\w-]{16,}                               # Twilio, SendGrid
    | key-[0-9a-f]{32}\b | [0-9a-f]{32}-us\d{1,2}\b | shp[a-z]{2}_[0-9a-fA-F]{32}        # Mailgun, Mailchimp, Shopify
    | \d{8,10}:A[\w-]{34}\b | [MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,}                    # Telegram, Discord
    | (?:lin_api|ntn|secret)_[A-Za-z0-9]{40,} | PMAK-[0-9a-f-]{50,}                       # Linear, Notion, Postman
    | NRAK-[A-Z0-9]{27} | gl(?:c|sa)_[\w=]{30,} | sntr[a-z]{2}_[\w=]{30,}                 # New Relic, Grafana, Sentry
    | ATATT3[\w=-]{50,} | EAA[A-Za-z0-9]{80,} | pscale_[a-z]+_[\w-]{30,}                 # Atlassian, Meta, PlanetScale
    | sbp_[0-9a-f]{40} | tskey-[\w-]{20,} | AGE-SECRET-KEY-1[0-9A-Z]{50,}                # Supabase, Tailscale, age
    | eyJ[\w-]{10,}\.eyJ[\w-]{10,}(?:\.[\w-]*)? | (?<=AccountKey=)[\w+/=]{40,}          # JSON Web Token, Azure
    )""",
    re.VERBOSE,
)
_PLACED = (
    ("@", re.compile(r"""://[^/\s:@"'<>{}$]{0,64}:(?P<secret>[^/\s@"'<>{}$]{3,})@""")),
    ("hooks.slack.com/", re.compile(r"hooks\.slack\.com/services/(?P<secret>[\w/]{20,})")),
    ("/webhooks/", re.compile(r"api/webhooks/(?P<secret>\d{10,}/[\w-]{30,})")),
    ("sig=", re.compile(r"[?&]sig=(?P<secret>[\w%+/=]{20,})")),
    ("earer ", re.compile(r"\b[Bb]earer[ \t]+(?P<secret>(?=[\w.~+/-]{0,80}\d)[\w.~+/-]{16,}=*)")),
    ("asic ", re.compile(r"\b[Bb]asic[ \t]+(?P<secret>(?=[\w.~+/-]{0,80}\d)[\w.~+/-]{16,}=*)")),
    ("-u", re.compile(r"""(?<!\S)(?:-u|--user)[ =]["']?(?!\d+:\d+)[\w.@-]+:(?P<secret>[^\s"'$]{3,})""")),
    (
        "--",
        re.compile(
            r"""(?<!\S)--[\w-]{0,20}(?:passw(?:or)?d|secret|token|api-?key)[ =]["']?(?P<secret>[^\s"'$<{-][^\s"'<{]{3,})"""
        ),
    ),
)
"""Secrets known by what stands before them; the text is searched for the plain word first. None reaches over a line's end."""

_TELLING = ("passw", "passphrase", "passcode", "pwd", "secret", "token", "key", "cred", "auth", "salt")
_STRONG = frozenset(_TELLING[:5])
_OPEN_KEY = re.compile(r"(?i)(?:api|private|access|encryption|signing|master|account|app)[_-]?\Z")
"""Keys of these kinds are secrets; other keys may be those of a dictionary or a keyboard."""
_GIVEN = re.compile(
    r"""(?P<name>[A-Za-z][\w.-]{0,50})
    (?P<close>["'`\]]{0,3})
    [ \t]{0,40}(?P<link>:[ ]?[\w.\[\]|\ ]{1,30}=(?!=)|:=|=>|[!=]?==?|:|>|,)[ \t]{0,40}
    (?P<mark>[rbfu]?["'`]|)
    (?P<secret>(?<=["'`])(?:[^"'`\\\n]|\\.){4,}|[^\s"'`,;\#<>()\[\]{}]{4,}+(?![(\[{]))""",
    re.VERBOSE,
)
"""A value that is given to a name: assigned, compared, passed, or an element's content."""
_ABOUT = re.compile(
    r"(?i)(file|path|dir|name|namespace|scope|ur[il]|field|header|type|kind|class|len|length|size|min|max|count|hint|label|prompt"
    r"|regex|pattern|format|policy|reset|expir\w+|age|ttl|arn|ref|id|algorithm|version|prefix|suffix|error|message|msg|help|title"
    r"|text|placeholder|column|index|input)s?$"
)
"""How names end that speak of a secret without holding it."""
_REFERENCE = re.compile(r"[$%]?[({]|\$|<|%[sdr]|\.\.\.|[&!|>](\w|$)|\*+$")
"""How values begin that are filled in from elsewhere."""
_WORDS = frozenset((
    "password", "passwd", "passphrase", "pwd", "secret", "secrets", "token", "key", "apikey", "none", "null", "nil", "true",
    "false", "yes", "no", "str", "string", "text", "bytes", "int", "number", "optional", "required", "undefined", "bool",
    "boolean", "any", "self", "this", "os", "env", "data", "char", "object", "changeme",
))  # fmt: skip
"""Values that are types, constants or plainly no secret."""
_CONFIGURATION = frozenset((
    ".cfg", ".conf", ".config", ".env", ".ini", ".properties", ".toml", ".xml", ".yaml", ".yml", ".json", ".tf", ".service",
    ".csv", ".sh", ".bash",
))  # fmt: skip
_PROSE = frozenset((".md", ".rst", ".txt", ""))


def mask_secrets(text: str, path: str = "") -> str:
    """`text` with each secret overwritten by asterisks: as long as before, line ends where they were.

    `path` tells whether bare words are values, as in YAML, or expressions, as in Python.
    """
    return mask_armour(text, mask_lines(text, path))


def mask_lines(text: str, path: str) -> str:
    """Mask what can be told from its line alone."""
    return _overwritten(text, sorted(_spans(text, PurePosixPath(path).suffix.lower())))


def mask_armour(text: str, masked: str) -> str:
    """Mask in `masked` the armoured keys of `text`, which reach over lines."""
    if "-----BEGIN" not in text:
        return masked
    return _overwritten(masked, [match.span("secret") for match in _ARMOUR.finditer(text)])


def _overwritten(text: str, spans: Sequence[Span]) -> str:
    pieces, at = [], 0
    for start, end in spans:
        start = max(start, at)
        if start < end:
            pieces += [text[at:start], re.sub(r"[^\r\n]", MASK, text[start:end])]
            at = end
    return "".join([*pieces, text[at:]]) if pieces else text


def _spans(text: str, suffix: str) -> Iterator[Span]:
    for word, pattern in _PLACED:
        if word in text:
            yield from (match.span("secret") for match in pattern.finditer(text))
    yield from _opaque(text)
    yield from _named(text, suffix)


def _opaque(text: str) -> Iterator[Span]:
    """Tokens of known formats, and long random values that stand alone."""
    for run in _RUN.finditer(text):
        start, end = run.span()
        if any(map(str.isdigit, run[0])):
            tokens = [match.span() for match in _TOKEN.finditer(text, start, end)]
            yield from tokens
            if not tokens and text[start - 1 : start] in ('"', "'", "`", "=") and _is_key(run[0]):
                yield start, end


def _is_key(value: str) -> bool:
    """Whether a quoted or assigned value is random whatever it is called; a checksum in hexadecimal is none."""
    return len(value) >= 32 and bool(re.fullmatch(r"[\w+/-]+=*", value)) and entropy(value) > 4.3 and looks_random(value)


def _named(text: str, suffix: str) -> Iterator[Span]:
    lower = text.lower()
    if len(lower) != len(text):  # a few capitals have two small letters
        lower = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    for word in _TELLING:
        at = lower.find(word)
        while at >= 0:
            match = _GIVEN.match(text, at)
            if match and _is_secret(match, word, text[max(0, at - 12) : at], suffix):
                yield match.span("secret")
            at = lower.find(word, at + len(word))


def _is_secret(match: re.Match[str], word: str, before: str, suffix: str) -> bool:
    """Whether what a telling name is given is the secret itself."""
    value = match["secret"].rstrip(".")
    if value.lower() in _WORDS or _REFERENCE.match(value):
        return False
    bare, in_configuration = not match["mark"], suffix in _CONFIGURATION
    strong = word in _STRONG or (word == "key" and bool(_OPEN_KEY.search(before)))
    if match["link"] == ",":  # a key and what it falls back to, as in getenv("SECRET", "s3cret")
        return strong and bool(match["close"]) and not bare and any(map(str.isdigit, value))
    if match["link"] == ">" and not (in_configuration and match.end("link") == match.start("secret")):
        return False
    if not strong or _ABOUT.search(match["name"]):
        return len(value) >= 16 and " " not in value and looks_random(value) and (in_configuration or not bare)
    if in_configuration or not bare:
        return True
    as_in_shell = match["name"].isupper() and match.end("name") + len("=") == match.start("secret")
    return as_in_shell or (any(map(str.isdigit, value)) and (suffix in _PROSE or not re.fullmatch(r"[\w.:]+", value)))


def looks_random(value: str) -> bool:
    """Hexadecimal, or letters and digits that follow each other as by chance: words have long runs of one kind."""
    if re.fullmatch(r"(?=.*\d)(?=.*[a-fA-F])[0-9a-fA-F]{16,}", value):
        return True
    kinds = [(c.islower(), c.isupper(), c.isdigit()) for c in value]
    changes = sum(a != b for a, b in pairwise(kinds))
    numbers = len(re.findall(r"\d+", value))
    mixed = changes >= 0.38 * len(value) or numbers >= max(3, len(value) / 8)
    return mixed and numbers > 0 and sum(map(str.isalpha, value)) > len(value) / 3 and entropy(value) > 3


def entropy(text: str) -> float:
    """Bits per character of a text's own distribution of characters."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
