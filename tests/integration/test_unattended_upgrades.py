"""unattended_upgrades on a real apt with real archives, packages and dpkg, under a root of its own."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.lab import apt
from tests.lab.apt import Package
from tests.lab.modules import ROOT, findings_of, run_module, start_module

MODULE = "unattended_upgrades"
OURS = "90careops-unattended-upgrades"
NOW = apt.RELEASED + timedelta(hours=6)
INSTALLED = ("clinic-ssl", "clinic-held", "clinic-db", "clinic-needs", "clinic-doc", "security-tools")
DISTRIBUTION = """
Unattended-Upgrade::Origins-Pattern {
  "origin=Debian,codename=${distro_codename},label=Debian";
};
Unattended-Upgrade::Allowed-Origins { "Lab:stable"; };
Unattended-Upgrade::Package-Blacklist { "distribution-entry"; };
Unattended-Upgrade::Automatic-Reboot "true";
Unattended-Upgrade::SyslogFacility "daemon";
"""


@dataclass
class Lab:
    """The archives that all tests share, and a system with everything installed and everything pending."""

    folder: Path
    security: apt.Archive
    root: apt.Root
    python: str


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    folder = tmp_path_factory.mktemp("apt")
    security, main, foreign = apt.security_archive(folder), apt.main_archive(folder), apt.foreign_archive(folder)
    security.publish(
        [
            # A newer ordinary update hides this one from apt's candidates.
            Package("clinic-ssl", "1.1"),
            Package("clinic-held", "1.1"),
            Package("clinic-db", "1.1"),
            Package("clinic-needs", "1.1", depends="clinic-extra"),
            Package("clinic-extra", "1.0"),
            Package("security-never-installed", "1.0"),
        ]
    )
    main.publish([Package("clinic-ssl", "1.2"), Package("clinic-doc", "2.0")])
    foreign.publish([Package("security-tools", "9.0+security1")])
    root = apt.Root(folder / "root", [security, main, foreign])
    root.create()
    root.install([Package(name, "1.0") for name in INSTALLED], folder / "builds")
    root.update()
    return Lab(folder, security, root, apt.system_python(folder / "python"))


@dataclass
class System:
    """A copy of the lab's system that one test may change."""

    root: apt.Root
    python: str

    def run(self, *, check: bool = False, python: str = "", **options: Any) -> dict[str, Any]:
        given = {"root": str(self.root.folder), "now": NOW.isoformat(), **options}
        return run_module(MODULE, given, check=check, python=python or self.python)

    def finding(self, check: str, **options: Any) -> dict[str, Any]:
        (found,) = findings_of(self.run(apply=False, **options), check)
        return found

    @property
    def file(self) -> Path:
        return self.root.conf / OURS


@pytest.fixture
def system(lab: Lab, tmp_path: Path) -> System:
    return System(lab.root.copy(tmp_path / "root"), lab.python)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> apt.Archive:
    """A security archive that a test may publish to."""
    return apt.security_archive(tmp_path_factory.mktemp("archive"))


def small_system(lab: Lab, archive: apt.Archive, folder: Path, *installed: Package) -> System:
    """A system with these packages only, fed by this archive only."""
    root = apt.Root(folder / "small", [archive])
    root.create()
    root.install(list(installed), folder / "builds")
    root.update()
    return System(root, lab.python)


# What is pending


def test_security_updates_are_told_by_their_archive(system: System) -> None:
    result = system.run()
    (finding,) = findings_of(result, "apt.security_updates")
    assert (finding["status"], finding["value"]) == ("warning", 4)
    pending = {update["name"]: update for update in result["details"]["security_updates"]}
    assert set(pending) == {"clinic-ssl", "clinic-held", "clinic-db", "clinic-needs"}
    assert pending["clinic-ssl"]["version"] == "1.1"
    assert pending["clinic-needs"]["new_packages"] == ["clinic-extra"]
    assert {update["name"] for update in result["details"]["other_updates"]} == {"clinic-doc", "security-tools"}
    (others,) = findings_of(result, "apt.updates")
    assert (others["status"], others["value"]) == ("ok", 2)


def test_a_system_without_pending_updates_is_healthy(lab: Lab, archive: apt.Archive, tmp_path: Path) -> None:
    archive.publish([Package("clinic-db", "1.0"), Package("clinic-other", "3.0")])
    system = small_system(lab, archive, tmp_path, Package("clinic-db", "1.0"))
    result = system.run(now=datetime.now(timezone.utc).isoformat())
    assert result["summary"]["worst"] == "ok", result["findings"]
    checks = {finding["check"] for finding in result["findings"]}
    assert checks >= {"apt.security_updates", "apt.held", "apt.blocklist", "apt.dpkg", "apt.reboot", "apt.lists_age"}


def test_without_a_security_archive_nothing_is_called_healthy(system: System) -> None:
    (system.root.folder / "etc/apt/sources.list").write_text("".join(a.source_line for a in system.root.archives[1:]))
    result = system.run()
    assert findings_of(result, "apt.security_updates", status="unknown")
    # Nor are the checks that rest on it.
    seen = {finding["check"] for finding in result["findings"]}
    assert not seen & {"apt.security_update_age", "apt.held", "apt.blocklist", "apt.kept_back"}
    assert "apt.updates" in seen


def test_other_origins_can_count_as_security(system: System) -> None:
    result = system.run(security_origins=["origin=Vendor,archive=security"])
    assert [update["name"] for update in result["details"]["security_updates"]] == ["security-tools"]


def test_held_and_blocked_packages_are_counted_and_named(system: System) -> None:
    system.root.hold("clinic-held")
    result = system.run(settings={"package_blocklist": ["clinic-db$"]})
    (held,) = findings_of(result, "apt.held")
    assert (held["subject"], held["status"]) == ("clinic-held", "warning")
    (blocked,) = findings_of(result, "apt.blocklist")
    assert (blocked["subject"], blocked["status"]) == ("clinic-db", "warning")
    assert findings_of(result, "apt.security_updates")[0]["value"] == 4


def test_a_blocklist_entry_that_cuts_names_and_a_broken_one_are_told(system: System) -> None:
    system.root.configure("60local", 'Unattended-Upgrade::Package-Blacklist { "clinic-d"; "lib("; };\n')
    found = {finding["subject"]: finding for finding in findings_of(system.run(), "apt.blocklist")}
    assert found["clinic-d"]["evidence"]["blocks"] == ["clinic-db", "clinic-doc"]
    assert found["lib("]["status"] == "critical"


def test_a_pin_keeps_a_security_update_back(system: System) -> None:
    assert findings_of(system.run(), "apt.kept_back", status="ok")
    pin = "Package: clinic-db\nPin: version 1.0\nPin-Priority: 1001\n"
    (system.root.folder / "etc/apt/preferences.d/pin").write_text(pin)
    finding = system.finding("apt.kept_back")
    assert (finding["subject"], finding["evidence"]["obstacle"]) == ("clinic-db", "pinned")


@pytest.mark.parametrize(
    ("update", "obstacle"),
    [
        (Package("clinic-db", "1.1", depends="clinic-nowhere"), "unmet dependencies"),
        (Package("clinic-db", "1.1", conflicts="clinic-web"), "needs a removal"),
    ],
)
def test_dependencies_keep_a_security_update_back(
    lab: Lab, archive: apt.Archive, tmp_path: Path, update: Package, obstacle: str
) -> None:
    archive.publish([update])
    system = small_system(lab, archive, tmp_path, Package("clinic-db", "1.0"), Package("clinic-web", "1.0"))
    finding = system.finding("apt.kept_back")
    assert (finding["subject"], finding["evidence"]["obstacle"]) == ("clinic-db", obstacle)


@pytest.mark.parametrize(("hours", "status"), [(5, "ok"), (25, "critical")])
def test_the_age_is_that_of_the_downloaded_package(
    lab: Lab, archive: apt.Archive, tmp_path: Path, hours: int, status: str
) -> None:
    archive.publish([Package("clinic-db", "1.1")], released=NOW - timedelta(hours=1))
    system = small_system(lab, archive, tmp_path, Package("clinic-db", "1.0"))
    assert system.finding("apt.security_update_age")["status"] == "unknown"
    download = system.root.folder / "var/cache/apt/archives/clinic-db_1.1_all.deb"
    shutil.copy(archive.folder / "pool/clinic-db_1.1_all.deb", download)
    published = (NOW - timedelta(hours=hours)).timestamp()
    os.utime(download, (published, published))
    finding = system.finding("apt.security_update_age")
    assert (finding["status"], finding["value"], finding["threshold"]) == (status, hours, 24)
    # Half a download says nothing.
    download.write_bytes(download.read_bytes()[:-1])
    assert system.finding("apt.security_update_age")["status"] == "unknown"


def test_a_security_update_in_an_old_list_is_at_least_that_old(system: System) -> None:
    finding = system.finding("apt.security_update_age", now=(apt.RELEASED + timedelta(hours=30)).isoformat())
    assert (finding["status"], finding["value"]) == ("critical", 30)
    assert "at least 30 hours" in finding["message"]


# Package lists


def test_old_and_expired_lists_are_told(lab: Lab, archive: apt.Archive, tmp_path: Path) -> None:
    expiry = "Valid-Until: Tue, 03 Mar 2099 06:00:00 GMT\n"
    archive.publish([Package("clinic-db", "1.0")], extra=expiry)
    system = small_system(lab, archive, tmp_path, Package("clinic-db", "1.0"))
    later = datetime.now(timezone.utc) + timedelta(days=3)
    assert system.finding("apt.lists_age", now=datetime.now(timezone.utc).isoformat())["status"] == "ok"
    old = system.finding("apt.lists_age", now=later.isoformat())
    assert (old["status"], round(old["value"]), old["threshold"]) == ("warning", 3, 2)
    expired = system.finding("apt.lists_age", now="2099-03-03T06:00:01+00:00", lists_max_age=1e6)
    assert expired["status"] == "warning"
    assert "expiry" in expired["message"]
    # Where apt notes its successes, nothing else counts.
    stamp = system.root.folder / "var/lib/apt/periodic/update-success-stamp"
    stamp.touch()
    os.utime(stamp, (later.timestamp() - 3600 * 24, later.timestamp() - 3600 * 24))
    assert system.finding("apt.lists_age", now=later.isoformat())["value"] == 1


def test_lists_that_were_never_fetched_are_unknown(system: System) -> None:
    shutil.rmtree(system.root.folder / "var/lib/apt/lists")
    result = system.run()
    assert findings_of(result, "apt.lists_age", status="unknown")
    assert findings_of(result, "apt.security_updates", status="unknown")
    assert not findings_of(result, "apt.updates")


def test_lists_are_refreshed_by_need(lab: Lab, archive: apt.Archive, tmp_path: Path) -> None:
    archive.publish([Package("clinic-db", "1.0")])
    system = small_system(lab, archive, tmp_path, Package("clinic-db", "1.0"))
    archive.publish([Package("clinic-db", "1.1")])
    later: dict[str, Any] = {"now": (datetime.now(timezone.utc) + timedelta(hours=3)).isoformat(), "refresh_after": 2}
    before = system.root.digest()
    planned = system.run(check=True, **later)
    assert [(action["action"], action["outcome"]) for action in planned["actions"]] == [("refresh", "planned")]
    assert system.root.digest() == before
    assert findings_of(planned, "apt.security_updates", status="ok")
    done = system.run(**later)
    assert done["changed"]
    assert findings_of(done, "apt.security_updates", status="warning")
    again = system.run(now=datetime.now(timezone.utc).isoformat(), refresh_after=2)
    assert not again["changed"]
    assert again["actions"] == []


def test_a_refresh_that_fails_is_told_and_the_rest_is_seen(lab: Lab, archive: apt.Archive, tmp_path: Path) -> None:
    archive.publish([Package("clinic-db", "1.1")])
    system = small_system(lab, archive, tmp_path, Package("clinic-db", "1.0"))
    (archive.folder / "dists").rename(archive.folder / "away")
    result = system.run(now=(datetime.now(timezone.utc) + timedelta(hours=3)).isoformat(), refresh_after=2)
    (action,) = result["actions"]
    assert (action["outcome"], action["changed"]) == ("failed", False)
    (lists,) = findings_of(result, "apt.lists_age", status="warning")
    assert "could not be refreshed" in lists["message"]
    assert findings_of(result, "apt.dpkg", status="ok")


def test_a_refresh_waits_for_the_lock_only_so_long(system: System) -> None:
    with (system.root.folder / "var/lib/apt/lists/lock").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        later = (datetime.now(timezone.utc) + timedelta(hours=3)).isoformat()
        result = system.run(now=later, refresh_after=2, lock_timeout=0)
    assert "Could not get lock" in result["actions"][0]["reason"]


# dpkg and reboots


def test_half_installed_packages_are_told(system: System, tmp_path: Path) -> None:
    assert system.finding("apt.dpkg")["status"] == "ok"
    builds = tmp_path / "half"
    builds.mkdir()
    system.root.dpkg("--unpack", str(Package("clinic-half", "1.0").build(builds)))
    finding = system.finding("apt.dpkg")
    assert (finding["status"], finding["evidence"]["packages"]) == ("critical", ["clinic-half"])


def test_an_interrupted_run_of_dpkg_is_told_from_a_lock(system: System) -> None:
    database = system.root.folder / "var/lib/dpkg"
    stanza = next(text for text in (database / "status").read_text().split("\n\n") if "Package: clinic-db\n" in text)
    unfinished = stanza.replace("install ok installed", "install ok half-configured")
    (database / "updates/0001").write_text(f"{unfinished}\nConfig-Version: 1.0\n")
    before = system.root.digest()
    found = findings_of(system.run(), "apt.dpkg", status="critical")
    # dpkg counts what the journal says as done, and then finds the package half installed.
    assert [finding["subject"] for finding in found] == ["dpkg", "half installed packages"]
    assert found[0]["evidence"]["journal"] == ["0001"]
    assert system.root.digest() == before
    with (system.root.folder / "var/lib/dpkg/lock-frontend").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        held = system.finding("apt.dpkg")
    assert held["status"] == "warning"
    assert held["evidence"]["pid"] == os.getpid()


def test_a_needed_reboot_is_told_with_who_asked_for_it(system: System) -> None:
    assert system.finding("apt.reboot")["status"] == "ok"
    (system.root.folder / "var/run/reboot-required").write_text("*** System restart required ***\n")
    assert system.finding("apt.reboot")["status"] == "warning"
    (system.root.folder / "var/run/reboot-required.pkgs").write_text("libssl3\nlinux-base\nlibssl3\n")
    assert system.finding("apt.reboot")["evidence"]["packages"] == ["libssl3", "linux-base"]


# Configuration

SETTINGS: dict[str, Any] = {
    "enable": True,
    "update_package_lists": 1,
    "download_upgradeable_packages": 1,
    "unattended_upgrade": 1,
    "autoclean_interval": 7,
    "origins": ["origin=Debian,codename=${distro_codename},label=Debian-Security"],
    "package_blocklist": ["postgresql", r"libc6$"],
    "automatic_reboot": False,
    "automatic_reboot_with_users": False,
    "automatic_reboot_time": "02:30",
    "mail": "security@clinic.example",
    "mail_report": "always",
    "log_to_syslog": True,
    "log_facility": "local3",
    "remove_unused_dependencies": True,
    "remove_new_unused_dependencies": True,
    "remove_unused_kernel_packages": True,
    "keep_debs_after_install": True,
    "minimal_steps": True,
    "auto_fix_interrupted_dpkg": True,
    "debug": True,
    "verbose": False,
}


def test_every_setting_holds_and_what_was_not_set_stays(system: System) -> None:
    system.root.configure("50unattended-upgrades", DISTRIBUTION)
    before = system.root.digest()
    planned = system.run(check=True, settings=SETTINGS)
    assert planned["changed"]
    assert planned["actions"][0]["outcome"] == "planned"
    assert planned["diff"]["before"] == ""
    assert system.root.digest() == before
    # Check mode tells the state as it is.
    assert findings_of(planned, "apt.configuration", status="warning")

    done = system.run(settings=SETTINGS)
    assert done["changed"]
    assert findings_of(done, "apt.configuration", status="ok")
    assert done["actions"][0]["after"] == planned["actions"][0]["after"]
    assert done["diff"]["after"] == planned["diff"]["after"] == system.file.read_text()
    assert system.file.stat().st_mode & 0o7777 == 0o644
    after = system.root.digest()
    after.pop(f"etc/apt/apt.conf.d/{OURS}")
    assert after == before

    effective = system.root.effective("Unattended-Upgrade") + system.root.effective("APT::Periodic")
    assert effective.count("Origins-Pattern::") == effective.count("Package-Blacklist:: ") - 1 == 1
    assert "distribution-entry" not in effective
    assert "Lab:stable" not in effective
    assert 'Unattended-Upgrade::Automatic-Reboot "false";' in effective
    assert 'APT::Periodic::AutocleanInterval "7";' in effective
    assert 'Unattended-Upgrade::SyslogFacility "local3";' in effective

    again = system.run(settings=SETTINGS)
    assert not again["changed"]
    assert again["actions"] == []


def test_only_what_is_given_is_set(system: System) -> None:
    system.root.configure("50unattended-upgrades", DISTRIBUTION)
    system.run(settings={"mail": "root", "debug": True})
    system.run(settings={"debug": False})
    effective = system.root.effective("Unattended-Upgrade")
    assert 'Automatic-Reboot "true"' in effective
    assert '"distribution-entry"' in effective
    assert 'Mail "root"' in effective
    assert 'Debug "false"' in effective


def test_no_settings_write_no_file(system: System) -> None:
    before = system.root.digest()
    assert not system.run()["changed"]
    assert system.root.digest() == before


def test_comparing_alone_writes_nothing(system: System) -> None:
    before = system.root.digest()
    result = system.run(apply=False, settings={"automatic_reboot": False, "mail": ""})
    assert not result["changed"]
    assert [finding["subject"] for finding in findings_of(result, "apt.configuration", status="warning")] == [
        "Unattended-Upgrade::Automatic-Reboot"
    ]
    assert system.root.digest() == before


def test_behind_the_end_of_the_window_it_only_looks(system: System) -> None:
    before = system.root.digest()
    wanted: dict[str, Any] = {"settings": {"automatic_reboot": False}, "refresh_after": 0.01}
    late = system.run(deadline=(NOW - timedelta(seconds=1)).isoformat(), **wanted)
    assert not late["changed"]
    assert [(one["action"], one["outcome"], one["reason"]) for one in late["actions"]] == [
        ("configure", "skipped", "the deadline has passed; it is left to the next maintenance window")
    ]
    assert findings_of(late, "apt.configuration", status="warning")
    assert system.root.digest() == before
    assert system.run(deadline=(NOW + timedelta(minutes=5)).isoformat(), settings=wanted["settings"])["changed"]
    # What is as it should be was not left to anybody.
    settled = system.run(deadline=(NOW - timedelta(seconds=1)).isoformat(), settings=wanted["settings"])
    assert settled["actions"] == []


@pytest.mark.parametrize("place", ["apt.conf.d/99local", "apt.conf"])
def test_a_file_that_overrides_ours_is_named(system: System, place: str) -> None:
    path = system.root.folder / "etc/apt" / place
    path.write_text('Unattended-Upgrade { Automatic-Reboot "1"; Package-Blacklist { "more"; }; };\n')
    result = system.run(settings={"automatic_reboot": False, "package_blocklist": ["nginx"], "debug": True})
    found = {finding["subject"]: finding for finding in findings_of(result, "apt.configuration", status="critical")}
    assert set(found) == {"Unattended-Upgrade::Automatic-Reboot", "Unattended-Upgrade::Package-Blacklist"}
    assert all(finding["evidence"]["overridden_by"] == [str(path)] for finding in found.values())
    # A critical finding is a judgement: the work was done.
    assert "failed" not in result


def test_another_name_can_win_over_it(system: System) -> None:
    system.root.configure("99local", 'Unattended-Upgrade::Automatic-Reboot "true";\n')
    result = system.run(settings={"automatic_reboot": False}, file_name="99zz-clinic.conf")
    assert findings_of(result, "apt.configuration", status="ok")


def test_odd_values_reach_apt_as_they_were_given(system: System) -> None:
    chance = random.Random(20260301)
    letters = "abz09 .-_+^$|?*{}();:#/%\\'~@!=<>&`äß"
    entries: list[str] = []
    while len(entries) < 40:
        entry = "x" + "".join(chance.choice(letters) for _unused in range(chance.randrange(1, 12))) + "x"
        with contextlib.suppress(re.error):
            re.compile(entry)
            entries.append(entry)
    entries += ["%41", "100%", "http://x/#y", "/* no remark */x", "// x", "#clear x;", "back\\\\"]
    result = system.run(settings={"package_blocklist": entries})
    assert result["details"]["settings"]["package_blocklist"] == entries
    assert findings_of(result, "apt.configuration", status="ok")
    assert not system.run(settings={"package_blocklist": entries})["changed"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"settings": {"automatic_reboot": "perhaps"}}, "not a valid boolean"),
        ({"settings": {"autoclean_interval": "weekly"}}, "int"),
        ({"settings": {"colour": "blue"}}, "colour"),
        ({"settings": {"mail_report": "never"}}, "only-on-error"),
        ({"settings": {"mail": 'x"; DPkg::Pre-Invoke {"id'}}, "double quote"),
        ({"settings": {"package_blocklist": ["lib("]}}, "not a regular expression"),
        ({"security_origins": ["Debian"]}, "origin pattern"),
        ({"file_name": "20first"}, "higher number"),
        ({"now": "today"}, "option now"),
    ],
)
def test_a_bad_option_is_one_clear_message_and_writes_nothing(
    system: System, options: dict[str, Any], says: str
) -> None:
    before = system.root.digest()
    result = system.run(**options)
    assert result["failed"]
    assert says in result["msg"]
    assert system.root.digest() == before


def test_a_configuration_that_apt_cannot_read_is_said(system: System) -> None:
    system.root.configure("60broken", 'Unattended-Upgrade { "open\n')
    result = system.run(settings={"debug": True})
    assert result["failed"]
    assert "60broken" in result["msg"]
    assert not system.file.exists()


# Killed

_STOP = """
import os, time
real_{name} = os.{name}
def stop(*arguments, **named):
    if {when}:
        open({flag!r}, "w").close()
        time.sleep(120)
    return real_{name}(*arguments, **named)
os.{name} = stop
"""


@pytest.mark.parametrize(
    ("name", "when"),
    [("fsync", "True"), ("replace", f"{OURS!r} in str(arguments[1])")],
    ids=["half written", "unnamed"],
)
def test_killed_while_writing_the_old_configuration_holds(system: System, tmp_path: Path, name: str, when: str) -> None:
    system.run(settings={"mail": "before"})
    flag = tmp_path / "reached"
    python = apt.system_python(tmp_path / "stopped", startup=_STOP.format(name=name, when=when, flag=str(flag)))
    process = start_module(MODULE, {"root": str(system.root.folder), "settings": {"mail": "after"}}, python=python)
    _wait_for(flag, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()

    leftovers = list(system.root.conf.glob(".*.partial"))
    assert len(leftovers) == 1
    assert 'Mail "before"' in system.root.effective("Unattended-Upgrade")

    planned = system.run(check=True, settings={"mail": "after"})
    assert [action["action"] for action in planned["actions"]] == ["remove", "configure"]
    assert leftovers[0].exists()
    result = system.run(settings={"mail": "after"})
    assert [action["action"] for action in result["actions"]] == ["remove", "configure"]
    assert not leftovers[0].exists()
    assert 'Mail "after"' in system.root.effective("Unattended-Upgrade")
    assert not system.run(settings={"mail": "after"})["changed"]


def test_a_full_disk_leaves_the_old_configuration(system: System, tmp_path: Path) -> None:
    system.run(settings={"mail": "before"})
    full = "import os\ndef fail(*_): raise OSError(28, 'No space left on device')\nos.fsync = fail\n"
    result = system.run(settings={"mail": "after"}, python=apt.system_python(tmp_path / "full", startup=full))
    assert result["failed"]
    assert "No space left on device" in result["msg"]
    assert 'Mail "before"' in system.root.effective("Unattended-Upgrade")
    assert not list(system.root.conf.glob(".*.partial"))


def _wait_for(flag: Path, process: subprocess.Popen[str]) -> None:
    for _unused in range(600):
        if flag.exists():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("the module never came to the place where it was to be killed")


# Hosts that lack something


def test_a_host_without_apt_is_unknown_and_no_failure(lab: Lab, tmp_path: Path) -> None:
    result = run_module(MODULE, {"root": str(tmp_path), "settings": SETTINGS}, python=lab.python)
    (finding,) = result["findings"]
    assert (finding["check"], finding["status"]) == ("apt.security_updates", "unknown")
    assert "has no apt" in finding["message"]
    assert not result["changed"]
    assert list(tmp_path.iterdir()) == []


def test_a_host_without_apts_programs_is_unknown(lab: Lab) -> None:
    result = run_module(MODULE, {}, python=lab.python, env={"PATH": "/nonexistent"})
    assert [finding["status"] for finding in result["findings"]] == ["unknown"]


def test_without_python_apt_the_rest_is_done_and_the_package_named(system: System) -> None:
    result = system.run(python=sys.executable, settings={"debug": True})
    (finding,) = findings_of(result, "apt.security_updates")
    assert finding["status"] == "unknown"
    assert "python3-apt" in finding["message"]
    assert findings_of(result, "apt.configuration", status="ok")
    assert findings_of(result, "apt.dpkg", status="ok")


def test_damaged_lists_are_unknown_and_the_rest_is_seen(system: System) -> None:
    (packages,) = (system.root.folder / "var/lib/apt/lists").glob("*security_dists*_Packages")
    packages.unlink()
    packages.write_text("Package: clinic-db\nVersion 1.1\nno colon here\n\x00\x01")
    for name in ("pkgcache.bin", "srcpkgcache.bin"):
        (system.root.folder / "var/cache/apt" / name).unlink(missing_ok=True)
    result = system.run()
    (finding,) = findings_of(result, "apt.security_updates")
    assert finding["status"] == "unknown"
    assert findings_of(result, "apt.dpkg", status="ok")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account may enter; pytest's own is the owner's."""
    folder = Path(tempfile.mkdtemp(prefix="careops-apt-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run it as another account")
def test_without_privileges_it_says_to_use_become(lab: Lab, open_folder: Path) -> None:
    root = lab.root.copy(open_folder / "root")
    python = apt.system_python(open_folder / "python")
    account = pwd.getpwnam("nobody")
    options = {"root": str(root.folder), "settings": {"debug": True}}
    result = run_module(MODULE, options, python=python, user=account.pw_uid, group=account.pw_gid, extra_groups=[])
    assert result["failed"]
    assert "become" in result["msg"]
    looking = {**options, "apply": False}
    looked = run_module(MODULE, looking, python=python, user=account.pw_uid, group=account.pw_gid, extra_groups=[])
    assert findings_of(looked, "apt.configuration", status="warning")
    assert findings_of(looked, "apt.security_updates", status="warning")


# Under Ansible


def _ansible(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"), "ANSIBLE_NOCOLOR": "1"},
    )


def test_with_another_interpreter_it_changes_over_to_the_distributions(system: System) -> None:
    options = json.dumps({"root": str(system.root.folder), "now": NOW.isoformat()})
    done = _ansible(
        *("ansible", "-i", "localhost,", "-c", "local", "localhost", "-m", f"careops.maintenance.{MODULE}"),
        *("-a", options, "-e", f"ansible_python_interpreter={sys.executable}"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 security updates are pending" in done.stdout


def test_the_role_sets_up_checks_and_settles(system: System, tmp_path: Path) -> None:
    play = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {
                "patching_root": str(system.root.folder),
                "patching_install": False,
                "patching_become": False,
                "ansible_python_interpreter": sys.executable,
            },
            "tasks": [
                {"ansible.builtin.import_role": {"name": "careops.maintenance.patching", "tasks_from": "check"}},
                {"ansible.builtin.import_role": {"name": "careops.maintenance.patching"}},
            ],
        }
    ]
    path = tmp_path / "play.json"
    path.write_text(json.dumps(play))
    command = ("ansible-playbook", "-i", "localhost,", "-c", "local", str(path))
    before = system.root.digest()
    assert "changed=1" in _ansible(*command, "--check").stdout
    over = '{"patching_deadline": "2026-01-01T00:00:00Z", "patching_install": true}'
    late = _ansible(*command, "--check", "-e", over).stdout
    assert "changed=0" in late and "Install |" not in late, late
    assert system.root.digest() == before
    first = _ansible(*command)
    assert "changed=1" in first.stdout, first.stdout + first.stderr
    assert 'APT::Periodic::AutocleanInterval "7";' in system.root.effective("APT::Periodic")
    assert "changed=0" in _ansible(*command).stdout
    wrong = _ansible(*command, "-e", '{"patching_settings": {"colour": "blue"}}')
    assert wrong.returncode != 0
    assert "colour" in wrong.stdout


# This machine


def test_this_machine_is_only_looked_at(lab: Lab) -> None:
    before = _fingerprint()
    result = run_module(MODULE, {"apply": False, "settings": {"mail": "nobody@clinic.example"}}, python=lab.python)
    assert not result["changed"]
    assert findings_of(result, "apt.security_updates")
    assert findings_of(result, "apt.reboot")
    assert _fingerprint() == before


def _fingerprint() -> str:
    paths = [path for path in sorted(Path("/etc/apt").rglob("*")) if path.is_file()] + [Path("/var/lib/dpkg/status")]
    return hashlib.sha256(b"".join(str(path).encode() + path.read_bytes() for path in paths)).hexdigest()
