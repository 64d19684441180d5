"""What is asked of a server, and how its answers are judged: on servers that are made of rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates.endpoints import Endpoint
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.tls import suites
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.tls.answer import (
    ACCEPTED,
    REFUSED,
    SILENT,
    Answer,
)
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.tls.explore import (
    MOST_NAMED,
    Unreachable,
    explore,
)
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.tls.policy import (
    CIPHERS,
    VERSION,
    Wish,
    judge,
    wish_of,
)
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.findings import Finding

CODES = {suite.name: code for code, suite in suites.every().items()}
GOOD = ("TLS_AES_*", "TLS_CHACHA20_*", "ECDHE-*-GCM-*")
NEW = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384")
OLD = ("ECDHE-RSA-AES128-GCM-SHA256", "AES128-SHA", "RC4-SHA")
REFUSES = Answer(REFUSED, words="alert handshake failure")
WRONG = Answer(REFUSED, words="alert protocol version")
HANGS_UP = Answer(REFUSED, words="the connection was closed", closed=True)
SAYS_NOTHING = Answer(SILENT, words="no answer within 5 seconds")


@dataclass
class Server:
    """Accepts each of its versions with its suites. quirks: what it answers to other versions.

    lower: goes down to the newest version it has. patience: connections before it is out of reach.
    tired: connections before it hangs up on everybody. trips: hangs up where such a key exchange is offered.
    """

    speaks: Mapping[str, Sequence[str]]
    quirks: Mapping[str, Answer] = field(default_factory=dict)
    refusal: Answer = WRONG
    lower: bool = False
    patience: int = 10_000
    tired: int = 10_000
    trips: str = ""
    asked: list[tuple[str, int]] = field(default_factory=list)

    def __call__(self, version: str, offer: Sequence[int]) -> Answer:
        self.asked.append((version, len(offer)))
        if len(self.asked) > self.patience:
            raise Unreachable("the connection was refused, nothing listens there")
        if len(self.asked) > self.tired:
            return HANGS_UP
        if version in self.quirks:
            return self.quirks[version]
        if self.trips and any(suites.every()[code].iana.startswith(self.trips) for code in offer):
            return HANGS_UP
        spoken = version
        if self.lower and version not in self.speaks and version != "TLSv1.3":
            older = [one for one in self.speaks if suites.VERSIONS[one] < suites.VERSIONS[version]]
            spoken = max(older, key=lambda one: suites.VERSIONS[one], default=version)
        for name in self.speaks.get(spoken, ()):
            if CODES[name] in offer:
                return Answer(ACCEPTED, version=spoken, suite=CODES[name])
        return self.refusal


def verdicts(server: Server, *, minimum: str = "TLSv1.2", ciphers: Sequence[str] = GOOD) -> dict[str, Finding]:
    wish = Wish(minimum, ciphers)
    found = judge(Endpoint("a.example"), wish, explore(server, ciphers=ciphers))
    return {finding.check: finding for finding in found}


HEALTHY = {"TLSv1.3": NEW, "TLSv1.2": OLD[:1]}
BOTH_OK = ("ok", "ok")


@pytest.mark.parametrize(
    ("server", "minimum", "wanted"),
    [
        (Server(HEALTHY), "TLSv1.2", BOTH_OK),
        (Server(HEALTHY), "TLSv1", BOTH_OK),
        (Server(HEALTHY), "TLSv1.3", ("critical", "ok")),  # speaks 1.3, and accepts 1.2 all the same
        (Server({"TLSv1.3": NEW}), "TLSv1.3", BOTH_OK),
        (Server({"TLSv1.3": NEW}, refusal=HANGS_UP), "TLSv1.3", BOTH_OK),
        (Server({"TLSv1.3": NEW}), "TLSv1.2", BOTH_OK),
        (Server({"TLSv1.3": NEW}, refusal=REFUSES), "TLSv1.3", BOTH_OK),
        (Server({"TLSv1.2": OLD[:1]}), "TLSv1.3", ("critical", "ok")),
        (Server({"TLSv1.2": OLD[:1]}, lower=True), "TLSv1.2", BOTH_OK),
        (Server({**HEALTHY, "TLSv1.1": ["AES128-SHA"]}), "TLSv1.2", ("critical", "critical")),
        (Server({**HEALTHY, "SSLv3": ["EXP-RC4-MD5"]}), "TLSv1", ("critical", "critical")),
        (Server({"TLSv1": ["AES128-SHA"]}, lower=True), "TLSv1.2", ("critical", "critical")),
        (Server({"TLSv1.3": NEW, "TLSv1.2": OLD}), "TLSv1.2", ("ok", "critical")),
        (Server({"TLSv1.3": ["TLS_AES_128_CCM_8_SHA256"]}), "TLSv1.3", BOTH_OK),
        (Server({"TLSv1.3": ["TLS_SHA256_SHA256"]}), "TLSv1.3", ("ok", "critical")),
        # What cannot be told
        (Server({}), "TLSv1.2", ("unknown", "unknown")),
        (Server(HEALTHY, patience=0), "TLSv1.2", ("unknown", "unknown")),
        (Server(HEALTHY, patience=3), "TLSv1.2", ("unknown", "unknown")),
        (Server(HEALTHY, patience=6), "TLSv1.2", ("ok", "unknown")),
        (Server(HEALTHY, quirks={"TLSv1.1": SAYS_NOTHING}), "TLSv1.2", ("unknown", "unknown")),
        (Server(HEALTHY, quirks={"TLSv1.1": SAYS_NOTHING}), "TLSv1", ("ok", "unknown")),
        (Server(HEALTHY, quirks={"TLSv1": Answer(ACCEPTED, "TLSv1.2", 0xC02F)}), "TLSv1.2", ("unknown", "unknown")),
        (Server({**HEALTHY, "TLSv1": OLD}, quirks={"TLSv1.1": SAYS_NOTHING}), "TLSv1.2", ("critical", "critical")),
        (Server({**HEALTHY, "TLSv1.1": ["AES128-SHA"]}, patience=4), "TLSv1.2", ("critical", "unknown")),
        # One that hangs up is asked again for what it accepted: it may have had enough of us
        (Server(HEALTHY, tired=2), "TLSv1.2", ("unknown", "unknown")),
        (Server(HEALTHY, tired=5), "TLSv1.2", ("ok", "unknown")),
        (Server(HEALTHY, tired=5, refusal=HANGS_UP), "TLSv1.2", ("unknown", "unknown")),
        (Server({"TLSv1.3": NEW, "TLSv1.2": OLD}, tired=8), "TLSv1.2", ("ok", "critical")),
    ],
)
def test_every_kind_of_server(server: Server, minimum: str, wanted: tuple[str, str]) -> None:
    found = verdicts(server, minimum=minimum)
    assert (found[VERSION].status, found[CIPHERS].status) == wanted, found


def test_the_words() -> None:
    healthy = verdicts(Server(HEALTHY))
    assert healthy[VERSION].message == (
        "a.example:443 accepts nothing below TLS 1.2 (SSLv3, TLS 1.0 and TLS 1.1 were offered and refused)."
    )
    assert healthy[VERSION].evidence == {
        "minimum": "TLSv1.2",
        "accepted": ["TLSv1.2", "TLSv1.3"],
        "refused": ["SSLv3", "TLSv1", "TLSv1.1"],
    }
    assert healthy[CIPHERS].message == (
        "a.example:443 accepts only cipher suites that the policy allows "
        "(all others were refused in TLS 1.2 and TLS 1.3)."
    )
    assert verdicts(Server(HEALTHY), minimum="TLSv1")[VERSION].message.endswith("(SSLv3 was offered and refused).")
    assert verdicts(Server(HEALTHY), minimum="TLSv1.3")[VERSION].message.startswith(
        "a.example:443 also accepts TLS 1.2: make TLS 1.3 its oldest version (nginx ssl_protocols"
    )
    only = verdicts(Server({"TLSv1.2": OLD}), minimum="TLSv1.3")
    assert "accepts only TLS 1.2: let it speak TLS 1.3, and nothing older" in only[VERSION].message
    assert "accepts 2 cipher suites that the policy does not: RC4-SHA and AES128-SHA; " in only[CIPHERS].message
    assert only[CIPHERS].evidence["forbidden"] == ["TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA"]
    assert (only[CIPHERS].value, only[CIPHERS].unit) == (2, "count")
    silent = verdicts(Server(HEALTHY, quirks={"TLSv1.1": SAYS_NOTHING}))
    assert silent[VERSION].message == (
        "Which TLS versions a.example:443 accepts is unknown: no answer within 5 seconds to TLS 1.1."
    )
    assert silent[CIPHERS].value is None
    stranger = verdicts(Server({}))
    assert "refused every version from SSLv3 to TLS 1.3, the newest with: alert protocol" in stranger[VERSION].message
    tired = verdicts(Server(HEALTHY, tired=2))
    assert "in the end also one that it had accepted before" in tired[VERSION].message


def test_the_advice_is_for_the_server_that_is_asked() -> None:
    seen = explore(Server({**HEALTHY, "TLSv1": OLD}), ciphers=GOOD)
    for protocol, words in {
        "smtp": "smtpd_tls_",
        "postgres": "ssl_min_protocol_version",
        "ldap": "TLSProtocolMin",
    }.items():
        (finding,) = judge(Endpoint("a.example", starttls=protocol), Wish("TLSv1.2"), seen)
        assert words in finding.message


def test_one_handshake_for_each_version_and_one_for_each_find() -> None:
    server = Server({"TLSv1.3": NEW, "TLSv1.2": OLD})
    verdicts(server)
    asked = [version for version, _count in server.asked]
    assert asked[:5] == ["TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1", "SSLv3"]
    # All of TLS 1.3 that is not allowed; then seven parts of TLS 1.2, and once more for each find.
    assert asked[5:] == ["TLSv1.3"] + ["TLSv1.2"] * (7 + 2)
    assert max(count for _version, count in server.asked) <= 128
    server = Server(HEALTHY)
    verdicts(server, ciphers=())
    assert len(server.asked) == 5


def test_a_kind_of_key_exchange_that_fails_hides_no_other() -> None:
    """Dovecot without parameters for DHE hangs up when it comes first, and accepts the others."""
    server = Server({"TLSv1.3": NEW, "TLSv1.2": OLD}, trips="TLS_DHE_")
    found = verdicts(server, minimum="TLSv1.3")
    assert (found[VERSION].status, found[CIPHERS].status) == ("critical", "critical")
    assert found[VERSION].evidence["accepted"] == ["TLSv1.2", "TLSv1.3"]
    assert found[CIPHERS].evidence["forbidden"] == ["TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA"]
    healthy = verdicts(Server({"TLSv1.2": OLD[:1]}, trips="TLS_DHE_"))
    assert (healthy[VERSION].status, healthy[CIPHERS].status) == BOTH_OK


def test_everything_that_is_not_allowed_is_offered() -> None:
    offered: set[int] = set()

    def ask(version: str, offer: Sequence[int]) -> Answer:
        offered.update(offer)
        return Server(HEALTHY)(version, offer)

    explore(ask, ciphers=GOOD)
    allowed = suites.matcher(GOOD)
    wanted = {code for code, suite in suites.every().items() if not allowed(suite)}
    assert wanted <= offered


def test_a_server_that_accepts_everything_is_left_in_the_end() -> None:
    server = Server({version: [suite.name for suite in suites.of_version(version)] for version in suites.VERSIONS})
    found = verdicts(server)[CIPHERS]
    assert found.status == "critical" and found.value == MOST_NAMED
    assert f"accepts at least {MOST_NAMED} cipher suites" in found.message and "52 more" in found.message
    assert len(server.asked) < 5 + MOST_NAMED + 20
    assert len(found.message) < 1000


def test_a_server_that_chooses_what_was_not_offered_ends_the_questions() -> None:
    def stubborn(version: str, offer: Sequence[int]) -> Answer:
        return Answer(ACCEPTED, version=version, suite=CODES["RC4-SHA"]) if version == "TLSv1.2" else REFUSES

    found = {
        one.check: one
        for one in judge(Endpoint("a.example"), Wish("TLSv1.2", ["*RC4*"]), explore(stubborn, ciphers=["*RC4*"]))
    }
    assert found[VERSION].status == "ok"
    assert "chose a cipher suite that was not offered in TLS 1.2" in found[CIPHERS].message


@pytest.mark.parametrize(
    ("own", "wanted"),
    [
        ({}, Wish("TLSv1.2", ("*",))),
        ({"tls_minimum": "", "tls_ciphers": []}, Wish("", ())),
        ({"tls_minimum": "TLSv1.3"}, Wish("TLSv1.3", ("*",))),
        ({"tls_ciphers": ["TLS_AES_*"]}, Wish("TLSv1.2", ("TLS_AES_*",))),
    ],
)
def test_an_endpoint_goes_before_the_policy(own: dict[str, Any], wanted: Wish) -> None:
    assert wish_of(Endpoint("a.example", **own), minimum="TLSv1.2", ciphers=("*",)) == wanted


def test_what_makes_no_sense() -> None:
    Wish("TLSv1.2", GOOD).check()
    with pytest.raises(MaintenanceError, match="'HIGH:!aNULL' in tls_ciphers means no cipher suite"):
        Wish("", ["*", "HIGH:!aNULL"]).check()
    with pytest.raises(MaintenanceError, match="tls_minimum must be one of"):
        Wish("TLSv2").check()
