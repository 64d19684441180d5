# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether chains build to a trust store, by the program openssl.

The library of Debian 11 and 12 has no verifier. openssl finds its way through cross-signed certificates
as it does for those who connect with it, and takes many certificates with the same issuers in one process.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Optional

from ..errors import MaintenanceError
from ..files import names_in
from ..runner import Completed, Runner
from .stores import Store

# So many certificates in a process: few enough for one command line, many enough to forget its start.
_TOGETHER = 100
_TIMEOUT = 120.0
_ERROR = re.compile(r"error (\d+) at (\d+) depth lookup: ?(.*)")
_FAILED = re.compile(r"error (\S+): verification failed")
_OK = re.compile(r"(\S+): OK")
_PREFIX = "careops-trust-"
_LEFTOVER = re.compile(rf"{_PREFIX}(\d+)-.+")


# Openssl's number for a certificate that has ended (X509_V_ERR_CERT_HAS_EXPIRED).
EXPIRED = 10


class Case(NamedTuple):
    """A certificate and what was presented with it, DER all."""

    leaf: bytes
    untrusted: tuple[bytes, ...] = ()


class Fault(NamedTuple):
    """What is wrong with a chain. code: openssl's (X509_V_ERR). depth: 0 for the leaf. subject: as openssl shows it."""

    code: int
    depth: int
    words: str
    subject: str


# None where openssl gave no answer.
Answer = Optional[Sequence[Fault]]


def verify(cases: Sequence[Case], *, store: Store, at: float, runner: Runner, workers: int) -> dict[Case, Answer]:
    """What is wrong with the chain of each case, as servers for TLS, at this moment (seconds since the epoch).

    Raises MaintenanceError where there is no openssl.
    """
    groups: dict[tuple[bytes, ...], dict[Case, None]] = {}
    for case in cases:
        groups.setdefault(case.untrusted, {})[case] = None
    _remove_leftovers()
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-") as folder:
        job = _Job(folder, store, at, runner)
        pieces = [
            list(group)[first : first + _TOGETHER]
            for group in groups.values()
            for first in range(0, len(group), _TOGETHER)
        ]
        if len(pieces) == 1:
            return job.answers(0, pieces[0])
        with ThreadPoolExecutor(min(workers, len(pieces)) or 1) as threads:
            parts = list(threads.map(job.answers, range(len(pieces)), pieces))
    return {case: answer for part in parts for case, answer in part.items()}


def _remove_leftovers() -> None:
    """Folders of this account whose process was killed; they hold certificates alone."""
    folder = tempfile.gettempdir()
    for name in names_in(folder):
        left = _LEFTOVER.fullmatch(name)
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError):
            if left and os.lstat(path).st_uid == os.geteuid() and not os.path.exists(f"/proc/{left.group(1)}"):
                shutil.rmtree(path)


class _Job:
    """Calls openssl in one temporary folder, which holds certificates alone."""

    def __init__(self, folder: str, store: Store, at: float, runner: Runner) -> None:
        self._folder = folder
        self._runner = runner
        # Without these, openssl would also trust what the host trusts, whatever store it is given.
        self._environment = {"SSL_CERT_DIR": folder, "SSL_CERT_FILE": os.path.join(folder, "no-other-store")}
        trusted = ("-CApath", store.folder) if store.folder else ("-CAfile", self._write("store", store.certificates))
        self._argv = ("openssl", "verify", *trusted, "-purpose", "sslserver", "-attime", str(int(at)))

    def answers(self, number: int, cases: Sequence[Case]) -> dict[Case, Answer]:
        """The answers for cases with the same issuers."""
        untrusted = cases[0].untrusted
        more = ("-untrusted", self._write(f"issuers-{number}", untrusted)) if untrusted else ()
        files = [self._write(f"{number}-{place}", [case.leaf]) for place, case in enumerate(cases)]
        told = self._ask(more, files)
        for file in files:
            # openssl 1.1 names the files that failed apart from why they did: each of those is asked about alone.
            if len(files) > 1 and told[file] is None:
                told[file] = self._ask(more, [file])[file]
        return {case: told[file] for case, file in zip(cases, files)}

    def _ask(self, more: Sequence[str], files: Sequence[str]) -> dict[str, Answer]:
        try:
            done = self._runner((*self._argv, *more, *files), environment=self._environment, timeout=_TIMEOUT)
        except MaintenanceError as error:
            said = str(error).rstrip(".")
            raise MaintenanceError(f"{said}; where it is missing, install the package openssl") from None
        return _told(done, files)

    def _write(self, name: str, certificates: Sequence[bytes]) -> str:
        path = os.path.join(self._folder, f"{name}.pem")
        with open(path, "wb") as stream:
            for certificate in certificates:
                stream.write(b"-----BEGIN CERTIFICATE-----\n")
                stream.write(base64.encodebytes(certificate))
                stream.write(b"-----END CERTIFICATE-----\n")
        return path


def _told(done: Completed, files: Sequence[str]) -> dict[str, Answer]:
    """What openssl said, by file. Errors stand before the line that names their file, since openssl 3."""
    answers: dict[str, Answer] = dict.fromkeys(files)
    fine = [match.group(1) for match in map(_OK.fullmatch, done.stdout.splitlines()) if match]
    answers.update(dict.fromkeys(fine, ()))
    faults: list[Fault] = []
    subject = ""
    for line in done.stderr.splitlines():
        error, failed = _ERROR.fullmatch(line), _FAILED.fullmatch(line)
        if error:
            faults.append(Fault(int(error.group(1)), int(error.group(2)), error.group(3), subject))
        elif failed:
            answers[failed.group(1)] = faults or None
            faults = []
        else:
            subject = line.replace(" = ", "=").strip()
    if len(files) == 1 and faults:
        answers[files[0]] = faults
    return answers
