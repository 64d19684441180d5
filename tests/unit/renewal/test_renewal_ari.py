"""ACME Renewal Information: the certificate's name for it, the answers, and how often it is asked."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.careops.maintenance.plugins.module_utils.renewal import ari

NOW = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)
DIRECTORY = "https://ca.example/dir"
INFO = "https://ca.example/renewal"
ANSWER = {"suggestedWindow": {"start": "2026-11-22T00:00:00Z", "end": "2026-11-23T00:00:00Z"}}


def certificate(serial: int, key_identifier: bytes | None) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(serial).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
    if key_identifier is not None:
        builder = builder.add_extension(x509.AuthorityKeyIdentifier(key_identifier, None, None), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_the_identifier_of_the_standard() -> None:
    """The example of RFC 9773, 4.1."""
    key_identifier = bytes.fromhex("69885b6b8746404119e1cc3400b35cc5b5eec3d0".replace(" ", ""))
    made = ari.certificate_id(certificate(0x0087654321, key_identifier))
    assert made is not None and made.endswith(".AIdlQyE")


@pytest.mark.parametrize(("serial", "shown"), [(1, "AQ"), (127, "fw"), (128, "AIA"), (255, "AP8"), (256, "AQA")])
def test_a_serial_number_is_shown_as_it_is_encoded(serial: int, shown: str) -> None:
    assert ari.certificate_id(certificate(serial, b"\x00\x10\x83")) == f"ABCD.{shown}"


def test_without_the_issuers_key_there_is_none() -> None:
    assert ari.certificate_id(certificate(1, None)) is None


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        {"suggestedWindow": []},
        {"suggestedWindow": {}},
        {"suggestedWindow": {"start": 1, "end": 2}},
        {"suggestedWindow": {"start": "soon", "end": "later"}},
        {"suggestedWindow": {"start": "2026-11-23T00:00:00Z", "end": "2026-11-22T00:00:00Z"}},
        {"suggestedWindow": {"start": "2026-11-22T00:00:00Z"}},
    ],
)
def test_an_answer_without_sense_is_no_suggestion(content: Any) -> None:
    assert ari.suggestion_of(content) is None


def test_fractions_of_a_second_and_explanations() -> None:
    window = {"start": "2026-11-22T00:00:00.123456789Z", "end": "2026-11-23T00:00:00.5+00:00"}
    found = ari.suggestion_of({"suggestedWindow": window, "explanationURL": "https://ca.example/why"})
    assert found == ari.Suggestion(
        datetime(2026, 11, 22, tzinfo=timezone.utc),
        datetime(2026, 11, 23, tzinfo=timezone.utc),
        "https://ca.example/why",
    )
    other = ari.suggestion_of({"suggestedWindow": window, "explanationURL": "javascript:alert(1)"})
    assert other is not None and other.explanation == ""


def test_the_moment_is_within_the_window_and_always_the_same() -> None:
    found = ari.suggestion_of(ANSWER)
    assert found is not None
    assert found.moment("00" * 32) == found.start
    assert found.start < found.moment("80" + "00" * 31) < found.moment("ff" * 32) <= found.end


class Authority:
    """Answers, and counts."""

    def __init__(self, *, answer: Any = None, retry_after: float = 0.0, offers: bool = True) -> None:
        self.asked: list[str] = []
        self.answer = answer if answer is not None else ANSWER
        self.retry_after = retry_after
        self.offers = offers
        self.is_there = True

    def __call__(self, address: str) -> ari.Reply | None:
        self.asked.append(address)
        if not self.is_there:
            return None
        if address == DIRECTORY:
            return ari.Reply({"renewalInfo": INFO} if self.offers else {"newOrder": "x"}, 0.0)
        return ari.Reply(self.answer, self.retry_after)


@pytest.mark.parametrize(
    ("retry_after", "hours"),
    [(0.0, 6), (3600.0, 1), (1.0, 1 / 60), (10_000_000.0, 24)],
    ids=["silent", "hour", "second", "year"],
)
def test_it_is_not_asked_again_before_the_authority_wants(retry_after: float, hours: float) -> None:
    authority, der = Authority(retry_after=retry_after), certificate(5, b"abc")
    found, kept = ari.ask(der, directory=DIRECTORY, fetch=authority, now=NOW, kept={})
    assert found == ari.suggestion_of(ANSWER) and authority.asked[1].startswith(f"{INFO}/")
    soon = NOW + timedelta(hours=hours) - timedelta(seconds=2)
    again, still = ari.ask(der, directory=DIRECTORY, fetch=authority, now=soon, kept=kept)
    assert (again, still, len(authority.asked)) == (found, kept, 2)
    ari.ask(der, directory=DIRECTORY, fetch=authority, now=soon + timedelta(seconds=4), kept=kept)
    assert len(authority.asked) == 4


def test_what_was_asked_by_a_clock_that_was_ahead_is_asked_again() -> None:
    authority, der = Authority(), certificate(5, b"abc")
    ahead = NOW + timedelta(days=3650)
    _found, kept = ari.ask(der, directory=DIRECTORY, fetch=authority, now=ahead, kept={})
    ari.ask(der, directory=DIRECTORY, fetch=authority, now=NOW, kept=kept)
    assert len(authority.asked) == 4


def test_another_certificate_is_asked_for_at_once() -> None:
    authority = Authority()
    _found, kept = ari.ask(certificate(5, b"abc"), directory=DIRECTORY, fetch=authority, now=NOW, kept={})
    ari.ask(certificate(6, b"abc"), directory=DIRECTORY, fetch=authority, now=NOW, kept=kept)
    assert len(authority.asked) == 4


def test_an_authority_that_is_away_is_believed_in_what_it_last_said() -> None:
    authority, der = Authority(), certificate(5, b"abc")
    found, kept = ari.ask(der, directory=DIRECTORY, fetch=authority, now=NOW, kept={})
    authority.is_there = False
    later, still = ari.ask(der, directory=DIRECTORY, fetch=authority, now=NOW + timedelta(days=1), kept=kept)
    assert later == found and still == kept


def test_an_authority_that_offers_none_gives_none() -> None:
    assert ari.ask(certificate(5, b"a"), directory=DIRECTORY, fetch=Authority(offers=False), now=NOW, kept={}) == (
        None,
        {},
    )
    nonsense = Authority(answer={"suggestedWindow": "x"})
    assert ari.ask(certificate(5, b"a"), directory=DIRECTORY, fetch=nonsense, now=NOW, kept={}) == (None, {})


def test_only_https_is_fetched() -> None:
    assert ari.fetcher(acme_ca="")("http://127.0.0.1:1/dir") is None
