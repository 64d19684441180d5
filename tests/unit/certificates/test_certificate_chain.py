"""Which certificates are leaves, and what they rest on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ansible_collections.careops.maintenance.plugins.module_utils.certificates import der, library
from ansible_collections.careops.maintenance.plugins.module_utils.certificates.chain import Link, chains
from tests.lab.certificates import Made, authority, make


def links(made: Sequence[Made]) -> list[Link]:
    found = []
    for one in made:
        parts = der.outline(one.der)
        end = library.validity(one.der)[1]
        found.append(Link(hashlib.sha256(one.der).digest(), parts.subject, parts.issuer, end, one.der))
    return found


def arranged(**made: Made) -> dict[str, list[str]]:
    """Leaves with what they rest on, by the names of the arguments."""
    names = {hashlib.sha256(one.der).digest(): name for name, one in made.items()}
    found = chains(links(list(made.values())), signed_by=library.signed_by)
    return {names[chain.leaf]: [names[one] for one in chain.issuers] for chain in found}


root = authority("Root")
middle = authority("Middle", issuer=root, days=300)
leaf = make(issuer=middle)


@pytest.mark.parametrize("order", [("leaf", "middle", "root"), ("root", "middle", "leaf"), ("middle", "leaf", "root")])
def test_the_order_does_not_matter(order: Sequence[str]) -> None:
    made = {"leaf": leaf, "middle": middle, "root": root}
    assert arranged(**{name: made[name] for name in order}) == {"leaf": ["middle", "root"]}


def test_a_trust_store_is_all_leaves() -> None:
    others = {f"root{number}": authority(f"Root {number}") for number in range(5)}
    assert arranged(**others) == {name: [] for name in others}


def test_two_leaves_share_an_issuer() -> None:
    second = make("second.example", issuer=middle)
    assert arranged(leaf=leaf, second=second, middle=middle) == {"leaf": ["middle"], "second": ["middle"]}


def test_strangers_stay_apart() -> None:
    assert arranged(leaf=leaf, root=authority("Another")) == {"leaf": [], "root": []}


def test_of_cross_signed_issuers_the_one_that_holds_longest_counts() -> None:
    old_root = authority("Old Root", days=-30)
    crossed = authority("Root", issuer=old_root, days=-30, key=root.key)
    assert arranged(leaf=leaf, middle=middle, crossed=crossed, root=root, old=old_root) == {
        "leaf": ["middle", "root"],
    }
    assert arranged(leaf=leaf, middle=middle, crossed=crossed, old=old_root) == {"leaf": ["middle", "crossed", "old"]}


def test_a_renewed_issuer_of_the_same_name_does_not_stand_in_for_another_key() -> None:
    renewed = authority("Middle", issuer=root, days=900)
    assert arranged(leaf=leaf, renewed=renewed, middle=middle, root=root)["leaf"] == ["middle", "root"]


def test_with_rsa_keys_too() -> None:
    first = authority("RSA", key=rsa.generate_private_key(65537, 2048), days=100)
    second = authority("RSA", key=rsa.generate_private_key(65537, 2048), days=900)
    made = make(issuer=first)
    assert library.signed_by(made.der, first.der)
    assert not library.signed_by(made.der, second.der)
    assert arranged(leaf=made, second=second, first=first)["leaf"] == ["first"]


def test_authorities_that_signed_each_other_end_somewhere() -> None:
    one, two = authority("One"), authority("Two")
    one_by_two = authority("One", issuer=two, key=one.key)
    two_by_one = authority("Two", issuer=one, key=two.key)
    made = make(issuer=one)
    assert arranged(leaf=made, a=one_by_two, b=two_by_one)["leaf"] == ["a", "b"]


def test_authorities_that_signed_each_other_and_nothing_else_stand_for_themselves() -> None:
    one, two = authority("One"), authority("Two")
    crossed = {"a": authority("One", issuer=two, key=one.key), "b": authority("Two", issuer=one, key=two.key)}
    assert arranged(**crossed) == {"a": [], "b": []}
    assert arranged(**crossed, c=authority("Three", issuer=one))["c"] == ["a", "b"]
    three = authority("Three")
    ring = [authority("One", issuer=two, key=one.key), authority("Two", issuer=three, key=two.key)]
    ring.append(authority("Three", issuer=one, key=three.key))
    assert set(arranged(a=ring[0], b=ring[1], c=ring[2])) == {"a", "b", "c"}
