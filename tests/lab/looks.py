"""cert_expiry as the tests of what it reads call it, and what they ask of its findings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.lab.certificates import NOW_TEXT
from tests.lab.keystores import PASSWORD
from tests.lab.modules import findings_of, run_module

EXPIRY, CHAIN, KEY, READABLE = (f"certificate.{name}" for name in ("expiry", "chain_expiry", "key_match", "readable"))
ENVIRONMENT = {**os.environ, "KEYSTORE_PASSWORD": PASSWORD}


def look(*paths: Path, **options: Any) -> dict[str, Any]:
    return run_module("cert_expiry", {"paths": [str(path) for path in paths], "now": NOW_TEXT, **options})


def opened(path: Path, password: str | None = PASSWORD, **source: Any) -> dict[str, Any]:
    """Looks with a password of the source, handed over by environment."""
    if password is not None:
        source["password_env"] = "KEYSTORE_PASSWORD"
    options = {"sources": [{"path": str(path), **source}], "now": NOW_TEXT}
    return run_module("cert_expiry", options, env={**ENVIRONMENT, "KEYSTORE_PASSWORD": password or ""})


def seen(result: dict[str, Any]) -> set[str]:
    """Fingerprints of all certificates that were judged."""
    return {one["evidence"]["fingerprint"] for one in result["findings"] if one["check"] in (EXPIRY, CHAIN)}


def bad(result: dict[str, Any]) -> dict[str, str]:
    """By file name, why something could not be read."""
    found = findings_of(result, READABLE, status="unknown")
    assert len({one["subject"] for one in found}) == len(found), found
    return {os.path.basename(one["subject"]): one["message"] for one in found}


def key_status(result: dict[str, Any]) -> dict[str, str]:
    return {os.path.basename(one["subject"]): one["status"] for one in findings_of(result, KEY)}
