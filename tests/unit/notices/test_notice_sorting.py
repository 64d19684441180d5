"""Policy as people write it: a slip in one row stops that row, and shows none of its secrets."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.notices import web
from ansible_collections.careops.maintenance.plugins.module_utils.notices.channel import MASK, masked
from ansible_collections.careops.maintenance.plugins.module_utils.notices.sorting import sort_channels, sort_contacts

SECRET = "hunter-Secret-7"
CHAT = {"name": "chat", "kind": "webhook", "url": f"https://chat.example/{SECRET}"}
GOOD = {"name": "good", "kind": "webhook", "url_env": "X"}


class Odd(dict):  # type: ignore[type-arg]
    """A row whose template fails when it is looked at."""

    def __iter__(self) -> Any:
        raise RuntimeError(SECRET)

    keys = __iter__


@pytest.mark.parametrize(
    ("row", "name", "words"),
    [
        ({**CHAT, "pasword": SECRET}, "chat", "pasword"),
        ({**CHAT, "kind": "wehbook"}, "chat", "kind must be one of"),
        ({**CHAT, "events": ["advnce"]}, "chat", "events must be one or more of"),
        ({**CHAT, "url_env": "X"}, "chat", "mutually exclusive"),
        ({**CHAT, "components": {SECRET: 1}}, "chat", "components"),
        ({"name": "chat", "kind": "webhook"}, "chat", "url"),
        ({"name": "chat", "kind": "mail", "password": SECRET}, "chat", "host"),
        (
            {"name": "post", "kind": "mail", "host": "h", "sender": "a@b.example", "recipients": ["x@@y"]},
            "post",
            "x@@y",
        ),
        ({"kind": "mail"}, "number 2", "a name and a kind"),
        ({"name": 5, "kind": "mail"}, "number 2", "a name and a kind"),
        ("chat", "number 2", "a name and a kind"),
        (None, "number 2", "a name and a kind"),
        (GOOD, "good (number 2)", "another channel has its name"),
        (Odd(CHAT), "number 2", "cannot be made out"),
    ],
)
def test_a_channel_that_is_wrong_is_named_and_the_others_go_on(row: Any, name: str, words: str) -> None:
    done = sort_channels([GOOD, row, {**GOOD, "name": "last"}])
    assert [one["name"] for one in done["usable"]] == ["good", "last"]
    assert [one["name"] for one in done["faults"]] == [name]
    assert words in done["faults"][0]["reason"]
    assert SECRET not in str(done["faults"])


@pytest.mark.parametrize(("given", "faults"), [(None, 0), ([], 0), ("", 0), ("chat", 1), ({"name": "chat"}, 1), (7, 1)])
def test_channels_are_a_list(given: Any, faults: int) -> None:
    done = sort_channels(given)
    assert (done["usable"], len(done["faults"])) == ([], faults)


@pytest.mark.parametrize(
    ("given", "names", "wrong"),
    [
        (None, [], False),
        ([{"name": "Anna"}], ["Anna"], False),
        ([{"name": "Anna"}, "Bert", {"mail": "c@d.example"}], ["Anna"], True),
        ({"name": "Anna"}, [], True),
        ("Anna", [], True),
    ],
)
def test_contacts_are_mappings_with_a_name(given: Any, names: list[str], wrong: bool) -> None:
    rows, reason = sort_contacts(given)
    assert ([row["name"] for row in rows], bool(reason)) == (names, wrong)


@pytest.mark.parametrize(
    "said",
    [
        "Cannot POST /v2/accounts/gateway-Secret-42/messages",
        "no account gateway-Secret-42",
        "the key k%2Fey-Secret-43 is wrong",
        "the key k/ey-Secret-43 is wrong",
        "POST https://sms.example/v2/accounts/gateway-Secret-42/messages?key=k%2Fey-Secret-43 failed",
    ],
)
def test_a_gateway_that_repeats_its_address_shows_nothing_of_it(said: str) -> None:
    url = "https://sms.example/v2/accounts/gateway-Secret-42/messages?key=k%2Fey-Secret-43"
    words = masked(said, web.address_secrets(url))
    assert "Secret" not in words
    assert MASK in words
