"""The Merkle tree against the published vectors of RFC 6962, and its proofs against every size up to a few dozen."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.careops.maintenance.plugins.module_utils.audit.merkle import (
    EMPTY_ROOT,
    Range,
    Tree,
    is_consistent,
    leaf_hash,
    node_hash,
)

# The inputs and roots that implementations of Certificate Transparency test themselves with.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243"),
        *("5051525354555657", "606162636465666768696a6b6c6d6e6f"),
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


def root_of(hashes: list[bytes]) -> bytes:
    """The root by its definition (RFC 6962, section 2.1)."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node_hash(root_of(hashes[:split]), root_of(hashes[split:]))


def grown(hashes: list[bytes]) -> Range:
    tree = Range()
    for leaf in hashes:
        tree.append(leaf)
    return tree


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_the_published_ones(size: int) -> None:
    hashes = [leaf_hash(content) for content in INPUTS[:size]]
    assert grown(hashes).root().hex() == ROOTS[size - 1]
    assert Tree(hashes).root().hex() == ROOTS[size - 1]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert Range().root() == EMPTY_ROOT == Tree([]).root()


@pytest.mark.parametrize("size", [*range(40), 63, 64, 65, 100])
def test_range_and_tree_agree_with_the_definition(size: int) -> None:
    hashes = leaves(size)
    assert grown(hashes).root() == Tree(hashes).root() == root_of(hashes)


@pytest.mark.parametrize("new", [*range(1, 35), 64, 65])
def test_every_older_tree_is_proved_to_be_the_beginning(new: int) -> None:
    hashes = leaves(new)
    tree = Tree(hashes)
    for old in range(1, new + 1):
        assert is_consistent(old, root_of(hashes[:old]), new, tree.root(), tree.consistency(old)), old


@pytest.mark.parametrize("new", range(2, 20))
def test_another_past_has_no_proof(new: int) -> None:
    hashes = leaves(new)
    for old in range(1, new):
        for place in range(old):
            other = [*hashes]
            other[place] = leaf_hash(b"rewritten")
            proof = Tree(other).consistency(old)
            assert not is_consistent(old, root_of(hashes[:old]), new, root_of(other), proof)
            assert not is_consistent(old, root_of(hashes[:old]), new, root_of(other), Tree(hashes).consistency(old))


@pytest.mark.parametrize(
    ("old", "new"), [(0, 5), (6, 5), (-1, 5)], ids=["from nothing with a proof", "backwards", "negative"]
)
def test_a_proof_between_such_sizes_is_none(old: int, new: int) -> None:
    hashes = leaves(6)
    assert not is_consistent(old, hashes[0], new, root_of(hashes[:new]), [hashes[1]])


def test_a_proof_that_is_too_short_or_too_long_is_none() -> None:
    hashes = leaves(13)
    proof = Tree(hashes).consistency(6)
    roots = (6, root_of(hashes[:6]), 13, root_of(hashes))
    assert is_consistent(*roots, proof)
    assert not is_consistent(*roots, proof[:-1])
    assert not is_consistent(*roots, [*proof, hashes[0]])
    assert not is_consistent(*roots, [])


def inclusion_root(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """The root that a proof leads to (RFC 9162, section 2.1.3.2)."""
    place, last, root = index, size - 1, leaf
    for node in proof:
        assert last > 0
        if place & 1 or place == last:
            root = node_hash(node, root)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            root = node_hash(root, node)
        place, last = place >> 1, last >> 1
    assert last == 0
    return root


@pytest.mark.parametrize("size", [*range(1, 35), 100])
def test_every_entry_is_proved_to_be_in_the_tree(size: int) -> None:
    hashes = leaves(size)
    tree = Tree(hashes)
    for index in range(size):
        assert inclusion_root(hashes[index], index, size, tree.inclusion(index)) == tree.root()


@given(size=st.integers(1, 200), dropped=st.integers(0, 200))
def test_a_tree_without_its_beginning_proves_the_rest(size: int, dropped: int) -> None:
    dropped = min(dropped, size)
    hashes = leaves(size)
    tree = Tree(hashes[dropped:], start=grown(hashes[:dropped]))
    whole = Tree(hashes)
    assert tree.root() == whole.root()
    for index in range(dropped, size):
        assert tree.inclusion(index) == whole.inclusion(index)
    for old in range(max(1, dropped), size + 1):
        assert tree.consistency(old) == whole.consistency(old)


def test_a_proof_of_what_was_dropped_is_refused() -> None:
    tree = Tree(leaves(10)[5:], start=grown(leaves(5)))
    with pytest.raises(LookupError):
        tree.inclusion(2)
    with pytest.raises(LookupError):
        tree.consistency(3)


@pytest.mark.parametrize("size", [-1, 11])
def test_a_proof_from_no_size_of_the_log_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="was never one of"):
        Tree(leaves(10)).consistency(size)


@pytest.mark.parametrize(("size", "nodes"), [(3, 1), (0, 1), (4, 2)])
def test_nodes_that_do_not_fit_their_size_are_refused(size: int, nodes: int) -> None:
    with pytest.raises(ValueError, match="are not the nodes"):
        Range(size=size, nodes=leaves(nodes))


def test_nodes_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="are not the nodes"):
        Range(size=1, nodes=[b"short"])
