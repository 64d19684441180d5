"""Keystores and other containers of certificates, made by the programs that make them in the field."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.lab.certificates import Made

PASSWORD = "Geheim-5"


def openssl(*arguments: str | Path, data: bytes = b"") -> bytes:
    """What the program prints. ``env:PASSWORD`` stands for the password."""
    return _run(["openssl", *map(str, arguments)], data)


def keytool(*arguments: str | Path) -> None:
    """Runs keytool. ``:env PASSWORD`` stands for the password."""
    # The virtual machine is told to be quick to start; it would warm up for work that never comes.
    _run(["keytool", "-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC", "-J-Xshare:auto", *map(str, arguments)], b"")


def _run(argv: Sequence[str], data: bytes) -> bytes:
    done = subprocess.run(
        argv, input=data, capture_output=True, check=False, timeout=120, env={**os.environ, "PASSWORD": PASSWORD}
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
    return done.stdout


def pkcs12(path: Path, made: Made | None, *others: Made, options: Sequence[str] = (), password: bool = True) -> Path:
    """A PKCS#12 file by openssl: a certificate with its key and others, or certificates only."""
    secret = ["-passout", "env:PASSWORD" if password else "pass:"]
    parts = [*([made.pem, made.key_pem] if made else []), *(other.pem for other in others)]
    only = [] if made else ["-nokeys"]
    parts_path = path.with_suffix(".parts")  # it is read twice
    parts_path.write_bytes(b"".join(parts))
    path.write_bytes(openssl("pkcs12", "-export", "-in", parts_path, *only, *secret, *options))
    parts_path.unlink()
    return path


def keystore(path: Path, made: Made, *others: Made, kind: str = "JKS", alias: str = "portal") -> Path:
    """A keystore by keytool with a private key and its chain; one that is there already is added to."""
    between = pkcs12(path.with_suffix(".between"), made, *others, options=["-name", alias])
    keytool(
        "-importkeystore", "-noprompt", "-srckeystore", between, "-srcstoretype", "PKCS12", "-srcstorepass:env",
        "PASSWORD", "-destkeystore", path, "-deststoretype", kind, "-deststorepass:env", "PASSWORD",
    )  # fmt: skip
    between.unlink()
    return path


def truststore(path: Path, *trusted: Made, kind: str = "JKS") -> Path:
    """A keystore by keytool with trusted certificates only; one that is there already is added to."""
    for made in trusted:
        source = path.with_suffix(".crt")
        source.write_bytes(made.der)
        keytool(
            "-importcert", "-noprompt", "-file", source, "-alias", made.fingerprint[:8], "-keystore", path,
            "-storetype", kind, "-storepass:env", "PASSWORD",
        )  # fmt: skip
        source.unlink()
    return path


def secret_key(path: Path, *, alias: str) -> Path:
    """Adds a secret key, as only JCEKS and PKCS#12 keystores hold them."""
    keytool(
        "-genseckey", "-alias", alias, "-keyalg", "AES", "-keysize", "128", "-keystore", path, "-storetype", "JCEKS",
        "-storepass:env", "PASSWORD",
    )  # fmt: skip
    return path
