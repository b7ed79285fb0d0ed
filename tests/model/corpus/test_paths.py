import pytest
from lowabs_model.corpus.paths import is_test, refusal_of_path


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        ("vendor/github.com/a/b.go", "vendored"),
        ("src/pip/_vendor/rich/text.py", "vendored"),
        ("web/node_modules/a/index.js", "vendored"),
        ("dist/app.js", "generated"),
        ("static/jquery.min.js", "generated"),
        ("api/service_pb2.py", "generated"),
        ("api/service.pb.go", "generated"),
        ("pnpm-lock.yaml", "generated"),
        ("Cargo.lock", "generated"),
        ("charts/a/crds/servicemonitor.yaml", "generated"),
        ("pkg/testdata/input.go", "fixture"),
        ("test/__snapshots__/a.ts", "fixture"),
        ("src/app.py", ""),
        ("src/distance.py", ""),
        ("build/release.sh", ""),
        ("build/app.js", "generated"),
        ("test/fixtures/dialects/select.sql", ""),
        ("test/fixtures/dialects/select.yml", "fixture"),
        ("vendors.py", ""),
    ],
)
def test_paths_of_others_of_machines_and_of_data_are_refused(path: str, refusal: str) -> None:
    assert refusal_of_path(path) == refusal


@pytest.mark.parametrize(
    "path", ["tests/a.py", "a/test_b.py", "pkg/a_test.go", "src/a.spec.ts", "src/ATest.java", "idlelib/idle_test/a.py"]
)
def test_tests_are_known_by_folder_or_name(path: str) -> None:
    assert is_test(path)


@pytest.mark.parametrize("path", ["src/contest.py", "latest/a.go", "src/Attest.java", "pytest/main.py"])
def test_other_files_are_not_tests(path: str) -> None:
    assert not is_test(path)
