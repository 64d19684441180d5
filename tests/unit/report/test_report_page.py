"""The HTML report, read back by a parser."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.report import drawing
from ansible_collections.careops.maintenance.plugins.module_utils.report.html import render_html
from ansible_collections.careops.maintenance.plugins.module_utils.report.source import Source
from tests.unit.report import clinic

TEMPLATE = (Path(__file__).resolve().parents[3] / "roles/run_close/templates/report.html.j2").read_text()
VOID = {"meta", "br", "link", "img", "input", "hr", "rect", "path"}


class Page(HTMLParser):
    """Tags, attributes and texts; fails where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.folded: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style" and data.strip():
            (self.folded if "details" in self.open else self.texts).append(" ".join(data.split()))

    def has(self, words: str) -> bool:
        return words in " ".join(self.texts)


def page(record: dict[str, Any] | None = None, findings: list[dict[str, Any]] | None = None) -> Page:
    seen = clinic.findings() if findings is None else findings
    text, remarks = render_html(Source(record=record or clinic.record(), findings=seen), template=TEMPLATE)
    assert not remarks
    return Page(text)


def test_the_verdict_comes_first_then_what_needs_attention_then_what_was_done() -> None:
    text = " ".join(page().texts)
    places = [
        text.index(words)
        for words in ("Needs attention", "What needs attention", "What was done", "At a glance", "Everything else")
    ]
    assert places == sorted(places)
    assert "amcheck is not installed" in text
    assert "18.4 days" in text
    assert "(limit 30 days)" in text
    assert "77 MiB by 4 actions" in text
    assert "Ansible's own share was 13.2 s" in text


def test_the_rest_is_folded() -> None:
    read = page()
    assert "Restored and verified in 48.6 seconds." in " ".join(read.folded)
    assert not read.has("Restored and verified in 48.6 seconds.")


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    text, _unused = render_html(Source(record=clinic.record(), findings=clinic.findings()), template=TEMPLATE)
    read = Page(text)
    assert not [
        tag for tag, _unused in read.tags if tag in ("script", "link", "img", "iframe", "object", "embed", "base", "a")
    ]
    for tag, attributes in read.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "href", "action")], tag
    assert not re.search(r"url\(|@import|@font-face", text)
    assert set(re.findall(r"https?://[^\"' <]+", text)) <= {"http://www.w3.org/2000/svg"}
    policy = next(attributes for _unused, attributes in read.tags if attributes.get("http-equiv"))
    assert str(policy["content"]).startswith("default-src 'none'")


def test_what_comes_from_outside_is_only_text() -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{ 7*7 }}\x1b\u202e\udcff" + "x" * 2000
    finding = clinic.finding(
        *("certificate.expiry", evil, "critical", evil),
        host=evil,
        procedure=evil,
        value=-1.0,
        unit="days",
        threshold=7,
        evidence={evil: [evil, {evil: evil}]},
        controls=[evil],
    )
    acts = [
        clinic.action(
            "reindex", evil, host=evil, before={"bytes": 9 << 20, evil: evil}, after={"bytes": 1 << 20}, seconds=2.0
        ),
        clinic.action("vacuum", evil, outcome="failed", changed=False, reason=evil, seconds=1.0),
    ]
    ran = [{**row, "name": evil, "host": evil} for row in clinic.procedures()]
    record = clinic.record(
        seen=[finding],
        done=acts,
        ran=ran,
        hosts=[{"name": evil, "state": "unreachable"}],
        outcome="failed",
        sentence=evil,
        reasons=[evil],
        interrupted=evil,
    )
    for key in ("system", "operator", "ticket", "controller", "playbook"):
        record["run"][key] = evil
    read = page(record, [finding])
    assert not [tag for tag, _unused in read.tags if tag in ("script", "img")]
    assert not [name for _unused, attributes in read.tags for name in attributes if name.startswith("on")]
    everything = " ".join(read.texts + read.folded)
    assert "<script>alert(1)</script>" in everything
    assert "{{ 7*7 }}" in everything
    assert "\x1b" not in everything
    assert "\u202e" not in everything


def test_ten_thousand_findings_are_quick_and_stay_readable() -> None:
    many = [
        clinic.certificate(
            f"c{number}",
            number % 220 - 5.0,
            "critical" if number % 220 < 5 else "warning" if number % 220 < 35 else "ok",
        )
        for number in range(10_000)
    ]
    record = clinic.record(seen=many, outcome="failed")
    started = time.perf_counter()
    text, _unused = render_html(Source(record=record, findings=many), template=TEMPLATE)
    assert time.perf_counter() - started < 3
    assert len(text) < 1_000_000
    read = Page(text)
    critical = sum(finding["status"] == "critical" for finding in many)
    assert read.has(f"{critical} findings on 1 host")
    assert read.has(f"{critical - 100} more are not shown here; they are in")
    assert "9,900 more are not shown here; they are in" in " ".join(read.folded)
    assert len(read.texts) < 600


def test_thousands_of_actions_are_summed_up_and_folded() -> None:
    acts = [
        clinic.action(
            "analyze",
            f"clinic.public.t{number}",
            seconds=0.01 * number,
            before={"bytes": 2 << 20},
            after={"bytes": 1 << 20},
        )
        for number in range(2000)
    ]
    read = page(clinic.record(done=acts))
    assert read.has("2,000 done")
    assert read.has("2 GiB given back")
    assert read.has("1,500 more are not shown here; they are in")


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (
            clinic.record(seen=[], done=[], ran=[], hosts=[], outcome="ok", sentence="Fine."),
            "No check has run, so nothing is known.",
        ),
        (clinic.record(done=[]), "Nothing was changed"),
        (clinic.record(done=[], check_mode=True), "Nothing would be changed."),
        (clinic.record(check_mode=True), "Check mode: this is the plan. Nothing was changed."),
        (clinic.record(outcome="failed", interrupted="Stopped by Ctrl-C."), "Interrupted. Stopped by Ctrl-C."),
        (
            clinic.record(hosts=[{"name": "clinic-db", "state": "unreachable"}], outcome="failed"),
            "Nothing is known of 1 unreachable host: clinic-db.",
        ),
        (
            clinic.record(outcome="failed", reasons=["The window is closed until Sunday 02:00 UTC."]),
            "The window is closed",
        ),
    ],
)
def test_runs_of_every_kind_say_what_they_were(record: dict[str, Any], words: str) -> None:
    findings = clinic.findings() if record["checks"] else []
    assert page(record, findings).has(words)


def test_a_good_run_says_that_nothing_needs_attention() -> None:
    good = [finding for finding in clinic.findings() if finding["status"] == "ok"]
    assert page(clinic.record(seen=good, outcome="ok", sentence="Fine."), good).has(
        "Nothing: every check that ran is ok."
    )


def test_reasons_that_findings_tell_are_not_told_twice() -> None:
    read = page()
    told = [text for text in read.texts if "amcheck is not installed" in text]
    assert len(told) == 1


def test_what_a_screen_reader_needs_is_there() -> None:
    read = page()
    assert dict(read.tags)["html"]["lang"] == "en"
    assert [tag for tag, _unused in read.tags].count("h1") == 1
    assert all(attributes.get("scope") for tag, attributes in read.tags if tag == "th")
    drawings = [attributes for tag, attributes in read.tags if tag == "svg"]
    assert len(drawings) == 4
    assert all(attributes["role"] == "img" for attributes in drawings)
    identifiers = [attributes["id"] for _unused, attributes in read.tags if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    levels = [int(tag[1]) for tag, _unused in read.tags if re.fullmatch("h[1-6]", tag)]
    assert all(later - earlier <= 1 for earlier, later in zip(levels, levels[1:], strict=False))


def test_colours_can_be_told_apart_from_their_ground() -> None:
    for scheme in re.findall(r":root \{(.*?)\}", TEMPLATE, flags=re.DOTALL)[:2]:
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", scheme))
        for ink in ("ink", "soft", "ok", "warning", "unknown", "critical", "work"):
            assert contrast(colours[ink], colours["card"]) >= 4.5, (ink, "card")
        for ink in ("ok", "warning", "unknown", "critical"):
            assert contrast(colours[ink], colours[f"{ink}-wash"]) >= 4.5, (ink, "wash")
        assert contrast(colours["soft"], colours["page"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """WCAG 2, contrast ratio."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    channels = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_without_the_charting_library_the_report_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "library", lambda: None)
    text, remarks = render_html(Source(record=clinic.record(), findings=clinic.findings()), template=TEMPLATE)
    assert remarks == ["The charts are missing, since the controller does not have the Python library pygal."]
    assert remarks[0].replace("'", "&#39;") in text
    assert "<svg" not in text


@pytest.mark.parametrize("template", ["{{ view.nothing_of_the_kind }}", "{% if %}", "{{ 1 / 0 }}"])
def test_a_broken_template_is_said_in_a_sentence(template: str) -> None:
    with pytest.raises(MaintenanceError, match="template"):
        render_html(Source(record=clinic.record()), template=template)
