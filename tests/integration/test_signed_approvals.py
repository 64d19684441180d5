"""Approvals that must be signed, checked with the real ssh-keygen."""

from __future__ import annotations

import base64
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.runner import Completed
from ansible_collections.careops.maintenance.plugins.module_utils.windows.signatures import Signatures
from tests.lab.approvers import NAMESPACE, Signer, signer
from tests.lab.modules import findings_of, run_module

NOW = "2026-11-21T14:30:00Z"
GIVEN = {
    "kind": "security_patch",
    "reason": "The flaw is being exploited.",
    "given_at": "2026-11-21T14:05:00Z",
}
PURPOSE = {"system": "clinic", "cadence": "weekly"}


@pytest.fixture
def ada(tmp_path: Path) -> Signer:
    return signer(tmp_path, "Ada Moreau")


@pytest.fixture
def ben(tmp_path: Path) -> Signer:
    return signer(tmp_path, "Ben Okafor")


def asked(
    ada: Signer, signature: str = "", *, keys: Any = None, by: str = "ada moreau", **options: Any
) -> dict[str, Any]:
    approver = {"name": ada.name, "accounts": ["amoreau"], "keys": [ada.public] if keys is None else keys}
    arguments = {
        "work_class": "maintenance",
        "operator": "jdoe",
        "now": NOW,
        "approvers": [approver, {"name": "Cora Lind"}],
        "approval": {"by": by, **GIVEN, "signature": signature},
        **PURPOSE,
        **options,
    }
    return run_module("maintenance_window", arguments)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_what_its_approver_signed_permits_and_can_be_proven_later(tmp_path: Path, kind: str) -> None:
    ada = signer(tmp_path, "Ada Moreau", kind=kind)
    result = asked(ada, ada.approve(**GIVEN, **PURPOSE))
    assert result["details"]["permitted"], result
    approval = result["details"]["approval"]
    assert approval["by"] == "Ada Moreau"
    assert approval["signed"]["key"] == ada.fingerprint
    assert ada.verifies(approval, tmp_path)
    changed = {**approval, "signed": {**approval["signed"], "statement": approval["signed"]["statement"] + " "}}
    assert not ada.verifies(changed, tmp_path)


def test_without_a_signature_the_line_is_shown_and_that_line_will_do(ada: Signer) -> None:
    refused = asked(ada)
    assert refused["failed"]
    assert "policy has keys of Ada Moreau, who must sign this line" in refused["msg"]
    line = re.search(r"\{\"by\".*\}", refused["msg"])
    assert line
    assert asked(ada, ada.sign(line.group()))["details"]["permitted"]


def test_what_is_to_be_signed_is_left_as_a_file_whatever_is_wrong(ada: Signer, ben: Signer, tmp_path: Path) -> None:
    file = tmp_path / "approval.txt"
    for wrong in ("", ben.approve(**GIVEN, **PURPOSE), "none"):
        file.unlink(missing_ok=True)
        assert asked(ada, wrong, statement=str(file))["failed"]
        subprocess.run(
            ["ssh-keygen", "-Y", "sign", "-n", NAMESPACE, "-f", str(ada.key), str(file)],
            capture_output=True,
            check=True,
        )
        signature = file.with_suffix(".txt.sig")
        assert asked(ada, signature.read_text(), statement=str(tmp_path / "none"))["details"]["permitted"]
        signature.unlink()
    assert not (tmp_path / "none").exists()
    assert asked(ada, statement=str(tmp_path / "missing" / "approval.txt"))["failed"]


def test_what_is_signed_looks_like_what_it_is(ada: Signer) -> None:
    reason = "nothing \u202emetsys\u202c \x1b[2K\ud800."
    refused = asked(ada, approval={"by": ada.name, **GIVEN, "reason": reason})
    assert refused["failed"]
    assert '"reason": "nothing \ufffdmetsys\ufffd \ufffd[2K\ufffd."' in refused["msg"]


def test_a_command_line_may_make_spaces_of_line_ends(ada: Signer) -> None:
    signature = ada.approve(**GIVEN, **PURPOSE)
    for mangled in (" ".join(signature.split("\n")), signature.replace("\n", "\r\n"), f"\n\n{signature}\n"):
        assert asked(ada, mangled)["details"]["permitted"]


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "recovery"},
        {"reason": "It may be exploited."},
        {"given_at": "2026-11-21T14:05:01Z"},
        {"system": "hospital"},
        {"cadence": "monthly"},
        {"by": "Cora Lind"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_signature_is_for_nothing_else(ada: Signer, other: dict[str, str]) -> None:
    line = {"by": ada.name, **GIVEN, **PURPOSE, **other}
    refused = asked(ada, ada.approve(**line))
    assert refused["failed"]
    assert "its signature is not one of this line: {" in refused["msg"]


def test_a_signature_for_another_purpose_approves_nothing(ada: Signer) -> None:
    line = asked(ada, ada.approve(**GIVEN, **PURPOSE))["details"]["approval"]["signed"]["statement"]
    assert asked(ada, ada.sign(line))["details"]["permitted"]
    assert asked(ada, ada.sign(line, namespace="file"))["failed"]


def test_nobody_signs_for_another(ada: Signer, ben: Signer) -> None:
    line = asked(ada, ada.approve(**GIVEN, **PURPOSE))["details"]["approval"]["signed"]["statement"]
    refused = asked(ada, ben.sign(line))
    assert refused["failed"]
    assert f"it is signed with the key {ben.fingerprint}, which policy does not list for Ada Moreau" in refused["msg"]
    (verdict,) = findings_of(refused, "window.gate", status="critical")
    assert "approval" not in verdict.get("evidence", {})


def test_any_of_several_keys_will_do(ada: Signer, ben: Signer) -> None:
    assert asked(ada, ada.approve(**GIVEN, **PURPOSE), keys=[ben.public, ada.public])["details"]["permitted"]


@pytest.mark.parametrize("signature", ["yes", "-----BEGIN SSH SIGNATURE-----\n", "-----BEGIN PGP SIGNATURE-----\nAA\n"])
def test_what_is_no_signature(ada: Signer, signature: str) -> None:
    assert "its signature is none of ssh-keygen -Y sign" in asked(ada, signature)["msg"]


def test_a_damaged_signature(ada: Signer) -> None:
    head, first, *rest = ada.approve(**GIVEN, **PURPOSE).splitlines()
    for damaged in ([head, *rest], [head, first[::-1], *rest]):
        assert "its signature is not one of this line" in asked(ada, "\n".join(damaged))["msg"]


def test_a_signature_that_nobody_can_check_is_not_believed(ada: Signer) -> None:
    signature = ada.approve(**GIVEN, **PURPOSE)
    refused = asked(ada, signature, by="Cora Lind")
    assert "policy lists no key of Cora Lind, so nobody can check its signature" in refused["msg"]


@pytest.mark.parametrize("keys", [[], None])
def test_taking_back_a_key_makes_no_typed_name_enough(ada: Signer, keys: Any) -> None:
    approver = {"name": ada.name, "accounts": ["amoreau"], "keys": keys}
    refused = asked(ada, approvers=[approver])
    assert "The keys of approver 'Ada Moreau' are empty: name some" in refused["msg"]


def test_a_signature_does_not_let_somebody_approve_their_own_work(ada: Signer) -> None:
    refused = asked(ada, ada.approve(**GIVEN, **PURPOSE), operator="amoreau")
    assert "does the work and cannot approve it too" in refused["msg"]


def test_keys_that_are_none_are_refused_and_not_repeated(ada: Signer) -> None:
    kind, packed = ada.public.split()[:2]
    part = (f"{kind} {packed[:40]}", f"{kind} {packed[:-4]}", f"{kind} {packed[:-1]}", f"ssh-rsa {packed}")
    for key in (ada.key.read_text(), "AAAAC3NzaC1lZDI1NTE5", 'command="sh" ' + ada.public, *part):
        refused = asked(ada, "x", keys=[key])
        assert "The keys of approver 'Ada Moreau' must be public SSH keys" in refused["msg"]
        assert key.splitlines()[0] not in refused["msg"]
    # Every run says so, and not first the one that needs an approval.
    assert asked(ada, keys=[part[0]], work_class="observe", approval={})["failed"]


def test_what_ssh_keygen_reads_as_no_key_is_told(ada: Signer) -> None:
    kind = b"ssh-ed25519"
    packed = base64.b64encode(b"".join(len(one).to_bytes(4, "big") + one for one in (kind, b"short"))).decode()
    refused = asked(ada, ada.approve(**GIVEN, **PURPOSE), keys=[f"{kind.decode()} {packed}"])
    assert refused["msg"] == "One of the keys in policy_approvers is no public SSH key: copy it again."


def test_an_old_ssh_keygen_is_told(ada: Signer) -> None:
    def old(*_program: object, **_given: object) -> Completed:
        return Completed(1, "", "unknown option -- Y\nusage: ssh-keygen [-q] [-b bits]")

    signatures = Signatures(old, **PURPOSE)
    with pytest.raises(MaintenanceError, match=r"install OpenSSH 8\.1 or later"):
        signatures.judge({"by": ada.name}, ada.sign("x"), [ada.public])
