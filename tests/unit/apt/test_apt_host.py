"""dpkg, kernels and package lists: what their texts and versions mean."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.apt import conf, dpkg, host, lists, reboot, workers
from ansible_collections.careops.maintenance.plugins.module_utils.runner import Completed

AUDIT = """The following packages are only half configured, probably due to problems
configuring them the first time.  The configuration should be retried using
dpkg --configure <package> or the configure menu option in dselect:
 clinic-db            the clinic's database
 clinic-web           the clinic's web server

The following packages have been unpacked but not yet configured.
They must be configured using dpkg --configure or the configure
menu option in dselect for them to work:
 clinic-db            the clinic's database
"""


def compare(one: str, other: str) -> int:
    """By apt's rules, through dpkg: the real thing without python-apt."""
    if subprocess.run(["dpkg", "--compare-versions", one, "gt", other], check=False).returncode == 0:
        return 1
    return -1 if subprocess.run(["dpkg", "--compare-versions", one, "lt", other], check=False).returncode == 0 else 0


def test_the_audit_names_each_package_once() -> None:
    assert dpkg.parse_audit(AUDIT) == ("clinic-db", "clinic-web")
    assert dpkg.parse_audit("") == ()


def test_a_lock_is_seen_and_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    assert dpkg.lock_holder(str(path)) is None
    with path.open("w") as stream:
        fcntl.lockf(stream, fcntl.LOCK_EX)
        # One's own lock is never in one's way, so another process has to look.
        code = (
            "import sys; from ansible_collections.careops.maintenance.plugins.module_utils.apt import dpkg;"
            f"print(dpkg.lock_holder({str(path)!r}).pid)"
        )
        seen = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    assert int(seen.stdout) == os.getpid()
    assert dpkg.lock_holder(str(path)) is None
    assert dpkg.lock_holder(str(tmp_path / "none")) is None


@pytest.mark.parametrize(
    ("running", "build", "installed", "says"),
    [
        ("6.1.0-30-amd64", "", ["6.1.0-30-amd64"], ""),
        ("6.1.0-9-amd64", "", ["6.1.0-9-amd64", "6.1.0-30-amd64"], "6.1.0-30-amd64 is installed"),
        ("6.1.0-30-amd64", "", ["6.1.0-9-amd64", "6.1.0-30-amd64"], ""),
        # Another flavour is no successor.
        ("6.1.0-30-amd64", "", ["6.1.0-30-amd64", "6.1.0-31-rt-amd64"], ""),
        ("6.12.43+deb13-cloud-amd64", "", ["6.12.43+deb13-cloud-amd64", "6.12.48+deb13-cloud-amd64"], "6.12.48+deb13"),
        ("5.15.0-99-generic", "", ["5.15.0-99-generic", "5.15.0-100-generic"], "5.15.0-100-generic"),
        ("6.1.0-0.deb11.5-amd64", "", ["6.1.0-0.deb11.5-amd64", "6.1.0-0.deb11.7-amd64"], "deb11.7"),
        # The kernel of a hypervisor, or of the host of a container: no package here can replace it.
        ("6.18.44-fc", "", ["6.1.0-30-amd64"], ""),
        ("6.1.0-30-amd64", "", [], ""),
        ("custom", "", ["custom"], ""),
        # Rebuilt under the same name.
        ("6.1.0-30-amd64", "#1 SMP Debian 6.1.124-1 (2025-01-12)", ["6.1.0-30-amd64"], "updated to 6.1.128-1"),
        ("6.1.0-30-amd64", "#1 SMP Debian 6.1.128-1 (2025-02-07)", ["6.1.0-30-amd64"], ""),
    ],
)
def test_a_kernel_waits_for_a_reboot(running: str, build: str, installed: list[str], says: str) -> None:
    versions = dict.fromkeys(installed, "6.1.128-1" if build else "")
    reason = reboot.kernel_reason(reboot.RunningKernel(running, build), versions, compare=compare)
    assert (says in reason) if says and reason else reason is None and not says


def test_without_a_way_to_compare_no_kernel_is_judged() -> None:
    installed = {"6.1.0-9-amd64": "", "6.1.0-30-amd64": ""}
    assert reboot.kernel_reason(reboot.RunningKernel("6.1.0-9-amd64", ""), installed, compare=None) is None


def test_kernels_are_what_lies_in_boot() -> None:
    packages = {"linux-image-6.1.0-30-amd64": "6.1.124-1", "linux-image-amd64": "6.1.124-1"}
    files = ["vmlinuz-6.1.0-30-amd64", "vmlinuz-custom", "initrd.img-6.1.0-30-amd64"]
    assert reboot.installed_kernels(packages, files) == {"6.1.0-30-amd64": "6.1.124-1", "custom": ""}


NEEDRESTART = """NEEDRESTART-VER: 3.6
NEEDRESTART-KCUR: 6.1.0-9-amd64
NEEDRESTART-KEXP: 6.1.0-30-amd64
NEEDRESTART-KSTA: 3
NEEDRESTART-SVC: nginx.service
NEEDRESTART-SVC: cron.service
NEEDRESTART-SVC: nginx.service
"""


def test_the_batch_output_of_needrestart_is_read() -> None:
    seen = reboot.parse_needrestart(NEEDRESTART)
    assert (seen.kernel_state, seen.running, seen.expected) == (3, "6.1.0-9-amd64", "6.1.0-30-amd64")
    assert seen.services == ("cron.service", "nginx.service")
    assert reboot.parse_needrestart("") == reboot.Needrestart()


@pytest.mark.parametrize(
    ("state", "statuses"),
    [
        (reboot.RebootState(), {"apt.reboot": "ok"}),
        (reboot.RebootState(services=()), {"apt.reboot": "ok", "apt.restart": "ok"}),
        (reboot.RebootState(reasons=("x",), services=("a",)), {"apt.reboot": "warning", "apt.restart": "warning"}),
        (reboot.RebootState(unseen="not root"), {"apt.reboot": "ok", "apt.restart": "unknown"}),
    ],
)
def test_reboots_and_restarts_are_findings(state: reboot.RebootState, statuses: dict[str, str]) -> None:
    assert {finding.check: finding.status for finding in host.reboot_findings(state)} == statuses


@pytest.mark.parametrize(
    ("state", "statuses"),
    [
        (dpkg.DpkgState(), ["ok"]),
        (dpkg.DpkgState(audit=("a",)), ["critical"]),
        (dpkg.DpkgState(audit=("a",), journal=("0001",)), ["critical", "critical"]),
        (dpkg.DpkgState(holder=dpkg.Holder(7, "apt-get")), ["warning"]),
        (dpkg.DpkgState(problem="no such folder"), ["unknown"]),
    ],
)
def test_dpkgs_states_are_findings(state: dpkg.DpkgState, statuses: list[str]) -> None:
    assert [finding.status for finding in host.dpkg_findings(state)] == statuses


@pytest.mark.parametrize(
    ("text", "date", "valid_until"),
    [
        (
            "Origin: Debian\nDate: Sat, 28 Feb 2026 20:12:37 UTC\nValid-Until: Sat, 07 Mar 2026 20:12:37 UTC\n",
            datetime(2026, 2, 28, 20, 12, 37, tzinfo=timezone.utc),
            datetime(2026, 3, 7, 20, 12, 37, tzinfo=timezone.utc),
        ),
        (
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nDate: Sat, 28 Feb 2026 21:12:37 +0100\n",
            datetime(2026, 2, 28, 20, 12, 37, tzinfo=timezone.utc),
            None,
        ),
        ("Date: yesterday\n", None, None),
        ("", None, None),
    ],
)
def test_release_files_tell_their_dates(text: str, date: datetime | None, valid_until: datetime | None) -> None:
    assert lists.parse_release(text, prefix="p") == lists.Release("p", date, valid_until)


def test_a_list_belongs_to_the_longest_prefix() -> None:
    releases = [lists.Release("host_debian_dists_a_"), lists.Release("host_debian_dists_a_updates_")]
    assert lists.release_of("/x/host_debian_dists_a_updates_main_Packages.lz4", releases) == releases[1]
    assert lists.release_of("/x/host_debian_dists_a_main_Packages", releases) == releases[0]
    assert lists.release_of("/x/other_Packages", releases) is None


@pytest.mark.parametrize(
    ("enabled", "active", "subjects"),
    [
        ("enabled", "active", []),
        ("static", "active", []),
        ("masked", "inactive", ["apt-daily.timer", "apt-daily-upgrade.timer"]),
        ("disabled", "active", ["apt-daily.timer", "apt-daily-upgrade.timer"]),
        ("enabled", "inactive", ["apt-daily.timer", "apt-daily-upgrade.timer"]),
    ],
)
def test_timers_that_do_not_fire_are_told(enabled: str, active: str, subjects: list[str]) -> None:
    def run(argv: Sequence[str], **_named: object) -> Completed:
        return Completed(0, f"{enabled if argv[1] == 'is-enabled' else active}\n", "")

    effective = conf.parse_dump("APT::Periodic::Unattended-Upgrade\t1\n")
    found = workers.findings(["unattended-upgrades"], effective, run=run)
    assert [finding.subject for finding in found] == subjects


@pytest.mark.parametrize(("dump", "subjects"), [("", []), ("\t0\n", []), ("\t1\n", ["unattended-upgrades"])])
def test_a_missing_package_matters_where_updates_are_switched_on(dump: str, subjects: list[str]) -> None:
    effective = conf.parse_dump(f"APT::Periodic::Unattended-Upgrade{dump}" if dump else "")
    assert [finding.subject for finding in workers.findings([], effective, run=None)] == subjects


@pytest.mark.parametrize(
    ("privileged", "program", "services", "unseen"),
    [
        (True, "needrestart", ("cron.service", "nginx.service"), ""),
        # For others needrestart sees their own processes alone, and finds nothing to restart.
        (False, "needrestart", None, "become"),
        (True, "", None, ""),
    ],
)
def test_services_are_known_to_root_alone(
    tmp_path: Path, privileged: bool, program: str, services: tuple[str, ...] | None, unseen: str
) -> None:
    state = reboot.read_state(
        lambda argv, **_named: Completed(0, NEEDRESTART, ""),
        root=str(tmp_path),
        running=reboot.RunningKernel("6.1.0-9-amd64", ""),
        installed={"6.1.0-9-amd64": ""},
        compare=compare,
        needrestart=program,
        privileged=privileged,
    )
    assert state.services == services
    assert unseen in state.unseen
    assert bool(state.reasons) is (services is not None)


def test_a_needrestart_that_fails_leaves_services_unknown(tmp_path: Path) -> None:
    state = reboot.read_state(
        lambda argv, **_named: Completed(1, "", "it is broken\n"),
        root=str(tmp_path),
        running=reboot.RunningKernel("x", ""),
        installed={},
        compare=compare,
        needrestart="needrestart",
        privileged=True,
    )
    assert (state.services, state.unseen) == (None, "it is broken")
