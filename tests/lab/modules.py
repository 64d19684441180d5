"""Runs a module as Ansible does: a process of its own, options in, one JSON document out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs" / "schema" / "result.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

_STARTER = """
import json, runpy, sys
from ansible.module_utils.testing import patch_module_args
with patch_module_args(json.load(sys.stdin)):
    runpy.run_module("ansible_collections.careops.maintenance.plugins.modules." + sys.argv[1], run_name="__main__")
"""


def start_module(name: str, options: dict[str, Any], *, check: bool = False, **popen: Any) -> subprocess.Popen[str]:
    """The module's process, options already handed over; for tests that kill it or change the world under it."""
    arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": True}
    environment = popen.pop("env", None)
    process = subprocess.Popen(
        [popen.pop("python", sys.executable), "-c", _STARTER, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=popen.pop("cwd", "/"),
        env={**(environment or _environment()), "PYTHONPATH": str(ROOT / ".collections")},
        **popen,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(arguments))
    process.stdin.close()
    process.stdin = None
    return process


def run_module(name: str, options: dict[str, Any], *, check: bool = False, **popen: Any) -> dict[str, Any]:
    """Runs the module to its end and holds its result against the contract.

    popen: passed on, ``user=`` for instance to run it as another account.
    """
    process = start_module(name, options, check=check, **popen)
    output, errors = process.communicate(timeout=600)
    try:
        result: dict[str, Any] = json.loads(output.splitlines()[-1])
    except (IndexError, ValueError):
        raise AssertionError(f"{name} printed no JSON result:\n{output}\n{errors}") from None
    assert "Traceback" not in output + errors, f"{name} showed a traceback:\n{output}\n{errors}"
    hold_against_contract(result)
    return result


def hold_against_contract(result: dict[str, Any]) -> None:
    """Fails with the place where the result breaks the contract. Bad options fail before it applies."""
    plain = {key: value for key, value in result.items() if key not in ("invocation", "deprecations", "warnings")}
    if plain.get("failed") and "findings" not in plain:
        return
    VALIDATOR.validate(plain)


def findings_of(result: dict[str, Any], check: str, *, status: str | None = None) -> list[dict[str, Any]]:
    """The findings of one check, of one status if told."""
    return [
        finding
        for finding in result["findings"]
        if finding["check"] == check and (status is None or finding["status"] == status)
    ]


def _environment() -> dict[str, str]:
    import os

    # What the tests' own machine says about PostgreSQL must not leak into them.
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
