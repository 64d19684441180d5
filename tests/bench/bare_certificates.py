"""The least a parallel program does to tell what cert_expiry tells: ``cryptography`` over a pool of processes.

It prints a finding for every certificate, with the same fields. It judges by days alone, takes the first
certificate of a file for the leaf and the others for its issuers, lists a copy once more, and ends at the
first file that it cannot read.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import sys
import time
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

gc.disable()  # worth a tenth
NOW = time.time()
DAYS = 30.0


def finding(path: str, certificate: x509.Certificate, issuers: list[x509.Certificate]) -> dict[str, Any]:
    subject = certificate.subject
    name = str(subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)
    ends = certificate.not_valid_after_utc
    key: Any = certificate.public_key()
    days = round((ends.timestamp() - NOW) / 86400, 2)
    evidence = {
        "fingerprint": certificate.fingerprint(hashes.SHA256()).hex(),
        "subject": subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "serial": f"{certificate.serial_number:x}",
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "not_after": ends.isoformat(),
        "key": type(key).__name__,
        "key_bits": key.key_size,
        "signature": certificate.signature_algorithm_oid._name,
        "places": [path],
    }
    if issuers:
        evidence["chain_not_after"] = min(issuer.not_valid_after_utc for issuer in issuers).isoformat()
    return {
        "check": "certificate.expiry" if issuers else "certificate.chain_expiry",
        "subject": path if issuers else f"{path} [{name}]",
        "status": "ok" if days > DAYS else "warning",
        "message": f"{name} expires in {int(days)} days, on {ends}.",
        "value": days,
        "unit": "days",
        "threshold": DAYS,
        "evidence": evidence,
    }


def read(path: str) -> list[dict[str, Any]]:
    with open(path, "rb") as stream:
        leaf, *issuers = x509.load_pem_x509_certificates(stream.read())
    return [finding(path, leaf, issuers), *(finding(path, issuer, []) for issuer in issuers)]


if __name__ == "__main__":
    paths = [entry.path for entry in os.scandir(sys.argv[1])]
    with multiprocessing.Pool(len(os.sched_getaffinity(0))) as pool:
        results = pool.map(read, paths, chunksize=250)
    print(json.dumps({"findings": [found for findings in results for found in findings]}))
