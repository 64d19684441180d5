"""Figures, moments and foreign text as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.report import humanise


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0, "bytes", "0 bytes"),
        (1023, "bytes", "1,023 bytes"),
        (1024, "bytes", "1 KiB"),
        (32_768_000, "bytes", "31.2 MiB"),
        (-5 * 1024**4, "bytes", "-5 TiB"),
        (0, "seconds", "0 s"),
        (0.42, "seconds", "420 ms"),
        (0.9999, "seconds", "1 s"),
        (41.24, "seconds", "41.2 s"),
        (59.96, "seconds", "1 min"),
        (192, "seconds", "3 min 12 s"),
        (7500, "seconds", "2 h 5 min"),
        (273_600, "seconds", "3 d 4 h"),
        (-90, "seconds", "-1 min 30 s"),
        (1500, "milliseconds", "1.5 s"),
        (4.23, "days", "4.2 days"),
        (17.998, "days", "17.9 days"),
        (26, "hours", "26 hours"),
        (3184, "hours", "132.6 days"),
        (1, "days", "1 day"),
        (-3.5, "days", "-3.5 days"),
        (0, "days", "0 days"),
        (43.0, "percent", "43 %"),
        (2048, "bits", "2,048 bits"),
        (1_204_882, "rows", "1,204,882 rows"),
        (3, "count", "3"),
        (0.0123, "ratio", "0.0123"),
        (12.5, None, "12.5"),
        (float("inf"), "days", "inf days"),
        (float("inf"), "seconds", "inf s"),
        (float("nan"), "bytes", "nan TiB"),
        (float("nan"), None, "nan"),
    ],
)
def test_a_quantity_has_its_unit_and_no_digits_that_tell_nothing(value: float, unit: str | None, words: str) -> None:
    assert humanise.quantity(value, unit) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("two\nlines\tand tabs", "two lines and tabs"),
        ("\x1b[31mred\x1b[0m", "\ufffd[31mred\ufffd[0m"),
        ("invoice\u202efdp.exe", "invoice\ufffdfdp.exe"),
        ("lone \udcff surrogate", "lone \ufffd surrogate"),
        ("Zürich 日本語 🙂", "Zürich 日本語 🙂"),
        (17, "17"),
    ],
)
def test_text_from_outside_can_only_be_read(text: object, words: str) -> None:
    assert humanise.clean(text) == words
    assert humanise.clean(text).encode("utf-8")


def test_long_names_keep_both_ends() -> None:
    short = humanise.shorten("a" * 50 + "b" * 50, 21)
    assert len(short) == 21
    assert short == "a" * 10 + "…" + "b" * 10
    assert humanise.shorten("fits", 4) == "fits"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-11-22T02:00:13Z", "2026-11-22 02:00:13 UTC"),
        ("2026-11-22T02:00:13+02:00", "2026-11-22 00:00:13 UTC"),
        (None, "-"),
        ("no moment", "no moment"),
    ],
)
def test_moments_are_utc(text: str | None, words: str) -> None:
    assert humanise.moment(text) == words


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("size_bytes", 2048, "2 KiB"),
        ("restore_seconds", 0.5, "500 ms"),
        ("dead_rows", 12000, "12,000"),
        ("valid", False, "no"),
        ("sha256", "ab" * 32, "abababababababab…"),
        ("owner", None, "none"),
        ("names", ["a", "b"], "a, b"),
        ("names", [str(number) for number in range(12)], "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"),
        ("rows", {"a": 1, "b": [2, 3]}, "a: 1, b: 2, 3"),
        ("empty", [], "none"),
    ],
)
def test_figures_of_evidence_are_words(key: str, value: Any, words: str) -> None:
    assert humanise.figure(key, value) == words


def test_figures_of_evidence_stay_short() -> None:
    assert len(humanise.figure("deep", {"a": {"b": ["x" * 500] * 9}})) <= 300


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("certificate.key_match", "Certificate key match"),
        ("postgres.xid_age", "PostgreSQL XID age"),
        ("apt.held", "apt held"),
    ],
)
def test_checks_have_names(name: str, words: str) -> None:
    assert humanise.words(name) == words


@pytest.mark.parametrize(("key", "words"), [("bytes", "Size"), ("index_bytes", "Index"), ("dead_rows", "Dead rows")])
def test_the_name_of_a_figure_does_not_repeat_its_unit(key: str, words: str) -> None:
    assert humanise.key_words(key) == words
