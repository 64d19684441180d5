"""The module health_check against real services: silent where they are well, outspoken where they are not."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import alertmanager, certificates, health, mail, postgres
from tests.lab.modules import findings_of, run_module

NOW = "2026-11-21T12:00:00+00:00"


@pytest.fixture
def portal() -> Iterator[health.Portal]:
    with health.portal() as running:
        yield running


def look(**options: Any) -> dict[str, Any]:
    """What the module returns. check: in check mode. popen: how to start it."""
    check, popen = options.pop("check", False), options.pop("popen", {})
    result = run_module("health_check", {"resources": [], "now": NOW, **options}, check=check, **popen)
    assert not result.get("failed"), result["msg"]
    assert result["changed"] is False
    return result


def only(result: dict[str, Any], check: str) -> dict[str, Any]:
    (finding,) = findings_of(result, check)
    return finding


def endpoint(portal: health.Portal, path: Any = "/health", **more: Any) -> dict[str, Any]:
    return {"name": "portal", "url": portal.url + path, **more}


# Endpoints


def test_a_healthy_endpoint(portal: health.Portal) -> None:
    expect = {
        "status": "healthy",
        "checks.database.ok": True,
        "checks.database.latency_ms": {"max": 100},
        "nodes[*].state": "ready",
        "version": {"matches": r"^2\."},
        "uptime": {"present": True},
        "error": {"present": False},
    }
    result = look(endpoints=[endpoint(portal, expect=expect, uptime="uptime")])
    assert [(row["check"], row["status"]) for row in result["findings"]] == [
        ("health.endpoint", "ok"),
        ("health.response_time", "ok"),
        ("health.uptime", "ok"),
    ]
    assert only(result, "health.uptime")["value"] == 86400
    assert only(result, "health.response_time")["threshold"] == 2
    assert 0 < only(result, "health.response_time")["value"] < 2
    assert result["details"]["states"] == {"endpoint:portal": True}


def test_an_endpoint_that_says_it_is_not_well(portal: health.Portal) -> None:
    portal.health["status"] = "degraded"
    portal.health["checks"]["database"]["ok"] = False
    portal.health["checks"]["queue"]["length"] = 500
    expect = {"status": "healthy", "checks.database.ok": True, "checks.queue.length": {"max": 100}, "disk": "ok"}
    result = look(endpoints=[endpoint(portal, expect=expect)])
    finding = only(result, "health.endpoint")
    assert finding["status"] == "critical"
    assert 'status is "degraded", expected "healthy"' in finding["message"]
    assert "checks.database.ok is false, expected true" in finding["message"]
    assert "checks.queue.length is 500, expected at most 100; disk" not in finding["message"]
    assert finding["message"].endswith("checks.queue.length is 500, expected at most 100, and 1 more.")
    assert finding["evidence"] == {"status": 200, "url": portal.url + "/health", "error": "expectation"}
    assert result["details"]["states"] == {"endpoint:portal": False}


@pytest.mark.parametrize(
    ("path", "more", "kind", "words"),
    [
        (
            "/broken",
            {},
            "status",
            "it answers 500 Internal Server Error, expected 200 (look at the logs",
        ),
        ("/nowhere", {}, "status", "it answers 404 Not Found, expected 200"),
        ("/moved", {}, "status", "it answers 302 Found, expected 200 (redirects are not followed"),
        ("/guarded", {}, "status", "401 Unauthorized, expected 200 (look at the account or token"),
        ("/health", {"status": [201, 202]}, "status", "it answers 200 OK, expected 201 or 202"),
        ("/text", {"expect": {"status": "healthy"}}, "json", "its answer is no JSON"),
        ("/empty", {"expect": {"status": "healthy"}, "status": [204]}, "json", "its answer is empty"),
        ("/big", {"expect": {"status": "healthy"}}, "json", "its answer is longer than 1024 KiB"),
        ("/text", {"contains": ["operational", "degraded"]}, "expectation", "does not contain the text 'degraded'"),
        ("/list", {"expect": {"[*].ok": True}}, "expectation", "[*].ok is false, expected true"),
        (
            "/cut",
            {"expect": {"status": "healthy"}},
            "closed",
            "the connection was closed before the answer was complete",
        ),
        ("/silent", {"timeout": 0.3}, "timeout", "no complete answer came in time"),
        ("/drip", {"timeout": 0.5}, "timeout", "no complete answer came in time"),
    ],
)
def test_each_fault_has_its_own_words(
    portal: health.Portal, path: str, more: dict[str, Any], kind: str, words: str
) -> None:
    started = time.monotonic()
    result = look(endpoints=[endpoint(portal, path, **more)])
    finding = only(result, "health.endpoint")
    assert (finding["status"], finding["evidence"]["error"]) == ("critical", kind)
    assert words in finding["message"]
    assert "must-not-be-told" not in json.dumps(result)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("url", "kind", "words"),
    [
        ("http://127.0.0.1:{free}/", "refused", "127.0.0.1 refuses connections to port {free}: start the service"),
        ("http://nowhere.invalid/", "dns", "the name nowhere.invalid does not resolve"),
        ("https://127.0.0.1:{plain}/", "tls", "TLS fails"),
        ("http://127.0.0.1:{mail}/", "protocol", "what answers there does not speak HTTP"),
    ],
)
def test_what_cannot_be_reached(portal: health.Portal, url: str, kind: str, words: str) -> None:
    with health.greeter(b"220 mail.clinic.example ESMTP\r\n") as greeter:
        ports = {"free": postgres.free_port(), "plain": portal.port, "mail": greeter}
        result = look(endpoints=[{"name": "portal", "url": url.format(**ports)}])
    finding = only(result, "health.endpoint")
    assert (finding["status"], finding["evidence"]["error"]) == ("critical", kind)
    assert words.format(**ports) in finding["message"]


def test_texts_are_found_and_endpoints_need_no_json(portal: health.Portal) -> None:
    result = look(endpoints=[endpoint(portal, "/text", contains=["All systems operational"])])
    assert only(result, "health.endpoint")["status"] == "ok"


def test_slow_answers(portal: health.Portal) -> None:
    result = look(endpoints=[endpoint(portal, "/slow", response_warning=0.1)])
    finding = only(result, "health.response_time")
    assert (finding["status"], finding["unit"], finding["threshold"]) == ("warning", "seconds", 0.1)
    assert finding["value"] >= 0.4
    assert only(result, "health.endpoint")["status"] == "ok", "slow is not down"
    result = look(endpoints=[endpoint(portal, "/slow", response_critical=0.2)], response_warning=0.1)
    assert only(result, "health.response_time")["status"] == "critical"
    result = look(endpoints=[endpoint(portal, "/slow", response_warning=0)])
    assert findings_of(result, "health.response_time") == []


def test_uptime(portal: health.Portal) -> None:
    portal.health["uptime"] = 90
    result = look(endpoints=[endpoint(portal, uptime="uptime", uptime_unit="minutes", uptime_min=86400)])
    finding = only(result, "health.uptime")
    assert (finding["status"], finding["value"], finding["threshold"]) == ("warning", 5400, 86400)
    portal.health["uptime"] = "three days"
    assert only(look(endpoints=[endpoint(portal, uptime="uptime")]), "health.uptime")["status"] == "unknown"
    finding = only(look(endpoints=[endpoint(portal, uptime="process.uptime")]), "health.uptime")
    assert finding["status"] == "unknown" and "process.uptime is missing" in finding["message"]


def test_secrets_go_where_they_are_named_and_nowhere_else(portal: health.Portal, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{health.PASSWORD}\n")
    guarded = endpoint(portal, "/guarded", headers={"X-Api-Key": "${key}"}, expect={"status": "healthy"})
    for place in ({"file": str(tmp_path / "key")}, {"env": "LAB_KEY"}, {"value": health.PASSWORD}):
        popen = {"env": {**os.environ, "LAB_KEY": health.PASSWORD}}
        result = look(endpoints=[guarded], secrets=[{"name": "key", **place}], popen=popen)
        assert only(result, "health.endpoint")["status"] == "ok", place
        assert health.PASSWORD not in json.dumps({**result, "invocation": None})
    # In an address it is quoted; a server that repeats it is not believed.
    echo = endpoint(portal, "/echo?word=${key}", expect={"said.word": "other", "said.body": ""})
    result = look(endpoints=[echo], secrets=[{"name": "key", "file": str(tmp_path / "key")}])
    finding = only(result, "health.endpoint")
    assert 'said.word is "********", expected "other"' in finding["message"]
    assert finding["evidence"]["url"] == f"{portal.url}/echo"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({"env": "LAB_NOWHERE"}, "the secret key is empty: put it into the environment variable LAB_NOWHERE"),
        ({"file": "/nowhere/key"}, "could not be read from the file /nowhere/key: No such file or directory"),
        ({"file": "/dev/null"}, "the secret key is empty: put it into the file /dev/null"),
    ],
)
def test_a_secret_that_is_missing_leaves_the_rest_alone(
    portal: health.Portal, place: dict[str, str], words: str
) -> None:
    guarded = {"name": "guarded", "url": portal.url + "/guarded", "headers": {"X-Api-Key": "${key}"}}
    result = look(endpoints=[guarded, endpoint(portal)], secrets=[{"name": "key", **place}])
    found = {row["subject"]: row for row in findings_of(result, "health.endpoint")}
    assert (found["guarded"]["status"], found["portal"]["status"]) == ("unknown", "ok")
    assert words in found["guarded"]["message"]
    assert result["details"]["states"] == {"endpoint:guarded": None, "endpoint:portal": True}


def test_the_expected_value_of_a_secret_place_is_not_shown(portal: health.Portal) -> None:
    result = look(endpoints=[endpoint(portal, expect={"session_token": "something"})])
    message = only(result, "health.endpoint")["message"]
    assert "session_token is a value that is not shown" in message
    assert health.HEALTHY["session_token"] not in json.dumps(result)


def test_bodies(portal: health.Portal) -> None:
    for body, form, sent in (
        ({"a": "${word}"}, "json", '{"a": "the \\"word\\""}'),
        ({"a": "${word}"}, "form", "a=the+%22word%22"),
        ("<a>${word}</a>", "text", '<a>the "word"</a>'),
    ):
        echo = endpoint(portal, "/echo", method="POST", body=body, body_format=form, expect={"said.body": sent})
        result = look(endpoints=[echo], secrets=[{"name": "word", "value": 'the "word"'}])
        assert only(result, "health.endpoint")["status"] == "ok", only(result, "health.endpoint")["message"]


def test_tls(tmp_path: Path) -> None:
    authority = certificates.authority()
    good = certificates.make("127.0.0.1", names=["127.0.0.1"], issuer=authority, days=20000, lifetime=21000)
    for name, content in (("ca.pem", authority.pem), ("good.pem", good.key_pem + good.pem)):
        (tmp_path / name).write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "good.pem")
    trusted = {"ca_cert": str(tmp_path / "ca.pem"), "expect": {"status": "healthy"}}
    with health.portal(context) as portal:
        assert only(look(endpoints=[endpoint(portal, **trusted)]), "health.endpoint")["status"] == "ok"
        finding = only(look(endpoints=[endpoint(portal)]), "health.endpoint")
        assert (finding["status"], finding["evidence"]["error"]) == ("critical", "tls")
        assert "the certificate is not trusted (" in finding["message"]
        finding = only(look(endpoints=[endpoint(portal, ca_cert="/nowhere/ca.pem")]), "health.endpoint")
        assert finding["status"] == "unknown" and "/nowhere/ca.pem (ca_cert)" in finding["message"]
        wrong = {**endpoint(portal, **trusted), "url": f"https://localhost:{portal.port}/health"}
        assert "ostname mismatch" in only(look(endpoints=[wrong]), "health.endpoint")["message"]
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(tmp_path / "ca.pem")
    with health.portal(context) as portal:
        finding = only(look(endpoints=[endpoint(portal, **trusted)]), "health.endpoint")
        assert finding["evidence"]["error"] in ("tls", "closed") and finding["status"] == "critical"
        known = {**trusted, "client_cert": str(tmp_path / "good.pem")}
        assert only(look(endpoints=[endpoint(portal, **known)]), "health.endpoint")["status"] == "ok"


def test_an_expired_certificate(tmp_path: Path) -> None:
    authority = certificates.authority(lifetime=30000, days=20000)
    old = certificates.make("127.0.0.1", names=["127.0.0.1"], issuer=authority, days=-400, lifetime=90)
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    (tmp_path / "old.pem").write_bytes(old.key_pem + old.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "old.pem")
    with health.portal(context) as portal:
        result = look(endpoints=[endpoint(portal, ca_cert=str(tmp_path / "ca.pem"))])
    assert "the certificate is not trusted (certificate has expired)" in only(result, "health.endpoint")["message"]


def test_a_hundred_endpoints_are_asked_beside_each_other(portal: health.Portal) -> None:
    many = [{"name": f"e{number}", "url": portal.url + "/slow"} for number in range(100)]
    result = look(endpoints=many, workers=50)
    assert len(findings_of(result, "health.endpoint", status="ok")) == 100
    # One after the other they take 40 seconds.
    assert result["summary"]["seconds"] < 10


def test_the_deadline_holds(portal: health.Portal) -> None:
    many = [{"name": f"e{number}", "url": portal.url + "/silent"} for number in range(6)]
    started = time.monotonic()
    result = look(endpoints=[*many, endpoint(portal)], workers=2, timeout=30, deadline=1)
    assert time.monotonic() - started < 10
    assert len(findings_of(result, "health.endpoint", status="unknown")) == 7
    assert "within the deadline of 1 seconds" in result["findings"][0]["message"]
    assert set(result["details"]["states"].values()) == {None}


# Workflows


def login(portal: health.Portal, **more: Any) -> dict[str, Any]:
    me = {"url": "/api/me", "headers": {"Authorization": "Bearer ${token}"}}
    password = {"user": "probe", "password": "${password}"}
    steps = [
        {
            "name": "log in",
            "url": "/api/login",
            "method": "POST",
            "body": password,
            "capture": [{"name": "token", "json": "access_token"}],
        },
        {"name": "see the profile", **me, "expect": {"user": "probe"}},
        {"name": "is denied without the token", "url": "/api/me", "status": [401, 403]},
        {
            "name": "log out",
            **me,
            "url": "/api/logout",
            "method": "POST",
            "status": [204],
            "always": True,
        },
        {"name": "is denied after it", **me, "status": [401]},
    ]
    return {"name": "login", "url": portal.url, "steps": steps, **more}


SECRETS = [{"name": "password", "value": health.PASSWORD}]


def test_a_login_and_what_follows(portal: health.Portal) -> None:
    result = look(workflows=[login(portal)], secrets=SECRETS)
    assert only(result, "health.login")["status"] == "ok"
    assert only(result, "health.response_time")["status"] == "ok"
    assert [path for _method, path in portal.seen] == ["/api/login", "/api/me", "/api/me", "/api/logout", "/api/me"]
    assert result["details"]["states"] == {"workflow:login": True}


def test_a_workflow_that_fails_tells_the_step_logs_out_and_shows_no_token(portal: health.Portal) -> None:
    portal.broken_profile = True
    result = look(workflows=[login(portal)], secrets=SECRETS)
    finding = only(result, "health.login")
    assert finding["status"] == "critical"
    assert "fails at step 2 of 5 (see the profile): user is " in finding["message"]
    assert "token ********" in finding["message"], "captured, so it is hidden"
    assert portal.seen[-1] == ("POST", "/api/logout") and portal.tokens == set()


def test_a_wrong_password(portal: health.Portal) -> None:
    result = look(workflows=[login(portal)], secrets=[{"name": "password", "value": "wrong-Password-1"}])
    finding = only(result, "health.login")
    assert "step 1 of 5 (log in): it answers 401" in finding["message"]
    assert finding["evidence"] == {"error": "status", "step": "step 1 of 5 (log in)"}
    assert len(portal.seen) == 1, "there is no token to log out with"
    assert "wrong-Password-1" not in json.dumps({**result, "invocation": None})


def test_cookies_headers_and_forms(portal: health.Portal) -> None:
    capture = [{"name": "sid", "cookie": "sid"}, {"name": "csrf", "header": "X-Csrf"}]
    body = {"user": "probe", "password": "${password}"}
    first = {"name": "log in", "url": "/api/login", "method": "POST", "body": body, "body_format": "form"}
    steps = [
        {**first, "capture": capture},
        {"name": "profile", "url": "/api/me", "headers": {"Cookie": "sid=${sid}"}, "expect": {"user": "probe"}},
        {"name": "again", "url": "/api/me", "headers": {"Authorization": "Bearer ${csrf}"}, "expect": {"id": 17}},
    ]
    workflow = {"name": "form", "url": portal.url, "steps": steps}
    assert only(look(workflows=[workflow], secrets=SECRETS), "health.login")["status"] == "ok"
    capture[0] = {"name": "sid", "cookie": "other"}
    finding = only(look(workflows=[workflow], secrets=SECRETS), "health.login")
    assert "its answer has no cookie other to capture" in finding["message"]


# Integrations


def test_integrations(portal: health.Portal) -> None:
    with mail.server() as box, health.greeter(b"554 go away\r\n") as rude:
        free = postgres.free_port()
        good = [
            {"name": "lab", "kind": "tcp", "host": "127.0.0.1", "port": portal.port},
            {"name": "mail", "kind": "smtp", "host": "127.0.0.1", "port": box.port},
            {"name": "images", "kind": "storage", "url": f"{portal.url}/bucket"},
            {"name": "insurer", "kind": "http", "url": f"{portal.url}/nowhere"},
            {"name": "name", "kind": "dns", "host": "localhost"},
        ]
        bad = [
            {"name": "lab", "kind": "tcp", "host": "127.0.0.1", "port": free},
            {"name": "mail", "kind": "smtp", "host": "127.0.0.1", "port": rude},
            {"name": "images", "kind": "storage", "url": f"{portal.url}/bucket", "status": [200]},
            {"name": "insurer", "kind": "http", "url": f"{portal.url}/broken"},
            {"name": "name", "kind": "dns", "host": "nowhere.invalid"},
        ]
        result = look(integrations=good)
        assert len(findings_of(result, "health.integration", status="ok")) == 5, result["findings"]
        assert ("HEAD", "/bucket") in portal.seen
        result = look(integrations=bad)
        errors = {row["subject"]: row["evidence"]["error"] for row in findings_of(result, "health.integration")}
    assert errors == {"lab": "refused", "mail": "greeting", "images": "status", "insurer": "status", "name": "dns"}
    assert len(findings_of(result, "health.integration", status="critical")) == 5


# Databases


def database(pg: postgres.Server, **more: Any) -> dict[str, Any]:
    options = {name: value for name, value in pg.options().items() if name != "pg_bindir"}
    return {"name": "clinic", **options, **more}


def test_a_healthy_database(pg: postgres.Server) -> None:
    result = look(databases=[database(pg, role="primary", query="SELECT count(*) FROM pg_class")])
    assert {row["check"]: row["status"] for row in result["findings"]} == {
        "health.database": "ok",
        "health.connections": "ok",
        "health.response_time": "ok",
    }
    assert only(result, "health.response_time")["unit"] == "milliseconds"
    assert only(result, "health.response_time")["threshold"] == 1000
    assert only(result, "health.connections")["value"] < 80


def test_a_database_that_is_not_well(pg: postgres.Server) -> None:
    result = look(databases=[database(pg, role="standby", query="SELECT pg_sleep(0.2)", query_max_ms=100)])
    assert "answers as a primary, and should be a standby" in only(result, "health.database")["message"]
    assert only(result, "health.response_time")["status"] == "warning"
    assert result["details"]["states"] == {"database:clinic": False}

    result = look(databases=[database(pg, query="SELECT pg_sleep(30)", timeout=0.5)])
    finding = only(result, "health.response_time")
    assert finding["status"] == "critical" and "did not end within 0.5 s" in finding["message"]

    result = look(databases=[database(pg, query="CREATE TABLE mark (a int)")])
    assert "read-only transaction" in only(result, "health.response_time")["message"]

    finding = only(look(databases=[database(pg, login_port=postgres.free_port())]), "health.database")
    assert finding["status"] == "critical" and "No PostgreSQL server answers" in finding["message"]

    finding = only(look(databases=[database(pg, login_password="wrong-Secret-1")]), "health.database")
    assert finding["status"] == "unknown" and "the password is wrong" in finding["message"]

    finding = only(look(databases=[database(pg, database="nowhere")]), "health.database")
    assert finding["status"] == "critical" and "there is no such database" in finding["message"]


def test_the_password_by_name(pg: postgres.Server, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(postgres.PASSWORD)
    secret = [{"name": "db", "file": str(tmp_path / "password")}]
    result = look(databases=[database(pg, login_password="${db}")], secrets=secret)
    assert only(result, "health.database")["status"] == "ok"


def test_connections_run_out() -> None:
    with postgres.server(settings={"max_connections": "10", "superuser_reserved_connections": "1"}) as server:
        held = [server.connect() for _number in range(7)]
        finding = only(look(databases=[database(server)]), "health.connections")
        assert (finding["status"], finding["value"], finding["threshold"]) == ("warning", 80, 80)
        held.append(server.connect())
        assert only(look(databases=[database(server)]), "health.connections")["status"] == "critical"
        held += [server.connect() for _number in range(2)]
        result = look(databases=[database(server)])
        assert "Every connection of the database clinic is taken" in only(result, "health.connections")["message"]
        assert only(result, "health.database")["status"] == "critical"
        for connection in held:
            connection.close()


def test_without_psycopg2_the_database_is_unknown_and_the_rest_is_looked_at(
    portal: health.Portal, pg: postgres.Server, tmp_path: Path
) -> None:
    blocker = tmp_path / "psycopg2.py"
    blocker.write_text("raise ImportError('not here')\n")
    starter = tmp_path / "python"
    starter.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}:$PYTHONPATH" exec {sys.executable} "$@"\n')
    starter.chmod(0o755)
    result = look(databases=[database(pg)], endpoints=[endpoint(portal)], popen={"python": str(starter)})
    finding = only(result, "health.database")
    assert finding["status"] == "unknown" and "install the package python3-psycopg2" in finding["message"]
    assert only(result, "health.endpoint")["status"] == "ok"


# Caches and alerts


def test_the_cache_serves_lookups_or_not(tmp_path: Path) -> None:
    with health.redis() as redis:
        cache = {"name": "sessions", "port": redis.port, "password": "${redis}"}
        secret = [{"name": "redis", "value": health.PASSWORD}]
        history = str(tmp_path / "history.jsonl")
        first = only(look(caches=[cache], secrets=secret, history=history), "health.cache")
        assert first["status"] == "ok" and "too few to judge" in first["message"]

        redis.command("SET", "there", "1")
        lookups = "for i = 1, 190 do redis.call('GET', 'there') end for i = 1, 10 do redis.call('GET', 'gone') end"
        redis.command("EVAL", lookups, "0")
        good = only(look(caches=[cache], secrets=secret, history=history), "health.cache")
        assert (good["status"], good["value"], good["threshold"]) == ("ok", 95.0, 80)

        redis.command("EVAL", "for i = 1, 300 do redis.call('GET', 'gone') end", "0")
        poor = only(look(caches=[cache], secrets=secret, history=history), "health.cache")
        assert (poor["status"], poor["value"]) == ("warning", 0.0), "since the last look, not since the start"
        assert "since the last look, less than 80 %" in poor["message"]

        for password in ("", "wrong-Password-1"):
            finding = only(look(caches=[{**cache, "password": password}]), "health.cache")
            assert finding["status"] == "unknown" and "does not let this account in" in finding["message"]
    finding = only(look(caches=[cache], secrets=secret), "health.cache")
    assert (finding["status"], finding["evidence"]["error"]) == ("critical", "refused")


def test_what_is_no_redis(portal: health.Portal) -> None:
    finding = only(look(caches=[{"name": "sessions", "port": portal.port, "timeout": 1}]), "health.cache")
    assert finding["status"] == "critical"


def test_pending_alerts() -> None:
    with alertmanager.server() as server:
        options: dict[str, Any] = {"alertmanagers": [{"name": "alerts", "url": server.url}]}
        finding = only(look(**options), "health.alerts")
        assert (finding["status"], finding["value"]) == ("ok", 0)

        server.fire(alertname="DiskFull", severity="critical", instance="db")
        server.fire(alertname="Slow", severity="warning", instance="web")
        server.fire(alertname="Planned", severity="critical", instance="web")
        now = time.time()
        times = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + offset)) for offset in (-60, 600)]
        matcher = {"name": "alertname", "value": "Planned", "isRegex": False, "isEqual": True}
        silence = {
            "matchers": [matcher],
            "startsAt": times[0],
            "endsAt": times[1],
            "createdBy": "lab",
            "comment": "lab",
        }
        server.call("POST", "/api/v2/silences", silence)
        assert alertmanager.eventually(lambda: server.state_of("Planned") == "suppressed")
        assert alertmanager.eventually(lambda: server.state_of("DiskFull") == "active")

        found = findings_of(look(**options), "health.alerts")
        assert [row["subject"] for row in found] == ["alerts", "alerts: DiskFull (instance=db)"]
        assert [row["status"] for row in found] == ["critical", "critical"]
        assert found[0]["value"] == 1

        options["alertmanagers"][0]["matchers"] = []
        assert len(findings_of(look(**options), "health.alerts")) == 3
    finding = only(look(**options), "health.alerts")
    assert finding["status"] == "unknown", "nobody knows what is pending"


def test_what_is_no_alertmanager(portal: health.Portal) -> None:
    finding = only(look(alertmanagers=[{"name": "alerts", "url": portal.url}]), "health.alerts")
    assert finding["status"] == "unknown"


# The host itself


def test_the_host(tmp_path: Path) -> None:
    result = look(resources=["disk", "memory", "load"], memory_warning=100, load_warning=0, disk_warning=0)
    assert findings_of(result, "health.disk") and findings_of(result, "health.inodes")
    assert only(result, "health.load")["unit"] == "ratio"
    assert {row["status"] for row in findings_of(result, "health.memory")} == {"ok"}
    result = look(resources=["memory", "load"], memory_warning=0.1, load_warning=0)
    assert findings_of(result, "health.memory")[0]["status"] == "warning"


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    """A small filesystem of its own."""
    folder = tmp_path / "volume"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    options = "size=1m,nr_inodes=100"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("this machine does not let us mount")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_disk_fills_up(volume: Path) -> None:
    disks: dict[str, Any] = {"resources": ["disk"], "disk_mounts": [str(volume)]}
    assert {row["status"] for row in look(**disks)["findings"]} == {"ok"}
    (volume / "a").write_bytes(b"x" * 920_000)
    finding = only(look(**disks), "health.disk")
    assert (finding["status"], finding["threshold"]) == ("warning", 85)
    (volume / "b").write_bytes(b"x" * 110_000)
    finding = only(look(**disks), "health.disk")
    assert finding["status"] == "critical" and "make room or enlarge it" in finding["message"]
    for number in range(95):
        (volume / f"empty-{number}").touch()
    assert only(look(**disks), "health.inodes")["status"] == "critical"
    subprocess.run(["mount", "-o", "remount,ro", volume], check=True)
    finding = only(look(**disks), "health.disk")
    assert "is mounted read-only, and should be writable" in finding["message"]
    assert only(look(**disks, disk_read_only=[str(volume)], disk_critical=0), "health.disk")["status"] == "warning"


def test_a_disk_that_is_not_there(tmp_path: Path) -> None:
    finding = only(look(resources=["disk"], disk_mounts=[str(tmp_path)]), "health.disk")
    assert finding["status"] == "critical" and "is not mounted" in finding["message"]


# Services


@pytest.fixture(scope="module")
def systemd() -> Iterator[health.Systemd]:
    if os.geteuid() != 0:
        pytest.skip("a mount namespace needs root")
    with contextlib.ExitStack() as stack:
        running = stack.enter_context(health.systemd())
        if running is None:
            pytest.skip("this machine does not let us start a systemd")
        running.control("start", "good", "bad", "loop", "fragile")
        running.control("start", "--no-block", "slow")
        yield running


def services(systemd: health.Systemd, *names: str, **more: Any) -> dict[str, dict[str, Any]]:
    result = look(services=names, service_scope="user", popen={"python": systemd.python}, **more)
    return {row["subject"]: row for row in findings_of(result, "health.service")}


def test_services(systemd: health.Systemd) -> None:
    names = ("good", "good.service", "bad", "loop", "slow", "broken", "masked", "nowhere")
    health.wait_for(lambda: services(systemd, "bad")["bad"]["evidence"]["active"] == "failed")
    found = services(systemd, *names)
    assert {name: row["status"] for name, row in found.items()} == {
        "good": "ok",
        "good.service": "ok",
        "slow": "warning",
        **dict.fromkeys(("bad", "loop", "broken", "masked", "nowhere"), "critical"),
    }
    assert "its process ended with an error" in found["bad"]["message"]
    assert "ends again and again" in found["loop"]["message"]
    assert "does not exist on this host" in found["nowhere"]["message"]
    assert services(systemd, "slow", service_start_seconds=0.001)["slow"]["status"] == "critical"


def test_restarts_since_the_last_look(systemd: health.Systemd, tmp_path: Path) -> None:
    history = {"history": str(tmp_path / "history.jsonl")}
    assert services(systemd, "fragile", **history)["fragile"]["status"] == "ok"
    assert services(systemd, "fragile", **history)["fragile"]["status"] == "ok"

    def restarted() -> bool:
        shown = systemd.control("show", "--property=NRestarts,ActiveState", "fragile").stdout
        return "NRestarts=1\n" in shown and "ActiveState=active\n" in shown

    systemd.control("kill", "--signal=KILL", "fragile")
    health.wait_for(restarted)
    finding = services(systemd, "fragile", **history)["fragile"]
    assert (finding["status"], finding["value"]) == ("warning", 1)
    assert services(systemd, "fragile", **history)["fragile"]["status"] == "ok", "told once"
    systemd.control("restart", "fragile")
    assert services(systemd, "fragile", **history)["fragile"]["status"] == "ok", "by hand is not by itself"


def test_without_systemd_services_are_unknown(portal: health.Portal, tmp_path: Path) -> None:
    options: dict[str, Any] = {"services": ["nginx"], "service_scope": "user", "endpoints": [endpoint(portal)]}
    environment = {
        **os.environ,
        "XDG_RUNTIME_DIR": str(tmp_path),
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/no",
    }
    result = look(**options, popen={"env": environment})
    assert only(result, "health.service")["status"] == "unknown"
    assert only(result, "health.endpoint")["status"] == "ok"
    result = look(**options, popen={"env": {**environment, "PATH": str(tmp_path)}})
    assert "systemctl is not installed" in only(result, "health.service")["message"]


# History and availability


def at(text: str) -> dict[str, str]:
    return {"now": f"2026-11-{text}:00+00:00"}


def test_an_outage_is_remembered(portal: health.Portal, tmp_path: Path) -> None:
    history = tmp_path / "health" / "clinic.jsonl"
    options: dict[str, Any] = {
        "endpoints": [endpoint(portal, expect={"status": "healthy"})],
        "history": str(history),
        "max_gap": 86400,
        "availability_days": [1],
    }
    result = look(**options, **at("19T12:00"))
    assert [action["outcome"] for action in result["actions"]] == ["done"]
    assert findings_of(result, "health.availability") == [], "nothing can be said yet"
    assert history.stat().st_mode & 0o027 == 0
    result = look(**options, **at("20T12:00"))
    assert only(result, "health.availability")["value"] == 100
    portal.health["status"] = "down"
    look(**options, **at("20T18:00"))
    portal.health["status"] = "healthy"
    result = look(**options, **at("20T18:30"))
    finding = only(result, "health.availability")
    assert (finding["status"], finding["subject"], finding["value"]) == ("warning", "endpoint portal", 97.916)
    assert "less than 99.9 %: it was down for 30 min" in finding["message"]
    size = history.stat().st_size
    again = only(look(**options, record=False, **at("20T18:30")), "health.availability")
    assert (again["value"], history.stat().st_size) == (97.916, size), "it reads, and does not write"
    finding = only(look(**options, availability_critical=99, **at("20T18:31")), "health.availability")
    assert (finding["status"], finding["threshold"]) == ("critical", 99)


def test_check_mode_and_looking_alone_leave_no_trace(portal: health.Portal, tmp_path: Path) -> None:
    options: dict[str, Any] = {"endpoints": [endpoint(portal)], "history": str(tmp_path / "health" / "clinic.jsonl")}
    result = look(check=True, **options)
    assert [(action["outcome"], action["changed"]) for action in result["actions"]] == [("planned", False)]
    assert look(record=False, **options)["actions"] == []
    assert list(tmp_path.iterdir()) == []


def test_gaps_are_not_up(portal: health.Portal, tmp_path: Path) -> None:
    options: dict[str, Any] = {"endpoints": [endpoint(portal)], "history": str(tmp_path / "clinic.jsonl")}
    for text in ("10T12:00", "15T12:00"):
        look(**options, **at(text))
    result = look(**options, **at("21T12:00"))
    finding = only(result, "health.availability")
    assert (finding["status"], finding["subject"]) == ("unknown", "clinic")
    assert "only 0 % of that time was looked at" in finding["message"] or "0.15 %" in finding["message"]
    figures = result["details"]["availability"]["endpoint:portal"]
    assert [row["status"] for row in figures] == ["unknown"] * len(figures)


def test_business_hours(portal: health.Portal, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "endpoints": [endpoint(portal, expect={"status": "healthy"})],
        "history": str(tmp_path / "clinic.jsonl"),
        "max_gap": 86400,
        "availability_days": [1],
        "business_hours": {"time_zone": "Europe/Amsterdam", "start": "08:00", "end": "18:00"},
    }
    # Down on Thursday from 19:00 to 20:00 in Amsterdam: after hours.
    for text, state in (
        ("18T12:00", "healthy"),
        ("19T12:00", "healthy"),
        ("19T18:00", "down"),
        ("19T19:00", "healthy"),
    ):
        portal.health["status"] = state
        look(**options, **at(text))
    found = {row["subject"]: row for row in findings_of(look(**options, **at("20T12:00")), "health.availability")}
    assert found["endpoint portal"]["status"] == "warning"
    assert (found["endpoint portal, business hours"]["status"], found["endpoint portal, business hours"]["value"]) == (
        "ok",
        100,
    )


def test_a_damaged_history_is_read_around(portal: health.Portal, tmp_path: Path) -> None:
    history = tmp_path / "clinic.jsonl"
    options: dict[str, Any] = {
        "endpoints": [endpoint(portal)],
        "history": str(history),
        "max_gap": 86400,
        "availability_days": [1],
    }
    for text in ("18T12:00", "19T12:00"):
        look(**options, **at(text))
    with history.open("ab") as stream:
        stream.write(b'{"at": 17950000')  # a crash in the middle of a line
    (tmp_path / "clinic.jsonl.last").write_text("rubbish")
    assert only(look(**options, **at("20T12:00")), "health.availability")["value"] == 100
    assert only(look(**options, **at("20T13:00")), "health.availability")["value"] == 100
    assert len(history.read_text().splitlines()) == 6


def test_a_history_that_cannot_be_written(portal: health.Portal, volume: Path) -> None:
    filler = volume / "filler"
    history = volume / "clinic.jsonl"
    options: dict[str, Any] = {"endpoints": [endpoint(portal)], "history": str(history)}
    look(**options)
    before = history.read_bytes()
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(b"x" * 2_000_000)
    # Enough looks to need another page of the volume.
    for number in range(60):
        result = look(**{**options, "now": f"2026-11-21T13:{number:02}:00+00:00"})
        if result["actions"][0]["outcome"] == "failed":
            break
    assert result["actions"][0]["outcome"] == "failed"
    finding = only(result, "health.availability")
    assert finding["status"] == "unknown" and "could not be added to the history" in finding["message"]
    assert only(result, "health.endpoint")["status"] == "ok"
    assert history.read_bytes().startswith(before) and history.read_bytes().endswith(b"\n")


# Bad options


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"now": "yesterday"}, "The option now must be a moment"),
        ({"secrets": [{"name": "a"}]}, "one of the following is required: value, env, file"),
        ({"endpoints": [{"name": "a", "url": "portal/health"}]}, "must be an http or https address"),
    ],
)
def test_bad_options_are_one_clear_message(options: dict[str, Any], words: str) -> None:
    result = run_module("health_check", {"resources": [], "now": NOW, **options})
    assert result["failed"] is True
    assert words in result["msg"]


def test_an_unknown_time_zone_is_a_finding(portal: health.Portal, tmp_path: Path) -> None:
    hours = {"time_zone": "Europe/Nowhere"}
    history = str(tmp_path / "clinic.jsonl")
    finding = only(look(endpoints=[endpoint(portal)], history=history, business_hours=hours), "health.availability")
    assert finding["status"] == "unknown" and "knows no time zone 'Europe/Nowhere'" in finding["message"]
