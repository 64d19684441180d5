"""The run in a screenful of text."""

from __future__ import annotations

from ansible_collections.careops.maintenance.plugins.module_utils.report.text import render_text
from tests.unit.report import clinic

EXPECTED = """\
▲ clinic, weekly: Needs attention
  The run went well; 4 findings need attention.

Needs attention (4)
  ? unknown  clinic-db  clinic
    The extension amcheck is not installed, so the indexes' structure could not be verified: install
    postgresql-contrib.
  ▲ warning  clinic-web  /etc/ssl/clinic/imaging.pem
    Ends in 18.4 days: see why the renewer has not replaced it.
  ▲ warning  clinic-db  clinic.public.user_sessions_token_idx_ccnew
    An invalid index was left by a concurrent build that failed; it has been dropped and built
    again.
  ▲ warning  clinic-web  clinic-web
    3 security updates are pending (openssl, libssl3, curl): they come tonight, or run patching now.

Done
  Restore test: 1 done, 48.6 s
  Vacuum: 3 done, 13.6 s, 40 MiB given back
  Backup: 1 done, 7.9 s
  Reindex: 2 done, 1 skipped, 4.7 s, 37 MiB given back
  Analyze: 2 done, 620 ms

Checks: ? 1 unknown, ▲ 3 warning, ✔ 14 ok
Time:   1 min 31 s, of which the work itself 1 min 18 s and Ansible's own share 13.2 s
Report: /runs/1/report.html"""


def test_a_week_fits_a_screen() -> None:
    assert render_text(clinic.record(), report_path="/runs/1/report.html") == EXPECTED


def test_colour_adds_nothing_but_colour() -> None:
    import re

    coloured = render_text(clinic.record(), report_path="/runs/1/report.html", colour=True)
    assert "\x1b[1;33m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == EXPECTED


def test_hundreds_of_findings_stay_a_screenful() -> None:
    many = [clinic.certificate(f"c{number}", -1.0, "critical") for number in range(900)]
    many += [clinic.finding(f"check.n{number}", "s", "warning", "m", host="h", procedure="p") for number in range(60)]
    text = render_text(clinic.record(seen=many, outcome="failed"), report_path="")
    assert "and 897 more of certificate.expiry" in text
    assert "and 49 more findings, see the report" in text
    assert len(text.splitlines()) < 50
    assert "Report:" not in text


def test_nothing_in_it_drives_the_terminal() -> None:
    evil = clinic.finding("a.b", "s\x1b]0;x\x07", "critical", "m\x1b[2J\x9b31m", host="h\r", procedure="p")
    text = render_text(
        clinic.record(seen=[evil], reasons=["r\x1b[2J"], interrupted="i\x1b[2J", outcome="failed"), report_path="/p\x1b"
    )
    assert not [character for character in text if ord(character) < 32 and character != "\n"]
    assert "\x9b" not in text


def test_plan_interrupt_and_unreachable_hosts_are_said() -> None:
    hosts = [{"name": f"web{number}", "state": "unreachable"} for number in range(12)]
    text = render_text(
        clinic.record(check_mode=True, interrupted="Stopped by Ctrl-C.", hosts=hosts, outcome="failed"), report_path=""
    )
    assert "✖ clinic, weekly: Failed" in text
    assert "Check mode: this is the plan, nothing was changed." in text
    assert "Interrupted: Stopped by Ctrl-C." in text
    assert "web9 and 2 more" in text
    assert "Planned" in text


def test_a_run_that_never_opened_goes_by_its_id() -> None:
    record = clinic.record(seen=[], done=[], ran=[], hosts=[], outcome="failed", reasons=["No records host."])
    record["run"].update(system="", cadence="")
    text = render_text(record, report_path="")
    assert text.startswith("✖ 20261122T020000Z-weekly-3f9a1c: Failed")
    assert "- No records host." in text
