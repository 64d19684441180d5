"""certificate_renewal with lineages as they are on hosts that many hands have been at."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.lab import acme
from tests.lab.acme import World
from tests.lab.certificates import make
from tests.lab.modules import findings_of, run_module

NAME = "ward.example"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with acme.world(tmp_path_factory.mktemp("acme")) as made:
        made.issue(NAME)
        made.serve(NAME)
        yield made


class Ward:
    """A lineage that nginx serves, with notes and backups that only this test has."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.before = world.on_disk(NAME)
        self.conf = world.config_dir / "renewal" / f"{NAME}.conf"

    def renew(self, *, env: dict[str, str] | None = None, mode: str = "force", **more: Any) -> dict[str, Any]:
        kept = {"state_dir": str(self.folder / "state"), "backup_dir": str(self.folder / "backups")}
        entry = self.world.certificate(NAME, **more)
        options = self.world.options(entry, mode=mode, serve_timeout=5, **kept)
        return run_module("certificate_renewal", options, env={**self.world.environment(), **(env or {})})

    def file(self, kind: str) -> Path:
        return (self.world.live(NAME) / f"{kind}.pem").resolve()

    def set(self, line: str) -> None:
        """As certbot writes it."""
        self.conf.write_text(self.conf.read_text().replace("[renewalparams]\n", f"[renewalparams]\n{line}\n"))

    def script(self, path: Path, *lines: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(("#!/bin/sh", *lines, "")))
        path.chmod(0o755)
        return path


@pytest.fixture
def ward(world: World, tmp_path: Path) -> Iterator[Ward]:
    made = Ward(world, tmp_path)
    conf = made.conf.read_text()
    yield made
    made.conf.write_text(conf)
    assert world.on_disk(NAME) == world.served(NAME)


def renewed(ward: Ward, result: dict[str, Any]) -> None:
    (outcome,) = findings_of(result, "renewal.outcome")
    assert outcome["status"] == "ok", outcome["message"]
    assert ward.world.served(NAME) == ward.world.on_disk(NAME) != ward.before


@pytest.mark.parametrize("written", ["'sh -c \"echo told > {}\"'  # by hand", '"echo told > {}; echo a, b"'])
def test_a_deploy_hook_in_quotes_is_what_it_is_for_certbot(ward: Ward, written: str) -> None:
    told = ward.folder / "told"
    ward.set(f"renew_hook = {written.format(told)}")
    renewed(ward, ward.renew())
    assert told.read_text() == "told\n"


def test_a_configuration_that_certbot_does_not_read_is_told(ward: Ward) -> None:
    ward.conf.write_bytes(ward.conf.read_bytes() + b"# B\xfccher\n")  # of a time before UTF-8
    (outcome,) = findings_of(ward.renew(), "renewal.outcome")
    assert (outcome["status"], outcome["evidence"]["cause"]) == ("critical", "setup")
    assert not (ward.folder / "state" / NAME / "journal.json").exists()


def test_a_hook_of_every_lineage_sees_no_certificate_that_nobody_has_looked_at(ward: Ward) -> None:
    """Certbot's cli.ini may name one; it would be run on the copy."""
    seen = ward.folder / "seen"
    ini = ward.folder / "config" / "letsencrypt" / "cli.ini"
    ini.parent.mkdir(parents=True)
    ini.write_text(f"deploy-hook = echo $RENEWED_LINEAGE >> {seen}\n")
    renewed(ward, ward.renew(env={"XDG_CONFIG_HOME": str(ward.folder / "config")}))
    assert not seen.exists()


def test_hooks_before_and_after_an_order_are_run(ward: Ward) -> None:
    """Such as those that free the port for certbot's own server."""
    folder, seen = ward.world.config_dir / "renewal-hooks", ward.folder / "seen"
    hooks = [ward.script(folder / when / "note", f"echo {when} >> {seen}") for when in ("pre", "post")]
    renewed(ward, ward.renew())
    assert seen.read_text() == "pre\npost\n"
    for hook in hooks:
        hook.unlink()


def test_files_in_the_place_of_links_are_told_at_once_and_can_be_mended(ward: Ward) -> None:
    live = ward.world.live(NAME)
    links = ward.world.links(NAME)
    copy = ward.folder / "flat"
    shutil.copytree(live, copy, symlinks=False)
    for name in links:
        (live / name).unlink()
        shutil.copy(copy / name, live / name)
    for mode in ("auto", "force", "validate"):
        result = ward.renew(mode=mode)
        (finding,) = [row for row in result["findings"] if row["check"] in ("renewal.due", "renewal.valid")]
        assert finding["status"] == "unknown" and "put the links back" in finding["message"]
    assert not (ward.folder / "state" / NAME).exists(), "nothing was begun"
    for name, target in links.items():
        (live / name).unlink()
        (live / name).symlink_to(target)
    renewed(ward, ward.renew())


def test_a_name_that_policy_adds_is_got(ward: Ward) -> None:
    names = [NAME, "new.ward.example"]
    renewed(ward, ward.renew(mode="auto", names=names))
    loaded = x509.load_pem_x509_certificate(ward.file("cert").read_bytes())
    held = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(held.get_values_for_type(x509.DNSName)) == sorted(names)
    assert ward.renew(mode="auto", names=names)["actions"] == []
    again = ward.world.certbot("renew", "--cert-name", NAME)
    assert "not yet due" in again.stdout


@pytest.mark.parametrize("broken", ["certificate", "key", "other key"])
@pytest.mark.parametrize("reused", [False, True], ids=["new key", "key reused"])
def test_a_broken_lineage_is_renewed(ward: Ward, broken: str, reused: bool) -> None:
    if reused:
        ward.set("reuse_key = True")
    if broken == "certificate":
        ward.file("fullchain").write_bytes(b"no certificate\n")
        ward.file("cert").write_bytes(b"no certificate\n")
    else:
        other = make("x", key=ec.generate_private_key(ec.SECP256R1())).key_pem
        ward.file("privkey").write_bytes(b"no key\n" if broken == "key" else other)
    if broken == "certificate":
        nameless = ward.renew(mode="auto")
        assert "set names" in nameless["findings"][-2]["message"], nameless["findings"]
    renewed(ward, ward.renew(mode="auto", names=[NAME]))
    assert ward.renew(mode="auto", names=[NAME])["actions"] == []


def test_a_timer_of_certbot_that_renews_meanwhile_wins(ward: Ward) -> None:
    """Between the new certificate's way into the archive and its reload, which is the worst moment."""
    world, count = ward.world, ward.folder / "count"
    service = world.nginx.service()
    timer = f"certbot renew --cert-name {NAME} --force-renewal --non-interactive --no-random-sleep-on-renew"
    for option, folder in (("config", "letsencrypt"), ("work", "certbot-work"), ("logs", "certbot-logs")):
        timer += f" --{option}-dir {world.folder / folder}"
    service["config_test"] = [
        str(
            ward.script(
                ward.folder / "test",
                f"echo x >> {count}",
                f'[ "$(wc -l < {count})" -ne 2 ] || {timer} >&2 || exit 1',
                f"exec {' '.join(service['config_test'])}",
            )
        )
    ]
    ward.renew(services=[service])
    assert world.served(NAME) == world.on_disk(NAME) != ward.before
    assert len({target[-5] for target in world.links(NAME).values()}) == 1
    assert not (ward.folder / "state" / NAME / "journal.json").exists()
    assert ward.renew(mode="auto")["actions"] == []
