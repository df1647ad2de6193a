"""Text messages through the HTTP service of a provider: Twilio's form, or one of your own.

The address is the administrator's, so it may be private. All other rules of connections between
nodes hold: addresses are checked where they are connected, no redirect is followed, no proxy of the
environment is used, every wait and every answer has a bound, and over plain HTTP only a machine of
the practice's own network is asked, because a password goes along.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlencode

from undisc_node.peers.addresses import ForbiddenAddress, check_address
from undisc_node.peers.connector import Connector, Patience, Resolve, resolve_host
from undisc_node.peers.locations import Location, read_location
from undisc_node.services.errors import MayBeSent, Refused, Unavailable
from undisc_node.services.message_rows import Words
from undisc_protocol.errors import Unreachable

if TYPE_CHECKING:
    import socket

TWILIO_FIELDS: Final = {"To": "{to}", "From": "{from}", "Body": "{text}"}
FORM_FIELDS: Final = {"to": "{to}", "text": "{text}"}
_PATIENCE: Final = Patience(connect=10.0, read=30.0, total=60.0)
_MOST: Final = 65_536  # bytes of an answer; ids and errors have a few hundred
_LONGEST_REFERENCE: Final = 64  # characters of what a provider calls a message
_OK: Final = range(200, 300)
_FOR_GOOD: Final = frozenset({400, 410, 413, 422})  # this message, however often it is sent
_NOT_ALLOWED: Final = frozenset({401, 402, 403, 407})


@dataclass(frozen=True, slots=True)
class Gateway:
    """A provider of text messages.

    Attributes:
        url: Where messages are posted; empty for none.
        form: `twilio` or `form` (posted as a web form), or `json`.
        user: User name; Twilio's account SID.
        password: Password or token.
        sender: Number or name that messages come from.
        fields: What is posted, with `{to}`, `{text}`, `{from}` and `{id}` in its texts; empty for
            the usual ones of the form.
    """

    url: str
    form: str
    user: str
    password: str = field(repr=False)
    sender: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def template(self) -> Mapping[str, Any]:
        """What is posted."""
        if self.fields:
            return self.fields
        return TWILIO_FIELDS if self.form == "twilio" else FORM_FIELDS

    @property
    def recognises(self) -> bool:
        """Whether the provider is told a name by which it can know a message again."""
        return "{id}" in json.dumps(self.template)


class TextGateway:
    """Hands text messages to a provider.

    Args:
        gateway: Which, and as whom.
        tls: How certificates are checked.
        resolve: Turns names into addresses.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve = resolve_host,
    ) -> None:
        self._gateway = gateway
        self._tls = tls
        self._resolve = resolve

    def send(self, to: str, words: Words, *, name: str, handing: Callable[[], None]) -> str:
        """Hand a message over; see `ports.SendsMessages.send`."""
        values = {"to": to, "text": words.short, "from": self._gateway.sender, "id": name}
        body, content_type = self._body(values)
        location = self._location()
        try:
            timed = self._connector(location).connect(location)
        except Unreachable as problem:
            raise _unreachable(location) from problem
        try:
            connection = http.client.HTTPConnection(location.host, location.port)
            connection.auto_open = 0  # nothing but the vetted socket is ever used
            connection.sock = cast("socket.socket", timed)
            handing()
            try:
                connection.request("POST", self._path(location), body, self._headers(content_type))
                answer = connection.getresponse()
                said = answer.read(_MOST)
            except (OSError, http.client.HTTPException) as problem:
                raise MayBeSent(
                    "the gateway fell silent after it was given the message"
                ) from problem
            return _outcome(answer.status, said)
        finally:
            timed.shut()

    def check(self) -> None:
        """Connect, and check the certificate; nothing is posted.

        Raises:
            Unavailable: It does not answer.
        """
        location = self._location()
        try:
            self._connector(location).connect(location).shut()
        except Unreachable as problem:
            raise _unreachable(location) from problem

    def _location(self) -> Location:
        try:
            return read_location(self._gateway.url)
        except Unreachable as problem:
            raise Unavailable(str(problem), code="bad_address") from problem

    def _connector(self, location: Location) -> Connector:
        return Connector(
            private_addresses=True,
            tls=self._tls or ssl.create_default_context(),
            patience=_PATIENCE,
            now=time.monotonic,
            resolve=self._resolve if location.secure else self._resolve_private,
        )

    def _resolve_private(self, host: str, port: int) -> Sequence[tuple[int, Any]]:
        """Return only addresses of the practice's own network: a password would travel openly."""
        found = [
            (family, address)
            for family, address in self._resolve(host, port)
            if _is_private(str(address[0]))
        ]
        if not found:
            raise Unreachable(f"{host} is not in this network, and http would show it the password")
        return found

    def _path(self, location: Location) -> str:
        if self._gateway.form == "twilio" and not location.prefix.endswith(".json"):
            return f"{location.prefix}/2010-04-01/Accounts/{self._gateway.user}/Messages.json"
        return location.prefix or "/"

    def _body(self, values: Mapping[str, str]) -> tuple[bytes, str]:
        filled = _fill(self._gateway.template, values)
        if self._gateway.form == "json":
            return json.dumps(filled).encode(), "application/json"
        return urlencode(filled).encode(), "application/x-www-form-urlencoded"

    def _headers(self, content_type: str) -> dict[str, str]:
        headers = {
            "Content-Type": content_type,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "User-Agent": "undisc",
        }
        if self._gateway.user:
            both = f"{self._gateway.user}:{self._gateway.password}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(both).decode('ascii')}"
        elif self._gateway.password:
            headers["Authorization"] = f"Bearer {self._gateway.password}"
        return headers


def _fill(template: Any, values: Mapping[str, str]) -> Any:
    """Fill the texts of a template in one pass: what is filled in is never looked at again."""
    if isinstance(template, str):
        pieces = template.split("{")
        filled = [pieces[0]]
        for piece in pieces[1:]:
            name, brace, rest = piece.partition("}")
            known = bool(brace) and name in values
            filled.append(values[name] + rest if known else "{" + piece)
        return "".join(filled)
    if isinstance(template, Mapping):
        return {key: _fill(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [_fill(value, values) for value in template]
    return template


def _is_private(address: str) -> bool:
    try:
        check_address(address, private_addresses=False)
    except ForbiddenAddress:
        return True
    return False


def _outcome(status: int, said: bytes) -> str:
    """Return what a provider calls the message, or raise why it did not take it.

    What it says is not shown: providers repeat the number there.
    """
    if status in _OK:
        return _reference(said)
    if status in _NOT_ALLOWED:
        raise Unavailable(
            f"the gateway does not let this node in (HTTP {status})",
            code="gateway_sign_in",
            hint="compare text_messages.user and .password with the provider's account",
        )
    if status in _FOR_GOOD:
        raise Refused(
            f"the gateway refused the message (HTTP {status}{_number(said)})",
            code="gateway_refused",
            hint="is the number right, and may this account send there",
        )
    raise Unavailable(f"the gateway cannot take it now (HTTP {status})", code="gateway_failed")


def _read(said: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(said)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _reference(said: bytes) -> str:
    for name in ("sid", "id", "message_id", "messageId"):
        value = _read(said).get(name)
        if isinstance(value, str | int) and str(value).isprintable():
            return str(value)[:_LONGEST_REFERENCE]
    return ""


def _number(said: bytes) -> str:
    code = _read(said).get("code")
    return f", code {code}" if isinstance(code, int) else ""


def _unreachable(location: Location) -> Unavailable:
    return Unavailable(
        f"the gateway for text messages {location.host} does not answer",
        code="gateway_unreachable",
        hint="check text_messages.url, and the firewall between",
    )
