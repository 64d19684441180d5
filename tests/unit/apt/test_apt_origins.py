"""Origins: which archives count as security archives."""

from __future__ import annotations

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.apt.origins import (
    Origin,
    default_security_origins,
    matches_any,
    parse_os_release,
    parse_pattern,
)
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError

DEBIAN = Origin("Debian", "Debian-Security", "stable-security", "bookworm-security", "main", "security.debian.org")
DEBIAN_MAIN = Origin("Debian", "Debian", "stable", "bookworm", "main", "deb.debian.org")
UBUNTU = Origin("Ubuntu", "Ubuntu", "jammy-security", "jammy", "main", "security.ubuntu.com")
UBUNTU_UPDATES = Origin("Ubuntu", "Ubuntu", "jammy-updates", "jammy", "main", "archive.ubuntu.com")
ESM = Origin("UbuntuESMApps", "UbuntuESMApps", "jammy-apps-security", "jammy", "main", "esm.ubuntu.com")
VENDOR = Origin("Vendor", "Vendor security", "security", "security", "security", "security.vendor.example")


@pytest.mark.parametrize(
    ("pattern", "origin", "matches"),
    [
        ("origin=Debian,label=Debian-Security", DEBIAN, True),
        ("origin=Debian,label=Debian-Security", DEBIAN_MAIN, False),
        ("o=Debian,l=Debian-Security", DEBIAN, True),
        (" origin = Debian , label = Debian* ", DEBIAN_MAIN, True),
        ("origin=Debian,codename=${distro_codename}-security", DEBIAN, True),
        ("origin=${distro_id},n=${distro_codename}", DEBIAN_MAIN, False),
        ("a=stable-*", DEBIAN, True),
        ("suite=stable", DEBIAN_MAIN, True),
        ("site=*.debian.org,c=main", DEBIAN, True),
        ("origin=debian", DEBIAN, False),
        ("origin=Debian,label=Debian\\,Security", DEBIAN, False),
    ],
)
def test_patterns_match_as_in_unattended_upgrades(pattern: str, origin: Origin, matches: bool) -> None:
    assert parse_pattern(pattern, distribution="debian", codename="bookworm").matches(origin) is matches


@pytest.mark.parametrize("text", ["", "origin", "origin=", "=Debian", "origin=a=b", "origin=Debian,", "Debian:stable"])
def test_what_is_no_pattern_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(MaintenanceError, match="origin=Debian,label=Debian-Security"):
        parse_pattern(text)


@pytest.mark.parametrize(
    ("os_release", "security", "other"),
    [
        ("ID=debian\n", [DEBIAN], [DEBIAN_MAIN, UBUNTU, VENDOR]),
        ('ID=ubuntu\nID_LIKE="debian"\n', [UBUNTU, ESM], [UBUNTU_UPDATES, DEBIAN, VENDOR]),
        ('# derived\nID="linuxmint"\nID_LIKE="ubuntu debian"\n', [UBUNTU], [UBUNTU_UPDATES]),
    ],
)
def test_each_distribution_has_its_own_security_archives(
    os_release: str, security: list[Origin], other: list[Origin]
) -> None:
    patterns = [parse_pattern(text) for text in default_security_origins(parse_os_release(os_release))]
    assert all(matches_any(patterns, origin) for origin in security)
    assert not any(matches_any(patterns, origin) for origin in other)


def test_of_an_unknown_distribution_nothing_is_guessed() -> None:
    assert default_security_origins({"ID": "gentoo"}) == ()


@pytest.mark.parametrize(
    ("origin", "text"),
    [
        (DEBIAN, "Debian/Debian-Security/stable-security"),
        (Origin(site="x.example"), "x.example"),
        (Origin(), "an archive"),
    ],
)
def test_an_origin_is_named_by_what_it_has(origin: Origin, text: str) -> None:
    assert text in str(origin)
