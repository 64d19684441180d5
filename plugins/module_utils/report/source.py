# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run left in its directory: record.json and findings.jsonl."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

from ..errors import MaintenanceError

RECORD = "record.json"
FINDINGS = "findings.jsonl"
_SECTIONS = ("run", "verdict", "summary", "hosts", "procedures", "attention", "checks", "actions", "timing")


@dataclass
class Source:
    """A run's record with all its findings.

    remarks: one sentence each for what could not be read; the report says it.
    """

    record: dict[str, Any]
    findings: list[dict[str, Any]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def read(folder: str) -> Source:
    """Reads both files. Raises MaintenanceError where there is no record to tell of.

    Findings that cannot be read are remarked on: a report with what is left is better than none.
    """
    record = read_record(folder)
    source = Source(record=record)
    path = os.path.join(folder, FINDINGS)
    try:
        with open(path, "rb") as stream:
            torn = _read_findings(stream, source.findings)
    except OSError as error:
        source.findings = list(record["attention"])
        source.remarks.append(
            f"The file {FINDINGS} could not be read ({error.strerror}), so only findings that need attention are shown."
        )
        return source
    if torn:
        source.remarks.append(f"Of the file {FINDINGS}, {torn} of its lines could not be read and are not shown.")
    return source


def read_record(folder: str) -> dict[str, Any]:
    """The record alone. Raises MaintenanceError."""
    path = os.path.join(folder, RECORD)
    try:
        with open(path, encoding="utf-8") as stream:
            record = json.load(stream)
    except FileNotFoundError:
        raise MaintenanceError(
            f"There is no {path}: give the directory of a run whose record run_record has written."
        ) from None
    except OSError as error:
        raise MaintenanceError(
            f"The record {path} could not be read ({error.strerror}): give this account access."
        ) from None
    except ValueError:
        raise MaintenanceError(f"The record {path} is no JSON: write it again with run_record.") from None
    if not isinstance(record, dict) or record.get("schema") != 1 or any(name not in record for name in _SECTIONS):
        raise MaintenanceError(
            f"The record {path} is not in the form of docs/schema/record.schema.json: write it again with run_record."
        )
    return record


def _read_findings(stream: Any, findings: list[dict[str, Any]]) -> int:
    torn = 0
    for line in stream:
        try:
            finding = json.loads(line)
            complete = finding["check"] and finding["subject"] and finding["status"] and finding["message"]
        except (ValueError, TypeError, KeyError):
            complete = False
        if complete:
            findings.append(finding)
        else:
            torn += 1
    return torn
