"""A real mail server in this process, and one for text messages, that fail as a test says."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


@dataclass
class Mailbox:
    """What a mail server took, and how it behaves.

    Attributes:
        port: Where it listens.
        taken: Every message, as it arrived.
        senders: Envelope sender of each.
        answers: What it says to the next recipients instead of accepting them.
        endings: What it says to the next messages instead of accepting them; None breaks off.
    """

    port: int = 0
    taken: list[EmailMessage] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    endings: list[str | None] = field(default_factory=list)

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if self.answers:
            return self.answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        ending = self.endings.pop(0) if self.endings else "250 2.0.0 taken as 4711"
        if ending is None or ending.startswith("2"):
            self.taken.append(message_from_bytes(envelope.content, policy=policy.SMTP))
            self.senders.append(envelope.mail_from)
        if ending is None:
            server.transport.abort()
            return "250 nobody hears this"
        return ending

    def __str__(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextmanager
def mail_server(
    *,
    tls: ssl.SSLContext | None = None,
    implicit: bool = False,
    account: tuple[str, str] = ("", ""),
) -> Iterator[Mailbox]:
    """Run a mail server on a free port.

    Args:
        tls: Its certificate, for STARTTLS or, with `implicit`, from the first byte.
        implicit: Whether TLS begins at once.
        account: User and password that it wants; empty for nobody.
    """
    mailbox = Mailbox()

    def authenticate(server, session, envelope, mechanism, given) -> AuthResult:
        right = isinstance(given, LoginPassword) and (
            (given.login.decode(), given.password.decode()) == account
        )
        return AuthResult(success=right, handled=False)

    options: dict[str, Any] = {"hostname": "mail.test", "enable_SMTPUTF8": False}
    if account[0]:
        options |= {
            "authenticator": authenticate,
            "auth_required": True,
            "auth_require_tls": tls is not None and not implicit,
        }
    if tls is not None and not implicit:
        options |= {"tls_context": tls, "require_starttls": True}
    loop, started, ended = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    def session() -> SMTP:
        with warnings.catch_warnings():  # it does not know that TLS has begun already
            warnings.simplefilter("ignore")
            return SMTP(mailbox, loop=loop, **options)

    async def serve() -> None:
        server = await loop.create_server(
            session,
            "127.0.0.1",
            0,
            ssl=tls if implicit else None,
        )
        mailbox.port = server.sockets[0].getsockname()[1]
        started.set()
        await ended.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await server.wait_closed()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait(10)
    try:
        yield mailbox
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@dataclass
class Provider:
    """A provider of text messages.

    Attributes:
        url: Where it answers.
        taken: Path, headers and fields of each request.
        statuses: Status and JSON of the next answers; None breaks off without one.
    """

    url: str = ""
    taken: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    statuses: list[tuple[int, dict[str, Any]] | None] = field(default_factory=list)


@contextmanager
def text_provider() -> Iterator[Provider]:
    """Run a provider of text messages on a free port."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            is_json = self.headers["Content-Type"] == "application/json"
            fields = json.loads(body) if is_json else dict(parse_qsl(body))
            provider.taken.append((self.path, dict(self.headers), fields))
            said = provider.statuses.pop(0) if provider.statuses else (201, {"sid": "SM1"})
            if said is None:
                self.connection.close()
                return
            raw = json.dumps(said[1]).encode()
            self.send_response(said[0])
            self.send_header("Content-Length", str(len(raw)))
            self.send_header("Location", "http://169.254.169.254/")
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
