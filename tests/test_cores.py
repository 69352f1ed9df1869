"""How many cores a process is granted, by the files of the kernel's control groups."""

import os
from pathlib import Path

import pytest

from lightly_assets import cores

KUBERNETES = "kubepods/burstable/pod1/abc"


@pytest.mark.parametrize(
    ("of_this_process", "files", "granted"),
    [
        ("0::/\n", {"cpu.max": "max 100000"}, 64),
        ("0::/\n", {"cpu.max": "400000 100000"}, 4),
        ("0::/\n", {"cpu.max": "150000 100000"}, 2),
        ("0::/\n", {"cpu.max": "5000 100000"}, 1),
        ("0::/\n", {"cpu.max": "9900000 100000"}, 64),
        ("0::/\n", {}, 64),
        # A service of systemd below a slice, and each has a limit.
        (
            "0::/a.slice/b.service\n",
            {"a.slice/cpu.max": "300000 100000", "a.slice/b.service/cpu.max": "800000 100000"},
            3,
        ),
        ("0::/a.slice/b.service\n", {"a.slice/b.service/cpu.max": "200000 50000"}, 4),
        # A container that is told its path outside, but sees only its own group.
        (f"0::/{KUBERNETES}\n", {"cpu.max": "200000 100000"}, 2),
        ("0::/../../other\n", {"cpu.max": "200000 100000"}, 2),
        # The first version, in a container and outside.
        (
            f"5:memory:/{KUBERNETES}\n4:cpu,cpuacct:/{KUBERNETES}\n",
            {"cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "100000"},
            3,
        ),
        (
            "4:cpuset:/\n1:cpu:/docker/a\n0::/\n",
            {"cpu/docker/a/cpu.cfs_quota_us": "200000", "cpu/docker/a/cpu.cfs_period_us": "100000"},
            2,
        ),
        ("1:cpu:/\n0::/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 64),
        ("1:name=systemd:/user:slice\n", {}, 64),
        (None, {}, 64),
    ],
)
def test_no_more_cores_than_a_container_is_granted(
    of_this_process: str | None,
    files: dict[str, str],
    granted: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a machine of 64."""
    told, groups = tmp_path / "cgroup", tmp_path / "groups"
    groups.mkdir()
    if of_this_process is not None:
        told.write_text(of_this_process)
    for name, text in files.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(text + "\n")
    monkeypatch.setattr(cores, "_OF_THIS_PROCESS", told)
    monkeypatch.setattr(cores, "_GROUPS", groups)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert cores.cores() == cores.usable_cores() == granted
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert cores.cores() == granted
    assert cores.usable_cores() == 7


def test_without_limits_it_is_what_the_scheduler_says() -> None:
    affinity = os.sched_getaffinity(0)
    one = min(affinity)
    os.sched_setaffinity(0, {one})
    try:
        assert cores.cores() == 1
    finally:
        os.sched_setaffinity(0, affinity)
