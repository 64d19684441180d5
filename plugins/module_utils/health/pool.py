# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many probes beside each other, a bounded number at a time, and never beyond the deadline."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Optional

from .look import Fault, Look, Probe, failed


def look_at_all(
    probes: Sequence[Probe], *, workers: int, deadline: float, clock: Callable[[], float] = time.monotonic
) -> list[Look]:
    """What each probe saw, in their order. Never raises, and returns by the deadline.

    workers: probes at a time. deadline: seconds for all of them; what did not end by then is unknown.
    """
    end = clock() + deadline
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Look]] = queue.SimpleQueue()
    for number in range(len(probes)):
        waiting.put(number)

    def work() -> None:
        while clock() < end:
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                return
            done.put((number, _look(probes[number])))

    for _number in range(min(workers, len(probes))):
        # Daemons: what hangs, such as a dead network disk, must not keep the module alive.
        threading.Thread(target=work, daemon=True).start()
    looks: list[Optional[Look]] = [None] * len(probes)
    for _probe in probes:
        try:
            number, look = done.get(timeout=max(0.0, end - clock()))
        except queue.Empty:
            break
        looks[number] = look
    late = Fault("deadline", f"it could not be looked at within the deadline of {deadline:g} seconds", blind=True)
    return [look if look is not None else failed(probe, late) for probe, look in zip(probes, looks)]


def _look(probe: Probe) -> Look:
    try:
        return probe.look()
    except Fault as fault:
        return failed(probe, fault)
    except Exception as error:  # noqa: BLE001 - the other probes go on; its words may hold a secret
        return failed(probe, Fault("internal", f"the check itself failed ({type(error).__name__})", blind=True))
