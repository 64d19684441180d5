# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivery over all channels at once: bounded in time, tried again where that may help, and nothing swallowed."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from ..findings import Action, Finding
from . import kinds
from .channel import Channel, DeliveryError, Notice

CHECK = "notice.delivery"


@dataclass(frozen=True)
class Patience:
    """How long and how often. timeout: seconds for one step on the network; attempts: at most that many;
    pause: seconds before the second attempt, doubled each time; deadline: seconds for all of it."""

    timeout: float = 5.0
    attempts: int = 3
    pause: float = 1.0
    deadline: float = 20.0


@dataclass(frozen=True)
class Delivery:
    """How it went over one channel. fault: why the notice did not get through, empty where it did.
    tried: False where there was no time left to try. identity: of the notice.
    left: the addresses that did not get it, where others did."""

    name: str
    attempts: int
    seconds: float
    fault: str = ""
    remark: str = ""
    tried: bool = True
    identity: str = ""
    left: Sequence[str] = ()


@dataclass(frozen=True)
class _Round:
    """One delivery of whatever there is. ends: on the clock."""

    patience: Patience
    ends: float
    sleep: Callable[[float], None]
    clock: Callable[[], float]


def deliver(
    channels: Mapping[str, Channel],
    notice: Notice,
    *,
    patience: Patience,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> list[Delivery]:
    """Sends the notice over every channel at once. Never raises, and returns by the deadline."""
    jobs = {name: [notice] for name in channels}
    return deliver_all(channels, jobs, patience=patience, sleep=sleep, clock=clock)


def deliver_all(
    channels: Mapping[str, Channel],
    jobs: Mapping[str, Sequence[Notice]],
    *,
    patience: Patience,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> list[Delivery]:
    """Sends each channel its notices in their order, all channels at once. Never raises, and returns by the deadline.

    A channel that is dead holds up nobody but itself.
    """
    done: queue.Queue[Delivery] = queue.Queue()
    this = _Round(patience, clock() + patience.deadline, sleep, clock)
    for name, notices in jobs.items():
        # A daemon: what hangs must not keep the module alive.
        threading.Thread(target=_work, args=(name, channels[name], notices, this, done.put), daemon=True).start()
    got: dict[tuple[str, str], Delivery] = {}
    while len(got) < sum(len(notices) for notices in jobs.values()):
        try:
            delivery = done.get(timeout=max(0.0, this.ends - clock()))
        except queue.Empty:
            break
        got[delivery.name, delivery.identity] = delivery
    return [delivery for name, notices in jobs.items() for delivery in _all_of(name, notices, got, patience)]


def _work(
    name: str, channel: Channel, notices: Sequence[Notice], this: _Round, put: Callable[[Delivery], None]
) -> None:
    for notice in notices:
        if this.clock() >= this.ends:
            return
        put(_persist(name, channel, notice, this))


def _all_of(
    name: str, notices: Sequence[Notice], got: Mapping[tuple[str, str], Delivery], patience: Patience
) -> Iterator[Delivery]:
    """What became of each. The first of which nothing was heard hung; for those behind it there was no time."""
    hung = False
    for notice in notices:
        delivery = got.get((name, notice.identity))
        if delivery is None:
            fault = f"it did not end within {patience.deadline:g} seconds"
            if hung:
                fault = "the notices before it took all the time there was"
            delivery = Delivery(name, 1, patience.deadline, fault, tried=not hung, identity=notice.identity)
            hung = True
        yield delivery


def _persist(name: str, channel: Channel, notice: Notice, this: _Round) -> Delivery:
    started = this.clock()
    patience = this.patience
    attempt = 0
    while True:
        attempt += 1
        try:
            remark = channel.send(notice, timeout=patience.timeout)
            return Delivery(name, attempt, this.clock() - started, remark=remark, identity=notice.identity)
        except DeliveryError as error:
            fault, passing, left = str(error), error.passing, error.left
        except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on; its words may hold a secret
            fault, passing, left = f"the channel itself failed ({type(error).__name__})", False, ()
        pause = patience.pause * 2 ** (attempt - 1)
        if not passing or attempt >= patience.attempts or this.clock() + pause >= this.ends:
            return Delivery(
                name, attempt, this.clock() - started, fault=fault, identity=notice.identity, left=tuple(left)
            )
        this.sleep(pause)


def findings_of(deliveries: Sequence[Delivery], *, refused: Mapping[str, str], planned: bool = False) -> list[Finding]:
    """One finding a channel. refused: channels that could not be tried at all, with the reason.
    planned: whether other channels would be tried.

    A notice that no channel delivered is critical: nobody knows. Else a dead channel is a warning.
    """
    nobody = not planned and all(delivery.fault for delivery in deliveries)
    status = "critical" if nobody else "warning"
    ending = "Nobody was told of this run by any channel." if nobody else "Other channels are not affected."
    findings = [_finding(delivery, status=status, ending=ending) for delivery in deliveries]
    findings.extend(
        Finding(CHECK, name, status, f"The channel {name} is set up wrongly: {reason}. {ending}")
        for name, reason in refused.items()
    )
    return findings


def _finding(delivery: Delivery, *, status: str, ending: str) -> Finding:
    evidence = {"attempts": delivery.attempts}
    if delivery.fault:
        message = f"The notice did not get through by the channel {delivery.name}: {delivery.fault}. {ending}"
        return Finding(CHECK, delivery.name, status, message[:1000], evidence=evidence)
    if delivery.remark:
        message = f"The channel {delivery.name} delivered the notice, but {delivery.remark}: correct the channel."
        return Finding(CHECK, delivery.name, "warning", message[:1000], evidence=evidence)
    return Finding(
        CHECK, delivery.name, "ok", f"The notice was delivered by the channel {delivery.name}.", evidence=evidence
    )


def actions_of(
    deliveries: Sequence[Delivery], *, refused: Mapping[str, str], unwanted: Mapping[str, str]
) -> list[Action]:
    """One action a channel. A notice changes nothing that is maintained, so none is ``changed``."""
    actions = []
    for delivery in deliveries:
        outcome = "failed" if delivery.fault else "done"
        actions.append(
            Action("notify", delivery.name, False, outcome, seconds=round(delivery.seconds, 3), reason=delivery.fault)
        )
    actions.extend(Action("notify", name, False, "failed", reason=reason) for name, reason in refused.items())
    actions.extend(Action("notify", name, False, "skipped", reason=reason) for name, reason in unwanted.items())
    return actions


def unwanted(settings: Mapping[str, object], *, event: str, outcome: str, outcomes: Sequence[str]) -> Optional[str]:
    """Why this channel is not for this notice; None where it is. outcomes: what channels want by default."""
    kind = str(settings.get("kind"))
    if event in kinds.NEVER.get(kind, ()):
        return f"A channel of this kind takes no notice of the event {event}."
    events = settings.get("events")
    if isinstance(events, list) and event not in events:
        return f"The channel takes no notice of the event {event}."
    if kind in kinds.SHOWING:
        return None
    wanted = settings.get("outcomes") or outcomes
    if event == "finish" and outcome and isinstance(wanted, (list, tuple)) and outcome not in wanted:
        return f"The channel takes no notice of a run that ended {outcome}."
    return None
