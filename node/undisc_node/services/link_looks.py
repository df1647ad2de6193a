"""What a link is, told without anything of what it opens: a scanner may ask, and learns no name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from undisc_node.services.browsing import opened_by_link
from undisc_node.services.browsing_rows import Kind
from undisc_node.services.desk_rows import ChannelKind
from undisc_node.services.errors import TooManyAttempts
from undisc_node.services.link_rows import LinkRow
from undisc_node.services.patient_rows import PatientKey
from undisc_node.services.ports import Clock, Records
from undisc_protocol.capability.delegation import COMMAND_READ
from undisc_protocol.did import Did
from undisc_protocol.errors import (
    AttemptsUsedUp,
    NotGranted,
    RemoteProtocolError,
    UsesUsedUp,
)

_WRONG_CODES: Final = (
    20  # of one address in an hour: people mistype, and the check finds most of it
)
_HOUR_MS: Final = 3_600_000
_ADDRESSES: Final = 4_096  # that are remembered; then everybody begins anew


@dataclass(frozen=True, slots=True)
class Looked:
    """What a link is, without anything of what it opens.

    Attributes:
        kind: Whose it is.
        problem: Code of why it opens nothing now, or empty; `claimed` when a browser's key has
            taken its place, and it still opens what can be seen and revoked.
        passcode: Whether it asks for a passcode or PIN.
        contact: Where one-time codes go, mostly hidden; empty for none.
        attempts: Attempts that are left.
        expires: Its end, seconds; 0 if it opens nothing.
        may_copy: Whether what it opens may be downloaded.
    """

    kind: Kind
    problem: str
    passcode: bool
    contact: str
    attempts: int
    expires: int
    may_copy: bool


class CodeTries:
    """Counts codes that were never made, by who typed them.

    Args:
        clock: Time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wrong: dict[str, list[int]] = {}

    def check(self, who: str) -> None:
        """Refuse whoever typed too many.

        Raises:
            TooManyAttempts: In the last hour.
        """
        since_ms = self._clock.now_ms() - _HOUR_MS
        if sum(at_ms > since_ms for at_ms in self._wrong.get(who, ())) >= _WRONG_CODES:
            raise TooManyAttempts(
                "too many codes were typed that were never made",
                hint="try again in an hour, or call the practice",
            )

    def wrong(self, who: str) -> None:
        """Count one."""
        if len(self._wrong) >= _ADDRESSES:
            self._wrong.clear()
        self._wrong[who] = [*self._wrong.get(who, ())[-_WRONG_CODES:], self._clock.now_ms()]


def of_patient(records: Records, key: PatientKey, now: int) -> Looked:
    """Say how a patient's link stands."""
    pin = records.wishes.pin(key.visit)
    grants = [records.grants.get(one.grant) for one in records.patients.grants(key.did)]
    ends = [one.expires for one in grants if one is not None and one.revoked_ms is None]
    if key.ended_ms is not None:
        problem = "revoked"
    elif pin is None:
        problem = "no_pin"
    elif pin.used_up:
        problem = "attempts_used_up"
    elif key.retired_ms is not None:
        problem = "claimed"
    elif not ends:
        problem = "revoked" if grants else "not_ready"
    else:
        problem = "" if max(ends) > now else "expired"
    return Looked(
        kind=Kind.PATIENT,
        problem=problem,
        passcode=True,
        contact=hidden(contact_of_visit(records, key.visit)),
        attempts=pin.max_attempts - pin.attempts if pin else 0,
        expires=max(ends, default=0),
        may_copy=True,
    )


def of_share(records: Records, did: Did, now: int) -> Looked:
    """Say how the link of a share stands.

    Raises:
        NotGranted: There is no such link here.
    """
    link = records.links.get(did)
    if link is None:
        raise NotGranted("there is no such link here")
    shared = next(iter(records.patients.shares_to(did)), None)
    looked = Looked(
        kind=Kind.SHARE,
        problem="",
        passcode=link.passcode is not None,
        contact=hidden(shared.contact) if shared else "",
        attempts=link.max_attempts - link.attempts,
        expires=0,
        may_copy=False,
    )
    try:
        opens = opened_by_link(records, did, now)
        check_left(link)
    except RemoteProtocolError as problem:
        return replace(looked, problem=problem.code)
    return replace(
        looked,
        expires=max(one.expires for one in opens),
        may_copy=all(one.command == COMMAND_READ for one in opens),
    )


def check_left(link: LinkRow) -> None:
    """Refuse a link whose uses or attempts are used up."""
    if link.uses_used_up:
        raise UsesUsedUp("the link was opened as often as it may be")
    if link.attempts_used_up:
        raise no_attempts("passcodes")


def no_attempts(what: str) -> AttemptsUsedUp:
    """Return what is said when no attempt is left."""
    return AttemptsUsedUp(f"too many wrong {what} were given for the link")


def contact_of_visit(records: Records, visit: bytes) -> str:
    """Return where codes for a patient go: the first address or number that was named."""
    return next(
        (
            one.address
            for one in records.wishes.channels(visit)
            if one.kind is not ChannelKind.PRINT and one.address
        ),
        "",
    )


def hidden(contact: str) -> str:
    """Return a contact as a reader may see it: enough to recognise, not enough to learn."""
    name, at, domain = contact.rpartition("@")
    if at:
        return f"{name[:1]}***@{domain[:1]}***"
    return f"*** {contact[-2:]}" if contact else ""
