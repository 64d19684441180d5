"""A real receiver of webhooks for tests: it keeps what it is sent, and fails in all the ways that receivers do."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# As chat services have it: whoever knows the address may post.
SECRET_PATH = "/services/T0CLINIC/B0MAINT/x9Kq-webhook-secret"


@dataclass(frozen=True)
class Post:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """The server and how it is to behave.

    answers: status codes for the next posts, then 200. silent: it takes the post and never answers.
    """

    port: int = 0
    posts: list[Post] = field(default_factory=list)
    gets: list[Post] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    silent: bool = False
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{SECRET_PATH}"

    def options(self, **more: Any) -> dict[str, Any]:
        """A channel that leads to this server."""
        return {"name": "chat", "kind": "webhook", "url": self.url, **more}


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    """Starts the receiver on the loopback address."""
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.take(state.posts)

        def do_GET(self) -> None:
            self.take(state.gets)

        def take(self, kept: list[Post]) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kept.append(Post(self.path, dict(self.headers.items()), body))
            if state.silent:
                state.released.wait(30)
                return
            code = state.answers.pop(0) if state.answers else 200
            self.send_response(code)
            if 300 <= code < 400:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Keeps quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield state
    finally:
        state.released.set()
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def serving(answer: Callable[[str, Post], tuple[int, Any]]) -> Iterator[int]:
    """A server on the loopback address that answers each request (its method, and the rest) with a code and JSON."""

    class Handler(BaseHTTPRequestHandler):
        def work(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            code, content = answer(self.command, Post(self.path, dict(self.headers.items()), body))
            text = json.dumps(content).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_DELETE = work

        def log_message(self, format: str, *args: Any) -> None:
            """Keeps quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
