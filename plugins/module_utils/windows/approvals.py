# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may allow what no window does, and whether somebody did: another person than the one who does the work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Optional, Protocol, Union

from ..clock import parse_moment, to_text
from ..errors import MaintenanceError
from ..report.humanise import clean
from .policy import require_rows, texts
from .signatures import Signed, require_keys
from .times import span

DAY = timedelta(hours=24)
_APPROVER = ("name", "mail", "phone", "role", "kinds", "accounts", "keys")
_APPROVAL = ("by", "kind", "reason", "given_at")


@dataclass(frozen=True)
class Approver:
    """A person who may approve. kinds: of what, None means anything. accounts: what their logins may be.

    told_apart: whether policy lists their logins, so that it can be told that they are not the operator.
    keys: their public SSH keys; where policy lists some, they have to sign what they approve.
    """

    name: str
    kinds: Union[tuple[str, ...], None] = None
    accounts: tuple[str, ...] = ()
    told_apart: bool = False
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Approval:
    """What a person allowed, why, and when. signed: the proof, where it had to be signed."""

    by: str
    kind: str
    reason: str
    given_at: datetime
    signed: Optional[Signed] = None

    def as_dict(self) -> dict[str, Any]:
        """The approval as plain JSON data, as the record has it."""
        given = {"by": self.by, "kind": self.kind, "reason": self.reason, "given_at": to_text(self.given_at)}
        return {**given, "signed": asdict(self.signed)} if self.signed else given


class Proof(Protocol):
    """What proves that the owner of one of the keys signed what is given, or why nothing does."""

    def __call__(self, given: Mapping[str, str], signature: str, keys: Sequence[str]) -> Union[Signed, str]: ...


def parse_approvers(rows: Any) -> list[Approver]:
    """The approvers of ``policy_approvers``. Raises MaintenanceError."""
    approvers = []
    for row in require_rows(rows, kind="approver", known=_APPROVER):
        name = row["name"].strip()
        kinds = texts(row.get("kinds"), what=f"The kinds of approver {name!r}")
        if row.get("kinds") is not None and not kinds:
            raise MaintenanceError(
                f"The kinds of approver {name!r} are empty: name some, or leave it out for any kind."
            )
        accounts = texts(row.get("accounts"), what=f"The accounts of approver {name!r}")
        mail = texts(row.get("mail") or None, what=f"The mail of approver {name!r}")
        # Logins are often what stands before the @.
        known = (*accounts, *mail, *(address.partition("@")[0] for address in mail))
        keys = _keys(row, name=name)
        approvers.append(Approver(name=name, kinds=kinds or None, accounts=known, told_apart=bool(accounts), keys=keys))
    return approvers


def _keys(row: Mapping[str, Any], *, name: str) -> tuple[str, ...]:
    """The approver's public keys. A list that was emptied is none: a key that is taken back makes no name believed."""
    keys = texts(row.get("keys"), what=f"The keys of approver {name!r}")
    if "keys" in row and not keys:
        raise MaintenanceError(
            f"The keys of approver {name!r} are empty: name some, take the person off the list, "
            "or leave keys out where their typed name is to be enough."
        )
    return require_keys(keys, whose=name)


def is_given(approval: Any) -> bool:
    """Whether there is anything in it; inputs that were all left empty are no approval."""
    return (
        any(str(value or "").strip() for value in approval.values())
        if isinstance(approval, Mapping)
        else bool(approval)
    )


def judge(
    row: Any,
    approvers: Sequence[Approver],
    *,
    operator: str,
    account: str = "",
    now: datetime,
    valid_for: timedelta,
    proof: Proof,
) -> Union[Approval, str]:
    """The approval, or why it allows nothing, as the last words of a sentence."""
    approval = _read(row)
    if isinstance(approval, str):
        return approval
    age = now - approval.given_at
    if age < timedelta(0):
        return f"it is dated {to_text(approval.given_at)}, which is yet to come"
    if age > valid_for:
        return f"it was given {span(age)} ago and holds for {span(valid_for)}, so ask {approval.by} for a new one"
    named = [approver for approver in approvers if _same(approver.name, approval.by)]
    fault = _fault(approval, named, approvers=approvers, operator=operator, account=account)
    # By the name that the policy writes, however it was typed.
    return fault or _signed(replace(approval, by=named[0].name), named, str(row.get("signature") or ""), proof=proof)


def doubt(approval: Approval, approvers: Sequence[Approver], *, operator: str) -> str:
    """What nobody could check of an approval that holds, as a sentence behind others; empty where all was."""
    if any(approver.told_apart for approver in approvers if _same(approver.name, approval.by)):
        return ""
    return (
        f" Nobody could check that {approval.by} is another person than {operator.strip()}: "
        "list the logins of approvers in policy_approvers, as accounts."
    )


def _read(row: Any) -> Union[Approval, str]:
    """The approval, or what is wrong with its form."""
    if not isinstance(row, Mapping):
        return f"it must be a mapping with {_listed(_APPROVAL)}"
    unknown = [str(key) for key in row if key not in (*_APPROVAL, "signature")]
    if unknown:
        return f"it has {_listed(unknown)}, which nobody reads, and takes {_listed((*_APPROVAL, 'signature'))}"
    # What is signed is what a person read, so nothing in it may look like something else.
    given = {field: " ".join(clean(row.get(field) or "").split()) for field in _APPROVAL}
    missing = [field for field in _APPROVAL if not given[field]]
    if missing:
        return f"it lacks {_listed(missing)}"
    try:
        moment = parse_moment(given["given_at"], option="given_at")
    except MaintenanceError:
        return f"its given_at must be a moment with its offset such as 2026-03-01T02:30:00Z, not {given['given_at']!r}"
    return Approval(by=given["by"], kind=given["kind"], reason=given["reason"], given_at=moment)


def _fault(
    approval: Approval, named: Sequence[Approver], *, approvers: Sequence[Approver], operator: str, account: str
) -> str:
    """Why this person may not allow that; empty where they may. named: the approvers of that name."""
    if not approvers:
        return "the policy names nobody who may approve, so list persons in policy_approvers"
    if not named:
        return f"{approval.by} may not approve, the policy lists {_listed(sorted({one.name for one in approvers}))}"
    if not any(approver.kinds is None or _among(approval.kind, approver.kinds) for approver in named):
        kinds = sorted({kind for approver in named for kind in approver.kinds or ()})
        return f"{approval.by} may approve {_listed(kinds)}, not {approval.kind}"
    if not operator.strip():
        return "nobody knows who does the work, so give the operator: the two must not be the same person"
    # The name of the operator is what somebody typed, the account is not.
    if any(_among(who, (one.name, *one.accounts)) for one in named for who in (operator, account) if who.strip()):
        return f"{approval.by} does the work and cannot approve it too, so ask another approver"
    return ""


def _signed(approval: Approval, named: Sequence[Approver], signature: str, *, proof: Proof) -> Union[Approval, str]:
    """The approval with its proof, where policy has keys of the approver; or why it is not theirs."""
    keys = [key for approver in named for key in approver.keys]
    if keys:
        signed = proof(approval.as_dict(), signature, keys)
        return signed if isinstance(signed, str) else replace(approval, signed=signed)
    if signature.strip():
        return f"policy lists no key of {approval.by}, so nobody can check its signature: add keys in policy_approvers"
    return approval


def _among(name: str, names: Sequence[str]) -> bool:
    return any(_same(name, other) for other in names)


def _same(one: str, other: str) -> bool:
    """Whether two names mean the same, however they are spaced and capitalised."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
