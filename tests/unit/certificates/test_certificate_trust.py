"""What is made of openssl's words, and of stores that are none. That openssl says them is proven with the real one."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

import pytest
from cryptography import x509

from ansible_collections.careops.maintenance.plugins.module_utils.certificates import library, stores
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.check import check
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.policy import Policy
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.sources import Source
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.untrusted import Trouble, describe
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.verify import Fault
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.findings import Finding
from ansible_collections.careops.maintenance.plugins.module_utils.runner import Completed, Runner
from tests.lab.certificates import NOW, Made, authority, make


def read(made: Made) -> library.Certificate:
    return library.Reader().read(made.der)[1]


def faults(*codes: tuple[int, int]) -> list[Fault]:
    return [Fault(code, depth, f"words of {code}", "CN=As openssl shows it") for code, depth in codes]


@pytest.mark.parametrize(
    ("codes", "proven", "reason", "part"),
    [
        ([(20, 0)], False, "missing_intermediate", "is neither there nor in the store"),
        ([(20, 0)], True, "missing_intermediate", "does not send its intermediate, the certificate of CN=Middle"),
        ([(20, 1)], False, "unknown_authority", "unknown authority, CN=Top"),
        ([(2, 1)], True, "missing_intermediate", "the certificate of CN=Top"),
        ([(19, 1)], False, "unknown_authority", "unknown authority, CN=Middle"),
        ([(18, 0)], False, "self_signed", "self-signed"),
        ([(7, 0)], False, "bad_signature", "The signature of a.example"),
        ([(7, 1)], False, "bad_signature", "The signature of CN=As openssl shows it"),
        ([(26, 0)], False, "wrong_purpose", "a.example in clinic:443 has the wrong purpose"),
        ([(24, 1)], False, "no_authority", "issued by CN=As openssl shows it"),
        ([(79, 1)], False, "no_authority", "do not let it issue anything"),
        ([(10, 0)], False, "expired", "has expired"),
        ([(10, 1)], False, "expired", "needs CN=As openssl shows it, which has expired"),
        ([(9, 0)], False, "not_yet_valid", "is not valid yet"),
        ([(47, 0)], False, "invalid", "'words of 47'"),
        # The graver is told, whatever openssl says first.
        ([(10, 0), (20, 0)], False, "missing_intermediate", "is neither there"),
        ([(10, 1), (7, 0)], False, "bad_signature", "was not made by the key"),
        ([(10, 1), (18, 0)], False, "self_signed", "self-signed"),
        ([(10, 1), (9, 0)], False, "not_yet_valid", "is not valid yet"),
        ([(10, 0), (47, 0)], False, "invalid", "words of 47"),
    ],
)
def test_reasons(codes: list[tuple[int, int]], proven: bool, reason: str, part: str) -> None:
    middle = authority("Middle", issuer=authority("Top"))
    trouble = Trouble(
        place="clinic:443",
        served=True,
        store="/store.pem",
        leaf=read(make("a.example", issuer=middle)),
        others=[read(middle)],
        faults=faults(*codes),
        proven=proven,
    )
    told, message = describe(trouble)
    assert told == reason
    assert part in message
    assert message.endswith(".") and "\n" not in message


def test_a_host_without_a_store() -> None:
    with pytest.raises(MaintenanceError, match="install the package ca-certificates"):
        stores.find("system", system_stores=["/nonexistent/certs"])


def test_what_the_host_keeps_beside_its_store_is_not_in_it(tmp_path: Path) -> None:
    (tmp_path / "snakeoil.pem").write_bytes(authority().pem)
    with pytest.raises(MaintenanceError, match="ca-certificates"):
        stores.find("system", system_stores=[str(tmp_path)])
    (tmp_path / "0123abcd.0").symlink_to("snakeoil.pem")
    assert stores.find("system", system_stores=[str(tmp_path)]).folder == str(tmp_path)


def test_a_store_without_read_access_is_told_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "link.pem").symlink_to("nowhere.pem")
    with pytest.raises(MaintenanceError, match=str(tmp_path / "store")):
        stores.find(str(tmp_path / "store"))


def saying(out: str, err: str = "") -> Runner:
    def runner(
        argv: Sequence[str],
        *,
        environment: Optional[Mapping[str, str]] = None,
        stdin: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Completed:
        leaf = argv[-1]
        return Completed(2, out.format(leaf=leaf), err.format(leaf=leaf))

    return runner


@pytest.mark.parametrize(
    ("out", "err", "status"),
    [
        ("{leaf}: OK\n", "", "ok"),
        ("", "", "unknown"),
        ("", "Segmentation fault\n", "unknown"),
        ("", "error {leaf}: verification failed\n", "unknown"),
        ("", "CN = x\nerror 10 at 0 depth lookup: expired\nerror {leaf}: verification failed\n", "critical"),
        # As openssl 1.1.1 says it, and openssl 3.2.
        ("error {leaf}: verification failed\n", "CN = x\nerror 18 at 0 depth lookup: self signed\n", "critical"),
        ("", "CN=x\nerror 18 at 0 depth lookup:self signed\nerror {leaf}: verification failed\n", "critical"),
        # One fault that openssl forgives while it goes on is still a fault.
        (
            "",
            "error 10 at 0 depth lookup: e\nerror 20 at 0 depth lookup: u\nerror {leaf}: verification failed\n",
            "critical",
        ),
    ],
)
def test_never_ok_but_where_openssl_says_so(tmp_path: Path, out: str, err: str, status: str) -> None:
    (finding,) = trust(tmp_path, saying(out, err))
    assert finding.status == status


def test_openssl_1_1_does_not_say_which_fault_is_whose(tmp_path: Path) -> None:
    """It names the files that failed on the one stream, and why on the other, with nothing to tell them apart."""
    calls = []

    def runner(argv: Sequence[str], **_unused: object) -> Completed:
        files = [one for one in argv if re.search(r"/\d+-\d+\.pem$", one)]
        calls.append(len(files))
        out, err = [], []
        for file in files:
            name = x509.load_pem_x509_certificate(Path(file).read_bytes()).subject.rfc4514_string()
            if name == "CN=good.example":
                out.append(f"{file}: OK\n")
                continue
            out.append(f"error {file}: verification failed\n")
            code = 10 if name == "CN=old.example" else 18
            err.append(f"{name.replace('=', ' = ')}\nerror {code} at 0 depth lookup: words\n" * 2)
        return Completed(2, "".join(out), "".join(err))

    folder, store = tmp_path / "certs", tmp_path / "store.pem"
    folder.mkdir()
    store.write_bytes(authority().pem)
    for name in ("alone", "good", "old"):
        (folder / f"{name}.pem").write_bytes(make(f"{name}.example").pem)
    outcome = check(Policy(sources=[Source(str(folder))], trust_store=str(store)), now=NOW, runner=runner)
    told = [(one.subject, one.evidence.get("reason")) for one in outcome.findings if one.check == "certificate.trust"]
    assert told == [(f"{folder}/alone.pem", "self_signed"), (f"{folder}/old.pem", "expired"), (str(folder), None)]
    assert calls == [3, 1, 1]


def trust(tmp_path: Path, runner: Runner) -> list[Finding]:
    path, store = tmp_path / "a.pem", tmp_path / "store.pem"
    path.write_bytes(make(issuer=authority()).pem)
    store.write_bytes(authority().pem)
    outcome = check(Policy(sources=[Source(str(path))], trust_store=str(store)), now=NOW, runner=runner)
    return [finding for finding in outcome.findings if finding.check == "certificate.trust"]


def test_an_openssl_that_hangs_is_unknown(tmp_path: Path) -> None:
    def runner(argv: Sequence[str], **_unused: object) -> Completed:
        raise MaintenanceError(f"The program {argv[0]} did not end within 120 seconds.")

    (finding,) = trust(tmp_path, runner)
    assert finding.status == "unknown" and "did not end" in finding.message


def test_folders_of_killed_runs_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    dead, alive = (tmp_path / "tmp" / f"careops-trust-{pid}-x" for pid in (gone.pid, os.getpid()))
    for folder in (dead, alive):
        folder.mkdir()
        (folder / "0-0.pem").write_text("")
    trust(tmp_path, saying("{leaf}: OK\n"))
    assert sorted((tmp_path / "tmp").iterdir()) == [alive]
