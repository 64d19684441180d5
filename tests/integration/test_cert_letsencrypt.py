"""cert_expiry on the live folders of Let's Encrypt, as certbot keeps them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.lab import acme
from tests.lab.certificates import DAY, NOW_TEXT, Made, make
from tests.lab.modules import findings_of, run_module

EXPIRY, CHAIN, KEY, READABLE, TRUST = (
    f"certificate.{name}" for name in ("expiry", "chain_expiry", "key_match", "readable", "trust")
)


def look(*paths: Path, **options: Any) -> dict[str, Any]:
    return run_module("cert_expiry", {"paths": [str(path) for path in paths], "now": NOW_TEXT, **options})


def bad(result: dict[str, Any]) -> dict[str, str]:
    """By file name, why something could not be read."""
    return {os.path.basename(one["subject"]): one["message"] for one in findings_of(result, READABLE, status="unknown")}


def lineage(root: Path, name: str, *generations: Made, ca: Made) -> Path:
    """A lineage as certbot leaves it: each generation in archive, links to the newest in live."""
    live, archive = root / "live" / name, root / "archive" / name
    for folder in (live, archive, root / "renewal"):
        folder.mkdir(parents=True, exist_ok=True)
    (root / "live" / "README").write_text("This directory contains your keys and certificates.\n")
    (live / "README").write_text("`privkey.pem`  : the private key for your certificate.\n")
    (root / "renewal" / f"{name}.conf").write_text("version = 2.1.0\n")
    for number, made in enumerate(generations, 1):
        parts = {"cert": made.pem, "chain": ca.pem, "fullchain": made.pem + ca.pem, "privkey": made.key_pem}
        for part, data in parts.items():
            (archive / f"{part}{number}.pem").write_bytes(data)
            link = live / f"{part}.pem"
            link.unlink(missing_ok=True)
            link.symlink_to(f"../../archive/{name}/{part}{number}.pem")
    return live


@pytest.fixture
def letsencrypt(tmp_path: Path, ca: Made) -> Path:
    """Two lineages of two generations each."""
    root = tmp_path / "letsencrypt"
    for name in ("clinic.example", "portal.example"):
        generations = [
            make(name, issuer=ca, days=days, key=ec.generate_private_key(ec.SECP256R1())) for days in (-20, 60)
        ]
        lineage(root, name, *generations, ca=ca)
    return root


@pytest.mark.parametrize("recurse", [False, True])
@pytest.mark.parametrize("place", ["live", "live/clinic.example", "live/*", ""])
def test_the_live_folder(letsencrypt: Path, recurse: bool, place: str) -> None:
    if not place and not recurse:
        assert "no certificate" in bad(look(letsencrypt))["letsencrypt"]
        return
    names = ["clinic.example"] if "clinic" in place else ["clinic.example", "portal.example"]
    result = look(letsencrypt / place, recurse=recurse)
    assert result["summary"]["worst"] == "critical" and bad(result) == {}  # the authority ends
    found = findings_of(result, EXPIRY)
    live = letsencrypt / "live"
    assert [one["status"] for one in found] == ["ok"] * len(names)
    assert {tuple(one["evidence"]["places"]) for one in found} == {
        (f"{live}/{name}/cert.pem", f"{live}/{name}/fullchain.pem") for name in names
    }
    (above,) = findings_of(result, CHAIN)
    assert above["evidence"]["places"] == [
        f"{live}/{name}/{part}.pem" for name in names for part in ("chain", "fullchain")
    ]
    keys = findings_of(result, KEY)
    assert [(one["subject"], one["status"]) for one in keys] == [(f"{live}/{name}/cert.pem", "ok") for name in names]
    assert keys[0]["message"].startswith(f"The private key in {live}/clinic.example/privkey.pem belongs to")


def test_the_parts_of_a_lineage_need_not_lead_anywhere_by_themselves(letsencrypt: Path, ca: Made) -> None:
    (letsencrypt / "ca.pem").write_bytes(ca.pem)
    source = {"path": str(letsencrypt / "live"), "trust_store": str(letsencrypt / "ca.pem")}
    (trust,) = findings_of(look(sources=[source]), TRUST)
    assert (trust["status"], trust["value"]) == ("ok", 2)
    # Where its whole lacks something, that is told, and where somebody uses the part alone.
    (letsencrypt / "ca.pem").write_bytes(make("elsewhere", authority=True).pem)
    assert [one["status"] for one in findings_of(look(sources=[source]), TRUST)] == ["critical"] * 2
    part = {**source, "path": str(letsencrypt / "live/clinic.example/cert.pem")}
    assert [one["status"] for one in findings_of(look(sources=[part]), TRUST)] == ["critical"]


def test_a_lineage_whose_key_is_anothers(letsencrypt: Path) -> None:
    link = letsencrypt / "live/clinic.example/privkey.pem"
    link.unlink()
    link.symlink_to("../../archive/clinic.example/privkey1.pem")
    result = look(letsencrypt / "live")
    assert [one["status"] for one in findings_of(result, KEY)] == ["critical", "ok"]


@pytest.mark.parametrize("part", ["cert", "chain", "fullchain", "privkey"])
def test_a_link_of_a_lineage_that_leads_nowhere(letsencrypt: Path, part: str) -> None:
    (letsencrypt / f"archive/clinic.example/{part}2.pem").unlink()
    result = look(letsencrypt / "live")
    problems = bad(result)
    assert problems.keys() == {f"{part}.pem"}
    assert f"leads nowhere, there is no ../../archive/clinic.example/{part}2.pem" in problems[f"{part}.pem"]
    assert len(findings_of(result, EXPIRY)) == 2


def test_a_lineage_without_its_archive(letsencrypt: Path) -> None:
    shutil.rmtree(letsencrypt / "archive" / "clinic.example")
    result = look(letsencrypt / "live")
    assert bad(result).keys() == {"cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"}
    assert len(findings_of(result, EXPIRY)) == 1


def test_old_generations_count_only_where_they_are_named(letsencrypt: Path) -> None:
    assert {one["status"] for one in findings_of(look(letsencrypt / "archive", recurse=True), EXPIRY)} == {
        "ok",
        "critical",
    }
    (letsencrypt.parent / "archive").mkdir()
    (letsencrypt.parent / "archive" / "old.pem").write_bytes(make("old.example", days=-1).pem)
    result = look(letsencrypt.parent, recurse=True)
    assert "old.example" in {one["message"].split()[0] for one in findings_of(result, EXPIRY, status="critical")}


def test_what_certbot_really_leaves_behind(tmp_path: Path) -> None:
    with acme.world(tmp_path) as world:
        for names in (("clinic.example", "www.clinic.example"), ("portal.example",), ("clinic.example",)):
            world.issue(*names)
        live = world.config_dir / "live"
        assert sorted(path.name for path in live.iterdir()) == ["README", "clinic.example", "portal.example"]
        begins = x509.load_pem_x509_certificate(
            (live / "portal.example" / "cert.pem").read_bytes()
        ).not_valid_before_utc
        now = (begins + DAY).isoformat()
        for place, recurse in ((live, False), (world.config_dir, True)):
            result = look(place, recurse=recurse, now=now)
            assert bad(result) == {}
            assert {tuple(one["evidence"]["places"]) for one in findings_of(result, EXPIRY)} == {
                (f"{live}/{name}/cert.pem", f"{live}/{name}/fullchain.pem")
                for name in ("clinic.example", "portal.example")
            }
            assert [one["status"] for one in findings_of(result, KEY)] == ["ok", "ok"]
        os.replace(
            world.config_dir / "archive/clinic.example/privkey1.pem",
            live.parent / "archive/clinic.example/privkey2.pem",
        )
        assert [one["status"] for one in findings_of(look(live, now=now), KEY)] == ["critical", "ok"]
