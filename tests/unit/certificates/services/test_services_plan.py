"""Which endpoints are asked to see what services serve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.certificates.services import plan as planning
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.services.leaf import Leaf, Leaves
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.services.plan import Plan, plan
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.services.use import Listen, Pair, Use

ANY, ANY6 = Listen("*", 443), Listen("::", 443)
DEFAULT = Listen("*", 443, default=True)


def use(file: str, *names: str, at: tuple[Listen, ...] = (ANY,), **more: Any) -> Use:
    return Use("web", f"conf:{file}", (Pair(file),), at, names, **more)


def planned(*uses: Use, address: str = "127.0.0.1", covered: Mapping[str, list[str]] | None = None) -> Plan:
    """covered: names in the certificate of a file; none in those that are not named."""
    covered = covered or {}
    return plan(uses, address=address, leaves=Leaves(lambda file: Leaf(f"f-{file}", dns=covered.get(file, []))))


def asked(made: Plan) -> list[tuple[str, str]]:
    assert made.troubles == []
    return [(one.endpoint.label, "+".join(one.files)) for one in made.pledges]


@pytest.mark.parametrize(
    ("listens", "address", "labels"),
    [
        ([DEFAULT], "127.0.0.1", ["127.0.0.1:443"]),
        ([DEFAULT], "10.0.0.1", ["10.0.0.1:443"]),
        ([DEFAULT], "web.example", ["web.example:443"]),
        ([DEFAULT], "2001:db8::1", ["127.0.0.1:443"]),
        ([DEFAULT, Listen("::", 443, default=True)], "127.0.0.1", ["127.0.0.1:443"]),
        ([Listen("::", 443, default=True)], "127.0.0.1", ["[::1]:443"]),
        ([Listen("::", 443, default=True)], "2001:db8::1", ["[2001:db8::1]:443"]),
        ([Listen("10.1.1.1", 443, default=True), Listen("*", 8443, default=True)], "127.0.0.1",
         ["10.1.1.1:443", "127.0.0.1:8443"]),
        ([], "127.0.0.1", []),
    ],
)  # fmt: skip
def test_where(listens: list[Listen], address: str, labels: list[str]) -> None:
    made = planned(use("a", at=tuple(listens)), address=address)
    assert [label for label, _files in asked(made)] == labels


@pytest.mark.parametrize(
    ("names", "covered", "label", "expected"),
    [
        (("x.example", "a.example"), ["a.example"], "127.0.0.1:443 (a.example)", ["a.example"]),
        (("a.example",), ["*.example"], "127.0.0.1:443 (a.example)", ["a.example"]),
        (("*.a.example",), ["*.a.example"], "127.0.0.1:443 (careops-check.a.example)", ["careops-check.a.example"]),
        # A certificate for none of the names is told; but no client asks for these.
        (("a.example", "b.example"), ["other.example"], "127.0.0.1:443 (a.example)", ["a.example"]),
        (("*.a.example",), ["www.a.example"], "127.0.0.1:443 (careops-check.a.example)", []),
        (("localhost",), ["a.example"], "127.0.0.1:443 (localhost)", []),
        (("192.0.2.1", "bad name", "*.*.x"), ["a.example"], "127.0.0.1:443", []),
        (("MÜNCHEN.example",), ["xn--mnchen-3ya.example"], "127.0.0.1:443 (xn--mnchen-3ya.example)",
         ["xn--mnchen-3ya.example"]),
    ],
)  # fmt: skip
def test_by_which_name(names: tuple[str, ...], covered: list[str], label: str, expected: list[str]) -> None:
    made = planned(use("a", *names, at=(DEFAULT,)), covered={"a": covered})
    assert asked(made) == [(label, "a")]
    assert made.pledges[0].endpoint.expected() == expected


def test_many_servers_with_one_certificate_are_asked_for_once() -> None:
    uses = [use("wild", f"n{number}.example") for number in range(500)] + [use("own", "own.example")]
    made = planned(*uses, covered={"wild": ["*.example"], "own": ["own.example"]})
    assert asked(made) == [("127.0.0.1:443 (n0.example)", "wild"), ("127.0.0.1:443 (own.example)", "own")]
    assert all(made.asked[one] == ["127.0.0.1:443 (n0.example)"] for one in uses[:500])


def test_a_name_leads_to_the_server_that_gets_it() -> None:
    twice = [use("a", "x.example"), use("b", "x.example", "y.example"), use("c", "*.example")]
    assert asked(planned(*twice)) == [
        ("127.0.0.1:443 (x.example)", "a"),
        ("127.0.0.1:443 (y.example)", "b"),
        ("127.0.0.1:443 (careops-check.example)", "c"),
    ]
    # Apache gives a name to the first that fits, be it by a wildcard.
    first = [use("c", "*.example", first_match=True), use("a", "x.example", "x.sub.example", first_match=True)]
    assert asked(planned(*first)) == [
        ("127.0.0.1:443 (careops-check.example)", "c"),
        ("127.0.0.1:443 (x.sub.example)", "a"),
    ]


def test_servers_that_the_certificates_name() -> None:
    own: dict[str, Any] = {"by_certificate": True, "several": True}
    uses = [use("a.rsa", **own), use("a.ecdsa", **own), use("wild", excluded=("b.example",), **own)]
    covered = {"a.rsa": ["a.example"], "a.ecdsa": ["a.example"], "wild": ["b.example", "*.example"]}
    made = planned(*uses, covered=covered)
    assert asked(made) == [
        ("127.0.0.1:443 (a.example)", "a.rsa+a.ecdsa"),
        ("127.0.0.1:443 (a.example)", "a.ecdsa+a.rsa"),
        ("127.0.0.1:443 (careops-check.example)", "wild"),
    ]


@pytest.mark.parametrize(
    ("uses", "words"),
    [
        ([use("a", at=(DEFAULT,)), use("b")], "could not be asked for"),
        ([use("a", "x.example"), use("b", "x.example")], "could not be asked for"),
        ([use("a", "x"), use("b", "y", at=(Listen("127.0.0.1", 443),))], "another server has 127.0.0.1:443"),
    ],
)
def test_what_cannot_be_asked_is_told(uses: list[Use], words: str) -> None:
    made = planned(*uses)
    assert len(made.troubles) == 1
    assert words in made.troubles[0].reason
    assert len(made.pledges) == len(uses) - 1


def test_a_server_that_listens_both_at_all_addresses_and_at_one() -> None:
    both = (ANY, Listen("127.0.0.1", 443))
    assert asked(planned(use("a", "x.example", at=both))) == [("127.0.0.1:443 (x.example)", "a")]


def test_behind_a_proxy_and_after_starttls() -> None:
    made = planned(use("a", at=(Listen("*", 25, default=True, proxied=True),), starttls="smtp"))
    assert asked(made) == [("127.0.0.1:25 (smtp)", "a")]
    assert made.pledges[0].endpoint.proxy_protocol


def test_there_is_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "MOST_ENDPOINTS", 3)
    made = planned(*[use(f"f{number}", f"n{number}.example") for number in range(5)])
    assert len(made.pledges) == 3
    assert [len(labels) for labels in made.asked.values()] == [1, 1, 1, 0, 0]
    assert "2 of its endpoints were not asked" in made.troubles[0].reason
