"""Why a client did not come through, from what it said."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.renewal.certbot import _mark, _since, problems
from ansible_collections.careops.maintenance.plugins.module_utils.renewal.diagnose import CAUSES, diagnose


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ("urn:ietf:params:acme:error:rateLimited: too many certificates already issued", "rate_limit"),
        ("There were too many requests of a given type :: Error creating new order", "rate_limit"),
        ("Detail: DNS problem: NXDOMAIN looking up A for clinic.example", "dns"),
        ("Type: unauthorized\nDetail: 192.0.2.1: Invalid response from http://clinic.example: 404", "validation"),
        ("Type: connection\nDetail: Timeout during connect (likely firewall problem)", "validation"),
        ("urn:ietf:params:acme:error:caa :: CAA record for clinic.example prevents issuance", "caa"),
        ("OSError: [Errno 28] No space left on device: '/etc/letsencrypt/archive'", "resources"),
        ("PermissionError: [Errno 13] Permission denied: '/var/log/letsencrypt/.certbot.lock'", "permissions"),
        ("Another instance of Certbot is already running.", "running"),
        ("Could not bind TCP port 80 because it is already in use by another process", "port"),
        ("The requested webroot plugin does not appear to be installed", "setup"),
        ("The program certbot is not installed on this host, or not in its PATH.", "setup"),
        ("requests.exceptions.ConnectionError: Max retries exceeded with url: /dir", "network"),
        ("ssl.SSLCertVerificationError: certificate verify failed: unable to get local issuer", "network"),
        ("urn:ietf:params:acme:error:serverInternal: the service is busy", "authority"),
        ("The program certbot did not end within 600 seconds.", "timeout"),
        ("all went wrong\nexit status 9", "unknown"),
        ("", "unknown"),
        # A full disk also makes folders unwritable and connections fail: it is the one to tell.
        ("Permission denied\nConnection refused\nNo space left on device", "resources"),
    ],
)
def test_the_cause(output: str, kind: str) -> None:
    found = diagnose(output)
    assert found.kind == kind and found.advice and found.said


def test_what_is_said_is_one_line_of_the_authority() -> None:
    found = diagnose(
        "Attempting\n  Detail: 192.0.2.1: Invalid response\x1b[31m from it\nSome challenges have failed.\n"
    )
    assert found.said == r"Detail: 192.0.2.1: Invalid response\x1b[31m from it"


def test_every_cause_says_what_to_do() -> None:
    assert len({cause.kind for cause in CAUSES}) == len(CAUSES)
    assert all(cause.advice and not cause.advice.endswith(".") for cause in CAUSES)


LOG = """
{
  "type": "urn:ietf:params:acme:error:badNonce",
  "detail": "JWS has an invalid anti-replay nonce"
}
{
  "type": "urn:ietf:params:acme:error:rateLimited",
  "detail": "too many \\"certificates\\" (5) already issued",
  "status": 429
}
"""


def test_refusals_stand_in_the_log() -> None:
    assert problems(LOG) == ['urn:ietf:params:acme:error:rateLimited: too many "certificates" (5) already issued']


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ("vorher über alles\n", ""),
        ("vorher über alles\nseither\n", "seither\n"),
        ("neu\n", "neu\n"),
        (None, ""),
    ],
    ids=["nothing", "more", "begun anew", "gone"],
)
def test_of_a_log_only_what_is_of_this_order_counts(tmp_path: Path, now: str | None, said: str) -> None:
    """Also where nothing was written: the reason of an earlier refusal is none of this one's."""
    log = tmp_path / "letsencrypt.log"
    log.write_text("vorher über alles\n")
    before = _mark(str(log))
    log.write_text(now) if now is not None else log.unlink()
    assert _since(str(log), before) == said


def test_a_log_that_took_the_place_of_another_counts_as_a_whole(tmp_path: Path) -> None:
    log = tmp_path / "letsencrypt.log"
    log.write_text("vorher\n")
    before = _mark(str(log))
    log.rename(tmp_path / "letsencrypt.log.1")
    log.write_text("a longer one than before\n")
    assert _since(str(log), before) == "a longer one than before\n"
