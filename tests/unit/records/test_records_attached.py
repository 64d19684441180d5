"""The head of a document is read as it was written, and text that looks like one is text."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.records.attached import (
    attached,
    compose,
    documented_at,
    next_name,
)

HEAD = {"run": "r", "kind": "post_mortem", "by": 'Zoë "the" ---\nkind: x', "at": "2026-03-01T02:30:00Z"}


@pytest.mark.parametrize("content", ["Why.", '---\nkind: "note"\n---\n', 'kind: "note"\n', ""])
def test_a_head_comes_back(tmp_path: Path, content: str) -> None:
    (tmp_path / "documentation-1.md").write_text(compose(HEAD, content))
    (row,) = attached(str(tmp_path))
    assert row == {"file": "documentation-1.md", **{key: HEAD[key] for key in ("kind", "by", "at")}}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"---\n",
        b"Why, without a head.",
        b"---\nkind: post_mortem\n---\n",
        b'---\nkind: "gossip"\n---\n',
        b'---\nkind: ["post_mortem"]\n---\n',
        b"---\nkind",
        b"\xff\xfe",
    ],
)
def test_a_head_that_cannot_be_read_documents_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "documentation-1.md").write_bytes(content)
    (row,) = attached(str(tmp_path))
    assert row["kind"] == ""
    assert documented_at({"documentation": [row]}) == ""


def test_numbers_go_on_and_other_names_are_none(tmp_path: Path) -> None:
    assert next_name(str(tmp_path)) == "documentation-1.md"
    for name in ("documentation-2.md", "documentation-10.md", "documentation-0.md", "documentation-11.md.bak"):
        (tmp_path / name).write_text(compose(HEAD, "Why."))
    assert [row["file"] for row in attached(str(tmp_path))] == ["documentation-2.md", "documentation-10.md"]
    assert next_name(str(tmp_path)) == "documentation-11.md"
