"""Makes a lineage's certificate one of 70 days ago: the ACME server's own intermediate signs it anew."""

import datetime
import pathlib
import ssl
import sys
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

PEM = serialization.Encoding.PEM
live = pathlib.Path("/etc/letsencrypt/live", sys.argv[1])
trusted = ssl.create_default_context(cafile="/etc/ssl/acme-ca.pem")
with urllib.request.urlopen("https://renewal-acme:15000/intermediate-keys/0", context=trusted) as answer:
    key = serialization.load_pem_private_key(answer.read(), None)
chain = (live / "chain.pem").read_bytes()
old = x509.load_pem_x509_certificate((live / "cert.pem").read_bytes())
start = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) - datetime.timedelta(days=70)
made = (
    x509.CertificateBuilder()
    .subject_name(old.subject)
    .issuer_name(old.issuer)
    .public_key(old.public_key())
    .serial_number(x509.random_serial_number())
    .not_valid_before(start)
    .not_valid_after(start + datetime.timedelta(days=90))
)
for extension in old.extensions:
    made = made.add_extension(extension.value, extension.critical)
leaf = made.sign(key, hashes.SHA256()).public_bytes(PEM)
(live / "cert.pem").write_bytes(leaf)
(live / "fullchain.pem").write_bytes(leaf + chain)
