"""Links of a chain that have ended, or are about to: an alarm where a leaf needs them, by the real openssl."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.lab.certificates import NOW_TEXT, Made, authority, bundle, make
from tests.lab.modules import findings_of, run_module

NEAR, ENDED = 3.0, -99.0


def links(*sources: dict[str, Any], **options: Any) -> dict[str, str]:
    """The status of each link, by its name and the days that it has left."""
    result = run_module("cert_expiry", {"sources": list(sources), "now": NOW_TEXT, **options})
    found = findings_of(result, "certificate.chain_expiry")
    return {f"{one['evidence']['subject']} {one['value']:g}": one["status"] for one in found}


@pytest.mark.parametrize("days", [NEAR, ENDED])
def test_a_link_that_the_store_goes_around_is_no_alarm(tmp_path: Path, root: Made, store: Path, days: float) -> None:
    """A server goes on sending the signature of an old root, while clients have the new one in their store."""
    old = authority("Old", days=days + 1)
    crossed = authority("Root", issuer=old, key=root.key, days=days)
    middle = authority("Middle", issuer=root)
    path = str(bundle(tmp_path / "served.pem", make(issuer=middle), middle, crossed))
    link = f"CN=Root {days:g}"
    assert links({"path": path, "trust_store": str(store)}) == {link: "ok", "CN=Middle 1000": "ok"}
    # Nothing says so without a store, with one that knows the old root alone, or of another leaf that nobody asked.
    assert links({"path": path})[link] == "critical"
    other = str(bundle(tmp_path / "old.pem", old))
    assert links({"path": path, "trust_store": other})[link] == "critical"
    more = str(bundle(tmp_path / "more.pem", make("other.example", issuer=middle), middle, crossed))
    assert links({"path": path, "trust_store": str(store)}, {"path": more})[link] == "critical"
    both = [{"path": path, "trust_store": str(store)}, {"path": more, "trust_store": other}]
    assert links(*both)[link] == "critical"
    # Whoever is held against both needs it for one of them.
    both = [{"path": path, "trust_store": str(store)}, {"path": path, "trust_store": other}]
    assert links(*both)[link] == "critical"


def test_it_is_no_alarm_either_where_another_place_has_more_of_it(tmp_path: Path, root: Made, store: Path) -> None:
    """A service sends the old root's signature, another one the old root, too."""
    old = authority("Old", days=ENDED)
    crossed = authority("Root", issuer=old, key=root.key, days=ENDED)
    leaf, middle = make(issuer=root), authority("Middle", issuer=root)
    paths = [
        bundle(tmp_path / "some.pem", leaf, crossed),
        bundle(tmp_path / "more.pem", leaf, crossed, old),
        bundle(tmp_path / "other.pem", make("other.example", issuer=middle), middle),
    ]
    sources = [{"path": str(path), "trust_store": str(store)} for path in paths]
    assert links(*sources) == {"CN=Root -99": "ok", "CN=Old -99": "ok", "CN=Middle 1000": "ok"}


def test_a_leaf_that_ends_before_does_not_make_its_link_an_alarm(tmp_path: Path, root: Made, store: Path) -> None:
    crossed = authority("Root", issuer=authority("Old"), key=root.key, days=NEAR)
    path = bundle(tmp_path / "served.pem", make(issuer=root, days=NEAR - 1), crossed)
    source = {"path": str(path), "trust_store": str(store)}
    result = run_module("cert_expiry", {"sources": [source], "now": NOW_TEXT})
    (leaf,) = findings_of(result, "certificate.expiry")
    assert leaf["status"] == "critical" and links(source) == {"CN=Root 3": "ok"}


def test_what_is_needed_alarms_beforehand(tmp_path: Path, root: Made, store: Path) -> None:
    """An intermediate; the root, which is in the store as well; the last way that is left when another has ended."""
    middle = authority("Middle", issuer=root, days=NEAR)
    path = bundle(tmp_path / "middle.pem", make(issuer=middle), middle)
    assert links({"path": str(path), "trust_store": str(store)}) == {"CN=Middle 3": "critical"}
    ending = authority("Ending", days=NEAR)
    path = bundle(tmp_path / "root.pem", make(issuer=ending), ending)
    assert links({"path": str(path), "trust_store": str(bundle(tmp_path / "own.pem", ending))}) == {
        "CN=Ending 3": "critical"
    }
    first = authority("Twice", issuer=root, days=NEAR - 1)
    second = authority("Twice", issuer=root, key=first.key, days=NEAR)
    path = bundle(tmp_path / "twice.pem", make(issuer=second), first, second)
    assert links({"path": str(path), "trust_store": str(store)}) == {"CN=Twice 2": "ok", "CN=Twice 3": "critical"}


def test_it_is_told_before_an_alert_on_the_metrics_begins(tmp_path: Path, root: Made, store: Path) -> None:
    """Which goes by the clock between two looks."""
    crossed = authority("Root", issuer=authority("Old"), key=root.key, days=31.0)
    path = bundle(tmp_path / "served.pem", make(issuer=root), crossed)
    textfile = tmp_path / "certificates.prom"
    source = {"path": str(path), "trust_store": str(store)}
    assert links(source, textfile=str(textfile)) == {"CN=Root 31": "ok"}
    kinds = [line for line in textfile.read_text().splitlines() if 'name="Root"' in line and "status{" in line]
    assert len(kinds) == 1 and 'kind="spare"' in kinds[0]
