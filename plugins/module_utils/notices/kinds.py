# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of channels by name. A new kind is a class here and its options in the module send_notice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, Optional

from .channel import Channel
from .channels import mail, sms, statuspage, webhook

Settings = Mapping[str, Any]

KINDS: Mapping[str, Callable[[Settings], Channel]] = {
    "mail": mail.Mail,
    "webhook": webhook.Webhook,
    "sms": sms.Sms,
    "statuspage": statuspage.StatusPage,
}
_FAULTS: Mapping[str, Callable[[Settings], Optional[str]]] = {
    "mail": mail.check_addresses,
    "webhook": webhook.address_fault,
    "sms": sms.check,
    "statuspage": statuspage.check,
}
# By which kind of address a notice that is for certain people reaches them.
ADDRESSES: Mapping[str, str] = {"mail": "mail", "sms": "phone"}
# Events that a kind never takes.
NEVER: Mapping[str, tuple[str, ...]] = {"statuspage": statuspage.INTERNAL}

# Kinds that show what goes on until they are told of its end, whatever the outcome.
SHOWING = ("statuspage",)


def make(settings: Settings) -> Channel:
    """The channel of these options."""
    return KINDS[settings["kind"]](settings)


def fault(settings: Settings) -> Optional[str]:
    """What is wrong with the options, as far as it can be told without the network; None where nothing is."""
    return _FAULTS[settings["kind"]](settings)


def address_fault(field: str, address: str) -> Optional[str]:
    """What is wrong with the mail or phone of a contact; None where nothing is."""
    return mail.address_fault(address) if field == "mail" else sms.number_fault(address)
