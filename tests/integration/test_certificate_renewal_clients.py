"""certificate_renewal with other clients than certbot, which keep their own files or write what services read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.lab import acme
from tests.lab.certificates import bundle, make
from tests.lab.modules import findings_of
from tests.lab.nginx import Nginx, nginx
from tests.lab.renewals import BOX, Box, acted, fresh, outcome

EITHER = pytest.mark.parametrize("apart", [True, False], ids=["apart", "in place"])


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with nginx(tmp_path_factory.mktemp("web") / "nginx") as made:
        yield made


@EITHER
def test_another_client_renews(web: Nginx, tmp_path: Path, apart: bool) -> None:
    box = Box(web, tmp_path, left=20, apart=apart)
    result = box.renew()
    assert outcome(result)["status"] == "ok", outcome(result)["message"]
    assert box.served() == acme.fingerprint(box.certificate.read_bytes()) == box.new.fingerprint
    assert box.key.stat().st_mode & 0o777 == 0o640
    assert box.renew()["actions"] == []


@EITHER
@pytest.mark.parametrize("trouble", ["wrong name", "exit status", "half written"])
def test_another_client_that_fails_is_put_back(web: Nginx, tmp_path: Path, apart: bool, trouble: str) -> None:
    box = Box(web, tmp_path, left=20, apart=apart)
    if trouble == "wrong name":
        box.brings(fresh(name="elsewhere.example"))
    else:
        end = "exit 4" if trouble == "exit status" else "exit 0"
        box.entry["command"] = ["/bin/sh", "-c", f"head -c 300 /dev/zero > {box.issued}; {end}"]
    result = box.renew()
    assert outcome(result)["status"] == "critical" and result["changed"] is False
    assert (box.certificate.read_bytes(), box.key.read_bytes()) == (box.old.pem, box.old.key_pem)
    assert box.served() == box.old.fingerprint


def test_what_another_client_renewed_by_itself_is_put_into_use(web: Nginx, tmp_path: Path) -> None:
    box = Box(web, tmp_path, left=20)
    box.issued.write_bytes(box.new.pem)
    box.issued_key.write_bytes(box.new.key_pem)
    result = box.renew()
    assert acted(result) == [("install", "done")]
    assert box.served() == box.new.fingerprint


def killed(box: Box) -> None:
    """A run that its client killed; nginx still has the old one."""
    with pytest.raises(AssertionError, match="printed no JSON"):
        box.renew()
    assert box.served() == box.old.fingerprint
    (told,) = findings_of(box.renew(mode="check"), "renewal.leftover")
    assert told["status"] == "warning"


@EITHER
def test_what_a_killed_run_obtained_is_not_ordered_again(web: Nginx, tmp_path: Path, apart: bool) -> None:
    """Also where the client wrote what nginx reads, and nobody has looked at it yet."""
    box = Box(web, tmp_path, left=20, apart=apart)
    box.brings(box.new, "kill -9 $PPID")
    killed(box)
    box.entry["command"] = ["/bin/sh", "-c", "exit 9"]
    result = box.renew()
    assert acted(result) == [("install", "done")]
    assert box.served() == box.new.fingerprint == acme.fingerprint(box.certificate.read_bytes())
    assert "this run put it into use" in outcome(result, "renewal.leftover")["message"]
    assert box.renew()["actions"] == []


def test_what_somebody_put_there_after_a_run_was_killed_stays(web: Nginx, tmp_path: Path) -> None:
    """Bought in haste, say; its key may be nowhere else."""
    box = Box(web, tmp_path, left=20)
    box.entry["command"] = ["/bin/sh", "-c", "kill -9 $PPID"]
    killed(box)
    box.put(box.new)
    web.reload()
    result = box.renew()
    assert "somebody has put another one in its place" in outcome(result, "renewal.leftover")["message"]
    assert box.key.read_bytes() == box.new.key_pem and box.served() == box.new.fingerprint
    assert result["actions"] == box.renew()["actions"] == []


def test_a_server_behind_a_load_balancer_is_told_who_connects(web: Nginx, tmp_path: Path) -> None:
    box = Box(web, tmp_path, left=20)
    site = web.folder / "sites" / f"tls-{BOX}.conf"
    site.write_text(site.read_text().replace(f"{web.https_port} ssl", f"{web.https_port} ssl proxy_protocol"))
    web.reload()
    box.entry["endpoints"][0]["proxy_protocol"] = True
    result = box.renew()
    assert outcome(result)["status"] == "ok", outcome(result)["message"]
    assert outcome(result, "renewal.served")["evidence"]["served"] == box.new.fingerprint
    box.remove()


def test_a_server_may_have_certificates_for_two_kinds_of_keys(web: Nginx, tmp_path: Path) -> None:
    """Who asks for no kind is shown the other one."""
    box = Box(web, tmp_path, left=20)
    key = rsa.generate_private_key(65537, 2048)
    old, new = (make(BOX, days=days, lifetime=90, key=key) for days in (20, 89))
    box.put(old)
    box.brings(new)
    other = bundle(tmp_path / "other.pem", box.new)
    (tmp_path / "other.key").write_bytes(box.new.key_pem)
    site = web.folder / "sites" / f"tls-{BOX}.conf"
    more = f"ssl_certificate {other}; ssl_certificate_key {tmp_path}/other.key;"
    site.write_text(site.read_text().replace("location", f"{more} location"))
    web.reload()
    assert outcome(box.renew(mode="check"), "renewal.served")["status"] == "ok"
    result = box.renew()
    assert outcome(result)["status"] == "ok", outcome(result)["message"]
    assert outcome(result, "renewal.served")["evidence"]["served"] == new.fingerprint
    assert box.served() == box.new.fingerprint
    # A service that does not read it is seen as before.
    box.put(old)
    assert outcome(box.renew(mode="validate"), "renewal.served")["status"] == "critical"


@pytest.mark.parametrize("left", ["half", "wrong name", "no name to hold it against"])
def test_what_a_killed_run_left_of_no_use_is_put_back(web: Nginx, tmp_path: Path, left: str) -> None:
    """Of a client that writes what nginx reads. Then it is due as before."""
    box = Box(web, tmp_path, left=20, apart=False)
    if left == "half":
        box.brings(box.new, f"cp {tmp_path}/old.key {box.key}", "kill -9 $PPID")
        (tmp_path / "old.key").write_bytes(box.old.key_pem)
    else:
        box.entry["names"] = [BOX] if left == "wrong name" else []
        box.brings(fresh(name="elsewhere.example"), "kill -9 $PPID")
    killed(box)
    box.entry["command"] = ["/bin/sh", "-c", "exit 9"]
    result = box.renew()
    assert "what was there before it is in place" in outcome(result, "renewal.leftover")["message"]
    assert (box.certificate.read_bytes(), box.key.read_bytes()) == (box.old.pem, box.old.key_pem)
    assert acted(result) == [("renew", "failed")] and box.served() == box.old.fingerprint


def test_what_a_killed_run_left_and_cannot_be_put_into_use_goes_back(web: Nginx, tmp_path: Path) -> None:
    box = Box(web, tmp_path, left=20, apart=False)
    box.brings(box.new, "kill -9 $PPID")
    killed(box)
    box.service(reload=["/bin/sh", "-c", "exit 1"])
    result = box.renew()
    assert outcome(result)["evidence"]["cause"] == "activation"
    assert (box.certificate.read_bytes(), box.key.read_bytes()) == (box.old.pem, box.old.key_pem)
    assert box.served() == box.old.fingerprint
