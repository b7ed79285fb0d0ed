from pathlib import Path

import pytest

from lowabs_lsp.engine.threads import MOST, allowed_processors, cgroup_limit, choose_threads, physical_cores


def test_hyper_threads_of_one_core_count_once(tmp_path: Path) -> None:
    processors = sorted(allowed_processors())
    for n in processors:
        topology = tmp_path / f"cpu{n}/topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(f"{n // 2 * 2}-{n // 2 * 2 + 1}\n")
    assert physical_cores(tmp_path) == len({n // 2 for n in processors})


def test_without_topology_every_processor_is_a_core(tmp_path: Path) -> None:
    assert physical_cores(tmp_path) == len(list(allowed_processors()))


@pytest.mark.parametrize(
    ("content", "limit"), [("200000 100000", 2), ("150000 100000", 1), ("50000 100000", 1), ("max 100000", 1 << 20)]
)
def test_the_second_version_of_control_groups(tmp_path: Path, content: str, limit: int) -> None:
    (tmp_path / "cpu.max").write_text(content + "\n")
    assert cgroup_limit(tmp_path) == limit


@pytest.mark.parametrize(("quota", "limit"), [("300000", 3), ("-1", 1 << 20)])
def test_the_first_version_of_control_groups(tmp_path: Path, quota: str, limit: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text(quota + "\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert cgroup_limit(tmp_path) == limit


def test_no_control_group_is_no_limit(tmp_path: Path) -> None:
    assert cgroup_limit(tmp_path) == 1 << 20


def test_a_setting_is_kept_within_the_machine() -> None:
    cores = min(physical_cores(), cgroup_limit())
    assert choose_threads(1) == 1
    assert choose_threads(10_000) == cores
    assert choose_threads(0) == min(cores, MOST)
