"""What tests renew: a lineage of certbot, or a certificate of another client, that nginx serves.

with renewals.serving(folder, "ward.example") as world:      # an ACME world that serves this lineage
    ward = Ward(world, "ward.example", tmp_path)
    result = ward.renew(mode="force")
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from tests.lab import acme
from tests.lab.acme import World
from tests.lab.certificates import NOW_TEXT, Made, make
from tests.lab.modules import findings_of, run_module
from tests.lab.nginx import ADDRESS, Nginx

BOX = "box.example"


@contextlib.contextmanager
def serving(folder: Path, *names: str) -> Iterator[World]:
    """An ACME world in which nginx serves a lineage for these names, called by the first."""
    with acme.world(folder) as made:
        made.issue(*names)
        made.serve(*names)
        yield made


def outcome(result: dict[str, Any], check: str = "renewal.outcome") -> dict[str, Any]:
    """The only finding of the check."""
    (finding,) = findings_of(result, check)
    return finding


def outcomes(result: dict[str, Any]) -> list[str]:
    return [finding["status"] for finding in findings_of(result, "renewal.outcome")]


def acted(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(action["action"], action["outcome"]) for action in result["actions"]]


def script(path: Path, *lines: str) -> Path:
    """A program for hooks, clients and services."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o755)
    return path


class Ward:
    """A lineage of the world, with notes, backups and services that only one test has. mode: where none is said."""

    def __init__(self, world: World, name: str, folder: Path, *, mode: str = "force") -> None:
        self.world = world
        self.mode = mode
        self.name = name
        self.folder = folder
        self.before = world.on_disk(name)
        self.links = world.links(name)
        self.state = folder / "state" / name
        self.conf = world.config_dir / "renewal" / f"{name}.conf"
        self.entry = world.certificate(name)

    def options(self, **more: Any) -> dict[str, Any]:
        folders = {"state_dir": str(self.folder / "state"), "backup_dir": str(self.folder / "backups")}
        return self.world.options(self.entry, **{"mode": self.mode, "serve_timeout": 5, **folders, **more})

    def renew(
        self,
        *,
        check: bool = False,
        env: dict[str, str] | None = None,
        certificate: dict[str, Any] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """certificate: differs in this from the entry."""
        options = self.options(**more)
        options["certificates"] = [{**self.entry, **(certificate or {})}]
        return run_module("certificate_renewal", options, check=check, env={**os.environ, **env} if env else None)

    def is_as_before(self) -> bool:
        links, on_disk = self.world.links(self.name), self.world.on_disk(self.name)
        return links == self.links and on_disk == self.before == self.world.served(self.name)

    def is_renewed(self) -> bool:
        return self.world.served(self.name) == self.world.on_disk(self.name) != self.before

    def archived(self) -> set[str]:
        return {path.name for path in (self.world.config_dir / "archive" / self.name).iterdir()}

    def file(self, kind: str) -> Path:
        """What the link leads to."""
        return (self.world.live(self.name) / f"{kind}.pem").resolve()

    def script(self, name: str, *lines: str) -> str:
        return str(script(self.folder / name, *lines))

    def service(self, **more: Any) -> None:
        """Nginx, with these differences."""
        self.entry = {**self.entry, "services": [{**self.world.nginx.service(), **more}]}

    def on_the_second_call(self, do: str) -> str:
        """A configuration test that is one, and does something when it is asked for the second time."""
        test = " ".join(self.world.nginx.service()["config_test"])
        count = self.folder / "calls"
        return self.script(
            "test", f"echo x >> {count}", f'[ "$(wc -l < {count})" -ne 2 ] || {{ {do}; }}', f"exec {test}"
        )


class Box:
    """A certificate that another client than certbot renews, in the way of acme.sh or lego.

    left: days of its lifetime of 90. apart: whether the client keeps its own files, or writes what nginx reads.
    name: the host's; its first part names the certificate.
    """

    def __init__(self, web: Nginx, folder: Path, *, left: float = 60, apart: bool = True, name: str = BOX) -> None:
        folder.mkdir(exist_ok=True)
        self.web = web
        self.folder = folder
        self.name = name
        self.certificate, self.key = folder / "box.pem", folder / "box.key"
        self.issued = folder / "issued.pem" if apart else self.certificate
        self.issued_key = folder / "issued.key" if apart else self.key
        self.old, self.new = fresh(left, name=name), fresh(name=name)
        self.put(self.old)
        self.key.chmod(0o640)
        self.entry: dict[str, Any] = {
            "name": name.partition(".")[0],
            "client": "command",
            "certificate": str(self.certificate),
            "key": str(self.key),
            "names": [name],
            "services": [web.service()],
            "endpoints": [{"host": ADDRESS, "port": web.https_port, "server_name": name}],
        }
        if apart:
            self.entry |= {"issued_certificate": str(self.issued), "issued_key": str(self.issued_key)}
        self.brings(self.new)
        web.serve(name, certificate=self.certificate, key=self.key)

    def put(self, made: Made) -> None:
        """Gives it to nginx's next reload."""
        self.certificate.write_bytes(made.pem)
        self.key.write_bytes(made.key_pem)

    def brings(self, made: Made, *more: str) -> None:
        """From now on the client brings this certificate, and then does more."""
        ready = self.folder / "ready"
        ready.mkdir(exist_ok=True)
        (ready / "box.pem").write_bytes(made.pem)
        (ready / "box.key").write_bytes(made.key_pem)
        copies = (f"cp {ready}/box.pem {self.issued}", f"cp {ready}/box.key {self.issued_key}")
        self.entry["command"] = [self.script("client", f"echo >> {self.folder}/orders", *copies, *more)]

    def orders(self) -> int:
        """How often the client was asked for a certificate."""
        path = self.folder / "orders"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def script(self, name: str, *lines: str) -> str:
        return str(script(self.folder / name, *lines))

    def service(self, **more: Any) -> None:
        """Nginx, with these differences."""
        self.entry["services"] = [{**self.web.service(), **more}]

    def options(self, **more: Any) -> dict[str, Any]:
        folders = {"state_dir": str(self.folder / "state"), "backup_dir": str(self.folder / "backups")}
        return {"certificates": [self.entry], "now": NOW_TEXT, "serve_timeout": 5, **folders, **more}

    def renew(self, **more: Any) -> dict[str, Any]:
        return run_module("certificate_renewal", self.options(**more))

    def served(self) -> str:
        return acme.served(ADDRESS, self.web.https_port, self.name)

    def remove(self) -> None:
        """Nginx forgets it."""
        (self.web.folder / "sites" / f"tls-{self.name}.conf").unlink()
        self.web.reload()


def fresh(days: float = 89, *, name: str = BOX) -> Made:
    """A certificate with a key of its own and so many days left of 90."""
    return make(name, days=days, lifetime=90, key=ec.generate_private_key(ec.SECP256R1()))
