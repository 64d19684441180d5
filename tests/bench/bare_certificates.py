"""The least a parallel program does to tell what cert_expiry tells: ``cryptography`` over a pool of processes.

Of every certificate it prints what a finding carries of it. It judges nothing, names no file it cannot read,
tells no leaf from an issuer, and prints a copy once more.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

NOW = time.time()


def fields(certificate: x509.Certificate, path: str) -> dict[str, Any]:
    subject = certificate.subject
    expires = certificate.not_valid_after_utc
    return {
        "fingerprint": certificate.fingerprint(hashes.SHA256()).hex(),
        "name": subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value,
        "subject": subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "serial": f"{certificate.serial_number:x}",
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "not_after": expires.isoformat(),
        "days": round((expires.timestamp() - NOW) / 86400, 2),
        "path": path,
    }


def read(path: str) -> list[dict[str, Any]]:
    with open(path, "rb") as stream:
        return [fields(certificate, path) for certificate in x509.load_pem_x509_certificates(stream.read())]


if __name__ == "__main__":
    paths = [entry.path for entry in os.scandir(sys.argv[1])]
    with multiprocessing.Pool(len(os.sched_getaffinity(0))) as pool:
        results = pool.map(read, paths, chunksize=250)
    print(json.dumps([certificate for found in results for certificate in found]))
