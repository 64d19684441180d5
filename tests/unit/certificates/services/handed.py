"""Files for the readers of configurations, without a disk."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from ansible_collections.careops.maintenance.plugins.module_utils.certificates.services.use import Reading


class Handed:
    """Files by path, as the readers are handed them. ``None`` stands for one that may not be read."""

    def __init__(self, content: Mapping[str, str | None]) -> None:
        self._content = content

    def read(self, path: str) -> str:
        if path not in self._content:
            raise FileNotFoundError(2, "No such file or directory")
        text = self._content[path]
        if text is None:
            raise PermissionError(13, "Permission denied")
        return text

    def glob(self, pattern: str) -> list[str]:
        depth = pattern.count("/")
        known = {*self._content, *(path.rpartition("/")[0] for path in self._content)}
        return sorted(path for path in known if path.count("/") == depth and fnmatch.fnmatchcase(path, pattern))

    def isdir(self, path: str) -> bool:
        return any(known.startswith(path.rstrip("/") + "/") for known in self._content)


def reading(reader: ModuleType, content: Mapping[str, str | None], *, main: str = "/etc/main.conf") -> Reading:
    """What the reader makes of the files; the main one is called /etc/main.conf."""
    found: Any = reader.read(main, Handed(content))
    assert isinstance(found, Reading)
    return found


def told(reader: ModuleType, text: str, **more: str | None) -> list[dict[str, Any]]:
    """The uses of one file (and others, by path), in few words; there must be no trouble."""
    found = reading(reader, {"/etc/main.conf": text, **more})
    assert found.troubles == []
    return [
        {
            "files": [pair[:2] for pair in use.pairs],
            "at": [listen.label + ("!" if listen.default else "") for listen in use.listens],
            "names": list(use.names),
        }
        for use in found.uses
    ]
