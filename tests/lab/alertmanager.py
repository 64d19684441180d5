"""A real Prometheus Alertmanager for tests, with a receiver that keeps what it is told."""

from __future__ import annotations

import contextlib
import datetime
import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import webhook
from tests.lab.postgres import free_port

PROGRAM = "prometheus-alertmanager"


@dataclass
class Alertmanager:
    """The server. receiver: who is told of alerts that no silence holds back."""

    port: int
    receiver: webhook.Receiver

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fire(self, **labels: str) -> None:
        """An alert, as Prometheus posts it; it goes on for a minute."""
        ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=1)
        self.call("POST", "/api/v2/alerts", [{"labels": labels, "endsAt": ends.isoformat()}])

    def silences(self, *states: str) -> list[dict[str, Any]]:
        """The silences in these states; active ones where none is named."""
        content: list[dict[str, Any]] = self.call("GET", "/api/v2/silences")
        return [one for one in content if one["status"]["state"] in (states or ("active",))]

    def state_of(self, alertname: str) -> str:
        """What it makes of an alert: active, suppressed, unprocessed; empty where it has none of this name."""
        alerts = self.call("GET", "/api/v2/alerts")
        return next((one["status"]["state"] for one in alerts if one["labels"]["alertname"] == alertname), "")

    def told(self) -> list[str]:
        """Names of the alerts that the receiver was told of."""
        return [alert["labels"]["alertname"] for post in list(self.receiver.posts) for alert in post.content["alerts"]]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None


@contextlib.contextmanager
def server() -> Iterator[Alertmanager]:
    """Starts Debian's Alertmanager on the loopback address; it tells its receiver at once."""
    folder = Path(tempfile.mkdtemp(prefix="careops-alertmanager-"))
    with webhook.receiver() as told:
        running = Alertmanager(free_port(), told)
        config = {
            "route": {
                "receiver": "lab",
                "group_by": ["alertname"],
                "group_wait": "100ms",
                "group_interval": "1s",
                "repeat_interval": "1h",
            },
            "receivers": [{"name": "lab", "webhook_configs": [{"url": told.url, "send_resolved": False}]}],
        }
        (folder / "alertmanager.yml").write_text(json.dumps(config))
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    PROGRAM,
                    f"--config.file={folder / 'alertmanager.yml'}",
                    f"--storage.path={folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{running.port}",
                    "--cluster.listen-address=",
                ],
                stdout=log,
                stderr=log,
            )
        try:
            _wait(running, process, folder / "log")
            yield running
        finally:
            process.kill()
            process.wait()
            shutil.rmtree(folder, ignore_errors=True)


def _wait(running: Alertmanager, process: subprocess.Popen[bytes], log: Path) -> None:
    for _attempt in range(200):
        if process.poll() is not None:
            break
        with contextlib.suppress(urllib.error.URLError, OSError):
            running.call("GET", "/api/v2/status")
            return
        time.sleep(0.1)
    raise AssertionError(f"Alertmanager did not start:\n{log.read_text()}")


def eventually(condition: Any, *, seconds: float = 20) -> bool:
    """Whether it comes true within this time."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(0.1)
    return True
