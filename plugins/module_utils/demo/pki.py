# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates of the estate, and their authority."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Optional

from ..files import write_atomic
from ..libraries import optional, require
from .layout import Layout

x509 = optional("cryptography.x509")
hashes = optional("cryptography.hazmat.primitives.hashes")
serialization = optional("cryptography.hazmat.primitives.serialization")
ec = optional("cryptography.hazmat.primitives.asymmetric.ec")
rsa = optional("cryptography.hazmat.primitives.asymmetric.rsa")

RSA_BITS = {"rsa2048": 2048, "rsa3072": 3072}
CURVES = {"p256": "SECP256R1", "p384": "SECP384R1"}


@dataclass(frozen=True)
class Leaf:
    """A certificate that the estate has.

    lifetime, age: as issued. renew_below: the time left below which it is issued anew, well before
    any check would complain, so that the estate is healthy at any later day.
    """

    name: str
    hosts: Sequence[str]
    key: str
    lifetime: timedelta
    age: timedelta
    renew_below: timedelta
    served: bool = False


def _days(name: str, hosts: Sequence[str], key: str, figures: tuple[int, int, int], *, served: bool = False) -> Leaf:
    lifetime, age, renew_below = (timedelta(days=figure) for figure in figures)
    return Leaf(name, hosts, key, lifetime, age, renew_below, served)


# Planted: four fifths of its life are over, so it is in its warning zone and not yet critical.
PLANTED = "fax-gateway"

SITES = (
    _days("portal", ["portal.clinic.example"], "rsa2048", (90, 15, 45), served=True),
    _days("api", ["api.clinic.example", "fhir.clinic.example"], "p256", (90, 10, 45), served=True),
    _days("wildcard", ["*.clinic.example", "clinic.example"], "rsa3072", (180, 30, 90), served=True),
    # As short-lived certificates of public authorities are: 160 hours.
    Leaf(
        *("sessions", ["sessions.clinic.example"], "p256"),
        *(timedelta(hours=160), timedelta(hours=6), timedelta(hours=120)),
        served=True,
    ),
    _days("telehealth", ["telehealth.clinic.example"], "p384", (47, 10, 24)),
    _days(PLANTED, ["fax.clinic.example"], "rsa2048", (90, 72, 12)),
)
# A load balancer's file: key, certificate and chain in one.
EDGE = _days("edge", ["edge.clinic.example"], "p256", (90, 20, 45))
# A bundle of partners' certificates behind their authority: what is read first says least.
PARTNERS = tuple(
    _days(f"{name}.partner.example", [f"{name}.partner.example"], "p256", (180, 30 + 10 * number, 75))
    for number, name in enumerate(("laboratory", "pharmacy", "radiology", "insurer"))
)
DEVICES = tuple(
    _days(f"infusion-pump-{number:02d}", [f"pump{number:02d}.devices.clinic.example"], "p256", (180, number, 90))
    for number in range(1, 25)
)


@dataclass(frozen=True)
class Authority:
    """Who signs: a certificate and its key."""

    certificate: Any
    key: Any


@dataclass(frozen=True)
class Pki:
    """The certificates below a layout. now: aware."""

    layout: Layout
    now: datetime
    _authorities: dict[str, Authority] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(x509, "cryptography", package="python3-cryptography")

    def certificate_of(self, leaf: Leaf) -> str:
        """Path of the file that holds the leaf, its chain behind it."""
        if leaf in SITES:
            return self._path("live", leaf.name, "fullchain.pem")
        return self._path("devices", f"{leaf.name}.pem")

    def key_of(self, leaf: Leaf) -> str:
        if leaf in SITES:
            return self._path("live", leaf.name, "privkey.pem")
        return self._path("devices", f"{leaf.name}.key")

    def due(self) -> list[str]:
        """The names of what has to be issued, because it is missing or has too little time left."""
        if _load(os.path.join(self.layout.authority, "clinic")) is None:
            # Whatever its key signed is worth nothing without it.
            return [*(leaf.name for leaf in (*SITES, *DEVICES, EDGE)), "partners"]
        names = [leaf.name for leaf in (*SITES, *DEVICES) if self._left(self.certificate_of(leaf)) < leaf.renew_below]
        names += [
            leaf.name for leaf in (*SITES, *DEVICES) if leaf.name not in names and not os.path.exists(self.key_of(leaf))
        ]
        if self._left(self._bundle("edge")) < EDGE.renew_below:
            names.append(EDGE.name)
        if self._left(self._bundle("partners")) < PARTNERS[0].renew_below:
            names.append("partners")
        return names

    def issue(self, names: Sequence[str]) -> None:
        """Issues these, and the authority where it is missing."""
        self._clinic()
        for leaf in (*SITES, *DEVICES):
            if leaf.name in names:
                self.write_pair(leaf, lifetime=leaf.lifetime, age=leaf.age)
        if EDGE.name in names:
            key, chain = self._signed(EDGE, self._clinic(), lifetime=EDGE.lifetime, age=EDGE.age)
            _write(self._bundle("edge"), key_pem(key) + chain, mode=0o600)
        if "partners" in names:
            self._issue_partners()

    def write_pair(self, leaf: Leaf, *, lifetime: timedelta, age: timedelta) -> None:
        """A new key and certificate for the leaf. The certificate last: it is what says that both are there."""
        key, chain = self._signed(leaf, self._clinic(), lifetime=lifetime, age=age)
        _write(self.key_of(leaf), key_pem(key), mode=0o600)
        _write(self.certificate_of(leaf), chain, mode=0o644)

    def _path(self, *parts: str) -> str:
        return os.path.join(self.layout.certificates, *parts)

    def _bundle(self, name: str) -> str:
        return self._path("bundles", f"{name}.pem")

    def _left(self, path: str) -> timedelta:
        """The least time left of the leaves in the file; none where it cannot be read."""
        try:
            with open(path, "rb") as stream:
                found = x509.load_pem_x509_certificates(stream.read())
        except (OSError, ValueError):
            return timedelta(0)
        end: datetime = min(item.not_valid_after_utc for item in found)
        return end - self.now

    def _clinic(self) -> Authority:
        return self._intermediate("clinic", "Clinic of the Demo")

    def _issue_partners(self) -> None:
        authority = self._intermediate("partners", "Partner Network of the Demo")
        content = authority.certificate.public_bytes(serialization.Encoding.PEM)
        for leaf in PARTNERS:
            chain = self._signed(leaf, authority, lifetime=leaf.lifetime, age=leaf.age, alone=True)[1]
            content += chain
        _write(self._bundle("partners"), content, mode=0o644)

    def _intermediate(self, name: str, title: str) -> Authority:
        """The authority's signing certificate; made with its root where it is not there yet."""
        if name not in self._authorities:
            folder = os.path.join(self.layout.authority, name)
            made = _load(folder)
            if made is None:
                made = self._make_authority(folder, title)
            if name == "clinic":
                root = os.path.join(folder, "root.pem")
                with open(root, "rb") as stream:
                    _write(self._path("authority.pem"), stream.read(), mode=0o644)
            self._authorities[name] = made
        return self._authorities[name]

    def _make_authority(self, folder: str, title: str) -> Authority:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        start, years = self.now - timedelta(days=400), timedelta(days=365)
        root_key, key = new_key("p384"), new_key("p384")
        root_name, name = _name(f"{title} Root"), _name(f"{title} Issuing")
        root = _sign(
            _builder(root_name, root_name, root_key, start, start + 10 * years, authority=1), root_key, root_key
        )
        certificate = _sign(_builder(name, root_name, key, start, start + 8 * years, authority=0), root_key, root_key)
        _write(os.path.join(folder, "root.pem"), root.public_bytes(serialization.Encoding.PEM), mode=0o644)
        _write(os.path.join(folder, "issuing.key"), key_pem(key), mode=0o600)
        _write(os.path.join(folder, "issuing.pem"), certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
        return Authority(certificate, key)

    def _signed(
        self, leaf: Leaf, authority: Authority, *, lifetime: timedelta, age: timedelta, alone: bool = False
    ) -> tuple[Any, bytes]:
        """A new key, and the certificate with its chain as PEM."""
        key, start = new_key(leaf.key), self.now.replace(microsecond=0) - age
        builder = _builder(_name(leaf.hosts[0]), authority.certificate.subject, key, start, start + lifetime)
        names = [x509.DNSName(host) for host in leaf.hosts]
        if leaf.served and leaf is SITES[0]:
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = _sign(builder, authority.key, authority.key)
        chain = [certificate] if alone else [certificate, authority.certificate]
        return key, b"".join(item.public_bytes(serialization.Encoding.PEM) for item in chain)


def new_key(kind: str) -> Any:
    """A private key; kind: one of RSA_BITS or of CURVES."""
    if kind in RSA_BITS:
        return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS[kind])
    return ec.generate_private_key(getattr(ec, CURVES[kind])())


def key_pem(key: Any) -> bytes:
    """The key as unencrypted PKCS#8."""
    return bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _builder(
    subject: Any, issuer: Any, key: Any, start: datetime, end: datetime, *, authority: Optional[int] = None
) -> Any:
    """A certificate to be signed. authority: its path length where it is one."""
    is_authority = authority is not None
    usage = dict.fromkeys(
        ("content_commitment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        # The last second counts, so a lifetime of 90 days ends one before.
        .not_valid_after(end - timedelta(seconds=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_encipherment=not is_authority and isinstance(key, rsa.RSAPrivateKey),
                key_cert_sign=is_authority,
                crl_sign=is_authority,
                **usage,
            ),
            critical=True,
        )
    )
    if not is_authority:
        usages = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(usages, critical=False)
    return builder


def _sign(builder: Any, key: Any, issuer_key: Any) -> Any:
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return builder.add_extension(identifier, critical=False).sign(key, hashes.SHA256())


def _name(text: str) -> Any:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _load(folder: str) -> Optional[Authority]:
    """The authority of the folder, or None where it is not complete."""
    try:
        with open(os.path.join(folder, "issuing.key"), "rb") as stream:
            key = serialization.load_pem_private_key(stream.read(), password=None)
        with open(os.path.join(folder, "issuing.pem"), "rb") as stream:
            return Authority(x509.load_pem_x509_certificate(stream.read()), key)
    except (OSError, ValueError):
        return None


def _write(path: str, content: bytes, *, mode: int) -> None:
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    write_atomic(path, content, mode=mode)
