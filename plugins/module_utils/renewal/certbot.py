# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renewal by certbot, on a copy of its configuration: what services read changes only once it is proven good."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Sequence
from typing import Optional

from ..files import write_atomic
from ..runner import Runner
from . import pair
from .lineage import KINDS, Lineage, copy_tree, switch_link
from .policy import Certbot, Wanted
from .standin import stand_in
from .store import Hook, OrderFailed, read_file, replace_content

_PROBLEM = re.compile(r'\{[^{}]*"type": *"urn:ietf:params:acme:error:[^{}]*\}')
# These would act on a certificate that nobody has looked at yet.
_NOT_STAGED = re.compile(r"^[ \t]*(?:renew_hook|deploy_hook|installer)\s*=.*\n?", re.MULTILINE)
# What a process that was killed left of writing a file of a generation.
_LEFT = re.compile(r"\.(?:privkey|cert|chain|fullchain)\d+\.pem\..*\.partial")


class CertbotFiles:
    """A lineage of certbot, and the copy of it on which a new certificate is ordered.

    The copy is a configuration folder of its own with this one lineage's present generation. The account is
    a link to the real one. It has no deploy hooks: those run once the new certificate is in use.
    """

    in_place = False

    def __init__(self, wanted: Wanted, *, certbot: Certbot, folder: str) -> None:
        self._wanted = wanted
        self._certbot = certbot
        self._live = Lineage(certbot.config_dir, wanted.name)
        self._staged = Lineage(os.path.join(folder, "staged"), wanted.name)

    def present(self) -> pair.Pair:
        return self._live.present()

    def directory(self) -> str:
        return self._live.settings().get("server", "")

    def order(self, run: Runner, *, timeout: float) -> None:
        self._stage()
        argv = [self._certbot.program, "renew", "--cert-name", self._wanted.name, "--force-renewal"]
        argv += ["--non-interactive", "--no-random-sleep-on-renew", "--config-dir", self._staged.config_dir]
        argv += ["--work-dir", self._certbot.work_dir, "--logs-dir", self._certbot.logs_dir]
        # Those hooks run once the certificate is in use, also where certbot's cli.ini names one.
        argv += ["--deploy-hook", "", *authenticator_options(self._wanted)]
        log = os.path.join(self._certbot.logs_dir, "letsencrypt.log")
        before = _mark(log)
        done = run(argv, environment=self._environment(), timeout=timeout)
        if done.returncode:
            raise OrderFailed("\n".join((done.stdout, done.stderr, *problems(_since(log, before)))))

    def _environment(self) -> dict[str, str]:
        return {"REQUESTS_CA_BUNDLE": self._certbot.acme_ca} if self._certbot.acme_ca else {}

    def _stage(self) -> None:
        self.forget()
        real, staged = self._live, self._staged
        number = real.current()
        archive, live = (os.path.join(staged.config_dir, name, staged.name) for name in ("archive", "live"))
        for folder in (archive, live, os.path.dirname(staged.conf_path)):
            os.makedirs(folder, mode=0o700)
        contents = self._to_renew()
        for kind in KINDS:
            mode = os.stat(real.link(kind)).st_mode & 0o777
            write_atomic(os.path.join(archive, f"{kind}{number}.pem"), contents[kind], mode=mode)
            os.symlink(f"../../archive/{staged.name}/{kind}{number}.pem", os.path.join(live, f"{kind}.pem"))
        os.symlink(os.path.join(real.config_dir, "accounts"), os.path.join(staged.config_dir, "accounts"))
        for when in ("pre", "post"):  # such as stop and start what has the port
            hooks = os.path.join(real.config_dir, "renewal-hooks", when)
            if os.path.isdir(hooks):
                os.makedirs(os.path.join(staged.config_dir, "renewal-hooks"), mode=0o700, exist_ok=True)
                os.symlink(hooks, os.path.join(staged.config_dir, "renewal-hooks", when))
        conf = read_file(real.conf_path).decode("utf-8", "surrogateescape")
        conf = staged_conf(conf, archive=archive, live=live)
        write_atomic(staged.conf_path, conf.encode("utf-8", "surrogateescape"), mode=0o600)

    def _to_renew(self) -> dict[str, bytes]:
        """The content of each file of the copy. Certbot orders for the names of the certificate that it finds."""
        contents = {kind: read_file(self._live.link(kind)) for kind in KINDS}
        present = self.present()
        lacking = [] if present.unreadable else pair.missing(present, self._wanted.names)
        if lacking or pair.broken(present):
            names = [*present.names, *lacking] or self._wanted.names
            other = stand_in(names, key=contents["privkey"])
            contents = {**dict.fromkeys(KINDS, other.certificate), "privkey": other.key}
        return contents

    def obtained(self) -> Optional[pair.Pair]:
        if not os.path.exists(self._staged.conf_path):
            return None
        # The first is the present one; what has no number above it is not whole.
        numbers = self._staged.numbers()
        return self._staged.generation(numbers[-1]) if len(numbers) > 1 else None

    def forget(self) -> None:
        shutil.rmtree(self._staged.config_dir, ignore_errors=True)

    def back_up(self, folder: str) -> None:
        copy_tree(os.path.dirname(self._live.link("cert")), os.path.join(folder, "live"))
        copy_tree(self._live.archive, os.path.join(folder, "archive"))
        os.makedirs(os.path.join(folder, "renewal"), mode=0o700)
        shutil.copy2(self._live.conf_path, os.path.join(folder, "renewal"))

    def install(self) -> None:
        numbers = self._staged.numbers()
        if len(numbers) < 2 or self._staged.generation(numbers[-1]) is None:
            raise pair.Unusable("the new certificate's files are not there any more")
        self._live.switch(self._live.add(self._staged, numbers[-1]))

    def restore(self, folder: str) -> None:
        kept = os.path.join(folder, "archive")
        conf = read_file(os.path.join(folder, "renewal", f"{self._live.name}.conf"))
        if self._live.is_deleted:
            self._live.settings()  # says so
        if not os.path.exists(self._live.conf_path) or read_file(self._live.conf_path) != conf:
            write_atomic(self._live.conf_path, conf, mode=0o644)
        for name in sorted(os.listdir(kept)):
            self._restore_file(os.path.join(kept, name), os.path.join(self._live.archive, name))
        self.withdraw(folder)
        others = [
            number for number in self._live.numbers() if not os.path.lexists(os.path.join(kept, f"cert{number}.pem"))
        ]
        if others:  # somebody else has renewed it since
            self._live.switch(others[-1])
            return
        for kind in KINDS:
            target = os.readlink(os.path.join(folder, "live", f"{kind}.pem"))
            link = self._live.link(kind)
            if not os.path.islink(link) or os.readlink(link) != target:
                switch_link(link, target)

    def withdraw(self, folder: str) -> None:
        self._drop_ours(os.path.join(folder, "archive"))
        for name in filter(_LEFT.fullmatch, os.listdir(self._live.archive)):
            os.unlink(os.path.join(self._live.archive, name))

    def backed_up(self, folder: str) -> pair.Pair:
        links = (os.readlink(os.path.join(folder, "live", f"{kind}.pem")) for kind in ("fullchain", "privkey"))
        files = (os.path.join(folder, "archive", os.path.basename(link)) for link in links)
        return pair.read_anyway(*map(read_file, files))

    def _drop_ours(self, kept: str) -> None:
        """Takes out of the archive what is newer than the backup: what we put there, and what is not whole.

        Certbot would put it into use by itself at its next renewal.
        """
        numbers = self._staged.numbers() if os.path.exists(self._staged.conf_path) else []
        fullchain = self._staged.path("fullchain", numbers[-1]) if len(numbers) > 1 else ""
        # What the client left by half has not been put anywhere.
        ours = read_file(fullchain) if os.path.exists(fullchain) else b""
        for number in self._live.numbers():
            if os.path.lexists(os.path.join(kept, f"cert{number}.pem")):
                continue
            whole = all(os.path.exists(self._live.path(kind, number)) for kind in KINDS)
            if not whole or read_file(self._live.path("fullchain", number)) == ours:
                self._live.drop(number)

    @staticmethod
    def _restore_file(kept: str, path: str) -> None:
        if os.path.islink(kept):  # certbot's way of using a key again
            if not os.path.lexists(path):
                switch_link(path, os.readlink(kept))
        elif not os.path.exists(path) or read_file(path) != read_file(kept):
            replace_content(path, read_file(kept), like=kept)

    def hooks(self) -> list[Hook]:
        settings = self._live.settings()
        named = settings.get("renew_hook") or settings.get("deploy_hook")
        folder = os.path.join(self._certbot.config_dir, "renewal-hooks", "deploy")
        argvs: list[Sequence[str]] = []
        if settings.get("directory_hooks") != "False" and os.path.isdir(folder):
            paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if not name.endswith("~")]
            argvs += [[path] for path in paths if os.path.isfile(path) and os.access(path, os.X_OK)]
        if named and [named] not in argvs:
            argvs.append(["/bin/sh", "-c", named])  # as certbot runs it
        environment = {
            "RENEWED_LINEAGE": os.path.dirname(self._live.link("cert")),
            "RENEWED_DOMAINS": " ".join(self.present().names),
        }
        return [Hook(argv, environment) for argv in argvs]


def _mark(path: str) -> tuple[int, int]:
    """Which file it is, and how long."""
    try:
        state = os.stat(path)
    except OSError:
        return 0, 0
    return state.st_ino, state.st_size


def _since(path: str, before: tuple[int, int]) -> str:
    """What the log says of this order; nothing where it cannot be read.

    Certbot begins a new file for every run, unless it is told to keep no old ones as Debian does.
    """
    number, size = _mark(path)
    try:
        content = read_file(path)
    except OSError:
        return ""
    already = before[1] if number == before[0] and size >= before[1] else 0
    return content[already:].decode("utf-8", "replace")


def problems(log: str) -> list[str]:
    """What the authority refused, one line each, as certbot's log has it (RFC 8555, 6.7).

    Certbot 2.1 trips over some refusals and does not say what they were. A nonce that is refused is asked for
    again, and no problem.
    """
    found = []
    for block in _PROBLEM.findall(log):
        try:
            problem = json.loads(block)
        except ValueError:
            continue
        kind = str(problem.get("type")).rpartition(":")[2]
        if kind != "badNonce":
            found.append(f"urn:ietf:params:acme:error:{kind}: {problem.get('detail', 'no detail')}")
    return list(dict.fromkeys(found))


def authenticator_options(wanted: Wanted) -> list[str]:
    """How certbot is to prove its right to the names, where that is not as the lineage was made with."""
    if wanted.authenticator == "webroot":
        return ["--authenticator", "webroot", "--webroot-path", wanted.webroot]
    if wanted.authenticator == "dns_hook":
        options = ["--authenticator", "manual", "--preferred-challenges", "dns"]
        options += ["--manual-auth-hook", wanted.auth_hook]
        return options + (["--manual-cleanup-hook", wanted.cleanup_hook] if wanted.cleanup_hook else [])
    return ["--authenticator", wanted.authenticator] if wanted.authenticator else []


def staged_conf(conf: str, *, archive: str, live: str) -> str:
    """The renewal configuration for the copy: its own files, no hooks that deploy, no installer."""
    top, mark, rest = conf.partition("[renewalparams]")
    top = re.sub(r"^[ \t]*archive_dir\s*=.*$", f"archive_dir = {archive}", top, flags=re.MULTILINE)
    if "archive_dir" not in top:
        top = f"archive_dir = {archive}\n{top}"
    for kind in KINDS:
        top = re.sub(rf"^[ \t]*{kind}\s*=.*$", f"{kind} = {live}/{kind}.pem", top, flags=re.MULTILINE)
    return top + mark + _NOT_STAGED.sub("", rest)
