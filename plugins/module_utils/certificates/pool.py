# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many files over several processes: threads would wait for each other, parsing holds Python's lock.

No process pool of the standard library: its workers hold both ends of their queue, and so outlive a parent
that is killed. Here the work list is inherited, and each worker looks before every item whether its parent
is still there.
"""

from __future__ import annotations

import gc
import os
import pickle
import selectors
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")
_HEADER = struct.Struct("!I")
_PIECE = 1 << 20


def in_processes(
    work: Callable[[Iterable[Item]], Any], items: Sequence[Item], *, workers: int, chunk: int = 256
) -> tuple[list[Any], list[Item]]:
    """Calls ``work`` on pieces of the items in so many processes.

    Returns what it returned for each piece, in order, and the items of pieces whose process died.
    Must be called while this process has no other thread.
    """
    pieces = [items[at : at + chunk] for at in range(0, len(items), chunk)]
    if workers < 2 or len(pieces) < 2:
        return [work(piece) for piece in pieces], []
    workers = min(workers, len(pieces))
    gc.collect()
    gc.freeze()  # what is shared now stays shared: the collector would write to every page
    children: dict[int, int] = {}
    try:
        for worker in range(workers):
            reader, pid = _start(work, pieces, worker, workers, inherited=tuple(children))
            children[reader] = pid
        results = _collect(tuple(children))
    finally:
        for reader, pid in children.items():
            os.close(reader)
            os.waitpid(pid, 0)
        gc.unfreeze()
    lost = [item for number, piece in enumerate(pieces) if number not in results for item in piece]
    return [results[number] for number in sorted(results)], lost


def _start(
    work: Callable[[Iterable[Item]], Any],
    pieces: Sequence[Sequence[Item]],
    worker: int,
    workers: int,
    *,
    inherited: Sequence[int],
) -> tuple[int, int]:
    parent = os.getpid()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return reader, pid
    status = 1
    try:
        for descriptor in (reader, *inherited):
            os.close(descriptor)
        gc.disable()
        for number in range(worker, len(pieces), workers):
            result = work(_while_it_lives(parent, pieces[number]))
            _send(writer, pickle.dumps((number, result), protocol=pickle.HIGHEST_PROTOCOL))
        status = 0
    finally:
        os._exit(status)


def _while_it_lives(parent: int, items: Sequence[Item]) -> Iterator[Item]:
    for item in items:
        if os.getppid() != parent:
            os._exit(1)
        yield item


def _send(writer: int, message: bytes) -> None:
    data = memoryview(_HEADER.pack(len(message)) + message)
    while data:
        data = data[os.write(writer, data) :]


def _collect(readers: Sequence[int]) -> dict[int, Any]:
    """The results by number of their piece, until every worker has ended."""
    results: dict[int, Any] = {}
    buffers = {reader: bytearray() for reader in readers}
    with selectors.DefaultSelector() as selector:
        for reader in readers:
            selector.register(reader, selectors.EVENT_READ)
        while buffers:
            for key, _events in selector.select():
                data = os.read(key.fd, _PIECE)
                if not data:
                    selector.unregister(key.fd)
                    del buffers[key.fd]
                    continue
                buffers[key.fd] += data
                for message in _whole(buffers[key.fd]):
                    number, result = pickle.loads(message)  # noqa: S301 - from our own child
                    results[number] = result
    return results


def _whole(buffer: bytearray) -> list[bytes]:
    """Takes the messages that have arrived as a whole out of the buffer."""
    messages = []
    at = 0
    while len(buffer) - at >= _HEADER.size:
        (length,) = _HEADER.unpack_from(buffer, at)
        end = at + _HEADER.size + length
        if end > len(buffer):
            break
        messages.append(bytes(buffer[at + _HEADER.size : end]))
        at = end
    del buffer[:at]
    return messages
