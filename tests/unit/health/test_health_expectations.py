"""Places in a JSON document, and what is expected there."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.health.expectations import (
    parse_expectations,
    same,
    unmet,
)
from ansible_collections.careops.maintenance.plugins.module_utils.health.paths import Absent, parse_path, values_at

DOCUMENT: dict[str, Any] = {
    "status": "healthy",
    "ok": True,
    "one": 1,
    "half": 0.5,
    "nothing": None,
    "empty": [],
    "checks": {"database": {"ok": False}, "a.b": {"c": 1}},
    "nodes": [{"name": "a", "up": True}, {"name": "b", "up": False}],
    "matrix": [[1, 2], [3, 4]],
}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("status", ["healthy"]),
        ("checks.database.ok", [False]),
        ('checks["a.b"].c', [1]),
        ("nodes[1].name", ["b"]),
        ("nodes[-1].name", ["b"]),
        ("nodes[*].name", ["a", "b"]),
        ("matrix[0][1]", [2]),
        ("matrix[*][*]", [1, 2, 3, 4]),
        ("nothing", [None]),
    ],
)
def test_places(path: str, values: list[Any]) -> None:
    assert values_at(DOCUMENT, parse_path(path, option="expect")) == values


@pytest.mark.parametrize(
    "path",
    ["other", "status.more", "nodes[2]", "nodes[-3]", "nodes.name", "checks[0]", "empty[*]", "status[*]", "ok[0]"],
)
def test_places_that_are_not_there(path: str) -> None:
    with pytest.raises(Absent):
        values_at(DOCUMENT, parse_path(path, option="expect"))


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a]", "[0]a", 'a["', "a[1.5]"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(MaintenanceError, match="cannot be read"):
        parse_path(path, option="expect")


@given(st.text(max_size=30))
def test_every_text_is_a_path_or_is_refused(text: str) -> None:
    with contextlib.suppress(MaintenanceError):
        assert parse_path(text, option="expect")


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        ({"status": "healthy"}, []),
        ({"status": {"equals": "healthy", "matches": "^heal"}}, []),
        ({"status": "ok"}, ['status is "healthy", expected "ok"']),
        ({"ok": True, "one": 1}, []),
        ({"one": 1.0}, []),
        ({"one": True}, ["one is 1, expected true"]),
        ({"ok": 1}, ["ok is true, expected 1"]),
        ({"one": "1"}, ['one is 1, expected "1"']),
        ({"nothing": None}, []),
        ({"half": {"min": 0.5, "max": 0.5}}, []),
        ({"half": {"min": 0.6}}, ["half is 0.5, expected at least 0.6"]),
        ({"half": {"max": 0.4}}, ["half is 0.5, expected at most 0.4"]),
        ({"status": {"max": 3}}, ['status is "healthy", expected a number']),
        ({"ok": {"min": 0}}, ["ok is true, expected a number"]),
        ({"one": {"matches": "1"}}, ["one is 1, expected a text that matches 1"]),
        ({"other": {"present": False}}, []),
        ({"status": {"present": True}}, []),
        ({"status": {"present": False}}, ["status is there, and must not be"]),
        ({"other": {"present": True}}, ["other is missing"]),
        ({"other.more": 1}, ["other.more is missing"]),
        ({"nodes[*].up": True}, ["nodes[*].up is false, expected true"]),
        ({"empty[*].up": True}, ["empty[*].up is missing"]),
        ({"empty": []}, []),
        ({"checks": {"equals": {}}}, ["checks is an object, expected an object"]),
        ({"nodes": 1}, ["nodes is a list of 2, expected 1"]),
    ],
)
def test_expectations(expect: dict[str, Any], words: list[str]) -> None:
    assert unmet(parse_expectations(expect, option="expect"), DOCUMENT) == words


def test_figures_that_are_none_meet_no_limit() -> None:
    for value in (float("nan"), float("inf")):
        expectations = parse_expectations({"a": {"min": 0}}, option="expect")
        assert unmet(expectations, {"a": value}) != []


@pytest.mark.parametrize("path", ["token", "data.accessToken", "user.password", "client_secret", "apiKey", "jwt"])
def test_what_sounds_like_a_secret_is_not_shown(path: str) -> None:
    document: Any = "hunter2-hunter2"
    for step in reversed(path.split(".")):
        document = {step: document}
    (words,) = unmet(parse_expectations({path: "other-secret"}, option="expect"), document)
    assert words == f"{path} is a value that is not shown, expected a value that is not shown"


def test_long_values_are_cut_and_cleaned() -> None:
    (words,) = unmet(parse_expectations({"a": 1}, option="expect"), {"a": "x\n\x1b[31m" + "y" * 500})
    assert len(words) < 100 and "\n" not in words and "\x1b" not in words


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_everything_is_the_same_as_itself(value: Any) -> None:
    assert same(value, value)
    assert unmet(parse_expectations({"a": {"equals": value}}, option="expect"), {"a": value}) == []
