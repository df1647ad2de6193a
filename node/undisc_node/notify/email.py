"""E-mail through the practice's mail server (RFC 5321, RFC 6409), step by step.

Which step failed decides what happens next: before the text of a message is given away, a failure
means that nobody has it; a refusal with a code means the same; silence after the last line means
that the server may have it. The name of a message becomes its Message-ID, so that a second copy is
recognised as the same (RFC 5322 §3.6.4).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

import aiosmtplib

from undisc_node.services.errors import Invalid, MayBeSent, Refused, Unavailable
from undisc_node.services.message_rows import Words

_SECONDS: Final = 30.0  # for a step; a server that looks a sender up may take its time
_LAST_SECONDS: Final = 600.0  # after the last line, RFC 5321 §4.5.3.2.6: or mail is sent twice
_GOODBYE_SECONDS: Final = 2.0  # nothing depends on the answer
_PERMANENT: Final = 500  # from here on the server means it (RFC 5321 §4.2.1)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where e-mail is handed in, and as whom.

    Attributes:
        host: Its name; empty for none.
        port: Its TCP port.
        security: `starttls`, `tls` or `none`.
        user: User name; empty to hand in without signing in.
        password: Password.
        sender: Address in From.
        sender_name: Name in From.
        authorities: PEM file of certificates to trust instead of the system's; may be empty.
    """

    host: str
    port: int
    security: str
    user: str
    password: str = field(repr=False)
    sender: str = ""
    sender_name: str = ""
    authorities: str = ""


class Mailer:
    """Hands messages to a mail server.

    Args:
        server: Where and as whom.
        now: Tells the time, seconds since 1970, for the Date header.
    """

    def __init__(self, server: MailServer, *, now: Callable[[], float]) -> None:
        self._server = server
        self._now = now

    def send(self, to: str, words: Words, *, name: str, handing: Callable[[], None]) -> str:
        """Hand a message over; see `ports.SendsMessages.send`."""
        address = _spelt(to)
        message = self._message(address, words, name)
        return asyncio.run(self._hand_over(address, message, handing))

    def check(self) -> None:
        """Go as far as a server lets one go without a message: connect, TLS, sign in, From.

        Raises:
            Unavailable: One of these fails now.
            Refused: The server does not take this sender.
        """
        asyncio.run(self._check())

    async def _check(self) -> None:
        client = await self._connected()
        try:
            await client.mail(self._server.sender)
            await client.rset()
        except aiosmtplib.SMTPResponseException as problem:
            raise _refused("the mail server does not take this From address", problem) from None
        except (aiosmtplib.SMTPException, OSError) as problem:
            raise _unreachable(self._server, problem) from problem
        finally:
            await _leave(client)

    def _message(self, to: str, words: Words, name: str) -> bytes:
        sender = self._server.sender
        message = EmailMessage(policy=SMTP)
        message["From"] = Address(self._server.sender_name, addr_spec=sender)
        message["To"] = Address(addr_spec=to)
        message["Subject"] = words.subject
        message["Date"] = datetime.fromtimestamp(self._now(), UTC)
        message["Message-ID"] = f"<{name}@{sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence is answered
        message.set_content(words.text, cte="quoted-printable")
        message.add_alternative(words.html, subtype="html", cte="quoted-printable")
        return message.as_bytes()

    async def _hand_over(self, to: str, message: bytes, handing: Callable[[], None]) -> str:
        client = await self._connected()
        try:
            try:
                await client.mail(self._server.sender)
                await client.rcpt(to)
            except aiosmtplib.SMTPResponseException as problem:
                raise _refused("the mail server refused the address", problem) from None
            except (aiosmtplib.SMTPException, OSError) as problem:
                raise _unreachable(self._server, problem) from problem
            handing()
            try:
                answer = await client.data(message, timeout=_LAST_SECONDS)
            except aiosmtplib.SMTPResponseException as problem:
                raise _refused("the mail server refused the message", problem) from None
            except (aiosmtplib.SMTPException, OSError) as problem:
                raise MayBeSent(
                    "the mail server fell silent at the end of the message"
                ) from problem
            return f"{answer.code} {_enhanced(answer.message)}".strip()
        finally:
            await _leave(client)

    async def _connected(self) -> aiosmtplib.SMTP:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            timeout=_SECONDS,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=_context(server.authorities) if server.security != "none" else None,
        )
        try:
            await client.connect()
        except (aiosmtplib.SMTPException, OSError, ValueError) as problem:
            await _leave(client)
            raise _unreachable(server, problem) from problem
        if server.user:
            try:
                await client.login(server.user, server.password)
            except aiosmtplib.SMTPException as problem:
                await _leave(client)
                raise Unavailable(
                    "the mail server does not let this node sign in",
                    code="mail_sign_in",
                    hint="compare email.user and email.password with the mail server's account",
                ) from problem
        return client


def _spelt(address: str) -> str:
    """Return an address as every mail server takes it (RFC 5891 for its domain).

    Raises:
        Refused: Its first part has letters that need SMTPUTF8 (RFC 6531), which few servers offer.
    """
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode()}".encode("ascii").decode()
    except UnicodeError:
        raise Refused(
            "the address has letters that mail servers do not take",
            code="mail_address",
            hint="ask for another address, or print the link",
        ) from None


async def _leave(client: aiosmtplib.SMTP) -> None:
    """Say goodbye if anybody listens still, and close, whatever state the line is in."""
    transport = client.transport
    if client.is_connected:
        with suppress(aiosmtplib.SMTPException, OSError):
            await client.quit(timeout=_GOODBYE_SECONDS)
    client.close()
    if isinstance(transport, asyncio.Transport):
        transport.abort()
    for _ in range(3):  # a line is closed in steps of the event loop, which ends with us
        await asyncio.sleep(0)


def _context(authorities: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authorities or None)
    except (OSError, ssl.SSLError) as problem:
        raise Invalid(
            "the file that email.authorities names holds no certificates", code="bad_authorities"
        ) from problem


def _enhanced(text: str) -> str:
    """Return the enhanced code of an answer (RFC 3463); its text may repeat the address."""
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    return first if first.replace(".", "").isdigit() else ""


def _refused(what: str, problem: aiosmtplib.SMTPResponseException) -> Refused | Unavailable:
    said = f"{what} ({problem.code} {_enhanced(str(problem.message))}".rstrip() + ")"
    if problem.code >= _PERMANENT:
        return Refused(
            said, code="mail_refused", hint="is the address right? else ask who runs the server"
        )
    return Unavailable(said, code="mail_deferred")


def _unreachable(server: MailServer, problem: BaseException) -> Unavailable:
    if isinstance(problem.__cause__ or problem, ssl.SSLError):
        return Unavailable(
            f"the certificate of the mail server {server.host} cannot be trusted",
            code="mail_certificate",
            hint="give its authority: email.authorities",
        )
    if isinstance(problem, aiosmtplib.SMTPException) and "STARTTLS" in str(problem):
        return Unavailable(
            f"the mail server {server.host} does not offer STARTTLS",
            code="mail_no_starttls",
            hint='use email.security = "tls", or ask who runs the server',
        )
    return Unavailable(
        f"the mail server {server.host} port {server.port} does not answer",
        code="mail_unreachable",
        hint="check email.host and email.port, and the firewall between",
    )
