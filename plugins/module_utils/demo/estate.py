# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo estate as a whole: what it lacks, what it takes to be complete, and how it goes away.

A part is looked at, and made where it is missing or no longer right. So building, finishing a killed
build, coming back after days, and repairing a break are the same thing.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..errors import MaintenanceError
from ..findings import Action, Finding
from ..glue import Outcome
from ..libraries import optional
from . import clinic, layout, story
from .breaks import BREAKS, Wrecker
from .cluster import Cluster
from .endpoint import Endpoint
from .layout import Layout
from .nights import Nights, wanted_nights
from .pki import Pki

psycopg2 = optional("psycopg2")


@dataclass(frozen=True)
class Part:
    """A part of the estate.

    due: why there is something to do, empty where there is not. make: does it.
    """

    action: str
    target: str
    due: Callable[[], str]
    make: Callable[[], object]


class Estate:
    """The estate below a root. rows: about how many the database has. now: aware."""

    def __init__(self, *, root: str, rows: int, tls_port: int, now: datetime) -> None:
        self.layout = Layout(os.path.abspath(root))
        self.rows = rows
        self.now = now
        self.cluster = Cluster(self.layout)
        self.nights = Nights(self.layout, self.cluster, now)
        self.pki = Pki(self.layout, now)
        self.endpoint = Endpoint(self.layout, self.pki, tls_port)
        self.wrecker = Wrecker(self.layout, self.cluster, self.nights, self.pki, self.endpoint)

    def present(self, *, wreck: str = "", check: bool = False) -> Outcome:
        """Completes the estate, and then breaks it in the way asked for.

        wreck: a name of BREAKS, or empty. check: only plan. Raises MaintenanceError.
        """
        if wreck and wreck not in BREAKS:
            raise MaintenanceError(f"There is no break {wreck!r}: demo_break is one of {', '.join(BREAKS)}.")
        if check:
            return self._planned(wreck)
        actions: list[Action] = []
        with _explained():
            if layout.claim(self.layout):
                self._clear()
            with layout.only_one(self.layout):
                for part in self.parts():
                    _settle(part, actions)
                if wreck:
                    _settle(Part("break", wreck, lambda: BREAKS[wreck].what, lambda: self.wrecker.do(wreck)), actions)
            findings, figures = self._look(wreck)
        text = story.tell(self.layout.root, self.endpoint.port, figures, actions, wreck)
        return Outcome(findings=findings, actions=actions, details={"root": self.layout.root, **figures, "story": text})

    def absent(self, *, check: bool = False) -> Outcome:
        """Stops every process of the estate and deletes its folder."""
        if not os.path.lexists(self.layout.root):
            return Outcome(
                details={"root": self.layout.root, "story": f"There is no demo estate in {self.layout.root}."}
            )
        if not layout.version(self.layout):
            raise MaintenanceError(f"The folder {self.layout.root} is no demo estate, so it stays.")
        started = time.monotonic()
        if not check:
            self._stop()
            layout.remove(self.layout)
        action = Action("remove", self.layout.root, True, "planned" if check else "done", seconds=_since(started))
        return Outcome(
            actions=[action],
            details={"root": self.layout.root, "story": f"The demo estate in {self.layout.root} is gone."},
        )

    def parts(self) -> list[Part]:
        """In the order in which they build upon each other."""
        return [
            Part("repair", "what was broken on purpose", self._damage, self.wrecker.repair),
            Part("install", "PostgreSQL programs", self._programs_due, self.cluster.prepare_programs),
            Part("create", "database cluster", self._cluster_due, self._create_cluster),
            Part("start", "database", self._server_due, self.cluster.start),
            Part("load", f"database {clinic.DATABASE}", self._database_due, self._load),
            Part("repair", "indexes", self._indexes_due, self.wrecker.repair_inside),
            Part("back_up", "nights", self._nights_due, lambda: self.nights.fill(self.nights.missing())),
            Part("prune", "outdated backups", lambda: _names(self.nights.outdated()), self.nights.prune),
            Part("issue", "certificates", lambda: _names(self.pki.due()), lambda: self.pki.issue(self.pki.due())),
            Part("start", "TLS endpoint", self.endpoint.due, self.endpoint.restart),
        ]

    def _planned(self, wreck: str) -> Outcome:
        """The plan. Parts that need a running database are only told where one runs."""
        running = self.cluster.exists() and self.cluster.answers()
        actions = []
        for part in self.parts():
            inside = part.target in (f"database {clinic.DATABASE}", "indexes")
            due = part.due() if running or not inside else "the database is down"
            if due:
                actions.append(Action(part.action, part.target, True, "planned", reason=due))
        if wreck:
            actions.append(Action("break", wreck, True, "planned", reason=BREAKS[wreck].what))
        return Outcome(actions=actions, details={"root": self.layout.root, "story": "Nothing was changed: check mode."})

    def _damage(self) -> str:
        return "; ".join(self.wrecker.damage())

    def _programs_due(self) -> str:
        if not os.path.lexists(self.layout.path("postgresql")):
            return "there are none yet"
        return "" if self.cluster.programs_ready() else "the database's account cannot run those that are there"

    def _cluster_due(self) -> str:
        return "" if self.cluster.exists() else "there is none"

    def _create_cluster(self) -> None:
        layout.require_space(self.layout, self.rows)
        # Somebody may have deleted the folder under a running server.
        self.cluster.stop()
        self.cluster.create()

    def _server_due(self) -> str:
        return "" if self.cluster.answers() else "no server answers"

    def _database_due(self) -> str:
        return "" if clinic.DATABASE in self._databases() else "there is none"

    def _indexes_due(self) -> str:
        return _names(self.wrecker.damage_inside())

    def _nights_due(self) -> str:
        return _names([self.nights.file(night) for night in self.nights.missing()])

    def _databases(self) -> list[str]:
        connection = self.cluster.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT datname FROM pg_database")
                return [name for (name,) in cursor.fetchall()]
        finally:
            connection.close()

    def _load(self) -> None:
        """Builds the database under its draft's name, and names it when it is complete."""
        layout.require_space(self.layout, self.rows)
        begin = wanted_nights(self.now)[0] - timedelta(days=1)
        server = self.cluster.connect()
        try:
            with server.cursor() as cursor:
                cursor.execute(f"DROP DATABASE IF EXISTS {clinic.DRAFT} WITH (FORCE)")
                cursor.execute(f"CREATE DATABASE {clinic.DRAFT} TEMPLATE template0")
                cursor.execute(clinic.RESTORER)
                clinic.build(lambda auto: self.cluster.connect(clinic.DRAFT, autocommit=auto), rows=self.rows, at=begin)
                cursor.execute(f"ALTER DATABASE {clinic.DRAFT} RENAME TO {clinic.DATABASE}")
        finally:
            server.close()

    def _look(self, wreck: str) -> tuple[list[Finding], dict[str, Any]]:
        """What stands now, as findings and as figures."""
        connection = self.cluster.connect(clinic.DATABASE)
        try:
            with connection.cursor() as cursor:
                rows, size = clinic.measure(cursor)
        finally:
            connection.close()
        figures = {"rows": rows, "database_bytes": size, "nights": len(wanted_nights(self.now)), "broken": wreck}
        findings = [
            Finding(
                "demo.database",
                clinic.DATABASE,
                "ok",
                f"The database has {rows} rows by its statistics.",
                value=rows,
                unit="rows",
            ),
        ]
        if wreck:
            findings.append(Finding("demo.break", wreck, "warning", f"Broken on purpose: {BREAKS[wreck].what}."))
        return findings, figures

    def _clear(self) -> None:
        """An estate of another version goes, its marker stays."""
        self._stop()
        for name in os.listdir(self.layout.root):
            path = self.layout.path(name)
            if path != self.layout.marker:
                layout.delete(path)

    def _stop(self) -> None:
        self.wrecker.stop()
        self.endpoint.stop()
        self.cluster.stop()


def _settle(part: Part, actions: list[Action]) -> None:
    """Does what is due. An error takes along what was done until then."""
    started = time.monotonic()
    try:
        with _explained():
            reason = part.due()
            if reason:
                part.make()
        if reason:
            actions.append(Action(part.action, part.target, True, "done", seconds=_since(started), reason=reason))
    except MaintenanceError as error:
        failed = Action(part.action, part.target, False, "failed", seconds=_since(started), reason=str(error))
        raise MaintenanceError(str(error), actions=[*actions, failed]) from None


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Turns what disk, programs and database refuse into one sentence."""
    database = (psycopg2.Error,) if psycopg2 else ()
    try:
        yield
    except (OSError, subprocess.SubprocessError, *database) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise MaintenanceError(
            f"The demo estate could not be completed ({reason}): put that right and run it again, "
            "or begin anew after a run with -e demo_state=absent."
        ) from None


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)


def _names(paths: list[str]) -> str:
    """A few names as words, and how many more there are."""
    names = [os.path.basename(path) for path in paths]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
