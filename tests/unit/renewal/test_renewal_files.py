"""Lineages, backups, notes and staged configurations on a real file system."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.renewal import backup
from ansible_collections.careops.maintenance.plugins.module_utils.renewal.certbot import CertbotFiles, staged_conf
from ansible_collections.careops.maintenance.plugins.module_utils.renewal.journal import Journal, is_locked, locked
from ansible_collections.careops.maintenance.plugins.module_utils.renewal.lineage import KINDS, Lineage, unquoted
from ansible_collections.careops.maintenance.plugins.module_utils.renewal.policy import Certbot, Wanted
from ansible_collections.careops.maintenance.plugins.module_utils.renewal.store import OrderFailed
from ansible_collections.careops.maintenance.plugins.module_utils.runner import Completed
from tests.lab.certificates import NOW, Made, make

NAME = "clinic.example"


def generation(archive: Path, number: int, made: Made) -> None:
    archive.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        (archive / f"{kind}{number}.pem").write_bytes(made.key_pem if kind == "privkey" else made.pem)


def lineage(config: Path, *numbers: int) -> Lineage:
    """A lineage with these generations, the links at the last of them."""
    live = config / "live" / NAME
    live.mkdir(parents=True)
    for number in numbers:
        generation(config / "archive" / NAME, number, make(NAME))
    for kind in KINDS:
        (live / f"{kind}.pem").symlink_to(f"../../archive/{NAME}/{kind}{numbers[-1]}.pem")
    (config / "renewal").mkdir()
    (config / "renewal" / f"{NAME}.conf").write_text(conf(config))
    return Lineage(str(config), NAME)


def conf(config: Path) -> str:
    lines = [f"{kind} = {config}/live/{NAME}/{kind}.pem" for kind in KINDS]
    return "\n".join(
        [
            "version = 2.1.0",
            f"archive_dir = {config}/archive/{NAME}",
            *lines,
            "[renewalparams]",
            "authenticator = webroot",
            "installer = nginx",
            "server = https://ca.example/dir",
            "renew_hook = systemctl restart everything",
            "[[webroot_map]]",
            f"{NAME} = /var/www",
            "",
        ]
    )


def targets(config: Path) -> set[str]:
    return {os.readlink(config / "live" / NAME / f"{kind}.pem") for kind in KINDS}


def test_a_generation_is_taken_over_once_and_switched_to(tmp_path: Path) -> None:
    real, other = lineage(tmp_path / "real", 1, 4), lineage(tmp_path / "other", 4, 5)
    key = tmp_path / "real" / "archive" / NAME / "privkey4.pem"
    key.chmod(0o640)
    assert real.current() == 4
    assert real.add(other, 5) == 5 == real.add(other, 5)
    real.switch(5)
    assert targets(tmp_path / "real") == {f"../../archive/{NAME}/{kind}5.pem" for kind in KINDS}
    assert stat.S_IMODE(key.with_name("privkey5.pem").stat().st_mode) == 0o640
    assert real.present().fingerprint == other.generation(5).fingerprint  # type: ignore[union-attr]
    real.drop(5)
    assert real.numbers() == [1, 4] and real.generation(5) is None


def test_files_in_the_place_of_links_are_told(tmp_path: Path) -> None:
    real = lineage(tmp_path, 1)
    cert = tmp_path / "live" / NAME / "cert.pem"
    cert.unlink()
    cert.write_bytes(make(NAME).pem)
    with pytest.raises(MaintenanceError, match="replaced certbot's links by files"):
        real.current()


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("systemctl reload nginx", "systemctl reload nginx"),
        ("", ""),
        ("systemctl reload nginx  # by hand", "systemctl reload nginx"),
        ("'sh -c \"x y\"'", 'sh -c "x y"'),
        ('"a, b # c"', "a, b # c"),
        ("'''sh -c \"x\" && echo 'z''''", "sh -c \"x\" && echo 'z'"),
        ('""', ""),
    ],
)
def test_values_are_what_certbot_means_by_them(written: str, value: str) -> None:
    assert unquoted(written) == value


def test_settings_are_of_one_line_each(tmp_path: Path) -> None:
    real = lineage(tmp_path, 1)
    Path(real.conf_path).write_text("[renewalparams]\nempty =\nserver = x\npre_hook = None\n")
    assert real.settings() == {"empty": "", "server": "x"}


def test_the_staged_configuration_has_its_own_files_and_deploys_nothing() -> None:
    made = staged_conf(conf(Path("/etc/letsencrypt")), archive="/state/archive", live="/state/live")
    assert "/etc/letsencrypt" not in made
    assert "archive_dir = /state/archive\n" in made and "fullchain = /state/live/fullchain.pem\n" in made
    assert "renew_hook" not in made and "installer" not in made
    assert "server = https://ca.example/dir" in made and f"{NAME} = /var/www" in made
    first = staged_conf("[renewalparams]\nrenew_hook = x\nserver = y\n", archive="/b", live="/c")
    assert first.endswith("[renewalparams]\nserver = y\n"), "the line that goes takes no other with it"
    assert staged_conf("cert = /a\n[renewalparams]\n", archive="/b", live="/c").startswith("archive_dir = /b\n")


def certbot_files(tmp_path: Path) -> CertbotFiles:
    certbot = Certbot(config_dir=str(tmp_path / "real"))
    return CertbotFiles(Wanted(name=NAME), certbot=certbot, folder=str(tmp_path / "state"))


def staged(tmp_path: Path, files: CertbotFiles, made: Made) -> Path:
    """As certbot leaves the copy after an order."""
    files._stage()
    archive = tmp_path / "state" / "staged" / "archive" / NAME
    generation(archive, 2, made)
    return archive


@pytest.mark.parametrize("switched", range(len(KINDS) + 1))
def test_whatever_was_done_by_half_is_undone(tmp_path: Path, switched: int) -> None:
    """As if the process had ended after each of the links; and in the middle of the archive's files."""
    real = lineage(tmp_path / "real", 1)
    files = certbot_files(tmp_path)
    before = {path.name: path.read_bytes() for path in (tmp_path / "real" / "archive" / NAME).iterdir()}
    kept = backup.take(str(tmp_path / "backups"), now=NOW, fill=files.back_up)
    staged(tmp_path, files, make(NAME))
    files.install()
    for kind in KINDS[switched:]:
        link = tmp_path / "real" / "live" / NAME / f"{kind}.pem"
        link.unlink()
        link.symlink_to(f"../../archive/{NAME}/{kind}1.pem")
    if switched == 0:
        (tmp_path / "real" / "archive" / NAME / "fullchain2.pem").unlink()
    for _again in range(2):
        files.restore(kept)
        assert targets(tmp_path / "real") == {f"../../archive/{NAME}/{kind}1.pem" for kind in KINDS}
        assert {path.name: path.read_bytes() for path in (tmp_path / "real" / "archive" / NAME).iterdir()} == before
    assert real.current() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_client_left_by_half_is_in_nobodys_way(tmp_path: Path, kind: str) -> None:
    """As a full disk leaves it, or a client that was killed; the way back must not rest on it."""
    real = lineage(tmp_path / "real", 1)
    files = certbot_files(tmp_path)
    kept = backup.take(str(tmp_path / "backups"), now=NOW, fill=files.back_up)
    (staged(tmp_path, files, make(NAME)) / f"{kind}2.pem").unlink()
    files.restore(kept)
    assert files.obtained() is None and real.numbers() == [1] and real.current() == 1


def test_a_renewal_of_somebody_else_meanwhile_stays(tmp_path: Path) -> None:
    real = lineage(tmp_path / "real", 1)
    files = certbot_files(tmp_path)
    kept = backup.take(str(tmp_path / "backups"), now=NOW, fill=files.back_up)
    staged(tmp_path, files, make(NAME))
    theirs = make(NAME)
    generation(tmp_path / "real" / "archive" / NAME, 2, theirs)
    real.switch(2)
    files.restore(kept)
    assert real.present().fingerprint == theirs.fingerprint


def test_lost_files_come_back_from_the_backup(tmp_path: Path) -> None:
    real = lineage(tmp_path / "real", 3)
    files = certbot_files(tmp_path)
    before = real.present().fingerprint
    kept = backup.take(str(tmp_path / "backups"), now=NOW, fill=files.back_up)
    for path in [*(tmp_path / "real" / "archive" / NAME).iterdir(), *(tmp_path / "real" / "renewal").iterdir()]:
        path.unlink()
    files.restore(kept)
    assert real.present().fingerprint == before and real.current() == 3


def test_what_is_not_whole_was_not_obtained(tmp_path: Path) -> None:
    lineage(tmp_path / "real", 1)
    files = certbot_files(tmp_path)
    assert files.obtained() is None
    archive = staged(tmp_path, files, make(NAME))
    assert files.obtained() is not None
    (archive / "chain2.pem").unlink()
    assert files.obtained() is None
    files.forget()
    assert files.obtained() is None


def test_the_deploy_hooks_are_those_of_certbot(tmp_path: Path) -> None:
    lineage(tmp_path / "real", 1)
    folder = tmp_path / "real" / "renewal-hooks" / "deploy"
    folder.mkdir(parents=True)
    for name, mode in (("20-second", 0o755), ("10-first", 0o755), ("30-not", 0o644), ("old~", 0o755)):
        (folder / name).touch(mode=mode)
        (folder / name).chmod(mode)
    hooks = certbot_files(tmp_path).hooks()
    assert [list(hook.argv) for hook in hooks] == [
        [str(folder / "10-first")],
        [str(folder / "20-second")],
        ["/bin/sh", "-c", "systemctl restart everything"],
    ]
    assert hooks[0].environment == {
        "RENEWED_LINEAGE": str(tmp_path / "real" / "live" / NAME),
        "RENEWED_DOMAINS": NAME,
    }


@pytest.mark.parametrize("kept", [True, False], ids=["a new file each time", "one file for all, as on Debian"])
def test_only_what_the_log_says_of_this_order_counts(tmp_path: Path, kept: bool) -> None:
    problem = '{"type": "urn:ietf:params:acme:error:%s", "detail": "of the lab"}\n'
    lineage(tmp_path / "real", 1)
    log = tmp_path / "logs" / "letsencrypt.log"
    log.parent.mkdir()
    log.write_text(problem % "caa")

    def run(argv: Sequence[str], **more: Any) -> Completed:
        if kept:
            log.rename(log.with_name("letsencrypt.log.1"))
        with log.open("a") as stream:
            stream.write(problem % "rateLimited" + "and much more, so that the new one is the longer of the two\n")
        return Completed(1, "", "")

    certbot = Certbot(config_dir=str(tmp_path / "real"), logs_dir=str(log.parent))
    files = CertbotFiles(Wanted(name=NAME), certbot=certbot, folder=str(tmp_path / "state"))
    with pytest.raises(OrderFailed) as raised:
        files.order(run, timeout=1)
    assert raised.value.output.split() == ["urn:ietf:params:acme:error:rateLimited:", "of", "the", "lab"]


def test_a_backup_is_whole_or_not_there(tmp_path: Path) -> None:
    def breaks(folder: str) -> None:
        Path(folder, "half").touch()
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        backup.take(str(tmp_path), now=NOW, fill=breaks)
    made = backup.take(str(tmp_path), now=NOW, fill=lambda folder: Path(folder, "all").touch())
    second = backup.take(str(tmp_path), now=NOW, fill=lambda folder: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [os.path.basename(made), os.path.basename(second)]
    backup.prune(str(tmp_path), keep=1)
    assert [path.name for path in tmp_path.iterdir()] == [os.path.basename(second)]


def test_notes_are_kept_until_they_are_over(tmp_path: Path) -> None:
    notes = Journal(str(tmp_path / "notes"))
    assert notes.unfinished() is None and notes.kept("failure") == {}
    notes.keep("failure", {})
    assert not (tmp_path / "notes").exists(), "nothing is written where there is nothing to say"
    notes.begin("ordering", backup="/b")
    assert Journal(str(tmp_path / "notes")).unfinished() == {"phase": "ordering", "backup": "/b"}
    assert stat.S_IMODE((tmp_path / "notes" / "journal.json").stat().st_mode) == 0o600
    notes.over()
    notes.over()
    assert notes.unfinished() is None
    (tmp_path / "notes" / "failure.json").write_text("not JSON")
    assert notes.kept("failure") == {}


def test_two_renewals_do_not_work_at_a_time(tmp_path: Path) -> None:
    with locked(str(tmp_path)), pytest.raises(MaintenanceError, match="wait for its end"), locked(str(tmp_path)):
        pass
    assert not is_locked(str(tmp_path)) and not is_locked(str(tmp_path / "nowhere"))
    with locked(str(tmp_path)):
        assert is_locked(str(tmp_path))
