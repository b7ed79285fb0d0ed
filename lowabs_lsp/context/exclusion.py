"""Files that never enter a prompt, an index or a memory: by their name, by the user's patterns, by what they hold."""

import re
from collections.abc import Sequence

from pathspec import GitIgnoreSpec

_PRIVATE = re.compile(
    r"""(?:^|/)(?:
      \.env(?:\.[^/]*)? | [^/]*\.env | \.envrc
    | [^/]*\.(?:pem|key|pub|crt|cer|der|csr|p7[abcms]|p8|p12|pfx|jks|keystore|truststore|ppk|kdbx?|asc|gpg|pgp|ovpn|age)
    | [^/]*\.keychain | (?:[^/]*[._-])?service[_-]account[^/]*\.json
    | (?:[^/]*[._-])?id_(?:rsa|dsa|ecdsa|ed25519)[^/]*
    | (?:[^/]*[._-])?(?:credentials?|secrets?)(?:[._-][^/]*)?
        \.(?:json|ya?ml|toml|ini|xml|csv|properties|enc|txt|cfg|conf|tfvars)
    | \.?credentials? | \.?secrets? | \.git-credentials | [._]netrc | \.pgpass | \.my\.cnf | \.npmrc | \.pypirc | \.htpasswd
    | \.s3cfg | \.boto | \.dockercfg | \.dockerconfigjson | \.terraformrc | \.vault-?(?:token|pass(?:word)?) | shadow
    | kube-?config | [^/]*\.kubeconfig | [^/]*\.tfstate(?:\.[^/]*)? | [^/]*\.tfvars(?:\.json)? | [^/]*\.vault | master\.key
    | application_default_credentials\.json | wallet\.dat | [._]?auth(?:[._]tokens?)?\.json | tokens?\.json | \.[a-z]*sh_history
    | (?:\.ssh|\.gnupg|\.aws|\.azure|\.kube|\.docker|\.gcloud|\.password-store)(?:/.*)?
    )(?:~|\.(?:bak|old|orig|swp|save))?$""",
    re.VERBOSE | re.IGNORECASE,
)
_GENERATED = re.compile(
    r"(?:^|/)(?:[^/]*[.-]min\.(?:js|css|mjs)|[^/]*\.(?:map|lock|sum|snap|svg|ipynb)|(?:package-lock|npm-shrinkwrap|composer-lock)\.json"
    r"|pnpm-lock\.yaml)$",
    re.IGNORECASE,
)
LONG_LINE = 250
"""Characters a line on average, from which a text of more than one screen was written by a machine for a machine."""


class Exclusion:
    """What is kept out, by a path relative to the workspace: private names, and patterns as in a .gitignore."""

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self._patterns = GitIgnoreSpec.from_lines(patterns)

    def __call__(self, path: str) -> bool:
        """Whether the file at `path` is never to be shown to the model."""
        path = path.replace("\\", "/")
        return _PRIVATE.search(path) is not None or self._patterns.match_file(path)


def is_generated(path: str) -> bool:
    """Whether a file's name says that no person wrote it: minified, locked, recorded."""
    return _GENERATED.search(path.replace("\\", "/")) is not None


def is_unreadable(text: str) -> bool:
    """Whether `text` is binary or minified."""
    return "\0" in text or (len(text) > 8 * LONG_LINE and len(text) > LONG_LINE * (text.count("\n") + 1))
