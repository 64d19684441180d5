"""apt's configuration: what a dump says, and how a file of ours changes and keeps what others wrote there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.apt import conf, configure
from ansible_collections.careops.maintenance.plugins.module_utils.apt.settings import (
    settings_by_option,
    wanted_settings,
)
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.findings import Finding

BLOCKLIST = "Unattended-Upgrade::Package-Blacklist"


@pytest.mark.parametrize(
    ("dump", "option", "value"),
    [
        ("", "mail", None),
        ("Unattended-Upgrade::Mail\troot\n", "mail", "root"),
        # apt shows the case that it met first.
        ("unattended-UPGRADE::mail\troot\n", "mail", "root"),
        ("Unattended-Upgrade::Mail\t\n", "mail", None),
        ("Unattended-Upgrade::Mail\ta%20b%2541\n", "mail", "a b%41"),
        (f"{BLOCKLIST}\t\n{BLOCKLIST}::\tnginx\n{BLOCKLIST}::\ta%22b\n", "package_blocklist", ("nginx", 'a"b')),
        # A child with a name is an entry as well, for apt_pkg's value_list.
        (f"{BLOCKLIST}\t\n{BLOCKLIST}::name\tnginx\n", "package_blocklist", ("nginx",)),
        (f"{BLOCKLIST}\t\n", "package_blocklist", ()),
        ("garbage without a tab\n", "mail", None),
        (
            "Unattended-Upgrade::Allowed-Origins\t\nUnattended-Upgrade::Allowed-Origins::\tUbuntu:jammy\n"
            "Unattended-Upgrade::Origins-Pattern\t\nUnattended-Upgrade::Origins-Pattern::\torigin=Debian\n",
            "origins",
            ("origin=Debian", "Ubuntu:jammy"),
        ),
    ],
)
def test_the_dump_gives_the_value_that_holds(dump: str, option: str, value: Any) -> None:
    (setting,) = settings_by_option([option])
    assert conf.value_of(conf.parse_dump(dump), setting) == value


def test_a_new_file_says_whose_it_is_and_clears_lists_before_it_fills_them() -> None:
    text = conf.merge("", wanted_settings({"package_blocklist": ["nginx", "docker"], "automatic_reboot": False}))
    assert text.startswith("//")
    assert text.splitlines()[1:] == [
        f"#clear {BLOCKLIST};",
        f'{BLOCKLIST}:: "nginx";',
        f'{BLOCKLIST}:: "docker";',
        'Unattended-Upgrade::Automatic-Reboot "false";',
    ]


def test_origins_clear_the_older_list_of_ubuntu_too() -> None:
    text = conf.merge("", wanted_settings({"origins": ["origin=Debian"]}))
    assert "#clear Unattended-Upgrade::Allowed-Origins;\n" in text


def test_a_second_merge_changes_nothing() -> None:
    wanted = wanted_settings({"package_blocklist": ["nginx"], "mail": "root", "origins": ["o=Debian"], "debug": True})
    once = conf.merge("", wanted)
    assert conf.merge(once, wanted) == once


@pytest.mark.parametrize(
    "kept",
    [
        "// a remark of the operators",
        'Acquire::http::Dl-Limit "70";',
        'Unattended-Upgrade::Debug "true";',
        # Ours by its key, but not our hand: kept, and overridden by the line of ours below it.
        'Unattended-Upgrade::Mail "someone"; // asked for by the lab',
        f'{BLOCKLIST} {{ "other"; }};',
    ],
)
def test_lines_that_were_not_asked_for_stay(kept: str) -> None:
    wanted = wanted_settings({"mail": "root", "package_blocklist": ["nginx"]})
    lines = conf.merge(f'{kept}\nUnattended-Upgrade::Mail "old";\n', wanted).splitlines()
    assert kept in lines
    assert 'Unattended-Upgrade::Mail "old";' not in lines
    assert lines.index(kept) < lines.index('Unattended-Upgrade::Mail "root";')


def test_nothing_asked_is_nothing_written() -> None:
    assert conf.merge("anything\n", []) == "anything\n"
    assert conf.merge("", []) == ""


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("20auto", "read before"),
        ("50unattended-upgrades", "read before"),
        ("../60x", "not read"),
        ("60 x", "not read"),
        ("60x.bak", "not read"),
        ("", "not read"),
    ],
)
def test_a_name_that_apt_skips_or_that_loses_is_refused(name: str, says: str) -> None:
    with pytest.raises(MaintenanceError) as caught:
        configure.check_name(name)
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["51a", "90careops-unattended-upgrades", "99_last.conf", "zz"])
def test_a_name_that_wins_is_taken(name: str) -> None:
    assert configure.check_name(name) == name


def _compare(tmp_path: Path, dump: str, *, written: bool, **settings: Any) -> list[Finding]:
    folder = tmp_path / "etc/apt/apt.conf.d"
    folder.mkdir(parents=True, exist_ok=True)
    target = configure.Target(root=str(tmp_path), name="90ours")
    return configure.compare(target, wanted_settings(settings), conf.parse_dump(dump), written=written)


def test_settings_that_hold_are_one_finding(tmp_path: Path) -> None:
    dump = f"{BLOCKLIST}\t\n{BLOCKLIST}::\tnginx\nUnattended-Upgrade::Debug\tyes\n"
    (finding,) = _compare(tmp_path, dump, written=True, debug=True, package_blocklist=["nginx"], mail="")
    assert finding.status == "ok"
    assert "3 settings" in finding.message


def test_a_setting_that_another_file_overrides_names_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "etc/apt/apt.conf.d"
    folder.mkdir(parents=True)
    for name in ("10early", "99late"):
        (folder / name).write_text('unattended-upgrade { AUTOMATIC-reboot "true"; };\n')
    (finding,) = _compare(
        tmp_path, "Unattended-Upgrade::Automatic-Reboot\ttrue\n", written=True, automatic_reboot=False
    )
    assert finding.status == "critical"
    assert finding.subject == "Unattended-Upgrade::Automatic-Reboot"
    assert finding.evidence["overridden_by"] == [str(folder / "99late")]
    assert "99late" in finding.message


def test_drift_that_was_not_written_is_a_warning(tmp_path: Path) -> None:
    (finding,) = _compare(tmp_path, "", written=False, unattended_upgrade=1)
    assert finding.status == "warning"
    assert "not set" in finding.message
