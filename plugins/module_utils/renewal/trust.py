# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a certificate that is to be put into use leads to an authority that its clients believe."""

from __future__ import annotations

from datetime import datetime

from ..certificates import stores, verify
from ..certificates.library import one_line
from ..runner import run
from .pair import Pair


def why_untrusted(found: Pair, trust_store: str, now: datetime) -> str:
    """Why its chain leads to no authority of the store, the end of a sentence; empty where it does.

    Raises MaintenanceError where the store or openssl is missing.
    """
    store = stores.find(trust_store)
    case = verify.Case(found.leaf.der, tuple(found.issuers))
    answer = verify.verify([case], store=store, at=now.timestamp(), runner=run, workers=1)[case]
    shown = one_line(store.shown)
    if answer is None:
        return f"whether its chain leads to {shown} cannot be told, openssl gave no answer"
    return f"its chain does not lead to {shown} ({one_line(answer[0].words)})" if answer else ""
