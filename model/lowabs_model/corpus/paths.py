"""Which paths of a repository hold hand-written source worth learning from."""

import re
from pathlib import PurePosixPath

_VENDORED = frozenset({
    "vendor", "vendored", "_vendor", "_vendored", "third_party", "third-party", "thirdparty", "3rdparty",
    "external", "externals", "extern", "deps", "node_modules", "bower_components", "pods", ".yarn", "site-packages",
    "dist-packages", "ensurepip",
})  # fmt: skip
_GENERATED = frozenset({
    "dist", "build", "target", "gen", "autogen", "generated", "_generated", "__generated__", "__pycache__", ".git", ".tox",
    ".venv", "venv", "crd", "crds", "pydoc_data", "locale", "locales",
})  # fmt: skip
_FIXTURES = frozenset({
    "fixture", "fixtures", "__fixtures__", "testdata", "test_data", "test-data", "test-fixtures", "test-resources", "snapshots",
    "__snapshots__", "golden", "goldens", "cassettes", "wpt",
})  # fmt: skip
_TESTS = frozenset({"test", "tests", "testing", "spec", "specs", "e2e", "__tests__", "idle_test"})
_GENERATED_NAME = re.compile(
    r"\.min\.|[-.]bundle\.|_pb2(_grpc)?\.pyi?$|\.pb(\.gw)?\.(go|cc|h)$|\.(generated|gen|g)\.|_generated\.|^zz_generated|_gen\.go$|_string\.go$"
    r"|bindata|^(parsetab|lextab|_version)\.py$|[-.]lock(file)?\.|^(pnpm-lock|conda-lock|packages-lock)\.|\.lock$|openapi.*\.ya?ml$|swagger.*\.ya?ml$",
    re.I,
)
_TEST_NAME = re.compile(r"^test_|^conftest\.py$|[._-](test|tests|spec)\.\w+$|\wTests?\.java$|\.bats$")
CODE_BUILD_FOLDERS = frozenset({".sh", ".mk", ".yaml", ".yml", ".py"})
"""Extensions for which a folder named `build` or `target` more often holds source than output."""

SCARCE = frozenset({".sql", ".sh", ".bash", ".mk"})
"""Extensions of so little text that fixtures are welcome; those of other languages are mostly parse results and data."""


def refusal_of_path(path: str) -> str:
    """Why a path is left out ("vendored", "generated", "fixture"), or "" when it is not."""
    pure = PurePosixPath(path)
    folders = {part.lower() for part in pure.parts[:-1]}
    if folders & _VENDORED:
        return "vendored"
    outputs = _GENERATED - {"build", "target"} if pure.suffix in CODE_BUILD_FOLDERS or not pure.suffix else _GENERATED
    if folders & outputs or _GENERATED_NAME.search(pure.name):
        return "generated"
    return "fixture" if folders & _FIXTURES and pure.suffix not in SCARCE else ""


def is_test(path: str) -> bool:
    pure = PurePosixPath(path)
    return bool({part.lower() for part in pure.parts[:-1]} & _TESTS or _TEST_NAME.search(pure.name))
