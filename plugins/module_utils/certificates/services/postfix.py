# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificates Postfix uses, by its main.cf and master.cf (https://www.postfix.org/TLS_README.html)."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Optional

from ..sources import reason_of
from .postfix_text import Parameters, Service, Setting, logical_lines, main_cf, master_cf
from .use import ANY_IPV4, ANY_IPV6, Files, Listen, Pair, Reading, Trouble, Use, beside

DEFAULT = "/etc/postfix/main.cf"
_PORTS = {"smtp": 25, "smtps": 465, "ssmtp": 465, "urd": 465, "submissions": 465, "submission": 587}
# Tables that are made of a text file by "postmap -F", or are one.
_TABLES = frozenset(("hash", "btree", "lmdb", "cdb", "dbm", "sdbm", "texthash"))
_KINDS_OF_KEY = ("", "ec", "d")
_DEFAULTS = {
    "smtpd_tls_key_file": "$smtpd_tls_cert_file",
    "smtpd_tls_eckey_file": "$smtpd_tls_eccert_file",
    "smtpd_tls_dkey_file": "$smtpd_tls_dcert_file",
    "postscreen_tls_security_level": "$smtpd_tls_security_level",
    "postscreen_use_tls": "$smtpd_use_tls",
    "postscreen_enforce_tls": "$smtpd_enforce_tls",
    "inet_interfaces": "all",
    "inet_protocols": "all",
}


def read(path: str, files: Files) -> Reading:
    """What this main.cf, and the master.cf beside it, say."""
    reading = Reading()
    folder = os.path.dirname(os.path.abspath(path))
    main = _text(path, files, reading)
    master = _text(os.path.join(folder, "master.cf"), files, reading)
    if main is None or master is None:
        return reading
    settings = {**{name: Setting(value, path) for name, value in _DEFAULTS.items()}, **main_cf(main, path)}
    settings.setdefault("config_directory", Setting(folder, path))
    grouped: dict[tuple[tuple[Pair, ...], str, str], list[Listen]] = {}
    for service in master_cf(master, os.path.join(folder, "master.cf")):
        parameters = Parameters({**settings, **service.overrides})
        starttls = _starttls(parameters, service)
        if starttls is None:
            continue
        pairs, where = _pairs(parameters, files, folder)
        listens = _listens(service.name, parameters)
        if not listens:
            reading.troubles.append(Trouble(service.where, f"the port of {service.name} is not known"))
        elif pairs:
            grouped.setdefault((tuple(pairs), starttls, where), []).extend(listens)
    for (used, starttls, where), listens in grouped.items():
        reading.uses.append(Use("postfix", where, used, tuple(dict.fromkeys(listens)), starttls=starttls))
    _by_name(reading, Parameters(settings), files, folder)
    return reading


def _by_name(reading: Reading, parameters: Parameters, files: Files, folder: str) -> None:
    """Adds the certificates for clients that ask for a name (tls_server_sni_maps), at every place with TLS."""
    places = [(use.starttls, tuple(one._replace(default=False) for one in use.listens)) for use in reading.uses]
    for table in parameters.items("tls_server_sni_maps"):
        kind, _colon, path = table.partition(":")
        if kind not in _TABLES:
            reason = f"which certificates the table {table} names is not read, name them under endpoints"
            reading.troubles.append(Trouble(parameters.where("tls_server_sni_maps"), reason))
            continue
        text = _text(beside(path, folder), files, reading)
        for line in logical_lines(text or "", beside(path, folder)):
            name, *paths = re.split(r"[\s,]+", line.value.strip(" ,"))
            pairs = tuple(_from_chains([beside(one, folder) for one in paths], files))
            names = (f"*{name}" if name.startswith(".") else name,)
            for starttls, listens in places if pairs else ():
                reading.uses.append(Use("postfix", line.where, pairs, listens, names, starttls=starttls))


def _text(path: str, files: Files, reading: Reading) -> Optional[str]:
    try:
        return files.read(path)
    except OSError as error:
        reading.troubles.append(Trouble(path, reason_of(error)))
        return None


def _starttls(parameters: Parameters, service: Service) -> Optional[str]:
    """The protocol before TLS, empty where it begins at once; None where there is no TLS."""
    command = service.command
    if service.kind != "inet" or command not in ("smtpd", "postscreen"):
        return None
    if parameters.is_on("smtpd_tls_wrappermode"):
        return ""
    level = parameters.value(f"{command}_tls_security_level")
    if level:
        return None if level == "none" else "smtp"
    return "smtp" if parameters.is_on(f"{command}_use_tls") or parameters.is_on(f"{command}_enforce_tls") else None


def _pairs(parameters: Parameters, files: Files, folder: str) -> tuple[list[Pair], str]:
    """Certificates and keys, and where they are named."""
    chains = parameters.items("smtpd_tls_chain_files")
    if chains:
        return _from_chains([beside(one, folder) for one in chains], files), parameters.where("smtpd_tls_chain_files")
    pairs, wheres = [], []
    for kind in _KINDS_OF_KEY:
        certificate = parameters.value(f"smtpd_tls_{kind}cert_file")
        key = parameters.value(f"smtpd_tls_{kind}key_file")
        if certificate and certificate != "none":
            pairs.append(Pair(beside(certificate, folder), "" if key == certificate else beside(key, folder)))
            wheres.append(parameters.where(f"smtpd_tls_{kind}cert_file"))
    return pairs, wheres[0] if wheres else ""


def _from_chains(paths: Sequence[str], files: Files) -> list[Pair]:
    """A key goes before its certificate, in the same file or in one before."""
    pairs = []
    key = ""
    for path in paths:
        try:
            text = files.read(path)
        except OSError:
            pairs.append(Pair(path))
            continue
        has_key = "PRIVATE KEY-----" in text
        if "CERTIFICATE-----" in text:
            pairs.append(Pair(path, "" if has_key else key))
        if has_key:
            key = path
    return pairs


def _listens(name: str, parameters: Parameters) -> list[Listen]:
    """Where a service of master.cf listens; nowhere where its port is not known."""
    host, _colon, port_name = name.rpartition(":")
    port = int(port_name) if port_name.isdigit() else _PORTS.get(port_name, 0)
    if not port:
        return []
    proxied = bool(
        parameters.value("smtpd_upstream_proxy_protocol") or parameters.value("postscreen_upstream_proxy_protocol")
    )
    protocols = parameters.items("inet_protocols")
    both = [ANY_IPV4, ANY_IPV6]
    hosts = [host.strip("[]")] if host else []
    for one in [] if host else parameters.items("inet_interfaces"):
        hosts += {"all": both, "loopback-only": ["127.0.0.1", "::1"]}.get(one, [one.strip("[]")])
    if protocols == ["ipv4"]:
        hosts = [one for one in hosts if ":" not in one]
    elif protocols == ["ipv6"]:
        hosts = [one for one in hosts if one not in (ANY_IPV4, "127.0.0.1")]
    elif hosts == ["127.0.0.1", "::1"]:
        hosts = ["127.0.0.1"]  # the same service twice
    return [Listen(one, port, default=True, proxied=proxied) for one in hosts]
