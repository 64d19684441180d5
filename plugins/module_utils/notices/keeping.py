# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module notice_ledger does: claim, settle, add, acknowledge, list and prune, on the records host."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Optional

from ..clock import now_or, parse_moment, to_text
from ..errors import MaintenanceError
from ..findings import Action, Finding
from ..glue import Outcome
from ..report.humanise import clean
from . import waiting
from .ledger import Ledger, exists, is_over, opened, summary_of
from .waiting import CHECK, Entry, Terms

Row = Mapping[str, Any]
_LONGEST_DAYS = 36525
_BEGINNINGS = ("start", "emergency")


def keep(options: Row, *, check_mode: bool) -> Outcome:
    """Does what ``state`` says, by the options of the module notice_ledger.

    Raises MaintenanceError where the ledger cannot be used, or a notice to be acknowledged is not there.
    """
    now = now_or(options["now"])
    terms = Terms(
        lease=options["lease"],
        pause=options["pause"],
        longest_pause=options["longest_pause"],
        give_up_after=options["give_up_after"],
    )
    times = (terms.lease, terms.pause, terms.longest_pause, terms.give_up_after)
    if not all(0 < seconds <= _LONGEST_DAYS * 86400 for seconds in times):
        raise MaintenanceError(
            "The options lease, pause, longest_pause and give_up_after are seconds: greater than 0, and no century."
        )
    if not 1 <= options["keep_days"] <= _LONGEST_DAYS:
        raise MaintenanceError(f"The option keep_days must be from 1 to {_LONGEST_DAYS}.")
    names = [str(notice.get("identity") or "") for notice in options["notices"]]
    if not all(names) or len(set(names)) < len(names):
        raise MaintenanceError("Each of the notices needs an identity of its own.")
    if not exists(options["root"]):
        if options["state"] == "acknowledge":
            raise MaintenanceError(f"There is no ledger of notices in {options['root']}: see root.")
        if options["state"] in ("listed", "prune"):
            return Outcome(details=_details())
        if check_mode:
            return _STATES[options["state"]](Ledger(""), options, now, terms, check_mode)
    try:
        with opened(options["root"], make=not check_mode) as ledger:
            outcome = _STATES[options["state"]](ledger, options, now, terms, check_mode)
            outcome.findings = [*ledger.findings, *outcome.findings]
            return outcome
    except OSError as error:
        raise MaintenanceError(
            f"The ledger of notices in {options['root']} could not be written ({error.strerror}): "
            "see that its disk has room and that this account may write there."
        ) from None


def _claim(ledger: Ledger, options: Row, now: datetime, terms: Terms, check_mode: bool) -> Outcome:
    """Stores what it does not know, ends what is too late, and lends what is due."""
    actions, findings, lent = [], [], []
    for notice in options["notices"]:
        # Somebody may have answered since it was planned.
        if not ledger.has(notice["identity"]) and not _is_answered(ledger.entries.get(_cause(notice))):
            entry = waiting.new_entry(notice, now=now, system=options["system"])
            actions.append(_action("queue", entry["identity"], check_mode))
            _write(ledger, entry, check_mode)
            # A channel that does not take the later notice has only the earlier one; a cancellation ends both.
            only = None if notice["event"] == "cancel" else list(entry["channels"])
            for old in notice.get("supersedes") or ():
                words = f"the notice {entry['identity']} took its place"
                actions += _drop(ledger, old, words, now, check_mode, only=only)
    for entry in _in_order(ledger, options["system"]):
        actions += _too_late(ledger, entry, options, now, check_mode)
        given_up = waiting.give_up(entry, now=now, terms=terms)
        findings += given_up
        actions += [_action("give_up", f"{entry['identity']} {one.subject}", check_mode) for one in given_up]
        channels = waiting.lend(entry, now=now, terms=terms)
        if given_up or channels:
            _write(ledger, entry, check_mode)
        if channels:
            actions.append(_action("claim", entry["identity"], check_mode, after={"channels": channels}))
            lent.append(waiting.told(entry, channels))
    return Outcome(findings=findings, actions=actions, details=_details(notices=lent))


def _too_late(ledger: Ledger, entry: Entry, options: Row, now: datetime, check_mode: bool) -> list[Action]:
    """Ends the notice that a run begins where it has ended: what shows it would show it for good."""
    run = str((entry.get("data") or {}).get("run", {}).get("id") or "")
    if entry["event"] not in _BEGINNINGS or not is_over(options["root"], run):
        return []
    return _drop(ledger, entry["identity"], "the run is over", now, check_mode, only=options["showing"])


def _settle(ledger: Ledger, options: Row, now: datetime, terms: Terms, check_mode: bool) -> Outcome:
    """Notes what became of what was lent."""
    actions: list[Action] = []
    findings: list[Finding] = []
    by_notice: dict[str, list[Row]] = {}
    for outcome in options["outcomes"]:
        by_notice.setdefault(str(outcome["identity"]), []).append(outcome)
    for identity, outcomes in by_notice.items():
        entry = ledger.entries.get(identity)
        if entry is None:
            continue
        again = []
        for outcome in outcomes:
            name = str(outcome["channel"])
            waiting.settle(entry, name, outcome, now=now, terms=terms)
            channel = entry["channels"].get(name, {})
            if channel.get("state") == "waiting" and outcome.get("tried") is not False:
                again.append((name, channel))
        given_up = waiting.give_up(entry, now=now, terms=terms)
        gone = {finding.subject for finding in given_up}
        findings += [*(_tried_again(entry, name, channel) for name, channel in again if name not in gone), *given_up]
        _write(ledger, entry, check_mode)
        actions.append(_action("settle", identity, check_mode))
    return Outcome(findings=findings, actions=actions, details=_details())


def _add(ledger: Ledger, options: Row, now: datetime, terms: Terms, check_mode: bool) -> Outcome:
    """Queues notices that some channel did not take, and those that somebody has to answer."""
    actions, findings = [], []
    for notice in options["notices"]:
        entry = ledger.entries.get(notice["identity"])
        if entry is None and ledger.has(notice["identity"]):
            raise MaintenanceError(
                f"The ledger's file of the notice {notice['identity']} cannot be read: move it away and look into it."
            )
        if entry is None:
            entry, news = waiting.new_entry(notice, now=now, system=options["system"]), True
        else:
            news = waiting.add_to(entry, notice, now=now)
        if news:
            waiting.put_off(entry, notice, now=now, terms=terms)
            _write(ledger, entry, check_mode)
            actions.append(_action("queue", entry["identity"], check_mode))
        for name, channel in entry["channels"].items():
            if channel["state"] == "waiting":
                findings.append(_tried_again(entry, name, channel))
    return Outcome(findings=findings, actions=actions, details=_details())


def _acknowledge(ledger: Ledger, options: Row, now: datetime, _terms: Terms, check_mode: bool) -> Outcome:
    """Notes who is on it; what waits to tell more people is dropped."""
    identity, by = options["identity"], clean(options["by"])
    entry = ledger.entries.get(identity)
    if entry is None or not entry.get("escalate"):
        asking = [name for name, one in ledger.entries.items() if one.get("escalate") and not one.get("acknowledged")]
        known = (
            f"those that wait for an answer are {', '.join(sorted(asking))}" if asking else "none waits for an answer"
        )
        raise MaintenanceError(f"There is no notice {identity} that can be acknowledged: {known}.")
    if entry.get("acknowledged"):
        told = f"{entry['acknowledged']['by']} acknowledged it at {entry['acknowledged']['at']}."
        return Outcome(actions=[Action("acknowledge", identity, False, "skipped", reason=told)], details=_details())
    entry["acknowledged"] = {"by": by, "at": to_text(now)}
    _write(ledger, entry, check_mode)
    actions = [_action("acknowledge", identity, check_mode, after={"by": by})]
    for other in list(ledger.entries.values()):
        if _cause(other) == identity:
            actions += _drop(ledger, other["identity"], f"{by} is on it", now, check_mode)
    finding = Finding("notice.answer", identity, "ok", f"{by} is on it: '{entry['subject']}'.")
    return Outcome(findings=[finding], actions=actions, details=_details())


def _list(ledger: Ledger, options: Row, now: datetime, _terms: Terms, _check_mode: bool) -> Outcome:
    entries = _in_order(ledger, options["system"])
    if options["open"]:
        needed = {entry["identity"] for entry in entries if waiting.is_open(entry, now=now)}
        # What tells others of a notice that is not answered belongs to it.
        entries = [entry for entry in entries if {entry["identity"], _cause(entry)} & needed]
    return Outcome(details=_details(notices=[summary_of(entry) for entry in entries]))


def _prune(ledger: Ledger, options: Row, now: datetime, _terms: Terms, check_mode: bool) -> Outcome:
    """Removes what is closed and older than ``keep_days``."""
    actions = []
    before = now - timedelta(days=options["keep_days"])
    for entry in _in_order(ledger):
        if _created(entry) < before and not waiting.is_open(entry, now=now):
            if not check_mode:
                ledger.remove(entry["identity"])
            actions.append(_action("prune", entry["identity"], check_mode))
    return Outcome(actions=actions, details=_details())


_STATES: Mapping[str, Callable[[Ledger, Row, datetime, Terms, bool], Outcome]] = {
    "claim": _claim,
    "settle": _settle,
    "add": _add,
    "acknowledge": _acknowledge,
    "listed": _list,
    "prune": _prune,
}


def _drop(
    ledger: Ledger,
    identity: str,
    reason: str,
    now: datetime,
    check_mode: bool,
    *,
    only: Optional[Sequence[str]] = None,
) -> list[Action]:
    entry = ledger.entries.get(identity)
    if entry is None or not waiting.drop(entry, reason=reason, now=now, only=only):
        return []
    _write(ledger, entry, check_mode)
    return [_action("drop", identity, check_mode, after={"reason": reason})]


def _write(ledger: Ledger, entry: Entry, check_mode: bool) -> None:
    if check_mode:
        ledger.entries[entry["identity"]] = entry
    else:
        ledger.write(entry)


def _tried_again(entry: Entry, name: str, channel: Row) -> Finding:
    reason = channel.get("reason") or "it has not been tried yet"
    message = (
        f"The channel {name} did not take the notice '{entry['subject']}' ({reason}). "
        f"It is kept, and tried again from {channel['next']}: mend the channel."
    )
    return Finding(CHECK, name, "warning", clean(message)[:1000], evidence={"notice": entry["identity"]})


def _action(verb: str, target: str, check_mode: bool, **more: Any) -> Action:
    return Action(verb, target, True, "planned" if check_mode else "done", **more)


def _is_answered(entry: Optional[Row]) -> bool:
    return bool(entry and entry.get("acknowledged"))


def _cause(entry: Row) -> str:
    """The notice because of whose silence this one was written."""
    escalation = (entry.get("data") or {}).get("escalation") or {}
    return str(escalation.get("notice") or "")


def _created(entry: Entry) -> datetime:
    return parse_moment(entry["created"], option="created")


def _in_order(ledger: Ledger, system: str = "") -> list[Entry]:
    """The entries of the system, and those of nobody's; all of them where none is named."""
    ours = (one for one in ledger.entries.values() if not system or one.get("system", system) == system)
    return sorted(ours, key=lambda entry: (entry["created"], entry["identity"]))


def _details(notices: Sequence[Row] = ()) -> dict[str, Any]:
    return {"notices": list(notices)}
