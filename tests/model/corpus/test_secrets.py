import base64
import random

import pytest
from lowabs_model.corpus.secrets import has_secret


def planted(seed: int, length: int = 40) -> str:
    return base64.b64encode(random.Random(seed).randbytes(length)).decode()[:length]


# Put together here, so that no scanner takes the tests themselves for a leak.
KEYS = [
    "AKIA" + "QWERTZUIOPASDF12",
    "ghp_" + "a1B2" * 9,
    "glpat-" + "a1B2" * 5,
    "xoxb-" + "1234567890-" * 2 + "abc",
    "sk-proj-" + "a1B2c3D4" * 5,
    "AIza" + "a1B2c" * 7,
    "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH",
    "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0" + "." + "dozjgNryP4J3jVmNHl0w5N",
    "-----BEGIN OPENSSH PRIVATE " + "KEY-----",
]


@pytest.mark.parametrize("key", KEYS)
def test_keys_of_known_form_are_found(key: str) -> None:
    assert has_secret(f'client = connect("{key}")\n')


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("line", ['SECRET_KEY = "{}"', "api_key: {}", "export AWS_SECRET_ACCESS_KEY={}", "'password' => '{}'"])
def test_random_values_under_a_telling_name_are_found(line: str, seed: int) -> None:
    assert has_secret(line.format(planted(seed)))


@pytest.mark.parametrize(
    "text",
    [
        'password = os.environ["DATABASE_PASSWORD"]',
        "api_key = settings.integrations.payment.api_key_for(user)",
        'SECRET_KEY = "change-me-to-a-real-secret-value"',
        "token = tokenizer.convert_tokens_to_ids_and_back_again",
        "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
        'checksum = "d41d8cd98f00b204e9800998ecf8427e"',
        "secret_name: my-application-database-credentials",
        "ssh-keygen -t ed25519 # -----BEGIN PUBLIC KEY-----",
    ],
)
def test_names_placeholders_and_checksums_are_not(text: str) -> None:
    assert not has_secret(text)
