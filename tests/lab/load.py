"""A steady load of TLS requests, from a process of its own, that knows what became of every one of them.

    with load.steady(port=world.nginx.https_port, name="clinic.example", least=2500) as requests:
        ...                                 # what is not to disturb them
    assert requests.report.lost == []

It is an open loop: a request begins when its time has come, whether or not those before it were answered, so that a
server that stands still cannot hide it. Each has a connection and a TLS handshake of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import resource
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20.0  # seconds until a request without an answer is lost


@dataclass(frozen=True)
class Request:
    """One of them.

    moment: when its time had come (seconds since the first). behind: how much later the load itself came to begin it.
    seconds: from then to the last byte of the answer. problem: why it is lost; empty where it is not.
    """

    moment: float
    behind: float
    seconds: float
    fingerprint: str
    problem: str


@dataclass(frozen=True)
class Report:
    """What became of all of them, in the order of their moments. planned: how many there had to be."""

    planned: int
    requests: list[Request]

    @property
    def lost(self) -> list[Request]:
        """Those without a full answer."""
        return [request for request in self.requests if request.problem]

    def late(self, *, seconds: float) -> list[Request]:
        """Those whose answer took longer."""
        return [request for request in self.requests if request.seconds > seconds]

    @property
    def fingerprints(self) -> dict[str, int]:
        """How many were answered with which certificate, in the order in which they came up."""
        found: dict[str, int] = {}
        for request in self.requests:
            if not request.problem:
                found[request.fingerprint] = found.get(request.fingerprint, 0) + 1
        return found


@dataclass
class Load:
    """The load while it runs. report: once it has ended."""

    process: subprocess.Popen[str]
    report: Report = field(default_factory=lambda: Report(0, []))


@contextlib.contextmanager
def steady(*, port: int, name: str, rate: float = 250, least: int = 0, host: str = "127.0.0.1") -> Iterator[Load]:
    """Requests at a rate (a second) for as long as the block lasts, and until there were so many as told.

    Raises AssertionError where one of them left no trace.
    """
    plan = json.dumps({"host": host, "port": port, "name": name, "rate": rate, "least": least})
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.lab.load", plan],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    running = Load(process)
    try:
        assert process.stdout.readline() == "started\n"
        yield running
        process.stdin.close()
        content = json.loads(process.stdout.read())
        assert process.wait() == 0
        running.report = Report(content["planned"], [Request(**row) for row in content["requests"]])
        assert len(running.report.requests) == running.report.planned
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def _requests(plan: dict[str, Any]) -> dict[str, Any]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    told = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    begun: list[asyncio.Task[Request]] = []
    start = time.monotonic()
    while len(begun) < plan["least"] or not told.done():
        moment = len(begun) / plan["rate"]
        ahead = start + moment - time.monotonic()
        # Also where it is behind: what was begun is to come to its turn.
        await asyncio.sleep(max(0.0, ahead))
        begun.append(asyncio.create_task(_request(plan, context, start=start, moment=moment)))
        if len(begun) == 1:
            print("started", flush=True)
    return {"planned": len(begun), "requests": [asdict(request) for request in await asyncio.gather(*begun)]}


async def _request(plan: dict[str, Any], context: ssl.SSLContext, *, start: float, moment: float) -> Request:
    begun = time.monotonic()
    fingerprint = problem = ""
    try:
        fingerprint, problem = await asyncio.wait_for(_answer(plan, context), PATIENCE)
    except Exception as error:  # noqa: BLE001 whatever it is, the request is lost
        problem = f"{type(error).__name__}: {error}"
    return Request(moment, begun - start - moment, time.monotonic() - begun, fingerprint, problem)


async def _answer(plan: dict[str, Any], context: ssl.SSLContext) -> tuple[str, str]:
    """The fingerprint that was served, and what is wrong with the answer."""
    reader, writer = await asyncio.open_connection(
        plan["host"], plan["port"], ssl=context, server_hostname=plan["name"]
    )
    try:
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.write(f"GET / HTTP/1.1\r\nHost: {plan['name']}\r\nConnection: close\r\n\r\n".encode())
        head, _separator, body = (await reader.read(-1)).partition(b"\r\n\r\n")
    finally:
        writer.close()
    well = head.startswith(b"HTTP/1.1 200 ") and body == b"well\n"
    return hashlib.sha256(certificate).hexdigest(), "" if well else f"the answer was {head[:60]!r} {body[:60]!r}"


if __name__ == "__main__":
    # On a busy machine many are under way at once.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    print(json.dumps(asyncio.run(_requests(json.loads(sys.argv[1])))))
