"""Weak keys, weak signatures and self-signed certificates, all made by the real openssl."""

from __future__ import annotations

import re
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from ansible_collections.careops.maintenance.plugins.module_utils.certificates import algorithms, der
from tests.lab.certificates import NOW_TEXT, Made, authority, make, tls_server
from tests.lab.modules import findings_of, run_module

STRENGTH, EXPIRY, SELF_SIGNED = "certificate.strength", "certificate.expiry", "certificate.self_signed"


def openssl(*argv: str | Path) -> str:
    done = subprocess.run(["openssl", *argv], check=True, capture_output=True, text=True)
    return done.stdout


def signed(folder: Path, *key: str, name: str = "weak.example", more: tuple[str, ...] = (), digest: str = "") -> Path:
    """A certificate that signed itself. key: arguments of openssl genpkey, or of req."""
    path, private = folder / f"{name}.pem", folder / f"{name}.key"
    openssl("genpkey", *key, "-out", private)
    days = ("-days", "90", "-set_serial", "7")
    digests = (digest,) if digest else ()
    openssl("req", "-new", "-x509", "-key", private, "-subj", f"/CN={name}", *days, *digests, *more, "-out", path)
    private.unlink()
    return path


LEAF = ("-addext", "basicConstraints=critical,CA:FALSE")
RSA = ("-algorithm", "RSA", "-pkeyopt")
EC = ("-algorithm", "EC", "-pkeyopt")


def outline(path: Path) -> der.Outline:
    return der.outline(ssl.PEM_cert_to_DER_cert(path.read_text()))


CURVES = sorted(
    name
    for line in openssl("ecparam", "-list_curves").splitlines()
    if (name := line.partition(":")[0].strip()).startswith(("secp", "sect", "prime", "brainpool"))
)
# Curves that nobody certifies, and so none that is known.
RARE = {"secp112r1", "secp112r2", "secp128r1", "secp128r2", "secp160k1", "secp160r2", "sect113r1", "sect113r2"} | {
    "sect131r1", "sect131r2", "sect163r1", "sect193r1", "sect193r2", "sect239k1", "prime192v2", "prime192v3",
    "prime239v1", "prime239v2", "prime239v3",
}  # fmt: skip


@pytest.mark.parametrize("curve", [name for name in CURVES if name not in RARE])
def test_curves_have_the_bits_that_openssl_gives_them(tmp_path: Path, curve: str) -> None:
    path = signed(tmp_path, *EC, f"ec_paramgen_curve:{curve}")
    key = algorithms.key(outline(path).key)
    text = openssl("x509", "-in", path, "-noout", "-text")
    told = re.search(r"Public-Key: \((\d+) bit\)", text)
    assert told is not None and key.kind == "EC"
    assert abs(int(told.group(1)) - key.bits) <= 3, "openssl counts the bits of the order"


def test_there_are_curves() -> None:
    assert {"prime256v1", "secp384r1", "secp521r1", "brainpoolP256r1"} <= set(CURVES) - RARE


@pytest.mark.parametrize(
    ("key", "name", "exponent"),
    [
        ((*RSA, "rsa_keygen_bits:1024"), "RSA 1024", 65537),
        ((*RSA, "rsa_keygen_bits:2047"), "RSA 2047", 65537),
        ((*RSA, "rsa_keygen_bits:2048", "-pkeyopt", "rsa_keygen_pubexp:3"), "RSA 2048", 3),
        (("-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"), "RSA-PSS 2048", 65537),
        (("-algorithm", "ED25519"), "Ed25519", 0),
        (("-algorithm", "ED448"), "Ed448", 0),
        ((*EC, "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"), "EC, a curve of its own", 0),
    ],
)
def test_keys(tmp_path: Path, key: tuple[str, ...], name: str, exponent: int) -> None:
    read = algorithms.key(outline(signed(tmp_path, *key)).key)
    assert (read.name, read.exponent) == (name, exponent)


def test_dsa(tmp_path: Path) -> None:
    read = algorithms.key(outline(dsa(tmp_path)).key)
    assert (read.kind, read.bits) == ("DSA", 1024)


def dsa(folder: Path) -> Path:
    openssl("dsaparam", "-out", folder / "dsa.params", "1024")
    return signed(folder, "-paramfile", str(folder / "dsa.params"), name="dsa.example", more=LEAF)


PSS = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest")


@pytest.mark.parametrize(
    ("digest", "more", "name"),
    [
        ("-md5", (), "md5WithRSAEncryption"),
        ("-sha1", (), "sha1WithRSAEncryption"),
        ("-sha224", (), "sha224WithRSAEncryption"),
        ("-sha256", (), "sha256WithRSAEncryption"),
        ("-sha384", (), "sha384WithRSAEncryption"),
        ("-sha512", (), "sha512WithRSAEncryption"),
        ("-sha3-256", (), "RSA-SHA3-256"),
        ("-sha1", PSS, "RSASSA-PSS-SHA1"),
        ("-sha256", PSS, "RSASSA-PSS-SHA256"),
        ("-sha512", PSS, "RSASSA-PSS-SHA512"),
    ],
)
def test_signatures(tmp_path: Path, digest: str, more: tuple[str, ...], name: str) -> None:
    path = signed(tmp_path, *RSA, "rsa_keygen_bits:2048", more=more, digest=digest)
    assert algorithms.signature(outline(path).signature) == name
    if not more and "SHA3" not in name:
        assert f"Signature Algorithm: {name}" in openssl("x509", "-in", path, "-noout", "-text")


@pytest.mark.parametrize("digest", ["sha1", "sha224", "sha256", "sha384", "sha512"])
def test_signatures_on_curves(tmp_path: Path, digest: str) -> None:
    path = signed(tmp_path, *EC, "ec_paramgen_curve:P-256", digest=f"-{digest}")
    assert algorithms.signature(outline(path).signature) == f"ecdsa-with-{digest.upper()}"


def strength(*paths: Path, **options: Any) -> list[dict[str, Any]]:
    result = run_module("cert_expiry", {"paths": [str(path) for path in paths], "now": NOW_TEXT, **options})
    return findings_of(result, STRENGTH)


def test_what_is_in_order_is_one_finding(tmp_path: Path) -> None:
    ca = authority()
    for number in range(5):
        (tmp_path / f"{number}.pem").write_bytes(make(f"{number}.example", issuer=ca).pem + ca.pem)
    (finding,) = strength(tmp_path)
    assert (finding["status"], finding["value"]) == ("ok", 6)


@pytest.mark.parametrize(
    ("key", "digest", "words", "figures"),
    [
        ((*RSA, "rsa_keygen_bits:1024"), "", "a key of 1024 bits (RSA 1024) where 2048 are the least", (1024, 2048)),
        ((*EC, "ec_paramgen_curve:P-224"), "", "a key of 224 bits (EC P-224) where 256 are the least", (224, 256)),
        ((*RSA, "rsa_keygen_bits:2048"), "-md5", "can be forged (md5WithRSAEncryption)", (2048, None)),
        ((*RSA, "rsa_keygen_bits:2048"), "-sha1", "can be forged (sha1WithRSAEncryption)", (2048, None)),
        ((*EC, "ec_paramgen_curve:P-256"), "-sha1", "can be forged (ecdsa-with-SHA1)", (256, None)),
    ],
)
def test_a_weak_leaf(tmp_path: Path, key: tuple[str, ...], digest: str, words: str, figures: tuple[Any, Any]) -> None:
    path = signed(tmp_path, *key, digest=digest, more=LEAF)
    (finding,) = strength(path)
    assert (finding["status"], finding["subject"]) == ("critical", str(path))
    assert (finding["value"], finding.get("threshold")) == figures
    assert words in finding["message"] and "request a new certificate" in finding["message"]


def test_dsa_is_weak_and_a_small_exponent_is_not(tmp_path: Path) -> None:
    (finding,) = strength(dsa(tmp_path))
    assert finding["status"] == "critical" and "DSA" in finding["message"]
    three = (*RSA, "rsa_keygen_bits:2048", "-pkeyopt", "rsa_keygen_pubexp:3")
    (finding,) = strength(signed(tmp_path, *three, more=LEAF))
    assert finding["status"] == "ok"


def test_several_troubles_are_one_finding(tmp_path: Path) -> None:
    path = signed(tmp_path, *RSA, "rsa_keygen_bits:1024", digest="-md5", more=LEAF)
    (finding,) = strength(path)
    assert "1024 bits" in finding["message"] and "md5" in finding["message"]


def test_the_least_sizes_are_policy(tmp_path: Path) -> None:
    small = signed(tmp_path, *RSA, "rsa_keygen_bits:1024", name="a.example", more=LEAF)
    curve = signed(tmp_path, *EC, "ec_paramgen_curve:P-224", name="b.example", more=LEAF)
    (finding,) = strength(small, curve, minimum_rsa_bits=1024, minimum_ec_bits=224)
    assert (finding["status"], finding["value"]) == ("ok", 2)
    found = strength(signed(tmp_path, *RSA, "rsa_keygen_bits:2048", more=LEAF), minimum_rsa_bits=3072)
    assert found[0]["threshold"] == 3072
    result = run_module("cert_expiry", {"paths": [str(small)], "minimum_ec_bits": -1})
    assert result["failed"] and "minimum_ec_bits" in result["msg"]


def test_a_root_s_own_signature_does_not_count(tmp_path: Path) -> None:
    (finding,) = strength(signed(tmp_path, *RSA, "rsa_keygen_bits:2048", digest="-sha1"))
    assert finding["status"] == "ok"
    # Its key does.
    (finding,) = strength(signed(tmp_path, *RSA, "rsa_keygen_bits:1024", digest="-sha1"))
    assert "1024 bits" in finding["message"] and "sha1" not in finding["message"]


def test_a_weak_issuer_is_named_and_a_spare_one_is_not(tmp_path: Path) -> None:
    private, path = tmp_path / "ca.key", tmp_path / "ca.pem"
    openssl("genpkey", *RSA, "rsa_keygen_bits:1024", "-out", private)
    openssl("req", "-new", "-x509", "-key", private, "-subj", "/CN=Weak CA", "-out", path, "-days", "3650")
    request = tmp_path / "leaf.csr"
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            tmp_path / "leaf.key", "-subj", "/CN=leaf.example", "-out", request)  # fmt: skip
    leaf = tmp_path / "leaf.pem"
    openssl("x509", "-req", "-in", request, "-CA", path, "-CAkey", private, "-days", "90", "-sha256", "-out", leaf)
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(leaf.read_bytes() + path.read_bytes())
    found = strength(bundle)
    assert [finding["status"] for finding in found] == ["critical", "ok"]
    assert found[0]["subject"] == f"{bundle} [Weak CA]"
    assert "which other certificates rest on" in found[0]["message"]
    # Beside a leaf that does not rest on it, it is nobody's.
    bundle.write_bytes(make().pem + make("other.example", issuer=authority()).pem + path.read_bytes())
    assert [finding["status"] for finding in strength(bundle)] == ["critical", "ok"]


def test_a_key_of_an_unknown_kind_is_told_and_alarms_no_folder_of_roots(tmp_path: Path) -> None:
    explicit = (*EC, "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit")
    (finding,) = strength(signed(tmp_path, *explicit))
    assert finding["status"] == "ok"
    assert "1 of them roots with a key of a kind that is not known here" in finding["message"]
    (finding,) = strength(signed(tmp_path, *explicit, more=LEAF))
    assert finding["status"] == "unknown" and "a curve of its own" in finding["message"]


def test_the_host_s_own_roots_are_in_order() -> None:
    if not Path("/usr/share/ca-certificates/mozilla").is_dir():
        pytest.skip("this machine has no roots")
    (finding,) = strength(Path("/usr/share/ca-certificates/mozilla"))
    assert finding["status"] == "ok" and finding["value"] > 50


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_the_host_s_own_roots_have_the_keys_that_the_library_sees() -> None:
    folder = Path("/usr/share/ca-certificates/mozilla")
    for path in folder.rglob("*.crt"):
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        seen: Any = certificate.public_key()
        read = outline(path)
        assert algorithms.key(read.key).bits == seen.key_size, path
        assert algorithms.signature(read.signature) == certificate.signature_algorithm_oid._name, path


def test_the_evidence_of_expiry_has_it(tmp_path: Path) -> None:
    path = signed(tmp_path, *RSA, "rsa_keygen_bits:2048", digest="-sha384", more=LEAF)
    result = run_module("cert_expiry", {"paths": [str(path)], "now": NOW_TEXT})
    evidence = findings_of(result, EXPIRY)[0]["evidence"]
    assert (evidence["key"], evidence["key_bits"], evidence["signature"]) == (
        "RSA 2048",
        2048,
        "sha384WithRSAEncryption",
    )


# Self-signed


def self_signed(**options: Any) -> list[dict[str, Any]]:
    return findings_of(run_module("cert_expiry", {"now": NOW_TEXT, **options}), SELF_SIGNED)


def test_a_server_with_a_self_signed_certificate(tmp_path: Path) -> None:
    with tls_server(tmp_path, [make(names=["127.0.0.1"])]) as server:
        (finding,) = self_signed(endpoints=[server.endpoint()])
        assert (finding["status"], finding["subject"]) == ("warning", f"127.0.0.1:{server.port}")
        assert "self-signed" in finding["message"]
        assert self_signed(endpoints=[server.endpoint(self_signed=True)]) == []
    with tls_server(tmp_path, [make(names=["127.0.0.1"], issuer=authority())]) as server:
        (finding,) = self_signed(endpoints=[server.endpoint()])
        assert (finding["status"], finding["value"]) == ("ok", 1)


def written(path: Path, *made: Made) -> str:
    path.write_bytes(b"".join(one.pem for one in made))
    return str(path)


def test_a_source_that_expects_names_expects_an_authority(tmp_path: Path) -> None:
    path = written(tmp_path / "a.pem", make())
    assert self_signed(sources=[{"path": path}]) == []
    for wish in ({"names": ["clinic.example"]}, {"self_signed": False}):
        (finding,) = self_signed(sources=[{"path": path, **wish}])
        assert (finding["status"], finding["subject"]) == ("warning", path)
    assert self_signed(sources=[{"path": path, "names": ["clinic.example"], "self_signed": True}]) == []
    ca = authority()
    path = written(tmp_path / "b.pem", make(issuer=ca), ca)
    (finding,) = self_signed(sources=[{"path": path, "names": ["clinic.example"]}])
    assert finding["status"] == "ok"


def test_an_authority_by_name_only_and_a_root_beside_it(tmp_path: Path) -> None:
    # What openssl req -x509 makes calls itself an authority; a root has no names of servers.
    folder = tmp_path / "folder"
    folder.mkdir()
    named = written(folder / "named.pem", make(authority=True, names=["clinic.example"]))
    written(folder / "root.pem", authority())
    found = self_signed(sources=[{"path": str(folder), "names": ["clinic.example"]}])
    assert [finding["subject"] for finding in found] == [named]


def test_the_same_name_is_not_the_same_key(tmp_path: Path) -> None:
    issuer = authority("clinic.example")
    path = written(tmp_path / "a.pem", make("clinic.example", issuer=issuer))
    (finding,) = self_signed(sources=[{"path": path, "self_signed": False}])
    assert finding["status"] == "ok"


def test_where_a_store_is_given_trust_decides(tmp_path: Path) -> None:
    made = make()
    path = written(tmp_path / "a.pem", made)
    options = {"sources": [{"path": path, "names": ["clinic.example"], "trust_store": path}], "now": NOW_TEXT}
    result = run_module("cert_expiry", options)
    assert findings_of(result, SELF_SIGNED) == []
    assert findings_of(result, "certificate.trust")[0]["status"] == "ok"
