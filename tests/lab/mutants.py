"""Damage as disks, transfers and programs do it: the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable

_Damage = Callable[[random.Random, bytearray], None]


def _flip(chance: random.Random, data: bytearray) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _flip_early(chance: random.Random, data: bytearray) -> None:
    """Where most of the form is, and least of the content."""
    data[chance.randrange(min(len(data), 200))] ^= 1 << chance.randrange(8)


def _cut(chance: random.Random, data: bytearray) -> None:
    del data[chance.randrange(len(data)) :]


def _length(chance: random.Random, data: bytearray) -> None:
    """Makes a byte that may be a length one of the sort that upsets readers."""
    places = [
        at + 1 for at in range(len(data) - 1) if data[at] in (0x02, 0x03, 0x04, 0x06, 0x0C, 0x17, 0x30, 0x31, 0xA0)
    ]
    data[chance.choice(places or [0])] = chance.choice((0, 1, 0x7F, 0x80, 0x81, 0x82, 0x84, 0x88, 0xFF))


def _insert(chance: random.Random, data: bytearray) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = chance.randbytes(chance.randrange(1, 5))


def _remove(chance: random.Random, data: bytearray) -> None:
    at = chance.randrange(len(data))
    del data[at : at + chance.randrange(1, 5)]


def _replace(chance: random.Random, data: bytearray) -> None:
    data[chance.randrange(len(data))] = chance.randrange(256)


def _append(chance: random.Random, data: bytearray) -> None:
    data += chance.randbytes(chance.randrange(1, 40))


DAMAGES: tuple[_Damage, ...] = (_flip, _flip_early, _cut, _length, _insert, _remove, _replace, _append)


def mutants(whole: bytes, *, seed: str, count: int) -> list[bytes]:
    """So many damaged ones, each kind of damage in turn; none of them is whole."""
    chance = random.Random(seed)
    found: list[bytes] = []
    while len(found) < count:
        data = bytearray(whole)
        DAMAGES[len(found) % len(DAMAGES)](chance, data)
        if bytes(data) != whole:
            found.append(bytes(data))
    return found
