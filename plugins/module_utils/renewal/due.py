# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a certificate is to be renewed now: what the authority suggests, else a share of its lifetime."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Optional

from .ari import Suggestion
from .pair import Pair, broken

# Renewers of this field act when a third is left, or half of a lifetime of up to ten days.
_SHORT = timedelta(days=10).total_seconds()
# Later than this share nobody's advice is waited for: from here on the certificate is a warning.
_LAST_SHARE = 0.25


class Due(NamedTuple):
    """now: whether it is. reason: why or why not, the end of a sentence. at: from when on."""

    now: bool
    reason: str
    at: datetime


def due(
    pair: Pair,
    *,
    now: datetime,
    renew_days: float = 0.0,
    missing: Sequence[str] = (),
    suggestion: Optional[Suggestion] = None,
    interval: timedelta = timedelta(0),
) -> Due:
    """Judges it by, in this order: use, names it lacks, its authority's suggestion (RFC 9773), its lifetime.

    interval: until somebody looks again; what becomes due before then is due now (RFC 9773, 4.2).
    """
    wrong = broken(pair)
    if wrong:
        return Due(True, f"services cannot use it ({wrong})", now)
    if missing:
        return Due(True, f"it does not cover {', '.join(missing)}", now)
    by_lifetime = renewal_moment(pair, renew_days=renew_days)
    if suggestion is None:
        what = f"{renew_days:g} days" if _days_decide(pair, renew_days) else _share_words(pair)
        if now >= by_lifetime:
            return Due(True, f"{what} or less of its lifetime is left", by_lifetime)
        return Due(False, f"more than {what} of its lifetime is left", by_lifetime)
    latest = pair.not_after - timedelta(seconds=_LAST_SHARE * pair.lifetime)
    at = min(suggestion.moment(pair.fingerprint), latest)
    because = f" ({suggestion.explanation})" if suggestion.explanation else ""
    if now + interval >= at:
        return Due(True, f"its authority suggests to renew it by now{because}", at)
    return Due(False, f"its authority suggests to renew it later{because}", at)


def renewal_moment(pair: Pair, *, renew_days: float) -> datetime:
    """When its lifetime says so. Days of policy never take more than half of the lifetime."""
    left = renew_days * 86_400 if _days_decide(pair, renew_days) else _share(pair) * pair.lifetime
    return pair.not_after - timedelta(seconds=left)


def _days_decide(pair: Pair, renew_days: float) -> bool:
    return 0 < renew_days * 86_400 <= pair.lifetime / 2


def _share(pair: Pair) -> float:
    return 1 / 2 if pair.lifetime <= _SHORT else 1 / 3


def _share_words(pair: Pair) -> str:
    return "half" if pair.lifetime <= _SHORT else "a third"
