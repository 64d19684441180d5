"""Filesystems, memory and load, from what the kernel says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.findings import Finding
from ansible_collections.careops.maintenance.plugins.module_utils.health.look import Fault
from ansible_collections.careops.maintenance.plugins.module_utils.health.mounts import (
    DiskPolicy,
    Mount,
    chosen,
    disk_probes,
    judge_mount,
    parse_mountinfo,
    writable_in_fstab,
)
from ansible_collections.careops.maintenance.plugins.module_utils.health.resources import (
    ResourcePolicy,
    judge_load,
    judge_memory,
    parse_meminfo,
)

MOUNTS = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
25 24 0:23 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=24684084k
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
28 27 254:1 / /data rw,relatime shared:9 - xfs /dev/vdb rw
29 27 254:1 /sub /srv/data rw,relatime - xfs /dev/vdb rw
30 27 254:2 / /mnt/with\\040space rw - ext4 /dev/vdc ro,errors=remount-ro
31 27 254:3 / /usr ro - ext4 /dev/vdd ro
32 27 7:0 / /snap/core/1 ro - squashfs /dev/loop0 ro
33 27 0:50 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
34 27 0:51 / /mnt/nas rw - nfs4 nas:/export rw
35 27 0:52 / / rw
rubbish
"""


def mount(**more: Any) -> Mount:
    return Mount(**{"path": "/data", "kind": "ext4", "device": "1:1", "read_only": False, "by_itself": False, **more})


def figures(used: float = 50, inodes: float = 50, *, files: int = 1000) -> Any:
    """Percent of 1000 blocks, of which root keeps none for itself."""
    free, spare = int(1000 - 10 * used), int(files - files * inodes / 100)
    return SimpleNamespace(
        f_blocks=1000, f_bfree=free, f_bavail=free, f_frsize=4096, f_files=files, f_ffree=spare, f_favail=spare
    )


def found(*arguments: Any, **more: Any) -> dict[str, Finding]:
    return {finding.check: finding for finding in judge_mount(*arguments, **{"in_fstab": False, **more})}


def test_real_filesystems_each_device_once() -> None:
    mounts = parse_mountinfo(MOUNTS)
    assert [one.path for one in chosen(mounts, DiskPolicy())] == ["/", "/usr", "/data", "/mnt/nas", "/mnt/with space"]
    assert [one.path for one in chosen(mounts, DiskPolicy(exclude=["/mnt/*", "/usr"]))] == ["/", "/data"]
    assert [one.path for one in chosen(mounts, DiskPolicy(named=["/dev/shm", "/srv/data/"]))] == [
        "/dev/shm",
        "/srv/data",
    ]


def test_the_root_of_a_container_counts() -> None:
    (root,) = chosen(parse_mountinfo("1 0 0:9 / / rw - overlay overlay rw"), DiskPolicy())
    assert root.path == "/"


def test_read_only_by_itself_or_on_purpose() -> None:
    mounts = {one.path: one for one in parse_mountinfo(MOUNTS)}
    assert (mounts["/mnt/with space"].read_only, mounts["/mnt/with space"].by_itself) == (True, True)
    assert (mounts["/usr"].read_only, mounts["/usr"].by_itself) == (True, False)
    assert mounts["/data"].read_only is False


def test_what_fstab_wants() -> None:
    fstab = (
        "# comment\nUUID=a / ext4 errors=remount-ro 0 1\n\n/dev/b /usr ext4 ro,noatime 0 2\n/dev/c /a\\040b xfs rw\n"
    )
    assert writable_in_fstab(fstab) == {"/", "/a b"}


@pytest.mark.parametrize(
    ("used", "status", "threshold"),
    [(84.9, "ok", 85), (85, "warning", 85), (94.9, "warning", 85), (95, "critical", 95), (100, "critical", 95)],
)
def test_space(used: float, status: str, threshold: float) -> None:
    finding = found(mount(), figures(used), DiskPolicy())["health.disk"]
    assert (finding.status, finding.threshold, finding.value) == (status, threshold, used)


def test_blocks_that_root_keeps_are_not_free() -> None:
    kept = SimpleNamespace(f_blocks=1000, f_bfree=100, f_bavail=50, f_frsize=4096, f_files=0, f_ffree=0, f_favail=0)
    found_now = found(mount(), kept, DiskPolicy())
    assert found_now["health.disk"].value == 94.7  # 900 of 950
    assert "health.inodes" not in found_now, "this filesystem counts none"


def test_inodes() -> None:
    assert found(mount(), figures(10, 96), DiskPolicy())["health.inodes"].status == "critical"
    assert found(mount(), figures(10, 86), DiskPolicy())["health.inodes"].status == "warning"
    assert found(mount(), figures(10, 80), DiskPolicy())["health.inodes"].status == "ok"
    assert found(mount(), figures(99, 99), DiskPolicy(None, None, None, None))["health.disk"].status == "ok"


@pytest.mark.parametrize(
    ("which", "in_fstab", "policy", "status"),
    [
        ({"read_only": True, "by_itself": True}, False, DiskPolicy(), "critical"),
        ({"read_only": True}, True, DiskPolicy(), "critical"),
        ({"read_only": True}, False, DiskPolicy(), "ok"),
        ({"read_only": True}, False, DiskPolicy(named=["/data"]), "critical"),
        ({"read_only": True, "by_itself": True}, True, DiskPolicy(may_be_read_only=["/dat*"]), "ok"),
        ({}, True, DiskPolicy(), "ok"),
    ],
)
def test_read_only(which: dict[str, bool], in_fstab: bool, policy: DiskPolicy, status: str) -> None:
    finding = found(mount(**which), figures(10), policy, in_fstab=in_fstab)["health.disk"]
    assert finding.status == status
    assert ("read-only" in finding.message) == (status == "critical")


def test_a_filesystem_that_cannot_be_asked_is_unknown() -> None:
    def stale(_path: str) -> Any:
        raise OSError(116, "Stale file handle")

    (probe,) = disk_probes([mount()], "", DiskPolicy(), statvfs=stale, is_folder=lambda path: True)
    with pytest.raises(Fault, match="Stale file handle") as caught:
        probe.look()
    assert caught.value.blind


def test_a_file_of_the_containers_host_is_no_filesystem() -> None:
    (probe,) = disk_probes([mount(path="/etc/hosts")], "", DiskPolicy(), is_folder=lambda path: False)
    assert probe.look().findings == ()


def memory(available: int, *, swap: tuple[int, int] = (0, 0)) -> dict[str, int]:
    text = f"MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable: {available} kB\nSwapTotal: {swap[0]} kB\n"
    return parse_meminfo(f"{text}SwapFree: {swap[1]} kB\nHugePages_Total:  0\n")


@pytest.mark.parametrize(("available", "status"), [(101, "ok"), (100, "warning"), (0, "warning")])
def test_memory(available: int, status: str) -> None:
    (finding,) = judge_memory(memory(available), ResourcePolicy())
    assert finding.status == status
    assert judge_memory(memory(10), ResourcePolicy(memory_critical=98))[0].status == "critical"


def test_swap() -> None:
    assert judge_memory(memory(500, swap=(100, 5)), ResourcePolicy())[1].status == "warning"
    assert judge_memory(memory(500, swap=(100, 50)), ResourcePolicy())[1].status == "ok"


def test_without_figures_memory_and_load_are_unknown() -> None:
    with pytest.raises(Fault):
        judge_memory(parse_meminfo(""), ResourcePolicy())
    with pytest.raises(Fault):
        judge_load("", 2, ResourcePolicy())


@pytest.mark.parametrize(("minutes", "value", "status"), [(1, 2.0, "warning"), (5, 0.75, "ok"), (15, 0.25, "ok")])
def test_load_against_cores(minutes: int, value: float, status: str) -> None:
    finding = judge_load("4.00 1.50 0.50 3/200 99", 2, ResourcePolicy(load_minutes=minutes))
    assert (finding.value, finding.status, finding.unit) == (value, status, "ratio")
