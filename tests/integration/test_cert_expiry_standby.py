"""cert_expiry on a standby: what is stopped there on purpose is no trouble, what runs there is judged as anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import certificates, services
from tests.lab.certificates import NOW_TEXT, authority, bundle, listening
from tests.lab.modules import findings_of, run_module
from tests.lab.postgres import free_port
from tests.lab.services import make, statuses


class Node:
    """A host with an nginx that serves one certificate, as long as it runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.label = f"127.0.0.1:{self.port} (portal.clinic.example)"
        self.install()
        self.text = (
            f"http {{ access_log off; server {{ listen 127.0.0.1:{self.port} ssl; server_name portal.clinic.example;\n"
            "ssl_certificate portal.pem; ssl_certificate_key portal.key; return 204; } }"
        )
        # What tells of it while it does not run.
        with self.running():
            pass

    def install(self, **how: Any) -> None:
        services.install(
            self.folder / "portal.pem", make("portal.clinic.example", **how), key=self.folder / "portal.key"
        )

    def running(self) -> Any:
        return services.nginx(self.folder, self.text, self.port)

    def look(self, *, may_be_stopped: bool = True, **options: Any) -> dict[str, Any]:
        wanted = {"kind": "nginx", "config": str(self.folder / "nginx.conf"), "may_be_stopped": may_be_stopped}
        return run_module("cert_expiry", {"services": [wanted], "now": NOW_TEXT, **options})


@pytest.fixture
def node() -> Iterator[Node]:
    with services.folder_for("nginx") as folder:
        yield Node(folder)


def test_what_may_be_stopped_and_is_has_nothing_to_serve(node: Node) -> None:
    result = node.look(tls_minimum="TLSv1.2", trust_store="")
    assert result["summary"]["worst"] == "ok", result["findings"]
    (served,) = findings_of(result, "certificate.served")
    assert served["subject"] == node.label
    assert served["message"] == f"Nothing listens at {node.label}, and policy says that it may be stopped."
    assert not findings_of(result, "tls.version")
    # Its file is there, and is looked at.
    assert statuses(result, "certificate.expiry") == {str(node.folder / "portal.pem"): "ok"}


def test_what_must_run_and_does_not_is_unknown(node: Node) -> None:
    result = node.look(may_be_stopped=False)
    assert statuses(result) == {node.label: "unknown"}


def test_the_certificate_of_a_standby_may_not_end_unseen(node: Node) -> None:
    node.install(days=-1)
    assert statuses(node.look(), "certificate.expiry") == {str(node.folder / "portal.pem"): "critical"}


def test_what_runs_although_it_may_be_stopped_is_judged(node: Node) -> None:
    with node.running():
        assert statuses(node.look()) == {node.label: "ok"}
        node.install(days=80)
        assert statuses(node.look()) == {node.label: "critical"}


def test_a_server_that_listens_and_does_not_answer_is_not_stopped() -> None:
    with listening() as mute:
        port = mute.getsockname()[1]
        endpoint = {"host": "127.0.0.1", "port": port, "may_be_stopped": True}
        result = run_module("cert_expiry", {"endpoints": [endpoint], "timeout": 0.5})
    assert [row["status"] for row in result["findings"] if row["subject"] == f"127.0.0.1:{port}"] == ["unknown"]


def test_the_file_of_an_endpoint_named_by_hand_may_not_end_unseen(tmp_path: Path) -> None:
    path = bundle(tmp_path / "ldap.pem", services.make("ldap.clinic.example", days=-1))
    endpoint = {"host": "127.0.0.1", "port": free_port(), "may_be_stopped": True, "certificate": str(path)}
    endpoint["server_name"] = "ldap.clinic.example"
    result = run_module("cert_expiry", {"endpoints": [endpoint], "now": NOW_TEXT})
    assert statuses(result, "certificate.expiry") == {str(path): "critical"}
    assert statuses(result, "certificate.names") == {str(path): "ok"}
    path.unlink()
    result = run_module("cert_expiry", {"endpoints": [endpoint], "now": NOW_TEXT})
    assert statuses(result, "certificate.readable") == {str(path): "unknown"}


def test_the_chain_of_apache_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    """Then the certificate's file leads nowhere by itself; what ends in the other one is found."""
    ca = authority()
    middle = authority("Middle", issuer=ca, days=3)
    leaf = certificates.make("portal.clinic.example", issuer=middle)
    (tmp_path / "portal.key").write_bytes(leaf.key_pem)
    for name, made in {"ca": ca, "chain": middle, "portal": leaf}.items():
        bundle(tmp_path / f"{name}.pem", made)
    port = free_port()
    config = tmp_path / "apache2.conf"
    config.write_text(
        f"Listen 127.0.0.1:{port}\n<VirtualHost *:{port}>\nSSLEngine on\nSSLCertificateFile {tmp_path}/portal.pem\n"
        f"SSLCertificateKeyFile {tmp_path}/portal.key\nSSLCertificateChainFile {tmp_path}/chain.pem\n</VirtualHost>\n"
    )
    wanted = {"kind": "apache", "config": str(config), "may_be_stopped": True}
    options = {"services": [wanted], "trust_store": str(tmp_path / "ca.pem"), "now": NOW_TEXT}
    result = run_module("cert_expiry", options)
    assert findings_of(result, "certificate.trust") == []
    expiry = {"portal.pem": "ok", "chain.pem": "critical"}
    assert statuses(result, "certificate.expiry") == {str(tmp_path / name): how for name, how in expiry.items()}


def test_an_endpoint_named_by_hand_may_be_stopped_too() -> None:
    endpoint = {"host": "127.0.0.1", "port": free_port(), "may_be_stopped": True}
    result = run_module("cert_expiry", {"endpoints": [endpoint], "tls_minimum": "TLSv1.3", "trust_store": "system"})
    assert result["summary"]["worst"] == "ok"
    assert [row["check"] for row in findings_of(result, "certificate.served")] == ["certificate.served"]
    assert (
        run_module("cert_expiry", {"endpoints": [{**endpoint, "may_be_stopped": False}]})["summary"]["worst"]
        == "unknown"
    )
