"""The way out of a module with more findings than Ansible should look through."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.findings import Finding
from ansible_collections.careops.maintenance.plugins.module_utils.glue import Outcome, conclude

TRICKY = 'a "findings": [] b \\ \udcff é'


class Module:
    """Leaves as AnsibleModule does."""

    def __init__(self, *, secrets: frozenset[str] = frozenset(), compact: bool = False) -> None:
        self.no_log_values = secrets
        self.separators = (",", ":") if compact else None
        self.handed: list[int] = []

    def exit_json(self, **kwargs: Any) -> NoReturn:
        self.handed.append(len(kwargs["findings"]))
        kwargs["invocation"] = {"module_args": {"paths": [TRICKY]}}
        print("\n" + json.dumps(kwargs, separators=self.separators))
        sys.exit(0)

    def fail_json(self, msg: str, **kwargs: Any) -> NoReturn:
        raise AssertionError(msg)


def outcome(count: int) -> Outcome:
    findings = [Finding(check="a.b", subject=f"{number} {TRICKY}", status="ok", message="m") for number in range(count)]
    return Outcome(findings=findings, details={"note": TRICKY})


@pytest.mark.parametrize(
    ("module", "count", "handed"),
    [
        (Module(), 10, [10]),
        (Module(), 1000, [1000]),
        (Module(), 1001, [0]),
        (Module(secrets=frozenset({"hidden"})), 1001, [1001]),
        (Module(compact=True), 1001, [0, 1001]),
    ],
    ids=["few", "just few", "many", "with secrets", "written in another way"],
)
def test_the_result_is_the_same(
    capsys: pytest.CaptureFixture[str], module: Module, count: int, handed: list[int]
) -> None:
    with pytest.raises(SystemExit) as left:
        conclude(module, lambda: outcome(count))
    assert not left.value.code
    result = json.loads(capsys.readouterr().out)
    assert module.handed == handed
    assert result["findings"] == [finding.as_dict() for finding in outcome(count).findings]
    assert result["details"] == {"note": TRICKY}
    assert result["invocation"] == {"module_args": {"paths": [TRICKY]}}
