"""Which files are kept from the model altogether."""

import pytest

from lowabs_lsp.context.exclusion import Exclusion, is_generated, is_unreadable


@pytest.mark.parametrize(
    "path",
    [
        ".env", "app/.env.local", "deploy/prod.env", ".envrc", ".env.bak", "tls/server.key", "server.PEM", "ca.crt", "store.jks",
        ".ssh/config", "home/.ssh/known_hosts", "id_rsa", "keys/deploy_id_ed25519", "id_ed25519.pub", "backup.p12", "db.kdbx",
        "credentials", "credentials.json", "aws-credentials.yml", "config/secrets.yml", "secrets.production.yaml",
        "my-service-account.json", ".aws/credentials", ".netrc", "_netrc", ".npmrc", ".pypirc", ".pgpass", ".htpasswd",
        ".git-credentials", "kubeconfig", "cluster.kubeconfig", ".kube/config", "terraform.tfstate", "terraform.tfstate.backup",
        "prod.tfvars", "config/master.key", ".bash_history", "windows\\app\\.env", "auth.json", ".docker/config.json", "id_rsa~",
        "config/credentials.yml.enc",
    ],
)  # fmt: skip
def test_private_files_are_excluded_wherever_they_stand(path: str) -> None:
    assert Exclusion()(path)


@pytest.mark.parametrize(
    "path",
    [
        "environment.py", "env/main.py", "env.py", "keys.py", "key_value.go", "secrets.py", "credentials.py", "tokenizer.py",
        "auth.py", "kube/config.go", "docs/secrets.md", "token.go", "history.sh", "monkey.ts", "Dockerfile", "config.json",
        "service-account.yaml",
    ],
)  # fmt: skip
def test_code_about_private_things_is_not(path: str) -> None:
    assert not Exclusion()(path)


def test_the_users_patterns_are_those_of_a_gitignore() -> None:
    excludes = Exclusion(("vendor/", "*.sql", "!schema.sql", "/top.py"))
    paths = ["vendor/a/b.py", "x/dump.sql", "x/schema.sql", "top.py", "x/top.py", "x/vendor/c.py"]
    assert [excludes(path) for path in paths] == [True, True, False, True, False, True]


@pytest.mark.parametrize(
    ("path", "generated"),
    [
        ("static/jquery.min.js", True), ("app-min.css", True), ("bundle.js.map", True), ("package-lock.json", True),
        ("Cargo.lock", True), ("go.sum", True), ("admin.js", False), ("minimal.css", False), ("package.json", False),
    ],
)  # fmt: skip
def test_generated_files_are_known_by_name(path: str, generated: bool) -> None:
    assert is_generated(path) is generated


@pytest.mark.parametrize(
    ("text", "unreadable"),
    [
        ("x = 1\n" * 1000, False),
        ("\0ELF", True),
        ("function(){};" * 1000, True),
        ("function(){};" * 1000 + "\n" * 500, False),
        ("one long line " * 100, False),
        ("", False),
    ],
)
def test_binary_and_minified_texts_are_known_by_their_looks(text: str, unreadable: bool) -> None:
    assert is_unreadable(text) is unreadable
