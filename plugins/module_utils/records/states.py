# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the module, and which work each state is."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from typing import Any, Optional

from ..clock import now_or, to_text
from ..errors import MaintenanceError
from ..glue import Outcome
from .attach import document
from .attached import KINDS
from .before import begin
from .check import check
from .derive import Area
from .evidence import evidence
from .filing import file_missing, file_run
from .prune import Retention, prune
from .query import KEYS, OUTCOMES, WORK_CLASSES, Query, bound_of, make_query, parse_words
from .reindex import reindex
from .search import search
from .show import show
from .store import Store, of_no_records

BACKUP_CHECKS = ["backup.*", "restore.*"]
BACKUP_PROCEDURES = ["backups"]
REVIEW_CHECKS = [
    "access.*",
    "account.*",
    "advisory.*",
    "apt.*",
    "audit.*",
    "certificate.*",
    "compliance.*",
    "dependency.*",
    "firewall.*",
    "hardening.*",
    "security.*",
    "tls.*",
]
REVIEW_PROCEDURES = ["certificates", "patching"]
_TEXTS: dict[str, Any] = {"type": "list", "elements": "str"}

ARGUMENTS: dict[str, Any] = {
    "state": {
        "type": "str",
        "required": True,
        "choices": ["begin", "file", "search", "show", "evidence", "document", "check", "prune", "reindex"],
    },
    "root": {"type": "path", "default": "/var/lib/careops"},
    "directory": {"type": "path"},
    "run": {"type": "str"},
    # Long, and of interest to nobody who reads the log of the host.
    "parcel": {"type": "str", "no_log": True},
    "before": {"type": "dict"},
    "backup_checks": {**_TEXTS, "default": BACKUP_CHECKS},
    "backup_procedures": {**_TEXTS, "default": BACKUP_PROCEDURES},
    "review_checks": {**_TEXTS, "default": REVIEW_CHECKS},
    "review_procedures": {**_TEXTS, "default": REVIEW_PROCEDURES},
    "query": {"type": "str", "default": ""},
    **{key: {"type": "str"} for key in KEYS if key not in ("outcome", "work_class", "limit")},
    "outcome": {"type": "str", "choices": list(OUTCOMES)},
    "work_class": {"type": "str", "choices": list(WORK_CLASSES)},
    "limit": {"type": "int", "default": 50},
    "documentation": {"type": "str"},
    "src": {"type": "path"},
    "by": {"type": "str"},
    "kind": {"type": "str", "choices": list(KINDS), "default": "documentation"},
    "documentation_hours": {"type": "float", "default": 24},
    "unfinished_warning_hours": {"type": "float", "default": 24},
    "unfinished_critical_hours": {"type": "float", "default": 72},
    "repeat_hours": {"type": "float", "default": 24},
    "keep_days": {"type": "float", "default": 2192},
    "keep_observe_days": {"type": "float", "default": 400},
    "keep_backup_verification_days": {"type": "float", "default": 2192},
    "keep_security_review_days": {"type": "float", "default": 2192},
    "now": {"type": "str"},
}
REQUIRED_IF = [
    ("state", "begin", ("before",)),
    ("state", "show", ("run",)),
    ("state", "document", ("run", "by")),
    ("state", "document", ("documentation", "src"), True),
]
MUTUALLY_EXCLUSIVE = [("documentation", "src")]
REQUIRED_BY = {"parcel": ("run",)}

_MOST_DAYS = 36525

# What these states say on a host that no run was delivered to yet. The first run of a system must not fail for it.
_WITHOUT_RECORDS: dict[str, dict[str, Any]] = {
    "file": {"runs": 0},
    "evidence": {"evidence": []},
    "check": {"runs": 0, "unfinished": [], "late": []},
    "prune": {"runs": [], "documents": []},
}

Options = Mapping[str, Any]


def work(options: Options, *, check_mode: bool) -> Outcome:
    """Does what the state asks for. Raises MaintenanceError."""
    state, store = options["state"], _store(options)
    if not os.path.exists(store.directory) and state in _WITHOUT_RECORDS and not options["run"]:
        return Outcome(findings=[of_no_records(store)], details=copy.deepcopy(_WITHOUT_RECORDS[state]))
    return _WORK[state](options, store, check_mode)


def _store(options: Options) -> Store:
    directory = options["directory"] or os.path.join(options["root"], "logs", "maintenance")
    return Store(root=options["root"], directory=directory)


def _areas(options: Options, store: Store) -> list[Area]:
    return [
        Area(
            name="backup-verification",
            title="Backup verification",
            folder=store.backup_verification,
            checks=options["backup_checks"],
            procedures=options["backup_procedures"],
        ),
        Area(
            name="security-review",
            title="Security review",
            folder=store.security_reviews,
            checks=options["review_checks"],
            procedures=options["review_procedures"],
            overrides=True,
        ),
    ]


def _query(options: Options, *, without: tuple[str, ...] = ()) -> Query:
    asked = {**{key: options[key] for key in KEYS}, **parse_words(options["query"])}
    return make_query({key: value for key, value in asked.items() if key not in without})


def _begin(options: Options, store: Store, check_mode: bool) -> Outcome:
    return begin(store, options["before"], check_mode=check_mode)


def _file(options: Options, store: Store, check_mode: bool) -> Outcome:
    if not options["run"]:
        return file_missing(store, areas=_areas(options, store), check_mode=check_mode)
    return file_run(
        store,
        options["run"],
        parcel=options["parcel"] or "",
        areas=_areas(options, store),
        repeat_hours=options["repeat_hours"],
        check_mode=check_mode,
    )


def _search(options: Options, store: Store, _check_mode: bool) -> Outcome:
    return search(store, _query(options))


def _show(options: Options, store: Store, _check_mode: bool) -> Outcome:
    return show(store, options["run"])


def _evidence(options: Options, store: Store, _check_mode: bool) -> Outcome:
    given: Optional[str] = options["since"]
    since = bound_of("since", given) if given else None
    # A run that was given a time ahead must not hide the one that really was.
    until = options["until"] or to_text(now_or(options["now"]))
    return evidence(store, _query({**options, "until": until}, without=("since",)), since=since)


def _document(options: Options, store: Store, check_mode: bool) -> Outcome:
    return document(
        store,
        options["run"],
        text=options["documentation"],
        src=options["src"],
        by=options["by"],
        kind=options["kind"],
        now=now_or(options["now"]),
        areas=_areas(options, store),
        check_mode=check_mode,
    )


def _check(options: Options, store: Store, _check_mode: bool) -> Outcome:
    for key in ("documentation_hours", "unfinished_warning_hours", "unfinished_critical_hours"):
        if not 0 <= options[key] <= _MOST_DAYS * 24:
            raise MaintenanceError(
                f"The option {key} must be a number of hours, a hundred years at most, not {options[key]:g}."
            )
    return check(
        store,
        now=now_or(options["now"]),
        documentation_hours=options["documentation_hours"],
        unfinished_warning=options["unfinished_warning_hours"],
        unfinished_critical=options["unfinished_critical_hours"],
    )


def _prune(options: Options, store: Store, check_mode: bool) -> Outcome:
    for key in ("keep_days", "keep_observe_days", "keep_backup_verification_days", "keep_security_review_days"):
        if not 1 <= options[key] <= _MOST_DAYS:
            raise MaintenanceError(
                f"The option {key} must be a number of days from 1 on, {_MOST_DAYS} at most, not {options[key]:g}."
            )
    retention = Retention(
        maintenance=options["keep_days"],
        observe=options["keep_observe_days"],
        backup_verification=options["keep_backup_verification_days"],
        security_reviews=options["keep_security_review_days"],
    )
    return prune(store, retention=retention, now=now_or(options["now"]), check_mode=check_mode)


def _reindex(options: Options, store: Store, check_mode: bool) -> Outcome:
    return reindex(store, areas=_areas(options, store), check_mode=check_mode)


_WORK: dict[str, Callable[[Options, Store, bool], Outcome]] = {
    "begin": _begin,
    "file": _file,
    "search": _search,
    "show": _show,
    "evidence": _evidence,
    "document": _document,
    "check": _check,
    "prune": _prune,
    "reindex": _reindex,
}
