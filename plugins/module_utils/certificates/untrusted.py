# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a chain does not build, in words that say what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional

from .library import Certificate, one_line
from .verify import EXPIRED, Fault

# Numbers of openssl's X509_V_ERR; the same in all its versions since 1.1.
_NO_ISSUER = (2, 20, 21)
_SELF_SIGNED = 18
_ROOT_NOT_IN_STORE = 19
_NOT_YET = 9
_PURPOSE = 26
_SIGNATURE = (4, 6, 7)
_NO_AUTHORITY = (24, 79)


class Trouble(NamedTuple):
    """A leaf that does not lead to its store.

    place: file or endpoint; served: whether it is the latter. others: what came with the leaf. proven: whether
    the chain builds with an issuer that was seen elsewhere.
    """

    place: str
    served: bool
    store: str
    leaf: Certificate
    others: Sequence[Certificate]
    faults: Sequence[Fault]
    proven: bool


def describe(trouble: Trouble) -> tuple[str, str]:
    """One word for the reason, and one sentence. Where there are several faults, the one to be mended first."""
    by_code = {fault.code: fault for fault in reversed(trouble.faults)}
    for codes, tell in (
        (_SIGNATURE, _signature),
        (_NO_ISSUER, _no_issuer),
        ((_SELF_SIGNED,), _self_signed),
        ((_ROOT_NOT_IN_STORE,), _unknown_authority),
        (_NO_AUTHORITY, _no_authority),
        ((_PURPOSE,), _purpose),
    ):
        fault = next((by_code[code] for code in codes if code in by_code), None)
        if fault:
            return tell(trouble, fault)
    odd = next((fault for fault in trouble.faults if fault.code not in (EXPIRED, _NOT_YET)), None)
    if odd:
        return _other(trouble, odd)
    return _dates(trouble, by_code.get(_NOT_YET) or trouble.faults[0])


def _no_issuer(trouble: Trouble, fault: Fault) -> tuple[str, str]:
    top = _climb(trouble, fault.depth)
    issuer = one_line(top.issuer) or "one without a name"
    if not trouble.proven and fault.depth:
        return "unknown_authority", _authority(trouble, issuer)
    gap = "does not send its intermediate" if trouble.served else "does not hold the intermediate"
    mend = (
        "let the server send the full chain"
        if trouble.served
        else "put the certificate of the issuer behind the leaf's (the full chain)"
    )
    if trouble.proven:
        return (
            "missing_intermediate",
            f"{trouble.place} {gap}, the certificate of {issuer}, so most clients refuse it: {mend}.",
        )
    return (
        "missing_intermediate",
        f"{trouble.place} {gap}: nothing leads from {trouble.leaf.name} to {trouble.store}, since its issuer "
        f"{issuer} is neither there nor in the store; {mend}, or, if this is an authority to trust by itself, "
        "add it to the store.",
    )


def _climb(trouble: Trouble, depth: int) -> Certificate:
    """The certificate at this depth, by the names; the last that can be found."""
    by_subject = {one.subject: one for one in trouble.others}
    at = trouble.leaf
    for _step in range(depth):
        at = by_subject.get(at.issuer, at)
    return at


def _authority(trouble: Trouble, issuer: str) -> str:
    return (
        f"{trouble.leaf.name} in {trouble.place} rests on an unknown authority, {issuer}, which is not in "
        f"{trouble.store}: request a certificate from an authority that is, or add this one if it is to be trusted."
    )


def _unknown_authority(trouble: Trouble, fault: Fault) -> tuple[str, str]:
    root = _climb(trouble, fault.depth)
    return "unknown_authority", _authority(trouble, one_line(root.subject) or one_line(fault.subject))


def _self_signed(trouble: Trouble, _fault: Fault) -> tuple[str, str]:
    return (
        "self_signed",
        f"{trouble.leaf.name} in {trouble.place} is self-signed and not in {trouble.store}, so clients cannot tell it "
        "from an impostor's: request a certificate from an authority, or add it to the store if it is to be trusted.",
    )


def _signature(trouble: Trouble, fault: Fault) -> tuple[str, str]:
    return (
        "bad_signature",
        f"The signature of {_who(trouble, fault)} in {trouble.place} was not made by the key of its issuer "
        f"{one_line(_climb(trouble, fault.depth).issuer)}: it was altered, or another issuer of the same name stands "
        "beside it; install the certificate again with the chain that was issued with it.",
    )


def _no_authority(trouble: Trouble, fault: Fault) -> tuple[str, str]:
    return (
        "no_authority",
        f"{trouble.leaf.name} in {trouble.place} was issued by {_who(trouble, fault)}, whose extensions do not let it "
        "issue anything: request a certificate from an authority.",
    )


def _purpose(trouble: Trouble, fault: Fault) -> tuple[str, str]:
    return (
        "wrong_purpose",
        f"{_who(trouble, fault)} in {trouble.place} has the wrong purpose, it is not for TLS servers: request a "
        "certificate whose extended key usage names server authentication.",
    )


def _dates(trouble: Trouble, fault: Fault) -> tuple[str, str]:
    early = fault.code == _NOT_YET
    reason = "not_yet_valid" if early else "expired"
    state = "is not valid yet" if early else "has expired"
    if not fault.depth:
        return (
            reason,
            f"{trouble.leaf.name} in {trouble.place} leads to {trouble.store}, and is refused all the same since it "
            f"{state}: put one into use that is valid.",
        )
    return (
        reason,
        f"The chain of {trouble.leaf.name} in {trouble.place} needs {_who(trouble, fault)}, which {state}: install "
        "the chain that its issuer offers now, and keep the trust store up to date.",
    )


def _other(trouble: Trouble, fault: Fault) -> tuple[str, str]:
    return (
        "invalid",
        f"No chain leads from {trouble.leaf.name} in {trouble.place} to {trouble.store}: openssl says of "
        f"{_who(trouble, fault)} {one_line(fault.words)!r}; have the certificate issued again without that.",
    )


def _who(trouble: Trouble, fault: Fault) -> str:
    if not fault.depth:
        return trouble.leaf.name
    subject: Optional[str] = fault.subject
    return one_line(subject or _climb(trouble, fault.depth).subject)
