"""Examples of cert_expiry that take servers as given which are not here: each missing thing is told, none stops it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.lab.modules import findings_of, run_module
from tests.molecule.examples import COLLECTION, ELSEWHERE, documentation

EXAMPLES: dict[str, dict[str, Any]] = {
    task["name"]: task[f"{COLLECTION}.cert_expiry"] for task in yaml.safe_load(documentation("cert_expiry").EXAMPLES)
}


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_what_an_example_names_and_is_not_here_is_unknown(name: str) -> None:
    options = EXAMPLES[name]
    # In check mode, so that no metrics are written.
    result = run_module("cert_expiry", {"timeout": 1, **options}, check=True)
    assert not result.get("failed"), result
    unreadable = {finding["subject"] for finding in findings_of(result, "certificate.readable")}
    # Who answers at an address is not ours to say; a name that is reserved for examples leads nowhere (RFC 6761, 6.5).
    named = [one["host"] for one in options.get("endpoints", ()) if one["host"].endswith(".example")]
    named += [source["path"] for source in options.get("sources", ()) if source["path"].startswith("/srv")]
    assert all(any(one in subject for subject in unreadable) for one in named), unreadable
    assert result["changed"] is False
