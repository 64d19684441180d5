# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an ACME client did not come through, and what a person can do about it."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..certificates.library import one_line


class Cause(NamedTuple):
    """kind: stable word for it. advice: what to do, the end of a sentence. words: how a client says it."""

    kind: str
    advice: str
    words: str


class Diagnosis(NamedTuple):
    """What went wrong. said: the line that the client said about it."""

    kind: str
    advice: str
    said: str


# In the order of how much they explain: a full disk makes permissions and networks fail as well.
CAUSES = (
    Cause(
        "resources",
        "free space or memory on this host",
        r"No space left on device|Disk quota exceeded|Cannot allocate memory|MemoryError|Too many open files",
    ),
    Cause(
        "rate_limit",
        "wait as long as the authority says, and do not order the same names again before that",
        r"acme:error:rateLimited|too many (?:certificates|requests|failed authorizations|new orders)|"
        r"too many requests of a given type|HTTP 429",
    ),
    Cause(
        "running",
        "wait for the other client to end, and let only one renew",
        r"Another instance of Certbot is already running",
    ),
    Cause(
        "setup",
        "correct the client's set-up: its package, plug-ins, account and renewal configuration",
        r"is not installed on this host|may not be executed|plugin does not appear to be installed|"
        r"could not be loaded|unrecognized arguments|acme:error:(?:accountDoesNotExist|malformed|userActionRequired|"
        r"externalAccountRequired)|parsing? (?:error|fail)|renewal configuration file .* (?:is broken|produced)|"
        r"No such authorization|Unable to register an account|AccountNotFound|Account at .* does not exist",
    ),
    Cause(
        "permissions",
        "let the account that renews read and write the client's folders and the webroot",
        r"Permission denied|Operation not permitted|Read-only file system|not writable|EACCES",
    ),
    Cause(
        "port",
        "free the port that the client answers on, or have the web server answer (authenticator webroot)",
        r"Could not bind (?:TCP|UDP)? ?port|Address already in use",
    ),
    Cause(
        "caa",
        "let the CAA record of the domain name this authority",
        r"acme:error:caa|CAA record",
    ),
    Cause(
        "dns",
        "let the names lead to this host, and see to it that the authority can resolve them",
        r"acme:error:dns|NXDOMAIN|SERVFAIL|DNS problem|query timed out looking up",
    ),
    Cause(
        "validation",
        "let the authority reach the challenge: names, port 80, webroot and redirects, or the DNS record",
        r"acme:error:(?:unauthorized|connection|incorrectResponse|tls|rejectedIdentifier)|"
        r"Some challenges have failed|Invalid response from|Timeout during connect|"
        r"(?:auth|cleanup)[-_]hook .* (?:error|fail)|Hook .* (?:error|returned|reported)",
    ),
    Cause(
        "authority",
        "try again later: the authority has trouble of its own",
        r"acme:error:serverInternal|acme:error:badNonce|Service (?:busy|Unavailable)|HTTP 5\d\d|"
        r"50[0234] Server Error|undergoing maintenance",
    ),
    Cause(
        "network",
        "let this host reach the authority: name resolution, route, proxy, its trusted certificates",
        r"ConnectionError|Connection refused|Connection reset|ConnectTimeout|Read timed out|Network is unreachable|"
        r"No route to host|Name or service not known|Temporary failure in name resolution|"
        r"Max retries exceeded|CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSLError",
    ),
    Cause(
        "timeout",
        "find out what the client waits for, or give it more time (timeout)",
        r"did not end within",
    ),
)
UNKNOWN = Cause("unknown", "read the client's log", "")
# Where a client tells the trouble in its own words.
_TELLING = re.compile(r"^\s*(?:Detail|Error|Hint|.*[Ee]rror:|.*urn:ietf:params:acme:error).*$", re.MULTILINE)


def diagnose(output: str) -> Diagnosis:
    """The cause that the client's words name, the gravest first; ``unknown`` where they name none."""
    for cause in CAUSES:
        found = re.search(cause.words, output, re.IGNORECASE)
        if found:
            return Diagnosis(cause.kind, cause.advice, one_line(_line(output, found.start())))
    telling = _TELLING.search(output)
    lines = [line for line in output.splitlines() if line.strip()]
    said = telling.group(0) if telling else lines[-1] if lines else "it said nothing"
    return Diagnosis(UNKNOWN.kind, UNKNOWN.advice, one_line(said.strip()))


def _line(output: str, at: int) -> str:
    """The line around this place; the authority's own words say more than those of its client."""
    detail = re.search(r"^(?:\s*Detail:|urn:ietf:params:acme:error:).*$", output, re.MULTILINE)
    if detail:
        return detail.group(0).strip()
    begin = output.rfind("\n", 0, at) + 1
    end = output.find("\n", at)
    return output[begin : end if end >= 0 else len(output)].strip()
