"""certificate_renewal on hosts that are not as in the book: broken files, one file for all, programs that stay."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.lab import acme
from tests.lab.certificates import NOW_TEXT, Made, make
from tests.lab.modules import findings_of, run_module
from tests.lab.nginx import ADDRESS, Nginx, nginx

NAME = "box.example"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with nginx(tmp_path_factory.mktemp("web") / "nginx") as made:
        yield made


def fresh(days: float = 89, **more: Any) -> Made:
    return make(NAME, days=days, lifetime=90, key=ec.generate_private_key(ec.SECP256R1()), **more)


class Host:
    """A certificate that nginx serves and a client renews that keeps its own files."""

    def __init__(self, web: Nginx, folder: Path) -> None:
        self.web = web
        self.folder = folder
        self.certificate, self.key = folder / "box.pem", folder / "box.key"
        self.issued, self.issued_key = folder / "issued.pem", folder / "issued.key"
        self.old, self.new = fresh(60), fresh()
        self.put(self.old)
        self.entry: dict[str, Any] = {
            "name": "box",
            "client": "command",
            "command": [str(self.client())],
            "certificate": str(self.certificate),
            "key": str(self.key),
            "issued_certificate": str(self.issued),
            "issued_key": str(self.issued_key),
            "names": [NAME],
            "services": [web.service()],
            "endpoints": [{"host": ADDRESS, "port": web.https_port, "server_name": NAME}],
        }
        web.serve(NAME, certificate=self.certificate, key=self.key)

    def put(self, made: Made) -> None:
        self.certificate.write_bytes(made.pem)
        self.key.write_bytes(made.key_pem)

    def client(self) -> Path:
        """Brings the new certificate."""
        ready = self.folder / "ready"
        ready.mkdir()
        (ready / "box.pem").write_bytes(self.new.pem)
        (ready / "box.key").write_bytes(self.new.key_pem)
        return self.script("client", f"cp {ready}/box.pem {self.issued}", f"cp {ready}/box.key {self.issued_key}")

    def script(self, name: str, *lines: str) -> Path:
        path = self.folder / name
        path.write_text("\n".join(("#!/bin/sh", *lines, "")))
        path.chmod(0o755)
        return path

    def renew(self, **more: Any) -> dict[str, Any]:
        folders = {"state_dir": str(self.folder / "state"), "backup_dir": str(self.folder / "backups")}
        options = {"certificates": [self.entry], "now": NOW_TEXT, "serve_timeout": 5, **folders, **more}
        return run_module("certificate_renewal", options)

    def served(self) -> str:
        return acme.served(ADDRESS, self.web.https_port, NAME)


@pytest.fixture
def host(web: Nginx, tmp_path: Path) -> Iterator[Host]:
    yield Host(web, tmp_path)
    (web.folder / "sites" / f"tls-{NAME}.conf").unlink()
    web.reload()


def outcomes(result: dict[str, Any]) -> list[str]:
    return [finding["status"] for finding in findings_of(result, "renewal.outcome")]


def test_one_file_for_certificate_and_key_gets_both(host: Host) -> None:
    """As HAProxy reads them, from a client that keeps them apart."""
    host.certificate.write_bytes(host.old.pem + host.old.key_pem)
    host.certificate.chmod(0o600)
    host.entry["key"] = str(host.certificate)
    host.web.serve(NAME, certificate=host.certificate, key=host.certificate)
    result = host.renew(mode="force")
    assert outcomes(result) == ["ok"], result["findings"]
    assert host.certificate.read_bytes() == host.new.pem + host.new.key_pem
    assert host.served() == host.new.fingerprint
    assert host.renew()["actions"] == []


def test_a_program_that_stays_keeps_no_later_renewal_out(host: Host) -> None:
    """A reload may start a daemon, as reloads of HAProxy do."""
    pid = host.folder / "pid"
    reload = " ".join(host.web.service()["reload"])
    daemon = f"sleep 600 >/dev/null 2>&1 </dev/null & echo $! > {pid}"
    host.entry["services"] = [{**host.web.service(), "reload": [str(host.script("reload", reload, daemon))]}]
    try:
        assert outcomes(host.renew(mode="force")) == ["ok"]
        assert host.renew().get("failed") is None
    finally:
        os.kill(int(pid.read_text()), signal.SIGTERM)


@pytest.mark.parametrize("broken", ["certificate", "key", "both", "cut off", "other key"])
def test_what_is_broken_is_renewed(host: Host, broken: str) -> None:
    if broken in ("certificate", "both"):
        host.certificate.write_bytes(b"no certificate\n")
    if broken in ("key", "both"):
        host.key.write_bytes(b"no key\n")
    if broken == "cut off":
        host.certificate.write_bytes(host.old.pem[:300])
    if broken == "other key":
        host.key.write_bytes(fresh().key_pem)
    told = host.renew(mode="check")
    (due,) = findings_of(told, "renewal.due")
    assert due["status"] == "warning", due["message"]
    result = host.renew()
    assert outcomes(result) == ["ok"], result["findings"]
    assert host.served() == host.new.fingerprint == acme.fingerprint(host.certificate.read_bytes())
    assert host.renew()["actions"] == []


def test_what_is_broken_is_put_back_as_it_was(host: Host) -> None:
    host.certificate.write_bytes(b"no certificate\n")
    host.entry["names"] = ["elsewhere.example"]
    result = host.renew()
    assert outcomes(result) == ["critical"]
    assert host.certificate.read_bytes() == b"no certificate\n" and host.served() == host.old.fingerprint


def test_what_is_broken_and_put_back_is_not_called_served(host: Host) -> None:
    host.certificate.write_bytes(b"no certificate\n")
    host.entry["services"] = [{**host.web.service(), "reload": ["/bin/sh", "-c", "exit 1"]}]
    (finding,) = findings_of(host.renew(), "renewal.outcome")
    assert "which no service can use" in finding["message"] and "proven" not in finding["message"]
    assert host.certificate.read_bytes() == b"no certificate\n" and host.served() == host.old.fingerprint


def test_validating_tells_what_is_broken(host: Host) -> None:
    host.certificate.write_bytes(b"no certificate\n")
    host.entry["names"] = []
    (finding,) = findings_of(host.renew(mode="validate"), "renewal.valid")
    assert finding["status"] == "critical" and "there is no certificate in PEM form" in finding["message"]


def test_owner_and_permissions_come_back_too(host: Host) -> None:
    """From a client that writes what services read itself, and gives it to somebody else."""
    host.key.chmod(0o640)
    os.chown(host.key, 65534, 65534)
    host.entry |= {"issued_certificate": None, "issued_key": None}
    host.entry["command"] = ["/bin/sh", "-c", f"chmod 600 {host.key}; chown 0:0 {host.key}; exit 1"]
    assert outcomes(host.renew(mode="force")) == ["critical"]
    state = host.key.stat()
    assert (state.st_mode & 0o777, state.st_uid, state.st_gid) == (0o640, 65534, 65534)


def test_one_that_fails_stops_no_other(host: Host) -> None:
    """Whether it is unreadable, refused by its client, or has no files at all."""
    nowhere = {**host.entry, "name": "nowhere", "certificate": "/nowhere/a.pem", "key": "/nowhere/a.key"}
    refused = {**host.entry, "name": "refused", "command": ["/bin/sh", "-c", "exit 7"]}
    lineage = {"name": "nobody.example"}
    entries = [nowhere, refused, lineage, host.entry]
    result = host.renew(mode="force", certificates=entries, certbot_config_dir=str(host.folder))
    told = {finding["subject"]: finding["status"] for finding in findings_of(result, "renewal.outcome")}
    assert told == {"refused": "critical", "box": "ok"} and result["details"]["changed"] == ["box"]
    unknown = {finding["subject"] for finding in findings_of(result, "renewal.due", status="unknown")}
    assert unknown == {"nowhere", "nobody.example"}
    assert host.served() == host.new.fingerprint


def test_a_client_that_says_a_secret_is_not_repeated(host: Host) -> None:
    """Nothing of the keys is in what the module tells, whatever becomes of it."""
    host.entry["command"] = ["/bin/sh", "-c", f"cat {host.key} >&2; exit 1"]
    told = str(host.renew(mode="force"))
    assert all(line not in told for line in host.old.key_pem.decode().splitlines()[1:-1])


def test_a_trust_store_that_is_not_there_costs_no_order(host: Host) -> None:
    host.entry["trust_store"] = str(host.folder / "nowhere.pem")
    result = host.renew(mode="force")
    assert not host.issued.exists(), "nothing may be ordered"
    assert result["summary"]["worst"] in ("unknown", "critical") and result["changed"] is False


def test_names_that_are_none_are_refused(host: Host) -> None:
    host.entry["names"] = ["ä..example"]
    result = host.renew()
    assert result["failed"] is True and "ä..example" in result["msg"]


def test_what_lies_among_the_backups_changes_nothing_about_the_outcome(host: Host) -> None:
    folder = host.folder / "backups" / "box"
    folder.mkdir(parents=True)
    (folder / "0-read-me.txt").write_text("of the administrator\n")
    result = host.renew(mode="force", backups_kept=1)
    assert outcomes(result) == ["ok"] and result["changed"] is True
    assert not findings_of(result, "renewal.due", status="unknown")
    assert (folder / "0-read-me.txt").exists()


def test_an_interrupted_one_that_fails_again_is_tried_once(host: Host) -> None:
    reload = host.web.service()["reload"]
    host.entry["services"] = [{**host.web.service(), "reload": ["/bin/sh", "-c", "kill -9 $PPID"]}]
    with pytest.raises(AssertionError):
        host.renew(mode="force")
    count = host.folder / "count"
    host.entry["services"] = [
        {**host.web.service(), "reload": ["/bin/sh", "-c", f"echo >> {count}; {' '.join(reload)}; exit 1"]}
    ]
    result = host.renew()
    assert outcomes(result) == ["critical"], result["findings"]
    assert host.served() == host.old.fingerprint
