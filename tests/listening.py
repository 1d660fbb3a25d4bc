"""Services that alerts go to, as real servers on this machine: a webhook, and mail."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink


class Webhook:
    """An HTTP server that keeps what is posted. status: what it answers. pause: an answer waits until it is set."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.gets: list[str] = []
        self.status = 200
        self.pause = threading.Event()
        self.pause.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                outer.pause.wait()
                if outer.status < 300:
                    outer.posts.append(json.loads(content))
                self.send_response(outer.status)
                self.end_headers()

            def do_GET(self) -> None:
                outer.gets.append(self.path)
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing on the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def port(self) -> int:
        return self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.pause.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Mails(Sink):
    """Keeps the mails that come."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        self.texts.append(envelope.content.decode("utf-8", "replace"))
        return "250 OK"


@contextmanager
def mail() -> Iterator[tuple[int, Mails]]:
    """A mail server: its port, and what has come."""
    mails = Mails()
    with Webhook() as free:  # a port that nobody has, a moment ago
        port = free.port
    controller = Controller(mails, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port, mails
    finally:
        controller.stop()


def eventually(true: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether it becomes true in time."""
    until = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < until:
        time.sleep(0.02)
    return found
