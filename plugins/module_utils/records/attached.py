# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people wrote about a run: documentation-1.md and so on, each with a head that says who, when and what kind."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Mapping

from ..files import names_in, open_plain
from .store import Row

KINDS = ("post_mortem", "documentation", "note")
# A note says something about a run; it does not document an emergency.
DOCUMENTING = ("post_mortem", "documentation")
HEAD_KEYS = ("run", "kind", "by", "at")
DOCUMENT = re.compile(r"documentation-([1-9][0-9]*)\.md")
_EDGE = "---\n"


def compose(head: Mapping[str, str], content: str) -> str:
    """The file: its head between two lines of hyphens, then the text as it was given."""
    lines = "".join(f"{key}: {json.dumps(head[key], ensure_ascii=False)}\n" for key in HEAD_KEYS)
    return f"{_EDGE}{lines}{_EDGE}\n{content}"


def attached(folder: str) -> list[Row]:
    """What is attached to the run in that folder, oldest first: file, and who, when and what kind.

    A document whose head cannot be read is named with an empty kind: it documents nothing that a program could tell.
    """
    numbered = sorted((int(match[1]), match[0]) for match in map(DOCUMENT.fullmatch, names_in(folder)) if match)
    return [{"file": name, **read_head(os.path.join(folder, name))} for _number, name in numbered]


def next_name(folder: str) -> str:
    """The name that the next document gets."""
    numbers = [int(match[1]) for match in map(DOCUMENT.fullmatch, names_in(folder)) if match]
    return f"documentation-{max(numbers, default=0) + 1}.md"


def read_head(path: str) -> Row:
    """Kind, author and time of a document; empty where its head does not say."""
    known = {"kind": "", "by": "", "at": ""}
    try:
        with io.TextIOWrapper(open_plain(path), encoding="utf-8", errors="replace") as stream:
            if stream.readline() != _EDGE:
                return known
            for line in iter(stream.readline, _EDGE):
                key, _colon, value = line.partition(": ")
                if not value:
                    break
                if key in known:
                    said = json.loads(value)
                    known[key] = said if isinstance(said, str) else ""
    except (OSError, ValueError):
        pass
    return known if known["kind"] in KINDS else {**known, "kind": ""}


def documented_at(row: Mapping[str, object]) -> str:
    """When the run's emergency was documented first; empty where it was not. row: its line in the index."""
    documents = row.get("documentation")
    moments = [
        str(document.get("at", ""))
        for document in (documents if isinstance(documents, list) else [])
        if isinstance(document, dict) and document.get("kind") in DOCUMENTING
    ]
    return min((moment for moment in moments if moment), default="")
