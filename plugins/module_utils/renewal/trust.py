# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a certificate that is to be put into use leads to an authority that its clients believe."""

from __future__ import annotations

import os
import tempfile
from datetime import datetime

from ..certificates.library import one_line, to_pem
from ..runner import run
from .pair import Pair


def why_untrusted(found: Pair, trust_store: str, now: datetime) -> str:
    """Why its chain leads to no authority of the store, the end of a sentence; empty where it does.

    Raises MaintenanceError where that cannot be told.
    """
    option = "-CApath" if os.path.isdir(trust_store) else "-CAfile"
    with tempfile.TemporaryDirectory(prefix="careops-trust-") as folder:
        leaf, issuers = (os.path.join(folder, name) for name in ("leaf.pem", "issuers.pem"))
        for path, certificates in ((leaf, [found.leaf.der]), (issuers, found.issuers)):
            with open(path, "wb") as stream:
                stream.write(b"".join(map(to_pem, certificates)))
        argv = ["openssl", "verify", option, trust_store, "-attime", str(int(now.timestamp()))]
        done = run([*argv, *(["-untrusted", issuers] if found.issuers else []), leaf], timeout=30)
    words = next((line for line in done.stderr.splitlines() if line.startswith("error ")), done.stderr)
    return f"its chain does not lead to {trust_store} ({one_line(words)})" if done.returncode else ""
