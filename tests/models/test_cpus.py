"""Cores that a process may use."""

import os
from pathlib import Path

import pytest

from spaniel.models.cpus import usable_cpus


def cpus(tmp_path: Path, own: str, **files: str) -> int:
    for name, text in files.items():
        path = tmp_path / "cgroup" / name.replace("__", "/").replace("max", "cpu.max")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "ascii")
    (tmp_path / "own").write_text(own, "ascii")
    return usable_cpus(cgroups=tmp_path / "cgroup", own=tmp_path / "own")


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)


def test_affinity_where_nothing_is_limited(tmp_path: Path) -> None:
    assert cpus(tmp_path, "") == 8
    assert cpus(tmp_path, "0::/\n", max="max 100000\n") == 8
    assert cpus(tmp_path, "nonsense\n", max="nonsense\n") == 8


def test_the_smallest_quota_on_the_way_up(tmp_path: Path) -> None:
    assert cpus(tmp_path, "0::/a/b\n", max="800000 100000", a__max="250000 100000", a__b__max="600000 100000") == 3


def test_a_part_of_a_core_is_one(tmp_path: Path) -> None:
    assert cpus(tmp_path, "0::/\n", max="10000 100000\n") == 1


def test_version_1(tmp_path: Path) -> None:
    folder = tmp_path / "cgroup" / "cpu" / "docker"
    folder.mkdir(parents=True)
    (folder / "cpu.cfs_quota_us").write_text("150000\n", "ascii")
    (folder / "cpu.cfs_period_us").write_text("100000\n", "ascii")
    assert cpus(tmp_path, "4:memory:/m\n3:cpu,cpuacct:/docker\n") == 2
    (folder / "cpu.cfs_quota_us").write_text("-1\n", "ascii")
    assert cpus(tmp_path, "3:cpu,cpuacct:/docker\n") == 8


def test_a_path_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("100000 100000", "ascii")
    assert cpus(tmp_path, "0::/../\n", x="") == 8
