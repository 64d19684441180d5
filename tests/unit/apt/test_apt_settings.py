"""Settings of automatic updates: what is refused, and how values are written and compared."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.apt.settings import (
    same_value,
    show_value,
    wanted_settings,
)
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError


@pytest.mark.parametrize(
    ("option", "given", "value"),
    [
        ("automatic_reboot", False, "false"),
        ("automatic_reboot", True, "true"),
        # A shell script reads this one, and knows no words.
        ("enable", False, "0"),
        ("enable", True, "1"),
        ("autoclean_interval", 7, "7"),
        ("unattended_upgrade", 0, "0"),
        ("mail", "", ""),
        ("mail", "root", "root"),
        ("mail", "security@clinic.example", "security@clinic.example"),
        ("automatic_reboot_time", "23:59", "23:59"),
        ("automatic_reboot_time", "now", "now"),
        ("package_blocklist", [], ()),
        ("package_blocklist", [r"^libc6$", r"(lib)?xen(store)?", r"libstdc\+\+6$"], None),
        ("origins", ["origin=Debian,codename=${distro_codename},label=Debian-Security"], None),
    ],
)
def test_values_are_written_in_apts_words(option: str, given: Any, value: Any) -> None:
    (wanted,) = wanted_settings({option: given, "debug": None})
    assert wanted.setting.option == option
    assert wanted.value == (tuple(given) if value is None else value)


@pytest.mark.parametrize(
    ("option", "given", "says"),
    [
        ("mail", 'root"; DPkg::Pre-Invoke { "id', "double quote"),
        ("mail", "root\nDPkg::Options:: x", "line break"),
        ("mail", "two@clinic.example, three@clinic.example", "one mail address"),
        ("mail", " root", "space"),
        ("package_blocklist", ["nginx\x00"], "control character"),
        ("package_blocklist", ["nginx\x7f"], "control character"),
        ("package_blocklist", [""], "empty entry"),
        ("package_blocklist", ["lib("], "not a regular expression"),
        ("package_blocklist", ["*postgresql"], "not a regular expression"),
        ("origins", ["Debian:stable"], "origin pattern"),
        ("origins", ["origin=Debian,colour=blue"], "colour"),
        ("autoclean_interval", -1, "days"),
        ("automatic_reboot_time", "24:00", "HH:MM"),
        ("automatic_reboot_time", "2:00", "HH:MM"),
    ],
)
def test_what_could_not_be_meant_is_refused_in_one_sentence(option: str, given: Any, says: str) -> None:
    with pytest.raises(MaintenanceError) as caught:
        wanted_settings({option: given})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        ("bool", "yes", "true", True),
        ("bool", "0", "False", True),
        ("bool", "1", "false", False),
        # A word that is neither is apt's default, whatever that is.
        ("bool", "perhaps", "true", False),
        ("bool", None, "false", False),
        ("switch", "true", "1", False),
        ("text", "a", "A", False),
        ("list", ("a", "b"), ("b", "a"), False),
        ("list", ("a",), ("a",), True),
    ],
)
def test_values_are_compared_as_apt_does(kind: str, one: Any, other: Any, same: bool) -> None:
    assert same_value(kind, one, other) is same


@pytest.mark.parametrize(
    ("value", "text"), [(None, "not set"), ("", "empty"), ("1", "1"), ((), "an empty list"), (("a", "b"), "a, b")]
)
def test_values_are_shown_in_words(value: Any, text: str) -> None:
    assert show_value(value) == text
