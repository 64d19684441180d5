"""Notices to a real mail server and a real receiver of webhooks, and to ones that are broken."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.lab import mail, webhook
from tests.lab.modules import ROOT, findings_of, run_module
from tests.lab.postgres import free_port
from tests.unit.report import clinic

KEY = "signing-Secret-0123456789"
TOKEN = "bearer-Secret-5566"


@pytest.fixture(scope="module")
def receiver() -> Iterator[webhook.Receiver]:
    with webhook.receiver() as running:
        yield running


@pytest.fixture
def chat(receiver: webhook.Receiver) -> webhook.Receiver:
    receiver.posts.clear()
    receiver.answers.clear()
    return receiver


@pytest.fixture(scope="module")
def mailbox() -> Iterator[mail.Mailbox]:
    with mail.server() as running:
        yield running


@pytest.fixture
def box(mailbox: mail.Mailbox) -> mail.Mailbox:
    mailbox.messages.clear()
    mailbox.recipients.clear()
    mailbox.answers.clear()
    mailbox.refused.clear()
    return mailbox


@pytest.fixture(scope="module")
def run_directory(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(clinic.write(tmp_path_factory.mktemp("notice") / "run", clinic.record()))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lab")])
    now = datetime.datetime.now(datetime.timezone.utc)
    import ipaddress

    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "lab.pem"
    path.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def send(
    channels: list[dict[str, Any]], *, check: bool = False, env: dict[str, str] | None = None, **options: Any
) -> dict[str, Any]:
    environment = {**os.environ, **(env or {})}
    return run_module("send_notice", {"event": "finish", "channels": channels, **options}, check=check, env=environment)


def told(result: dict[str, Any], name: str) -> tuple[str, str]:
    """Status and message of a channel's finding."""
    finding = next(entry for entry in findings_of(result, "notice.delivery") if entry["subject"] == name)
    return finding["status"], finding["message"]


def without_invocation(result: dict[str, Any]) -> str:
    return json.dumps({key: value for key, value in result.items() if key != "invocation"})


def test_a_run_is_told_by_mail_and_webhook_at_once(
    box: mail.Mailbox, chat: webhook.Receiver, run_directory: str
) -> None:
    result = send([box.options(), chat.options()], path=run_directory, report="https://records.example/report.html")
    assert result["details"]["delivered"] == ["operations", "chat"]
    assert not result["changed"]
    assert [told(result, name)[0] for name in ("operations", "chat")] == ["ok", "ok"]
    (message,) = box.messages
    assert message["Subject"] == "clinic, weekly: Needs attention"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == "<20261122T020000Z-weekly-3f9a1c.finish@clinic.example>"
    text = message.get_content()
    assert "amcheck is not installed" in text
    assert "https://records.example/report.html" in text
    (post,) = chat.posts
    assert post.content["outcome"] == "attention"
    assert post.content["run"]["system"] == "clinic"
    assert post.content["attention"][0]["check"] == "postgres.amcheck"
    assert post.headers["Idempotency-Key"] == "20261122T020000Z-weekly-3f9a1c.finish"


def test_the_signature_holds_for_the_body_and_the_time(chat: webhook.Receiver, run_directory: str) -> None:
    send([chat.options(signing_key=KEY, token=TOKEN)], path=run_directory)
    (post,) = chat.posts
    moment, _unused, mac = post.headers["X-Careops-Signature"].removeprefix("t=").partition(",v1=")
    assert mac == hmac.new(KEY.encode(), f"{moment}.".encode() + post.body, hashlib.sha256).hexdigest()
    assert abs(time.time() - int(moment)) < 60
    assert post.headers["Authorization"] == f"Bearer {TOKEN}"


def test_slack_gets_text_in_which_nothing_calls_everybody(chat: webhook.Receiver, tmp_path: Path) -> None:
    finding = clinic.finding(
        *("certificate.expiry", "/etc/<!channel>", "critical", "Expired & <!here> gone."), host="w", procedure="p"
    )
    folder = clinic.write(tmp_path / "run", clinic.record(seen=[finding], outcome="failed"))
    send([chat.options(format="slack")], path=str(folder))
    (post,) = chat.posts
    assert set(post.content) == {"text"}
    assert "<!" not in post.content["text"]
    assert "&lt;!here&gt;" in post.content["text"]


def test_a_netrc_does_not_replace_the_token(chat: webhook.Receiver, run_directory: str, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login x password y\n")
    netrc.chmod(0o600)
    send([chat.options(token=TOKEN)], path=run_directory, env={"NETRC": str(netrc)})
    assert chat.posts[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_a_start_is_told_from_what_is_known(box: mail.Mailbox) -> None:
    run = {"id": "r1", "system": "clinic", "cadence": "weekly", "operator": "m.berger", "ticket": "CHG-1"}
    result = send([box.options()], event="start", run=run)
    assert result["details"]["subject"] == "clinic, weekly: maintenance begins"
    assert "CHG-1" in box.messages[0].get_content()


def test_a_failure_without_a_record_is_told_all_the_same(box: mail.Mailbox, tmp_path: Path) -> None:
    result = send([box.options()], event="failure", path=str(tmp_path), run={"system": "clinic"}, note="Disk full.")
    assert result["details"]["subject"] == "clinic: Failed"
    assert box.messages[0].get_content().startswith("Disk full.")
    assert box.messages[0]["X-Priority"] == "1"


def test_a_channel_takes_only_what_it_wants(box: mail.Mailbox, chat: webhook.Receiver, run_directory: str) -> None:
    result = send(
        [box.options(outcomes=["failed"]), chat.options(events=["start"]), chat.options(name="log")],
        path=run_directory,
        outcomes=["attention"],
    )
    assert result["details"]["delivered"] == ["log"]
    assert {action["target"]: action["outcome"] for action in result["actions"]} == {
        "operations": "skipped",
        "chat": "skipped",
        "log": "done",
    }
    assert not box.messages


@pytest.mark.parametrize(
    ("work_class", "outcome", "delivered"),
    [
        ("maintenance", "ok", ["operations"]),
        ("routine", "ok", ["operations"]),
        # A look every five minutes that finds nothing is no news.
        ("observe", "ok", []),
        ("observe", "attention", ["operations"]),
    ],
)
def test_who_was_told_of_the_beginning_is_told_of_the_end(
    box: mail.Mailbox, tmp_path: Path, work_class: str, outcome: str, delivered: list[str]
) -> None:
    record = clinic.record(outcome=outcome)
    record["run"]["work_class"] = work_class
    folder = clinic.write(tmp_path / "run", record)
    assert send([box.options()], path=str(folder), outcomes=[])["details"]["delivered"] == delivered


@pytest.mark.parametrize(
    ("check", "escalates"), [("window.gate", False), ("run.task", True)], ids=["refused", "failed in its work"]
)
def test_nobody_has_to_answer_for_a_run_that_the_windows_refused(
    box: mail.Mailbox, tmp_path: Path, check: str, escalates: bool
) -> None:
    record = clinic.record(outcome="failed")
    record["attention"][0] |= {"check": check, "status": "critical", "message": "It is refused."}
    folder = clinic.write(tmp_path / "run", record)
    result = send([box.options()], event="failure", path=str(folder), escalate=True, acknowledge="answer {identity}")
    assert [entry["escalate"] for entry in result["details"]["queue"]] == ([True] if escalates else [])
    assert ("Say that you are on it" in box.messages[0].get_content()) is escalates


def test_check_mode_sends_nothing_and_says_what_it_would(
    box: mail.Mailbox, chat: webhook.Receiver, run_directory: str
) -> None:
    result = send([box.options(), chat.options()], check=True, path=run_directory)
    assert [action["outcome"] for action in result["actions"]] == ["planned", "planned"]
    assert not box.messages
    assert not chat.posts


def test_one_dead_channel_is_a_warning_and_the_other_delivers(
    chat: webhook.Receiver, box: mail.Mailbox, run_directory: str
) -> None:
    dead = box.options(name="dead", port=free_port())
    result = send([dead, chat.options()], path=run_directory, attempts=2)
    status, message = told(result, "dead")
    assert status == "warning"
    assert "refused the connection" in message
    assert told(result, "chat")[0] == "ok"
    assert not result.get("failed")


def test_no_channel_at_all_is_critical(box: mail.Mailbox, chat: webhook.Receiver, run_directory: str) -> None:
    gone = free_port()
    channels = [box.options(port=gone), chat.options(url=f"http://127.0.0.1:{gone}{webhook.SECRET_PATH}")]
    result = send(channels, path=run_directory, attempts=1)
    assert result["summary"]["worst"] == "critical"
    assert result["summary"]["counts"]["critical"] == 2
    assert not result.get("failed")


def test_a_receiver_that_recovers_is_tried_again(chat: webhook.Receiver, box: mail.Mailbox, run_directory: str) -> None:
    chat.answers[:] = [500]
    box.answers[:] = ["451 4.3.0 try later"]
    result = send([chat.options(), box.options()], path=run_directory)
    assert result["details"]["delivered"] == ["chat", "operations"]
    assert len(chat.posts) == 2
    assert len({post.headers["Idempotency-Key"] for post in chat.posts}) == 1
    assert len(box.messages) == 1


@pytest.mark.parametrize("code", [400, 403, 404, 307])
def test_a_receiver_that_refuses_is_not_pestered(chat: webhook.Receiver, run_directory: str, code: int) -> None:
    chat.answers[:] = [code]
    result = send([chat.options()], path=run_directory)
    assert f"127.0.0.1:{chat.port} answered {code}" in told(result, "chat")[1]
    assert len(chat.posts) == 1


def test_a_receiver_that_stays_broken_is_given_up(chat: webhook.Receiver, run_directory: str) -> None:
    chat.answers[:] = [500] * 9
    result = send([chat.options()], path=run_directory, attempts=2)
    assert len(chat.posts) == 2
    assert told(result, "chat")[0] == "critical"


def test_a_receiver_that_hangs_does_not_hold_the_run(run_directory: str) -> None:
    with webhook.receiver() as silent:
        silent.silent = True
        started = time.monotonic()
        result = send([silent.options()], path=run_directory, timeout=30, deadline=1)
        assert time.monotonic() - started < 10
        assert "did not end within 1 seconds" in told(result, "chat")[1]
        result = send([silent.options()], path=run_directory, timeout=0.5, attempts=1)
        assert "did not answer in time" in told(result, "chat")[1]


@pytest.mark.parametrize(
    ("kind", "scheme", "server", "words"),
    [
        ("mail", "none", "silent", "did not answer in time"),
        ("mail", "none", "odd", "does not speak SMTP"),
        ("mail", "tls", "odd", "does not speak TLS"),
        ("mail", "none", "no-such-host.invalid", "has no address"),
        ("webhook", "http", "silent", "did not answer in time"),
        ("webhook", "http", "odd", "cannot be reached, or closed"),
        ("webhook", "https", "odd", "does not speak TLS"),
        ("webhook", "http", "no-such-host.invalid", "has no address"),
        ("webhook", "http", "gone", "refuses connections"),
    ],
)
def test_a_server_that_is_none_is_told_apart(
    kind: str, scheme: str, server: str, words: str, run_directory: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as dead:
        threading.Thread(target=_misbehave, args=(dead, server), daemon=True).start()
        host = server if "." in server else "127.0.0.1"
        port = free_port() if server == "gone" else dead.getsockname()[1]
        channel: dict[str, Any] = {"name": "dead", "kind": "webhook", "url": f"{scheme}://{host}:{port}/hook"}
        if kind == "mail":
            channel = {"name": "dead", "kind": "mail", "host": host, "port": port, "encryption": scheme}
            channel |= {"sender": "careops@clinic.example", "recipients": ["operations@clinic.example"]}
        result = send([channel], path=run_directory, timeout=1, attempts=1)
        with contextlib.suppress(OSError):
            dead.shutdown(socket.SHUT_RDWR)
    assert words in told(result, "dead")[1]


def _misbehave(server: socket.socket, how: str) -> None:
    """Says nothing, or what nobody understands, to whoever comes."""
    kept = []
    with contextlib.suppress(OSError):
        while True:
            connection, _address = server.accept()
            kept.append(connection)
            if how == "odd":
                connection.sendall(b"hello there\r\n")
                connection.close()


def test_recipients_that_the_server_refuses_are_named(box: mail.Mailbox, run_directory: str) -> None:
    box.refused = {"gone@clinic.example"}
    both = ["operations@clinic.example", "gone@clinic.example"]
    result = send([box.options(recipients=both)], path=run_directory)
    assert result["details"]["delivered"] == ["operations"]
    status, message = told(result, "operations")
    assert status == "warning"
    assert "gone@clinic.example" in message
    result = send([box.options(recipients=both[1:])], path=run_directory)
    assert "refused every recipient: 550" in told(result, "operations")[1]


def test_a_recipient_that_is_put_off_gets_it_later_and_the_others_once(box: mail.Mailbox, run_directory: str) -> None:
    both = ["operations@clinic.example", "slow@clinic.example"]
    box.later[:] = both[1:]
    result = send([box.options(recipients=both)], path=run_directory)
    assert told(result, "operations")[0] == "ok"
    assert box.recipients == [both[:1], both[1:]]
    box.later[:] = both[1:]
    result = send([box.options(recipients=both)], path=run_directory, attempts=1)
    assert "put off slow@clinic.example" in told(result, "operations")[1]
    assert result["details"]["queue"][0]["left"] == {"operations": both[1:]}


@pytest.mark.parametrize("goodbye", ["421 4.3.2 shutting down", "500 5.5.2 what", "250 OK"])
def test_a_server_that_says_goodbye_oddly_gets_the_mail_once(goodbye: str, run_directory: str) -> None:
    with mail.server() as odd:
        odd.goodbye = goodbye
        result = send([odd.options()], path=run_directory, attempts=3)
    assert result["details"]["undelivered"] == []
    assert len(odd.messages) == 1


@pytest.mark.parametrize(("encryption", "implicit"), [("starttls", False), ("tls", True)])
def test_mail_goes_encrypted_and_with_a_password(
    certificate: Path, run_directory: str, tmp_path: Path, encryption: str, implicit: bool
) -> None:
    password = tmp_path / "password"
    password.write_text(mail.PASSWORD + "\n")
    options = {"encryption": encryption, "username": mail.USER, "password_file": str(password)}
    with mail.server(certificate=certificate, implicit=implicit, login=True) as box:
        result = send([box.options(**options, ca_cert=str(certificate))], path=run_directory)
        assert told(result, "operations")[0] == "ok"
        assert box.encrypted == [True]
        assert box.logins == [mail.USER]
        result = send([box.options(**options)], path=run_directory)
        assert "certificate is not trusted" in told(result, "operations")[1]
        assert len(box.messages) == 1


def test_a_server_without_starttls_gets_no_mail(box: mail.Mailbox, run_directory: str) -> None:
    result = send([box.options(encryption="starttls")], path=run_directory)
    assert "does not offer STARTTLS" in told(result, "operations")[1]
    assert not box.messages


@pytest.mark.parametrize("given", ["option", "environment"])
def test_secrets_are_nowhere_in_the_output(chat: webhook.Receiver, run_directory: str, given: str) -> None:
    wrong = "wrong-Secret-77"
    chat.answers[:] = [500, 403]
    gone = free_port()
    with mail.server(login=True) as box:
        channels = [
            box.options(username=mail.USER, password=wrong),
            chat.options(token=TOKEN, signing_key=KEY),
            chat.options(name="gone", url=f"http://127.0.0.1:{gone}{webhook.SECRET_PATH}?key=q-Secret-1"),
            chat.options(name="odd", url=f"ht!tp://user:u-Secret-2@[{webhook.SECRET_PATH}"),
        ]
        environment = {}
        if given == "environment":
            # Ansible cannot mask these, it does not know them.
            for channel in channels:
                for option in ("password", "token", "signing_key", "url"):
                    if option in channel:
                        variable = f"LAB_{channel['name']}_{option}"
                        environment[variable] = channel.pop(option)
                        channel[f"{option}_env"] = variable
        result = send(channels, path=run_directory, attempts=1, env=environment)
    assert result["summary"]["counts"]["critical"] == 4
    assert "refused the user name or the password: 535 5.7.8 bad password ***" in told(result, "operations")[1]
    # The invocation too: Ansible masks it by the argument spec.
    everything = json.dumps(result)
    for hidden in (wrong, TOKEN, KEY, webhook.SECRET_PATH, "q-Secret-1", "u-Secret-2"):
        assert hidden not in everything


def test_secrets_come_from_environment_and_file_too(chat: webhook.Receiver, run_directory: str, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(KEY)
    options = {"name": "chat", "kind": "webhook", "url_env": "LAB_URL", "signing_key_file": str(key)}
    assert told(send([options], path=run_directory, env={"LAB_URL": chat.url}), "chat")[0] == "ok"
    assert "v1=" in chat.posts[0].headers["X-Careops-Signature"]
    result = send([options], path=run_directory)
    assert "environment variable LAB_URL (url_env) is not set" in told(result, "chat")[1]
    del options["url_env"]
    result = send([{**options, "url_file": str(tmp_path / "none")}], path=run_directory)
    assert "could not be read: No such file" in told(result, "chat")[1]


def test_a_password_does_not_leave_the_machine_unencrypted(box: mail.Mailbox, run_directory: str) -> None:
    result = send([box.options(host="mail.invalid", username="u", password=mail.PASSWORD)], path=run_directory)
    assert "would travel unencrypted" in told(result, "operations")[1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"recipients": ["no address"]}, "no mail address"),
        ({"sender": "a@b\nBcc: all@clinic.example"}, "no mail address"),
        ({"ca_cert": "/nowhere.pem", "encryption": "tls"}, "the file ca_cert /nowhere.pem cannot be used"),
    ],
)
def test_a_channel_set_up_wrongly_is_a_finding(
    box: mail.Mailbox, run_directory: str, change: dict[str, Any], words: str
) -> None:
    result = send([box.options(**change)], path=run_directory, attempts=1)
    status, message = told(result, "operations")
    assert status == "critical"
    assert words in message


def test_two_channels_of_one_name_are_refused(box: mail.Mailbox, run_directory: str) -> None:
    result = send([box.options(), box.options()], path=run_directory)
    assert "same name" in result["msg"]


def test_options_that_are_missing_are_named(run_directory: str) -> None:
    result = send([{"name": "chat", "kind": "webhook"}], path=run_directory)
    assert "url_env" in result["msg"]
    result = send([{"name": "m", "kind": "mail", "host": "h"}], path=run_directory)
    assert "recipients" in result["msg"]


def test_the_role_tells_and_shows_no_secret_at_any_verbosity(
    chat: webhook.Receiver, box: mail.Mailbox, run_directory: str, tmp_path: Path
) -> None:
    gone = f"http://127.0.0.1:{free_port()}{webhook.SECRET_PATH}"
    settings = {
        "notify_run_directory": run_directory,
        "notify_attempts": 1,
        "notify_channels": [
            box.options(username=mail.USER, password="role-Secret-3"),
            chat.options(token=TOKEN, signing_key=KEY),
            {"name": "gone", "kind": "webhook", "url": gone},
        ],
    }
    variables = tmp_path / "vars.json"
    variables.write_text(json.dumps(settings))
    play = tmp_path / "play.yml"
    play.write_text("- hosts: localhost\n  gather_facts: false\n  roles: [careops.maintenance.notify]\n")
    config = tmp_path / "ansible.cfg"
    config.write_text(f"[defaults]\ncollections_path = {ROOT / '.collections'}\n")
    command = [str(Path(sys.executable).parent / "ansible-playbook"), str(play), "-i", "localhost,", "-c", "local"]
    command += ["-vvvv", "--diff", "-e", f"@{variables}", "-e", f"ansible_python_interpreter={sys.executable}"]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(config)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(chat.posts) == 1
    assert "changed=0" in done.stdout
    for hidden in ("role-Secret-3", TOKEN, KEY, webhook.SECRET_PATH):
        assert hidden not in done.stdout + done.stderr
