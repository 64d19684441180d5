"""Options of health_check that cannot be meant: each is one sentence, before anything is looked at."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError
from ansible_collections.careops.maintenance.plugins.module_utils.health.work import Host, check_health
from ansible_collections.careops.maintenance.plugins.module_utils.runner import run
from tests.lab.health import NOW, options_of


def request(**more: Any) -> dict[str, Any]:
    return {"endpoints": [{"name": "a", "url": "http://127.0.0.1/", **more}]}


def steps(*rows: dict[str, Any], url: str = "http://127.0.0.1") -> dict[str, Any]:
    return {"workflows": [{"name": "w", "url": url, "steps": [{"name": "s", "url": "/", **row} for row in rows]}]}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeout": 0}, "The option timeout must be greater than 0"),
        ({"deadline": -1}, "The option deadline must be greater than 0"),
        ({"workers": 1000}, "The option workers must not be above 256"),
        ({"disk_warning": 120}, "The option disk_warning must be a percentage"),
        ({"disk_warning": 96}, "The option disk_warning is above disk_critical"),
        ({"load_critical": -1}, "must not be below 0"),
        ({"services": ["nginx; reboot"]}, "The option services must hold names of systemd units"),
        ({"services": ["--all"]}, "The option services must hold names of systemd units"),
        ({"services": ["nginx", "nginx"]}, "The option services names a unit twice"),
        ({"resources": ["cpu"]}, "resources"),
        (request(url="portal/health"), "The option endpoints[a].url must be an http or https address"),
        (request(url="ftp://portal/"), "The option endpoints[a].url must be an http or https address"),
        (request(url="http://probe:secret@portal/"), "has an account in its address"),
        (request(method="get it"), "The option endpoints[a].method must be a method"),
        (request(status=[2000]), "The option endpoints[a].status must hold HTTP status codes"),
        (request(timeout=0), "The option endpoints[a].timeout must be greater than 0"),
        (request(expect={"a..b": 1}), "has the path 'a..b', which cannot be read"),
        (request(expect={"a": {"least": 1}}), "The option endpoints[a].expect.a compares by least"),
        (request(expect={"a": {"min": "many"}}), "The option endpoints[a].expect.a.min must be a number"),
        (request(expect={"a": {"matches": "("}}), "expect.a.matches is no regular expression"),
        (request(uptime="a["), "The option endpoints[a].uptime has the path"),
        (request(headers={"X-Key": "${key}"}), "The option endpoints[a].headers uses ${key}, which is no secret"),
        (request(client_key="/k"), "The option endpoints[a].client_key needs client_cert"),
        (request(body="a", body_format="form"), "The option endpoints[a].body must be a mapping"),
        ({"endpoints": [{"name": "a", "url": "http://x/"}] * 2}, "two entries with the name a"),
        ({"secrets": [{"name": "a b", "value": "x"}]}, "has a name that cannot be used"),
        ({"secrets": [{"name": "a", "value": "x"}, {"name": "a", "env": "X"}]}, "The secret a is there twice"),
        ({"secrets": [{"name": "a"}]}, "one of the following is required: value, env, file"),
        ({"workflows": [{"name": "w", "steps": []}]}, "The option workflows[w].steps is empty"),
        (steps({}, url=""), "The option workflows[w].steps[1].url must be an http or https address"),
        (steps({"headers": {"A": "${token}"}}), "workflows[w].steps[1].headers uses ${token}"),
        (steps({"capture": [{"name": "a-b", "json": "c"}]}), "capture has the name 'a-b'"),
        ({"integrations": [{"name": "i", "kind": "tcp", "host": "h"}]}, "missing: port"),
        ({"integrations": [{"name": "i", "kind": "tcp", "host": "h", "port": 70000}]}, "from 1 to 65535"),
        ({"databases": [{"name": "d", "connections_warning": 95}]}, "of databases[d] must be percentages"),
        ({"caches": [{"name": "c", "hit_warning": 101}]}, "The option caches[c].hit_warning must be a percentage"),
        ({"alertmanagers": [{"name": "m", "url": "http://h/?a"}]}, "without a query"),
        ({"availability_target": 101}, "The option availability_target must be a percentage"),
        ({"availability_critical": 99.95}, "The option availability_critical is above availability_target"),
        ({"availability_days": [90]}, "The option availability_days must hold numbers of days"),
        ({"max_gap": 0}, "The option max_gap must be greater than 0"),
        ({"business_hours": {"start": "8 o'clock"}}, "business_hours.start must be a time of day"),
        ({"business_hours": {"start": "18:00", "end": "08:00"}}, "must have an end after its start"),
    ],
)
def test_bad_options_are_one_clear_message(options: dict[str, Any], words: str) -> None:
    with pytest.raises(MaintenanceError) as caught:
        check_health(options_of(**options), now=NOW, host=Host(run=run))
    assert words in str(caught.value)
