# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services that read a certificate: their configuration tested, reloaded, and what they then serve."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ..certificates import library
from ..certificates.endpoints import Endpoint, Presented
from ..certificates.library import one_line
from ..errors import MaintenanceError
from ..runner import Completed, Runner
from .policy import Wanted
from .resting import why_resting

# A service hands over from its old processes to its new ones: one good answer is not yet all of them.
_IN_A_ROW = 3
_PAUSE = 0.2
# Seconds for a configuration test or a reload.
_LONGEST = 60.0

Look = Callable[[Sequence[Endpoint], str], list[Presented]]


class NotServing(Exception):
    """The services do not do what they should with the certificate. The words end a sentence."""


class BrokenConfiguration(NotServing):
    """A service's configuration does not pass its test, or cannot be tested."""


@dataclass
class Served:
    """What endpoints serve. fingerprints: by label, SHA-256 of the leaf. silent: why others do not answer.

    resting: why nobody is asked, where every service is stopped on purpose.
    """

    fingerprints: dict[str, str] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)
    resting: dict[str, str] = field(default_factory=dict)

    def others_than(self, fingerprint: str) -> list[str]:
        """Labels of the endpoints that serve another certificate."""
        return [label for label, served in self.fingerprints.items() if served != fingerprint]


def look(endpoints: Sequence[Endpoint], *, ask: Look, kind: str) -> Served:
    """What they serve right now. kind: of the keys that it is about (RSA, ECDSA); empty for any."""
    served = Served()
    for presented in ask(endpoints, kind) if endpoints else []:
        label = presented.endpoint.label
        if presented.certificates:
            served.fingerprints[label] = hashlib.sha256(presented.certificates[0]).hexdigest()
        else:
            served.silent[label] = presented.problem
    return served


def looker(*, timeout: float) -> Look:
    """Looks at real endpoints. timeout: seconds for each.

    A server with certificates for several kinds of keys shows one of them; it is asked for the other kind by itself.
    """

    def ask(endpoints: Sequence[Endpoint], kind: str) -> list[Presented]:
        from ..certificates.handshake import fetch_all  # ssl costs as much as some thousand certificates
        from ..certificates.services.kinds import ask_by_kind

        shown = fetch_all(endpoints, timeout=timeout)
        others = [number for number, one in enumerate(shown) if kind and _is_other(one, kind)]
        by_kind = ask_by_kind([(endpoints[number], kind) for number in others], timeout=timeout)
        for number, one in zip(others, by_kind):
            shown[number] = one if one.certificates else shown[number]
        return shown

    return ask


def _is_other(presented: Presented, kind: str) -> bool:
    """Whether the certificate that it presents is for another kind of keys than this one."""
    return bool(presented.certificates) and library.key_kind(presented.certificates[0]) != kind


class Serving:
    """The services and endpoints of one certificate."""

    def __init__(
        self,
        wanted: Wanted,
        *,
        run: Runner,
        ask: Look,
        timeout: float,
        pause: Callable[[float], Any] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wanted = wanted
        self._run = run
        self._ask = ask
        self._timeout = timeout
        self._pause = pause
        self._clock = clock

    def now(self, *, kind: str = "") -> Served:
        """What the endpoints serve. kind: of the certificate's key, where a server may have others beside it."""
        why = self._idle()
        if why:
            return Served(resting={endpoint.label: why for endpoint in self._wanted.endpoints})
        return look(self._wanted.endpoints, ask=self._ask, kind=kind)

    def _idle(self) -> str:
        """Why no service runs, on purpose; empty where one does. What answers then is another host."""
        resting = self._resting()
        if len(resting) < len(self._wanted.services):
            return ""
        return "; ".join(f"{name} is stopped on purpose ({reason})" for name, reason in resting.items())

    def _resting(self) -> dict[str, str]:
        """Why services are stopped on purpose, by their names. Asked anew each time: a standby may take over."""
        reasons = {service.name: why_resting(service, run=self._run) for service in self._wanted.services}
        return {name: reason for name, reason in reasons.items() if reason}

    def test(self) -> None:
        """Has every service test its configuration. Raises BrokenConfiguration."""
        for service in self._wanted.services:
            if service.config_test:
                try:
                    done = self._call(service.config_test, f"the configuration of {service.name} cannot be tested")
                except NotServing as trouble:
                    raise BrokenConfiguration(str(trouble)) from None
                if done.returncode:
                    raise BrokenConfiguration(f"the configuration of {service.name} is broken ({_words(done)})")

    def reload(self) -> list[str]:
        """Has every service that runs read its certificates anew. Raises NotServing.

        Returns the names of those that are stopped on purpose.
        """
        resting = self._resting()
        for service in self._wanted.services:
            if service.name in resting:
                continue
            done = self._call(service.reload, f"{service.name} cannot be reloaded")
            if done.returncode:
                raise NotServing(f"{service.name} did not reload ({_words(done)})")
        return list(resting)

    def hook(self, argv: Sequence[str], environment: Mapping[str, str], *, timeout: float) -> None:
        """Runs a deploy hook. Raises NotServing."""
        name = argv[-1]
        done = self._call(argv, f"the deploy hook {name} cannot be run", environment=environment, timeout=timeout)
        if done.returncode:
            raise NotServing(f"the deploy hook {name} failed with exit status {done.returncode} ({_words(done)})")

    def prove(self, fingerprint: str, *, at: Sequence[str], kind: str = "") -> Served:
        """Waits until the endpoints serve this certificate. at: labels of those that must. kind: of its key.

        An endpoint that was silent before proves nothing, nor does one that no service serves any more, on purpose.
        Raises NotServing where the time is over.
        """
        endpoints = [endpoint for endpoint in self._wanted.endpoints if endpoint.label in at]
        if endpoints and self._idle():
            return Served()
        ends = self._clock() + self._timeout
        in_a_row = 0
        while True:
            served = look(endpoints, ask=self._ask, kind=kind)
            lacking = [*served.silent, *served.others_than(fingerprint)]
            in_a_row = 0 if lacking else in_a_row + 1
            if in_a_row == _IN_A_ROW or not endpoints:
                return served
            if self._clock() > ends:
                raise NotServing(self._lacking(served, lacking))
            self._pause(_PAUSE)

    def _lacking(self, served: Served, lacking: Sequence[str]) -> str:
        if not lacking:
            return "the endpoints serve now this certificate and now another one"
        label = lacking[0]
        if label in served.silent:
            return f"{label} does not answer any more ({one_line(served.silent[label])})"
        return f"{label} still serves another certificate {self._timeout:g} seconds after the reload"

    def _call(
        self,
        argv: Sequence[str],
        trouble: str,
        *,
        environment: Optional[Mapping[str, str]] = None,
        timeout: float = _LONGEST,
    ) -> Completed:
        try:
            return self._run(argv, environment=environment, timeout=timeout)
        except MaintenanceError as error:
            raise NotServing(f"{trouble}: {str(error).rstrip('.')}") from None


def _words(done: Completed) -> str:
    """What the program says about it; the line that names an error, else the last one."""
    lines = [line.strip() for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line.lower() for word in ("emerg", "error", "fail", "alert"))]
    said = next(iter(telling or lines[-1:]), f"exit status {done.returncode}")
    return one_line(said)


def services_of(wanted: Wanted, *, without: Sequence[str] = ()) -> str:
    """Their names, for a sentence."""
    return ", ".join(service.name for service in wanted.services if service.name not in without) or "no service"
