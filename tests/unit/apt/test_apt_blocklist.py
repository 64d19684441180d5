"""The package blocklist: prefixes, and those that take more than they say."""

from __future__ import annotations

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.apt import blocklist

INSTALLED = ["docker.io", "libx", "libxml2", "nginx", "nginx-common", "postgresql", "postgresql-15", "linux-image-6.1"]


@pytest.mark.parametrize(
    ("name", "entries", "blocking"),
    [
        ("libxml2", ["libx"], "libx"),
        ("libxml2", ["libx$"], ""),
        ("nginx-common", ["apache", "nginx"], "nginx"),
        ("docker.io", [r"docker\.io$"], r"docker\.io$"),
        ("my-nginx", ["nginx"], ""),
        ("nginx", ["lib(", "nginx"], "nginx"),
        ("nginx", [], ""),
    ],
)
def test_an_entry_blocks_what_begins_with_it(name: str, entries: list[str], blocking: str) -> None:
    assert blocklist.blocking_entry(name, entries) == blocking


@pytest.mark.parametrize(
    ("entry", "blocks"),
    [
        ("libx", ("libxml2",)),
        ("libx$", ()),
        # Whole words of a name are how one means a family of packages.
        ("nginx", ()),
        ("postgresql", ()),
        ("docker", ()),
        ("linux-", ()),
        # A pattern of the shell, which here is "postgresq" and any number of l.
        ("postgresql*", ()),
        ("n", ("nginx", "nginx-common")),
        ("lib(", ()),
    ],
)
def test_an_entry_that_cuts_a_word_is_wide(entry: str, blocks: tuple[str, ...]) -> None:
    wide = blocklist.wide_entries([entry], INSTALLED)
    assert tuple(name for item in wide for name in item.blocks) == blocks


@pytest.mark.parametrize("entry", [".*", "(nginx)?", "x*"])
def test_an_entry_that_matches_nothing_in_particular_matches_all(entry: str) -> None:
    (wide,) = blocklist.wide_entries([entry], INSTALLED)
    assert "every name" in wide.why


def test_entries_that_break_unattended_upgrades_are_told() -> None:
    assert blocklist.broken_entries(["nginx", "lib(", "*x"]) == ["lib(", "*x"]
