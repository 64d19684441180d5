# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an endpoint serves, held against what it is to serve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...findings import Finding
from ..endpoints import Endpoint, Presented
from ..library import one_line, printable
from . import leaf
from .leaf import Leaf
from .plan import Pledge

SERVED = "certificate.served"
_SHOWN = 12

Ask = Callable[[Sequence[Endpoint]], Sequence[Presented]]
AskByKind = Callable[[Sequence[tuple[Endpoint, str]]], Sequence[Presented]]


def shown(presented: Presented) -> Leaf:
    """The certificate that the endpoint presents as its own; with a problem where it presents none."""
    if presented.problem or not presented.certificates:
        return Leaf(problem=presented.problem or "it presents no certificate")
    return leaf.of_der(presented.certificates[0])


def ask(endpoint: Endpoint, *, timeout: float) -> Leaf:
    """The certificate that the endpoint serves at this moment. timeout: seconds to connect, and to shake hands.

    Never raises for what is wrong with the endpoint: the problem says it.
    """
    from ..handshake import fetch_all

    return shown(fetch_all([endpoint], timeout=timeout)[0])


def serves(endpoint: Endpoint, fingerprint: str, *, timeout: float) -> tuple[bool, Leaf]:
    """Whether the endpoint serves the certificate with this fingerprint (SHA-256, hexadecimal), and what it serves."""
    now = ask(endpoint, timeout=timeout)
    return now.fingerprint == fingerprint.replace(":", "").lower() and not now.problem, now


def findings(
    pledges: Sequence[Pledge], presented: Sequence[Presented], *, ask_again: Ask, ask_by_kind: AskByKind
) -> list[Finding]:
    """Whether each endpoint serves what it is to serve; presented: by the number of the pledge.

    What differs is looked at twice, file and endpoint: a certificate may just have been replaced. Of
    certificates for several kinds of keys, a server shows one; it is asked for the others by their kind.
    """
    looks = [_Look(pledge, shown(one)) for pledge, one in zip(pledges, presented)]
    differing = [number for number, look in enumerate(looks) if look.differs]
    if differing:
        again = ask_again([pledges[number].endpoint for number in differing])
        for number, one in zip(differing, again):
            looks[number] = _Look(pledges[number], shown(one))
    more = [(look, kind) for look in looks for kind in look.other_kinds]
    by_kind = ask_by_kind([(look.pledge.endpoint, kind) for look, kind in more])
    others = [_Look(look.pledge, shown(one), kind=kind) for (look, kind), one in zip(more, by_kind)]
    return [look.finding() for look in looks + others]


def resting(presented: Sequence[Presented]) -> list[Finding]:
    """Of endpoints where nothing listens, and nothing has to."""
    return [
        Finding(
            check=SERVED,
            subject=printable(one.endpoint.label),
            status="ok",
            message=f"Nothing listens at {one.endpoint.label}, and policy says that it may be stopped.",
        )
        for one in presented
        if one.resting
    ]


class _Look:
    """What was seen at an endpoint, and in those of its files that count.

    kind: of the keys that it was asked for; that of the certificate that it presents where it was not asked.
    """

    def __init__(self, pledge: Pledge, served: Leaf, *, kind: str = "") -> None:
        self.pledge = pledge
        self._served = served
        self._asked = kind
        files = {path: leaf.of_file(path) for path in pledge.files}
        self._kinds = {one.kind for one in files.values() if one.kind}
        wanted = kind or served.kind
        counting = {path: one for path, one in files.items() if one.problem or wanted in ("", one.kind)}
        self._files = files if all(one.problem for one in counting.values()) else counting
        self._readable = {path: one for path, one in self._files.items() if not one.problem}

    @property
    def other_kinds(self) -> list[str]:
        """Those that its files have, too, beside the one that it was seen to serve."""
        return sorted(self._kinds - {self._served.kind}) if self._served.kind in self._kinds else []

    @property
    def differs(self) -> bool:
        return bool(self._readable) and not self._served.problem and not self._same

    @property
    def _same(self) -> bool:
        return self._served.fingerprint in {one.fingerprint for one in self._readable.values()}

    def finding(self) -> Finding:
        status, message = self._verdict()
        return Finding(
            check=SERVED,
            subject=printable(self._label),
            status=status,
            message=message,
            evidence=self._evidence(),
        )

    @property
    def _label(self) -> str:
        return self.pledge.endpoint.label + (f" [{self._asked}]" if self._asked else "")

    def _verdict(self) -> tuple[str, str]:
        label, files = self._label, one_line(" or ".join(self._files))
        service = self.pledge.service or "the server"
        begin = f"Whether {service} serves the certificate of {files} at {label} is unknown: "
        if self._served.problem:
            return "unknown", f"{begin}{one_line(self._served.problem)}."
        if self._same:
            return "ok", f"{_upper(service)} serves the certificate of {files} at {label}."
        unread = next((path for path in self._files if path not in self._readable), None)
        if unread is not None:
            return "unknown", f"{begin}{one_line(unread)} could not be read: {one_line(self._files[unread].problem)}."
        return "critical", self._stale(service, files, label)

    def _stale(self, service: str, files: str, label: str) -> str:
        served, newest = self._served, max(self._readable.values(), key=lambda one: one.not_before)
        print_, day = f"fingerprint {served.fingerprint[:_SHOWN]}…", served.ends[:10]
        if served.not_before <= newest.not_before:
            return (
                f"{_upper(service)} still serves the certificate with {print_}, valid until {day}, at {label}, "
                f"which was replaced in {files}: reload it, and read its log where that does not help."
            )
        return (
            f"{_upper(service)} serves a newer certificate at {label} ({print_}) than the one in {files}: "
            "put the newer one back into the file, or reload the service if the older one is meant."
        )

    def _evidence(self) -> dict[str, Any]:
        on_disk = [
            {"file": printable(path), "fingerprint": one.fingerprint, "not_after": one.ends}
            for path, one in self._readable.items()
        ]
        evidence: dict[str, Any] = {"service": self.pledge.service, "on_disk": on_disk}
        if self.pledge.where:
            evidence["where"] = printable(self.pledge.where)
        if not self._served.problem:
            evidence["served"] = {"fingerprint": self._served.fingerprint, "not_after": self._served.ends}
        return evidence


def _upper(service: str) -> str:
    return "The server" if service == "the server" else service
