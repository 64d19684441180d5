"""certificate_renewal with lineages as they are on hosts that many hands have been at."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.lab import renewals
from tests.lab.acme import World
from tests.lab.certificates import make
from tests.lab.renewals import Ward, outcome, script

NAME = "ward.example"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with renewals.serving(tmp_path_factory.mktemp("acme"), NAME) as made:
        yield made


@pytest.fixture
def ward(world: World, tmp_path: Path) -> Iterator[Ward]:
    made = Ward(world, NAME, tmp_path)
    conf = made.conf.read_text()
    yield made
    made.conf.write_text(conf)
    assert world.on_disk(NAME) == world.served(NAME)


def renewed(ward: Ward, result: dict[str, Any]) -> None:
    assert outcome(result)["status"] == "ok", outcome(result)["message"]
    assert ward.is_renewed()


def add(ward: Ward, line: str) -> None:
    """To the lineage's renewal configuration, as certbot writes it."""
    ward.conf.write_text(ward.conf.read_text().replace("[renewalparams]\n", f"[renewalparams]\n{line}\n"))


@pytest.mark.parametrize("written", ["'sh -c \"echo told > {}\"'  # by hand", '"echo told > {}; echo a, b"'])
def test_a_deploy_hook_in_quotes_is_what_it_is_for_certbot(ward: Ward, written: str) -> None:
    told = ward.folder / "told"
    add(ward, f"renew_hook = {written.format(told)}")
    renewed(ward, ward.renew())
    assert told.read_text() == "told\n"


def test_a_configuration_that_certbot_does_not_read_is_told(ward: Ward) -> None:
    ward.conf.write_bytes(ward.conf.read_bytes() + b"# B\xfccher\n")  # of a time before UTF-8
    finding = outcome(ward.renew())
    assert (finding["status"], finding["evidence"]["cause"]) == ("critical", "setup")
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
    hooks = [script(folder / when / "note", f"echo {when} >> {seen}") for when in ("pre", "post")]
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
    renewed(ward, ward.renew(mode="auto", certificate={"names": names}))
    loaded = x509.load_pem_x509_certificate(ward.file("cert").read_bytes())
    held = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(held.get_values_for_type(x509.DNSName)) == sorted(names)
    assert ward.renew(mode="auto", certificate={"names": names})["actions"] == []
    again = ward.world.certbot("renew", "--cert-name", NAME)
    assert "not yet due" in again.stdout


@pytest.mark.parametrize("broken", ["certificate", "key", "other key"])
@pytest.mark.parametrize("reused", [False, True], ids=["new key", "key reused"])
def test_a_broken_lineage_is_renewed(ward: Ward, broken: str, reused: bool) -> None:
    if reused:
        add(ward, "reuse_key = True")
    if broken == "certificate":
        ward.file("fullchain").write_bytes(b"no certificate\n")
        ward.file("cert").write_bytes(b"no certificate\n")
    else:
        other = make("x", key=ec.generate_private_key(ec.SECP256R1())).key_pem
        ward.file("privkey").write_bytes(b"no key\n" if broken == "key" else other)
    if broken == "certificate":
        nameless = ward.renew(mode="auto")
        assert "set names" in nameless["findings"][-2]["message"], nameless["findings"]
    renewed(ward, ward.renew(mode="auto", certificate={"names": [NAME]}))
    assert ward.renew(mode="auto", certificate={"names": [NAME]})["actions"] == []


def test_a_timer_of_certbot_that_renews_meanwhile_wins(ward: Ward) -> None:
    """Between the new certificate's way into the archive and its reload, which is the worst moment."""
    world = ward.world
    timer = f"certbot renew --cert-name {NAME} --force-renewal --non-interactive --no-random-sleep-on-renew"
    for option, folder in (("config", "letsencrypt"), ("work", "certbot-work"), ("logs", "certbot-logs")):
        timer += f" --{option}-dir {world.folder / folder}"
    ward.service(config_test=[ward.on_the_second_call(f"{timer} >&2 || exit 1")])
    ward.renew(env={"REQUESTS_CA_BUNDLE": str(world.acme_ca)})
    assert ward.is_renewed()
    assert len({target[-5] for target in world.links(NAME).values()}) == 1
    assert not (ward.folder / "state" / NAME / "journal.json").exists()
    assert ward.renew(mode="auto")["actions"] == []
