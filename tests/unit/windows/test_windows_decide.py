"""Whether work may begin: a table of states, and the sentence for each."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.clock import parse_moment, to_text
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.glue import Outcome
from ansible_collections.careops.maintenance.plugins.module_utils.runner import run
from ansible_collections.careops.maintenance.plugins.module_utils.windows.approvals import parse_approvers
from ansible_collections.careops.maintenance.plugins.module_utils.windows.decide import Decision, Policy, Work, decide
from ansible_collections.careops.maintenance.plugins.module_utils.windows.gate import ARGUMENTS, gate
from ansible_collections.careops.maintenance.plugins.module_utils.windows.policy import parse_blackouts, parse_windows
from ansible_collections.careops.maintenance.plugins.module_utils.windows.signatures import Signatures

WINDOWS = [
    {
        "name": "weekly",
        "rule": "FREQ=WEEKLY;BYDAY=SU",
        "start": "2026-01-04T02:00",
        "duration": "PT5H",
        "cadences": ["weekly"],
    },
    {
        "name": "monthly",
        "rule": "FREQ=MONTHLY;BYDAY=-1SU",
        "start": "2026-01-25T02:00",
        "duration": "PT4H",
        "impact": "possible_downtime",
    },
    {
        "name": "short",
        "rule": "FREQ=MONTHLY;BYDAY=-1SU",
        "start": "2026-01-25T02:00",
        "duration": "PT2H",
        "impact": "possible_downtime",
    },
]
BOTH = ["maintenance", "routine"]
BLACKOUTS = [
    {"name": "fair", "start": "2026-11-22T04:00", "end": "2026-11-22T05:00", "classes": ["maintenance"]},
    {"name": "move", "start": "2026-12-24", "end": "2026-12-26", "reason": "The wards move.", "classes": BOTH},
    {"name": "year end", "start": "2026-12-27T06:00", "end": "2027-01-02", "classes": ["routine"]},
]
APPROVERS = [
    {
        "name": "Ada Moreau",
        "kinds": ["critical_update", "recovery"],
        "accounts": ["amoreau"],
        "mail": "ada@clinic.example",
    },
    {"name": "Ben Okafor", "role": "Administrator"},
]
APPROVAL = {
    "by": "Ada Moreau",
    "kind": "critical_update",
    "reason": "The flaw is being exploited.",
    "given_at": "2026-11-21T10:00:00Z",
}
SATURDAY, SUNDAY, LAST_SUNDAY = "2026-11-21T12:00:00Z", "2026-11-22T02:40:00Z", "2026-11-29T02:40:00Z"


NOBODY_SIGNS = Signatures(run, system="clinic", cadence="weekly").judge


def at(text: str) -> datetime:
    return parse_moment(text, option="now")


def judged(
    moment: str, work_class: str = "maintenance", *, approval: Any = None, operator: str = "jdoe", **work: Any
) -> Decision:
    policy = Policy(
        windows=parse_windows(work.pop("windows", WINDOWS)),
        blackouts=parse_blackouts(BLACKOUTS),
        approvers=parse_approvers(work.pop("approvers", APPROVERS)),
    )
    hours = timedelta(hours=work.pop("hours", 0))
    wanted = Work(work_class, needs=hours, **work)
    return decide(policy, wanted, approval=approval, operator=operator, now=at(moment), proof=NOBODY_SIGNS)


@pytest.mark.parametrize(
    ("moment", "work_class", "work", "window", "deadline"),
    [
        (SATURDAY, "observe", {}, "", ""),
        ("2026-12-25T12:00:00Z", "observe", {}, "", ""),
        (SATURDAY, "observe", {"windows": []}, "", ""),
        (SATURDAY, "routine", {}, "", "2026-12-24T00:00:00Z"),
        (SATURDAY, "routine", {"hours": 24, "windows": []}, "", "2026-12-24T00:00:00Z"),
        ("2026-11-22T04:30:00Z", "routine", {}, "", "2026-12-24T00:00:00Z"),  # that blackout is not for it
        ("2026-12-27T05:00:00Z", "routine", {"hours": 1}, "", "2026-12-27T06:00:00Z"),
        ("2027-01-03T00:00:00Z", "routine", {}, "", ""),
        (SUNDAY, "maintenance", {}, "weekly", "2026-11-22T04:00:00Z"),  # where the blackout begins
        ("2026-11-22T02:00:00Z", "maintenance", {"hours": 2}, "weekly", "2026-11-22T04:00:00Z"),
        ("2026-11-22T05:00:00Z", "maintenance", {}, "weekly", "2026-11-22T07:00:00Z"),
        (SUNDAY, "maintenance", {"cadence": "weekly", "hours": 1}, "weekly", "2026-11-22T04:00:00Z"),
        # Of several, the highest impact and then the later end; but only those that leave enough time.
        (LAST_SUNDAY, "maintenance", {}, "monthly", "2026-11-29T06:00:00Z"),
        (LAST_SUNDAY, "maintenance", {"impact": "possible_downtime"}, "monthly", "2026-11-29T06:00:00Z"),
        (LAST_SUNDAY, "maintenance", {"cadence": "weekly", "hours": 4}, "weekly", "2026-11-29T07:00:00Z"),
        (LAST_SUNDAY, "maintenance", {"cadence": "monthly", "hours": 3}, "monthly", "2026-11-29T06:00:00Z"),
        ("2026-11-29T06:00:00Z", "maintenance", {"cadence": "weekly"}, "weekly", "2026-11-29T07:00:00Z"),
    ],
)
def test_what_is_permitted(moment: str, work_class: str, work: dict[str, Any], window: str, deadline: str) -> None:
    for approval in (None, {}, {"by": "", "kind": " ", "reason": None}, APPROVAL, {"nonsense": 1}):
        decision = judged(moment, work_class, approval=approval, **work)
        assert decision.permitted
        assert (decision.window.name if decision.window else "") == window
        assert (to_text(decision.deadline) if decision.deadline else "") == deadline
        # An approval that nobody needs does no harm, and is not used up.
        assert not decision.override
        assert decision.approval is None


@pytest.mark.parametrize(
    ("moment", "work_class", "work", "says", "following"),
    [
        (SATURDAY, "maintenance", {"windows": []}, "FREQ=WEEKLY;BYDAY=SU", ""),
        (SATURDAY, "maintenance", {"windows": []}, "name: always", ""),
        (
            SATURDAY,
            "maintenance",
            {},
            "the next window that permits it, weekly, opens Sunday 22 November 2026 02:00 UTC (in 14 h).",
            "weekly",
        ),
        (
            SATURDAY,
            "maintenance",
            {"impact": "possible_downtime"},
            "no window is open; the next window that permits it, monthly",
            "monthly",
        ),
        (
            SUNDAY,
            "maintenance",
            {"impact": "possible_downtime"},
            "weekly permits minimal impact, and the work needs possible downtime",
            "monthly",
        ),
        (SUNDAY, "maintenance", {"impact": "planned_downtime"}, "no window of the next five years permits it", ""),
        (
            SUNDAY,
            "maintenance",
            {"cadence": "monthly"},
            "(monthly) is refused at Sunday 22 November 2026 02:40 UTC: the open window weekly is for weekly work",
            "monthly",
        ),
        (
            SUNDAY,
            "maintenance",
            {"hours": 2},
            "the open window weekly closes in 1 h 20 min, and the work needs 2 h",
            "weekly",
        ),
        (LAST_SUNDAY, "maintenance", {"cadence": "monthly", "hours": 4}, "monthly closes in 3 h 20 min", "monthly"),
        # What a blackout leaves of the next two openings is too short.
        (SATURDAY, "maintenance", {"hours": 3}, "monthly, opens Sunday 29 November 2026 02:00 UTC", "monthly"),
        (SUNDAY, "maintenance", {"hours": 6}, "no window of the next five years permits it", ""),
        (
            "2026-11-22T04:30:00Z",
            "maintenance",
            {},
            "the blackout fair holds until Sunday 22 November 2026 05:00 UTC; the next window that permits it, weekly",
            "weekly",
        ),
        ("2026-11-22T07:00:00Z", "maintenance", {}, "no window is open", "monthly"),
        (
            "2026-12-25T12:00:00Z",
            "routine",
            {},
            "the blackout move (The wards move) holds until Sunday 27 December 2026 00:00 UTC; it may begin Sunday",
            "after move",
        ),
        (
            "2026-12-25T12:00:00Z",
            "routine",
            {"hours": 7},
            "it may begin Sunday 3 January 2027 00:00 UTC",
            "after year end",
        ),
        (
            "2026-12-27T05:00:01Z",
            "routine",
            {"hours": 1},
            "the work needs 1 h, and a blackout begins before; it may begin Sunday 3 January 2027",
            "after year end",
        ),
        (
            SATURDAY,
            "emergency",
            {},
            "it needs the approval of another person, one of Ada Moreau, Ben Okafor (with run_open_approved_by, ",
            "",
        ),
        (SUNDAY, "emergency", {}, "Emergency work is refused", ""),
        (SATURDAY, "emergency", {"approvers": []}, "those whom policy_approvers should list", ""),
    ],
)
def test_what_is_refused(moment: str, work_class: str, work: dict[str, Any], says: str, following: str) -> None:
    decision = judged(moment, work_class, **work)
    assert not decision.permitted
    assert says in decision.reason
    assert decision.reason.endswith(".")
    assert ". " not in decision.reason
    assert (decision.chance.name if decision.chance else "") == following
    assert decision.window is None
    assert decision.deadline is None


@pytest.mark.parametrize(
    ("moment", "work_class", "work"),
    [
        (SATURDAY, "emergency", {}),
        (SUNDAY, "emergency", {}),
        ("2026-11-22T04:30:00Z", "emergency", {}),
        (SATURDAY, "maintenance", {}),
        (SATURDAY, "maintenance", {"windows": []}),
        ("2026-11-22T04:30:00Z", "maintenance", {}),
        (SUNDAY, "maintenance", {"impact": "planned_downtime"}),
    ],
)
def test_what_an_approval_permits(moment: str, work_class: str, work: dict[str, Any]) -> None:
    assert not judged(moment, work_class, **work).permitted
    decision = judged(moment, work_class, approval={**APPROVAL, "by": " ada  MOREAU "}, **work)
    assert decision.permitted
    assert decision.override
    assert decision.deadline is None
    assert decision.approval is not None
    assert decision.approval.as_dict() == APPROVAL
    assert (
        decision.reason == f"Ada Moreau approved this {work_class} work (critical_update): The flaw is being exploited."
    )


@pytest.mark.parametrize(
    ("change", "operator", "says"),
    [
        ({"by": ""}, "jdoe", "it lacks by"),
        ({"kind": " "}, "jdoe", "it lacks kind"),
        ({"reason": None}, "jdoe", "it lacks reason"),
        ({"given_at": ""}, "jdoe", "it lacks given_at"),
        ({"given_at": "yesterday"}, "jdoe", "its given_at must be a moment with its offset"),
        ({"given_at": "2026-11-21T10:00:00"}, "jdoe", "its given_at must be a moment with its offset"),
        ({"given_at": "2026-11-21T12:00:01Z"}, "jdoe", "yet to come"),
        ({"given_at": "2026-11-20T11:59:59Z"}, "jdoe", "it was given 1 d ago and holds for 1 d, so ask Ada Moreau"),
        ({"ticket": "OPS-1"}, "jdoe", "it has ticket, which nobody reads"),
        ({"by": "Eve Lund"}, "jdoe", "Eve Lund may not approve, the policy lists Ada Moreau and Ben Okafor"),
        ({"kind": "convenience"}, "jdoe", "Ada Moreau may approve critical_update and recovery, not convenience"),
        ({}, "", "nobody knows who does the work"),
        ({}, "Ada Moreau", "Ada Moreau does the work and cannot approve it too"),
        ({}, " ada moreau", "Ada Moreau does the work"),
        ({}, "AMOREAU ", "Ada Moreau does the work"),
        ({}, "ada@clinic.example", "Ada Moreau does the work"),
        ({"by": "Ben Okafor"}, "ben okafor", "Ben Okafor does the work"),
    ],
)
def test_an_approval_that_does_not_help(change: dict[str, Any], operator: str, says: str) -> None:
    for work_class in ("emergency", "maintenance"):
        decision = judged(SATURDAY, work_class, approval={**APPROVAL, **change}, operator=operator)
        assert not decision.permitted
        assert not decision.override
        assert decision.approval is None
        assert "; the approval given does not help: " in decision.reason
        assert says in decision.reason


@pytest.mark.parametrize(("account", "permitted"), [("amoreau", False), ("deploy", True), ("", True)])
def test_another_name_for_oneself_is_told_by_the_account(account: str, permitted: bool) -> None:
    policy = Policy(approvers=parse_approvers(APPROVERS))
    work = Work(work_class="emergency")
    decision = decide(
        policy, work, approval=APPROVAL, operator="jdoe", account=account, now=at(SATURDAY), proof=NOBODY_SIGNS
    )
    assert decision.permitted is permitted
    assert permitted or "cannot approve it too" in decision.reason


def test_the_last_moment_of_an_approval() -> None:
    for given in ("2026-11-20T12:00:00Z", "2026-11-21T12:00:00Z"):
        assert judged(SATURDAY, "emergency", approval={**APPROVAL, "given_at": given}).permitted


def test_an_approver_without_kinds_approves_any() -> None:
    assert judged(SATURDAY, "emergency", approval={**APPROVAL, "by": "Ben Okafor", "kind": "anything"}).permitted


def test_without_approvers_nobody_approves() -> None:
    decision = judged(SATURDAY, "emergency", approval=APPROVAL, approvers=[])
    assert "the policy names nobody who may approve" in decision.reason


def test_a_permitted_run_knows_when_it_may_begin_next() -> None:
    decision = judged(SUNDAY)
    assert decision.chance is not None
    assert to_text(decision.chance.opens) == "2026-11-22T05:00:00Z"


# The gate around it


def opened(*, clock: str, check_mode: bool = False, **options: Any) -> Outcome:
    defaults = {name: option.get("default") for name, option in ARGUMENTS.items()}
    given = {"windows": WINDOWS, "work_class": "maintenance", "operator": "jdoe", "approvers": APPROVERS}
    return gate({**defaults, **given, **options}, clock=at(clock), check_mode=check_mode, run=run)


def test_a_permitted_run_has_its_deadline_by_both_clocks() -> None:
    outcome = opened(clock=SUNDAY, now=LAST_SUNDAY, cadence="weekly", needs="PT1H")
    (clock, verdict) = outcome.findings
    assert (clock.check, clock.status, clock.value) == ("window.clock", "warning", 7 * 86400)
    assert (verdict.check, verdict.subject, verdict.status, verdict.value) == ("window.gate", "weekly", "ok", 12000)
    details = outcome.details or {}
    assert details["deadline"] == "2026-11-29T06:00:00Z"
    assert details["deadline_by_clock"] == "2026-11-22T06:00:00Z"
    assert details["seconds_left"] == 12000
    assert details["window"] == {
        "name": "monthly",
        "impact": "possible_downtime",
        "opens": "2026-11-29T02:00:00Z",
        "closes": "2026-11-29T06:00:00Z",
    }


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (None, []),
        ("", []),
        ("2026-11-22T02:41:00Z", []),
        ("2026-11-22T02:41:01Z", ["ahead of"]),
        ("2026-11-22T02:39:00Z", []),
        ("2026-11-22T02:38:59Z", ["behind"]),
    ],
)
def test_a_time_given_by_hand_is_told(now: str | None, expected: list[str]) -> None:
    said = [one.message for one in opened(clock=SUNDAY, now=now).findings if one.check == "window.clock"]
    assert len(said) == len(expected)
    assert all(word in sentence for word, sentence in zip(expected, said))


def test_a_refused_run_fails_with_the_finding() -> None:
    with pytest.raises(MaintenanceError) as caught:
        opened(clock=SATURDAY)
    (verdict,) = caught.value.findings
    assert (verdict.status, verdict.message) == ("critical", str(caught.value))
    assert verdict.evidence["next"]["opens"] == "2026-11-22T02:00:00Z"


def test_a_rehearsal_shows_that_it_would_be_refused() -> None:
    outcome = opened(clock=SATURDAY, check_mode=True)
    (verdict,) = outcome.findings
    assert verdict.status == "warning"
    assert verdict.message.startswith("Maintenance work would be refused at Saturday 21 November 2026 12:00 UTC")
    assert (outcome.details or {})["permitted"] is False


def test_an_override_is_a_warning_with_who_and_why() -> None:
    outcome = opened(clock=SATURDAY, approval=APPROVAL)
    (verdict,) = outcome.findings
    assert verdict.status == "warning"
    assert (
        verdict.message == "Ada Moreau approved this maintenance work (critical_update): The flaw is being exploited."
    )
    assert (outcome.details or {})["override"] is True
    assert (outcome.details or {})["approval"] == APPROVAL
    assert (outcome.details or {})["seconds_left"] is None


def test_a_long_story_still_keeps_to_the_contract() -> None:
    outcome = opened(clock=SATURDAY, approval={**APPROVAL, "reason": "so\nit is " * 500})
    (verdict,) = outcome.findings
    assert len(verdict.message) == 1000
    assert "\n" not in verdict.message


def test_how_long_an_approval_holds_is_policy() -> None:
    old = {**APPROVAL, "given_at": "2026-11-21T09:00:00Z"}
    assert (opened(clock=SATURDAY, approval=old, approval_valid_for="PT3H").details or {})["permitted"]
    with pytest.raises(MaintenanceError, match="given 3 h ago and holds for 2 h 59 min"):
        opened(clock=SATURDAY, approval=old, approval_valid_for="PT2H59M")
    with pytest.raises(MaintenanceError, match="The option approval_valid_for must be"):
        opened(clock=SATURDAY, approval_valid_for="1 day")
    with pytest.raises(MaintenanceError, match="The option needs must be"):
        opened(clock=SATURDAY, needs="1 hour")


def test_null_is_empty() -> None:
    empty: dict[str, Any] = dict.fromkeys(
        ["time_zone", "cadence", "needs", "approval_valid_for", "operator", "blackouts", "approval"]
    )
    assert (opened(clock=SUNDAY, **empty).details or {})["window"]["name"] == "weekly"


def test_that_nobody_could_tell_the_two_apart_is_said() -> None:
    ben = {**APPROVAL, "by": "Ben Okafor"}
    assert "Nobody could check that Ben Okafor is another person than jdoe" in judged(SATURDAY, approval=ben).reason
    assert "Nobody could check" not in judged(SATURDAY, approval=APPROVAL).reason


@pytest.mark.parametrize("operator", ["ada", "ADA", "ada@clinic.example"])
def test_a_login_may_be_what_stands_before_the_at(operator: str) -> None:
    decision = judged(SATURDAY, approval=APPROVAL, operator=operator)
    assert not decision.permitted
    assert "cannot approve it too" in decision.reason
