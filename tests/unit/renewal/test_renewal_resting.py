"""Which services are stopped on purpose, by what systemd says of their units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.renewal.policy import Service
from ansible_collections.careops.maintenance.plugins.module_utils.renewal.resting import why_resting
from ansible_collections.careops.maintenance.plugins.module_utils.runner import Completed


def unit(load: str, active: str, file: str) -> str:
    """As systemctl prints it, in an order of its own."""
    return f"LoadState={load}\nActiveState={active}\nUnitFileState={file}\n"


@pytest.mark.parametrize(
    ("shown", "by_itself", "by_policy"),
    [
        (unit("loaded", "inactive", "disabled"), "its unit is disabled", "its policy says so"),
        (unit("masked", "inactive", "masked"), "its unit is masked", "its policy says so"),
        (unit("loaded", "inactive", "enabled"), "", "its policy says so"),
        (unit("loaded", "inactive", "static"), "", "its policy says so"),
        (unit("loaded", "failed", "disabled"), "", ""),
        (unit("loaded", "active", "disabled"), "", ""),
        (unit("loaded", "reloading", "disabled"), "", ""),
        (unit("loaded", "deactivating", "disabled"), "", ""),
        (unit("not-found", "inactive", ""), "", ""),
        ("", "", ""),
        (None, "", ""),
    ],
)
def test_who_rests(shown: Optional[str], by_itself: str, by_policy: str) -> None:
    def run(argv: Sequence[str], **_how: Any) -> Completed:
        assert argv[:2] == ("systemctl", "show") and argv[-2:] == ("--", "haproxy")
        if shown is None:
            raise MaintenanceError("The program systemctl is not installed on this host, or not in its PATH.")
        return Completed(0, shown, "")

    def why(**options: Any) -> str:
        return why_resting(Service.from_options({"name": "haproxy", **options}), run=run)

    assert why() == by_itself
    assert why(may_be_stopped=True) == why(may_be_stopped=True, reload=["service", "haproxy", "reload"]) == by_policy
    assert why(may_be_stopped=False) == why(reload=["service", "haproxy", "reload"]) == ""
