"""What a use case refuses, by what the caller can do about it.

Every error carries a stable code, a sentence for a person and a hint. The web layer and the
command line turn them into answers and exit codes; nothing else is shown to a person. Messages hold
no secret and no patient data.
"""

from __future__ import annotations

from typing import ClassVar


class ServiceError(Exception):
    """Base of what use cases refuse.

    Args:
        message: A sentence for a person, without patient data.
        code: A more exact stable code than the class's own.
        hint: What to do next.
    """

    code: ClassVar[str] = "failed"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, code: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.reason = code or self.code
        self.hint = hint


class NotFound(ServiceError):
    """Nothing by that name is here, or the caller may not know of it."""

    code = "not_found"
    status = 404


class NotSignedIn(ServiceError):
    """Nobody signed in, or with a name and password that do not belong together."""

    code = "not_signed_in"
    status = 401


class TooManyAttempts(ServiceError):
    """Too many wrong passwords for one name."""

    code = "too_many_attempts"
    status = 429


class Refused(ServiceError):
    """The rules of the node or of the protocol forbid it."""

    code = "refused"
    status = 403


class Conflict(ServiceError):
    """It does not fit the state things are in."""

    code = "conflict"
    status = 409


class Invalid(ServiceError):
    """What was given cannot be used."""

    code = "invalid"
    status = 400


class Unavailable(ServiceError):
    """A resource is missing for now: disk space, another node, a database."""

    code = "unavailable"
    status = 503


class MayBeSent(Unavailable):
    """The other side fell silent after it was given a message: it may have it or not."""

    code = "may_be_sent"


class DiskFull(Unavailable):
    """The disk has no room; nothing was stored."""

    code = "disk_full"
    status = 507


class Damaged(ServiceError):
    """Stored bytes do not authenticate."""

    code = "damaged"
    status = 500
