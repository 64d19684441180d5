"""The least a parallel program does to know what cert_expiry knows: ``cryptography`` over a pool of processes.

It judges nothing, names no file it cannot read, and knows every file by its first and its other certificates only.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes


def fields(certificate: x509.Certificate) -> tuple[Any, ...]:
    extensions = certificate.extensions
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = []
    return (
        certificate.fingerprint(hashes.SHA256()),
        certificate.subject.rfc4514_string(),
        certificate.issuer.rfc4514_string(),
        certificate.serial_number,
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        names,
    )


def read(path: str) -> tuple[str, list[tuple[Any, ...]]]:
    with open(path, "rb") as stream:
        return path, [fields(certificate) for certificate in x509.load_pem_x509_certificates(stream.read())]


if __name__ == "__main__":
    paths = [entry.path for entry in os.scandir(sys.argv[1])]
    with multiprocessing.Pool(len(os.sched_getaffinity(0))) as pool:
        results = pool.map(read, paths, chunksize=250)
    print(sum(len(found) for _unused, found in results))
