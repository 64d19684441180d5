# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of automatic updates: what each is called in apt, what it may be, how it is compared."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional, Union

from ..errors import MaintenanceError
from .blocklist import compile_entry
from .origins import parse_pattern

Value = Union[str, tuple[str, ...]]

# What apt_pkg.config.find_b takes for yes and for no.
_YES = frozenset({"yes", "true", "with", "on", "enable", "1"})
_NO = frozenset({"no", "false", "without", "off", "disable", "0"})

MAIL_REPORTS = ("always", "on-change", "only-on-error")
SYSLOG_FACILITIES = (
    "auth",
    "authpriv",
    "cron",
    "daemon",
    "kern",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
    "lpr",
    "mail",
    "news",
    "syslog",
    "user",
    "uucp",
)


@dataclass(frozen=True)
class Setting:
    """option: the module's name for it. key: apt's. kind: bool, switch, days, text or list.

    A switch is read by a shell script that knows 0 and 1 alone. also_clears: lists that would add to this one.
    """

    option: str
    key: str
    kind: str
    also_clears: tuple[str, ...] = ()


SETTINGS = (
    Setting("enable", "APT::Periodic::Enable", "switch"),
    Setting("update_package_lists", "APT::Periodic::Update-Package-Lists", "days"),
    Setting("download_upgradeable_packages", "APT::Periodic::Download-Upgradeable-Packages", "days"),
    Setting("unattended_upgrade", "APT::Periodic::Unattended-Upgrade", "days"),
    Setting("autoclean_interval", "APT::Periodic::AutocleanInterval", "days"),
    Setting(
        "origins",
        "Unattended-Upgrade::Origins-Pattern",
        "list",
        # Ubuntu's own list, in the older form; unattended-upgrades takes both together.
        also_clears=("Unattended-Upgrade::Allowed-Origins",),
    ),
    Setting("package_blocklist", "Unattended-Upgrade::Package-Blacklist", "list"),
    Setting("automatic_reboot", "Unattended-Upgrade::Automatic-Reboot", "bool"),
    Setting("automatic_reboot_with_users", "Unattended-Upgrade::Automatic-Reboot-WithUsers", "bool"),
    Setting("automatic_reboot_time", "Unattended-Upgrade::Automatic-Reboot-Time", "text"),
    Setting("mail", "Unattended-Upgrade::Mail", "text"),
    Setting("mail_report", "Unattended-Upgrade::MailReport", "text"),
    Setting("log_to_syslog", "Unattended-Upgrade::SyslogEnable", "bool"),
    Setting("log_facility", "Unattended-Upgrade::SyslogFacility", "text"),
    Setting("remove_unused_dependencies", "Unattended-Upgrade::Remove-Unused-Dependencies", "bool"),
    Setting("remove_new_unused_dependencies", "Unattended-Upgrade::Remove-New-Unused-Dependencies", "bool"),
    Setting("remove_unused_kernel_packages", "Unattended-Upgrade::Remove-Unused-Kernel-Packages", "bool"),
    Setting("keep_debs_after_install", "Unattended-Upgrade::Keep-Debs-After-Install", "bool"),
    Setting("minimal_steps", "Unattended-Upgrade::MinimalSteps", "bool"),
    Setting("auto_fix_interrupted_dpkg", "Unattended-Upgrade::AutoFixInterruptedDpkg", "bool"),
    Setting("debug", "Unattended-Upgrade::Debug", "bool"),
    Setting("verbose", "Unattended-Upgrade::Verbose", "bool"),
)


@dataclass(frozen=True)
class Wanted:
    """A setting and the value that policy gives it, in apt's words."""

    setting: Setting
    value: Value


def wanted_settings(given: Mapping[str, Any]) -> list[Wanted]:
    """What policy asks for, in a fixed order; an option that is None was not given.

    Raises MaintenanceError for a value that apt or unattended-upgrades could not take as it is meant.
    """
    return [
        Wanted(setting, _to_value(setting, given[setting.option]))
        for setting in SETTINGS
        if given.get(setting.option) is not None
    ]


def _to_value(setting: Setting, raw: Any) -> Value:
    if setting.kind == "bool":
        return "true" if raw else "false"
    if setting.kind == "switch":
        return "1" if raw else "0"
    if setting.kind == "days":
        if raw < 0:
            raise MaintenanceError(f"The setting {setting.option} counts days, 0 for never; it cannot be {raw}.")
        return str(raw)
    if setting.kind == "list":
        entries = tuple(_checked_text(setting, entry) for entry in raw)
        for entry in entries:
            _check_entry(setting, entry)
        return entries
    text = _checked_text(setting, raw)
    _check_text(setting, text)
    return text


def _checked_text(setting: Setting, text: str) -> str:
    """apt.conf knows no escapes within quotes: what would end the quotes or the line cannot be written."""
    if '"' in text or any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise MaintenanceError(
            f"The setting {setting.option} cannot hold {text!r}: "
            "apt's configuration has no way to write a double quote, a line break or a control character."
        )
    if text != text.strip():
        raise MaintenanceError(f"The setting {setting.option} holds {text!r}: remove the space around it.")
    return text


def _check_entry(setting: Setting, entry: str) -> None:
    if not entry:
        raise MaintenanceError(f"The setting {setting.option} has an empty entry: remove it.")
    if setting.option == "origins":
        parse_pattern(entry)
    elif setting.option == "package_blocklist":
        compile_entry(entry)


def _check_text(setting: Setting, text: str) -> None:
    if setting.option == "mail" and text and not re.fullmatch(r"[^\s@,;<>]+(@[^\s@,;<>]+)?", text):
        raise MaintenanceError(f"The setting mail must be one mail address or local account, not {text!r}.")
    if setting.option == "automatic_reboot_time" and not re.fullmatch(r"now|([01]\d|2[0-3]):[0-5]\d", text):
        raise MaintenanceError(f"The setting automatic_reboot_time must be HH:MM or now, not {text!r}.")


def same_value(kind: str, one: Optional[Value], other: Optional[Value]) -> bool:
    """Whether apt would take both for the same: it has many words for yes and no."""
    if kind == "bool" and isinstance(one, str) and isinstance(other, str):
        return _to_bool(one) is not None and _to_bool(one) == _to_bool(other)
    return one == other


def _to_bool(text: str) -> Optional[bool]:
    word = text.strip().lower()
    if word in _YES:
        return True
    return False if word in _NO else None


def show_value(value: Optional[Value]) -> str:
    """For messages: the value in short."""
    if value is None:
        return "not set"
    if isinstance(value, str):
        return value or "empty"
    return ", ".join(value) or "an empty list"


def settings_by_option(options: Sequence[str]) -> list[Setting]:
    """The settings of these names, in the order of SETTINGS."""
    return [setting for setting in SETTINGS if setting.option in options]
