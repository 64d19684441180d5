# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a folder cannot be worked in, in one sentence."""

from __future__ import annotations

import os
import pwd


def account() -> str:
    """The account we run as, by name where it has one."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def why_not(directory: str, *, write: bool = False) -> str:
    """What keeps us from reading (and writing) in the folder; ``""`` where nothing does."""
    try:
        os.listdir(directory)
    except FileNotFoundError:
        return f"There is no folder {directory}: is its volume mounted? Create or mount it, or correct the option."
    except NotADirectoryError:
        return f"{directory} is no folder: correct the option."
    except OSError as error:
        return (
            f"The account {account()} may not read the folder {directory} ({error.strerror}): "
            "run as an account that may (become_user), or correct its permissions."
        )
    if write and not os.access(directory, os.W_OK | os.X_OK):
        return (
            f"The account {account()} may not write to the folder {directory}: "
            "run as an account that may (become_user), or correct its permissions."
        )
    return ""
