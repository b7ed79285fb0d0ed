"""Secrets are masked where they stand; what only speaks of them is not."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.context.secrets import MASK, mask_secrets


@pytest.mark.parametrize("around", ["{}", 'x = "{}"', "see {}, then", "url?t={}&b=1", "f('{}')"])
def test_a_token_of_a_published_format_is_masked_anywhere(token: str, around: str) -> None:
    assert mask_secrets(around.format(token)) == around.format(MASK * len(token))


def test_a_secret_that_its_place_tells_is_masked(plant: Any) -> None:
    line = plant.line.replace("{}", plant.secret)
    assert mask_secrets(f"a\n{line}\nb\n", plant.path) == f"a\n{plant.line.replace('{}', MASK * len(plant.secret))}\nb\n"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_armoured_key_keeps_its_frame_and_its_lines(planted: Any, end: str) -> None:
    frame, *body, last = planted.armoured.split("\n")
    masked = mask_secrets(end.join(["x = 1", planted.armoured.replace("\n", end), "y = 2"]))
    assert masked.split(end) == ["x = 1", frame, *(MASK * len(line) for line in body), last, "y = 2"]


def test_an_armoured_key_that_is_cut_off_is_masked_to_the_end(planted: Any) -> None:
    frame, *body, _ = planted.armoured.split("\n")
    assert mask_secrets("\n".join([frame, *body])) == "\n".join([frame, *(MASK * len(line) for line in body)])


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("password = getpass.getpass()", "a.py"),
        ("def login(username: str, password: str) -> None:", "a.py"),
        ("self.password = password", "a.py"),
        ("password = config.password1", "a.py"),
        ('password = os.environ["DB_PASSWORD"]', "a.py"),
        ("password=${DB_PASSWORD}", "a.sh"),
        ("password: {{ vault.password }}", "a.yaml"),
        ("password: !vault |", "a.yaml"),
        ('password_file = "/run/secrets/db"', "a.py"),
        ("secretName: nginx-tls", "a.yaml"),
        ("secretKeyRef:", "a.yaml"),
        ("tokens = tokenizer.tokenize(text)", "a.py"),
        ('token = "identifier"', "a.py"),
        ('key = "sort_order_of_things"', "a.py"),
        ("for key, value in items.items():", "a.py"),
        ('author = "Somebody Else Entirely"', "a.py"),
        (f'sha256 = "{"9f86d081884c7d65" * 4}"', "a.toml"),
        ("case DispatchKey::AutocastPrivateUse1:", "a.cpp"),
        ('ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"', "a.py"),
        ('"--scheduler-global-letsencrypt-email-base64"', "a.go"),
        ("https://docs.python.org/3/library/secrets.html", "a.md"),
        ("docker run -u 1000:1000 image", "a.sh"),
        ("class=sk-toggleable__content-fitted", "a.html"),
        ('type="password" name="password"', "a.html"),
    ],
)
def test_a_line_that_only_speaks_of_secrets_is_left_alone(line: str, path: str) -> None:
    assert mask_secrets(line, path) == line


@given(st.text(alphabet="passwordtokenkey=:\"'\n\r \tİß1A_-*/@{", max_size=120))
def test_masking_keeps_every_length_and_line_end_and_does_nothing_the_second_time(text: str) -> None:
    for path in ("a.py", "a.yaml", "a.md"):
        masked = mask_secrets(text, path)
        assert re.sub(r"[^\r\n]", "x", masked) == re.sub(r"[^\r\n]", "x", text)
        assert all(new in (old, MASK) for old, new in zip(text, masked, strict=True))
        assert mask_secrets(masked, path) == masked
