"""certificate_renewal on hosts that are not as in the book: broken files, one file for all, programs that stay."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import acme
from tests.lab.modules import findings_of
from tests.lab.nginx import Nginx, nginx
from tests.lab.renewals import BOX, Box, fresh, outcome, outcomes


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with nginx(tmp_path_factory.mktemp("web") / "nginx") as made:
        yield made


@pytest.fixture
def box(web: Nginx, tmp_path: Path) -> Iterator[Box]:
    made = Box(web, tmp_path)
    yield made
    made.remove()


def test_one_file_for_certificate_and_key_gets_both(box: Box) -> None:
    """As HAProxy reads them, from a client that keeps them apart."""
    box.certificate.write_bytes(box.old.pem + box.old.key_pem)
    box.certificate.chmod(0o600)
    box.entry["key"] = str(box.certificate)
    box.web.serve(BOX, certificate=box.certificate, key=box.certificate)
    result = box.renew(mode="force")
    assert outcomes(result) == ["ok"], result["findings"]
    assert box.certificate.read_bytes() == box.new.pem + box.new.key_pem
    assert box.served() == box.new.fingerprint
    assert box.renew()["actions"] == []


def test_a_program_that_stays_keeps_no_later_renewal_out(box: Box) -> None:
    """A reload may start a daemon, as reloads of HAProxy do."""
    pid = box.folder / "pid"
    reload = " ".join(box.web.service()["reload"])
    daemon = f"sleep 600 >/dev/null 2>&1 </dev/null & echo $! > {pid}"
    box.service(reload=[box.script("reload", reload, daemon)])
    try:
        assert outcomes(box.renew(mode="force")) == ["ok"]
        assert box.renew().get("failed") is None
    finally:
        os.kill(int(pid.read_text()), signal.SIGTERM)


@pytest.mark.parametrize("broken", ["certificate", "key", "both", "cut off", "other key"])
def test_what_is_broken_is_renewed(box: Box, broken: str) -> None:
    if broken in ("certificate", "both"):
        box.certificate.write_bytes(b"no certificate\n")
    if broken in ("key", "both"):
        box.key.write_bytes(b"no key\n")
    if broken == "cut off":
        box.certificate.write_bytes(box.old.pem[:300])
    if broken == "other key":
        box.key.write_bytes(fresh().key_pem)
    told = box.renew(mode="check")
    (due,) = findings_of(told, "renewal.due")
    assert due["status"] == "warning", due["message"]
    result = box.renew()
    assert outcomes(result) == ["ok"], result["findings"]
    assert box.served() == box.new.fingerprint == acme.fingerprint(box.certificate.read_bytes())
    assert box.renew()["actions"] == []


def test_what_is_broken_is_put_back_as_it_was(box: Box) -> None:
    box.certificate.write_bytes(b"no certificate\n")
    box.entry["names"] = ["elsewhere.example"]
    result = box.renew()
    assert outcomes(result) == ["critical"]
    assert box.certificate.read_bytes() == b"no certificate\n" and box.served() == box.old.fingerprint


def test_what_is_broken_and_put_back_is_not_called_served(box: Box) -> None:
    box.certificate.write_bytes(b"no certificate\n")
    box.service(reload=["/bin/sh", "-c", "exit 1"])
    finding = outcome(box.renew())
    assert "which no service can use" in finding["message"] and "proven" not in finding["message"]
    assert box.certificate.read_bytes() == b"no certificate\n" and box.served() == box.old.fingerprint


def test_validating_tells_what_is_broken(box: Box) -> None:
    box.certificate.write_bytes(b"no certificate\n")
    box.entry["names"] = []
    (finding,) = findings_of(box.renew(mode="validate"), "renewal.valid")
    assert finding["status"] == "critical" and "there is no certificate in PEM form" in finding["message"]


def test_owner_and_permissions_come_back_too(box: Box) -> None:
    """From a client that writes what services read itself, and gives it to somebody else."""
    box.key.chmod(0o640)
    os.chown(box.key, 65534, 65534)
    box.entry |= {"issued_certificate": None, "issued_key": None}
    box.entry["command"] = ["/bin/sh", "-c", f"chmod 600 {box.key}; chown 0:0 {box.key}; exit 1"]
    assert outcomes(box.renew(mode="force")) == ["critical"]
    state = box.key.stat()
    assert (state.st_mode & 0o777, state.st_uid, state.st_gid) == (0o640, 65534, 65534)


def test_who_may_read_the_key_by_its_list_may_do_so_afterwards(box: Box) -> None:
    """Such as PostgreSQL, which would not start with what was put back."""
    name = "system.posix_acl_access"
    # user::rw-, user:33:r--, group::---, mask::r--, other::---, as acl(5) has it in linux/posix_acl_xattr.h
    entries = ((1, 6, 2**32 - 1), (2, 4, 33), (4, 0, 2**32 - 1), (16, 4, 2**32 - 1), (32, 0, 2**32 - 1))
    may_read = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(box.key, name, may_read)
    except OSError:
        pytest.skip("this file system has no such lists")
    box.service(reload=["/bin/sh", "-c", "exit 1"])
    assert outcomes(box.renew(mode="force")) == ["critical"]
    assert (box.key.read_bytes(), os.getxattr(box.key, name)) == (box.old.key_pem, may_read)
    box.service()
    assert outcomes(box.renew(mode="force")) == ["ok"]
    assert (box.key.read_bytes(), os.getxattr(box.key, name)) == (box.new.key_pem, may_read)


def test_one_that_fails_stops_no_other(box: Box) -> None:
    """Whether it is unreadable, refused by its client, or has no files at all."""
    nowhere = {**box.entry, "name": "nowhere", "certificate": "/nowhere/a.pem", "key": "/nowhere/a.key"}
    refused = {**box.entry, "name": "refused", "command": ["/bin/sh", "-c", "exit 7"]}
    lineage = {"name": "nobody.example"}
    entries = [nowhere, refused, lineage, box.entry]
    result = box.renew(mode="force", certificates=entries, certbot_config_dir=str(box.folder))
    told = {finding["subject"]: finding["status"] for finding in findings_of(result, "renewal.outcome")}
    assert told == {"refused": "critical", "box": "ok"} and result["details"]["changed"] == ["box"]
    unknown = {finding["subject"] for finding in findings_of(result, "renewal.due", status="unknown")}
    assert unknown == {"nowhere", "nobody.example"}
    assert box.served() == box.new.fingerprint


def test_a_client_that_says_a_secret_is_not_repeated(box: Box) -> None:
    """Nothing of the keys is in what the module tells, whatever becomes of it."""
    box.entry["command"] = ["/bin/sh", "-c", f"cat {box.key} >&2; exit 1"]
    told = str(box.renew(mode="force"))
    assert all(line not in told for line in box.old.key_pem.decode().splitlines()[1:-1])


def test_a_trust_store_that_is_not_there_costs_no_order(box: Box) -> None:
    box.entry["trust_store"] = str(box.folder / "nowhere.pem")
    result = box.renew(mode="force")
    assert not box.issued.exists(), "nothing may be ordered"
    assert result["summary"]["worst"] in ("unknown", "critical") and result["changed"] is False


def test_what_cannot_be_written_down_is_not_begun(box: Box) -> None:
    (box.folder / "state").mkdir()
    (box.folder / "state" / "box").write_text("a file where the folder should be\n")
    result = box.renew(mode="force")
    assert "could not be written down" in outcome(result)["message"] and box.orders() == 0
    assert outcome(result)["evidence"]["cause"] == "resources"
    assert outcome(result, "renewal.due")["status"] == "ok"


def test_what_cannot_be_put_back_is_not_said_to_be_in_use(web: Nginx, tmp_path: Path) -> None:
    """A client that writes what services read, and leaves what cannot be written to."""
    box = Box(web, tmp_path, left=20, apart=False)
    box.entry["command"] = ["/bin/sh", "-c", f"rm {box.key}; mkdir {box.key}; exit 1"]
    result = box.renew()
    assert outcome(result)["evidence"]["cause"] == "roll_back"
    assert f"{box.key}: Is a directory" in outcome(result)["message"]
    left = outcome(box.renew(), "renewal.leftover")
    assert left["status"] == "critical" and f"{box.key}: Is a directory" in left["message"]
    box.key.rmdir()
    box.entry["command"] = ["/bin/sh", "-c", "exit 1"]
    assert outcome(box.renew(), "renewal.leftover")["status"] == "ok"
    assert (box.certificate.read_bytes(), box.key.read_bytes()) == (box.old.pem, box.old.key_pem)
    box.remove()


def test_names_that_are_none_are_refused(box: Box) -> None:
    box.entry["names"] = ["ä..example"]
    result = box.renew()
    assert result["failed"] is True and "ä..example" in result["msg"]


def test_what_lies_among_the_backups_changes_nothing_about_the_outcome(box: Box) -> None:
    folder = box.folder / "backups" / "box"
    folder.mkdir(parents=True)
    (folder / "0-read-me.txt").write_text("of the administrator\n")
    result = box.renew(mode="force", backups_kept=1)
    assert outcomes(result) == ["ok"] and result["changed"] is True
    assert not findings_of(result, "renewal.due", status="unknown")
    assert (folder / "0-read-me.txt").exists()


def test_an_interrupted_one_that_fails_again_is_tried_once(box: Box) -> None:
    reload = box.web.service()["reload"]
    box.service(reload=["/bin/sh", "-c", "kill -9 $PPID"])
    with pytest.raises(AssertionError):
        box.renew(mode="force")
    count = box.folder / "count"
    box.service(reload=["/bin/sh", "-c", f"echo >> {count}; {' '.join(reload)}; exit 1"])
    result = box.renew()
    assert outcomes(result) == ["critical"], result["findings"]
    assert box.served() == box.old.fingerprint
