"""Events of the log (SPEC.md §7.1). The tree over them is in `tree`.

An event says who did what to whose images, when and under which authority. Its fields map one to
one to the DICOM audit message (PS3.15 §A.5), so that an export is a projection:

| here                              | audit message                                             |
|-----------------------------------|-----------------------------------------------------------|
| `id`, `type`, `action`, `outcome` | EventID, EventTypeCode, EventActionCode, EventOutcome     |
| `at`                              | EventDateTime                                             |
| `who`                             | ActiveParticipant                                         |
| `what`                            | ParticipantObjectIdentification                           |
| `why`                             | PurposeOfUse                                              |
| `detail`                          | ParticipantObjectDetail of the last object                |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from undisc_protocol import dagcbor, limits
from undisc_protocol.dagcbor import Value
from undisc_protocol.errors import BadFields, LocalProtocolError, Oversize, RemoteProtocolError
from undisc_protocol.fields import Fields
from undisc_protocol.tree import Checkpoint, Frontier, leaf_hash

__all__ = ["Actor", "Checkpoint", "Event", "Frontier", "Subject", "leaf_hash"]

EVENT_VERSION: Final = 1
ACTIONS: Final = frozenset("CRUDE")  # create, read, update, delete, execute
OUTCOMES: Final = frozenset({0, 4, 8, 12})  # success; minor, serious, major failure
KIND_PERSON, KIND_SYSTEM = 1, 2  # ParticipantObjectTypeCode
_VALUE = "a value"
_MAX_ROLE = 99  # ParticipantObjectTypeCodeRole has two digits

_ACTOR = frozenset({"user", "name", "role", "requestor", "net"})
_SUBJECT = frozenset({"kind", "role", "idtype", "id", "name"})
_EVENT = frozenset({"v", "at", "id", "type", "action", "outcome", "who", "what", "why", "detail"})


@dataclass(frozen=True, slots=True)
class Actor:
    """Someone or something that took part (ActiveParticipant).

    Attributes:
        user: UserID: a user name, a node id as hex, `dicom:<name>`.
        name: UserName for people; may be empty.
        role: RoleIDCode, such as `110153` (source).
        requestor: UserIsRequestor: this one started it.
        net: NetworkAccessPointID; may be empty.
    """

    user: str
    name: str = ""
    role: str = ""
    requestor: bool = False
    net: str = ""

    def to_value(self) -> Value:
        """Return the map of SPEC.md §7.1."""
        return {name: getattr(self, name) for name in _ACTOR}

    @classmethod
    def from_value(cls, value: Value) -> Actor:
        """Read a decoded actor; raises as `Event.decode`."""
        fields = Fields(value, "an actor of an event", _ACTOR)
        return cls(
            user=fields.text("user", least=1, most=limits.MAX_EVENT_TEXT),
            name=fields.text("name", most=limits.MAX_EVENT_TEXT),
            role=fields.text("role", most=limits.MAX_EVENT_TEXT),
            requestor=fields.boolean("requestor"),
            net=fields.text("net", most=limits.MAX_EVENT_TEXT),
        )


@dataclass(frozen=True, slots=True)
class Subject:
    """Something it was done to (ParticipantObjectIdentification).

    Attributes:
        kind: ParticipantObjectTypeCode: 1 person, 2 system object.
        role: ParticipantObjectTypeCodeRole: 1 patient, 3 report, 13 security resource.
        idtype: ParticipantObjectIDTypeCode, or a name of ours such as `grant`.
        id: ParticipantObjectID.
        name: ParticipantObjectName; may be empty.
    """

    kind: int
    role: int
    idtype: str
    id: str
    name: str = ""

    def to_value(self) -> Value:
        """Return the map of SPEC.md §7.1."""
        return {name: getattr(self, name) for name in _SUBJECT}

    @classmethod
    def from_value(cls, value: Value) -> Subject:
        """Read a decoded subject; raises as `Event.decode`."""
        fields = Fields(value, "a subject of an event", _SUBJECT)
        return cls(
            kind=fields.integer("kind", least=KIND_PERSON, most=KIND_SYSTEM),
            role=fields.integer("role", least=1, most=_MAX_ROLE),
            idtype=fields.text("idtype", least=1, most=limits.MAX_EVENT_TEXT),
            id=fields.text("id", least=1, most=limits.MAX_EVENT_TEXT),
            name=fields.text("name", most=limits.MAX_EVENT_TEXT),
        )


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the log.

    Attributes:
        at: When, in milliseconds since 1970.
        id: EventID code (PS3.16 CID 400), such as `110104`.
        type: Our stable name, such as `grant.created`.
        action: C, R, U, D or E.
        outcome: 0 success; 4, 8, 12 failures of growing weight.
        who: Who took part; at least one.
        what: What it was done to.
        why: The reason given; may be empty.
        detail: A few more facts: text or integers by name.
    """

    at: int
    id: str
    type: str
    action: str
    outcome: int
    who: tuple[Actor, ...]
    what: tuple[Subject, ...] = ()
    why: str = ""
    detail: Mapping[str, str | int] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Encode the event.

        Raises:
            LocalProtocolError: `decode` would refuse it.
        """
        encoded = dagcbor.encode(
            {
                "v": EVENT_VERSION,
                "at": self.at,
                "id": self.id,
                "type": self.type,
                "action": self.action,
                "outcome": self.outcome,
                "who": [actor.to_value() for actor in self.who],
                "what": [subject.to_value() for subject in self.what],
                "why": self.why,
                "detail": dict(self.detail),
            }
        )
        try:
            Event.decode(encoded)
        except RemoteProtocolError as error:
            raise LocalProtocolError(f"not an event: {error}") from error
        return encoded

    @classmethod
    def decode(cls, encoded: bytes) -> Event:
        """Decode an event.

        Raises:
            Oversize: More than `limits.MAX_EVENT` bytes, or too many participants.
            Malformed: Not canonical.
            BadFields: Not exactly an event.
        """
        fields = Fields(dagcbor.decode(encoded, limit=limits.MAX_EVENT), "an event", _EVENT)
        fields.integer("v", least=EVENT_VERSION, most=EVENT_VERSION)
        action, outcome = fields.text("action", most=1), fields.integer("outcome")
        if action not in ACTIONS:
            raise BadFields("an event: action is not one of C, R, U, D, E")
        if outcome not in OUTCOMES:
            raise BadFields("an event: outcome is not one of 0, 4, 8, 12")
        return cls(
            at=fields.integer("at"),
            id=fields.text("id", least=1, most=limits.MAX_EVENT_TEXT),
            type=fields.text("type", least=1, most=limits.MAX_EVENT_TEXT),
            action=action,
            outcome=outcome,
            who=tuple(
                Actor.from_value(value)
                for value in fields.array("who", least=1, most=limits.MAX_EVENT_ACTORS)
            ),
            what=tuple(
                Subject.from_value(value)
                for value in fields.array("what", most=limits.MAX_EVENT_SUBJECTS)
            ),
            why=fields.text("why", most=limits.MAX_EVENT_TEXT),
            detail=_detail(fields.raw("detail")),
        )


def _detail(value: Value) -> dict[str, str | int]:
    if not isinstance(value, dict):
        raise BadFields("an event: detail is not a map")
    if len(value) > limits.MAX_EVENT_DETAILS:
        raise Oversize(f"an event: detail has more than {limits.MAX_EVENT_DETAILS} entries")
    detail: dict[str, str | int] = {}
    for name, item in value.items():
        # The name is anybody's text: it must not stand in a message.
        field = Fields({_VALUE: item}, "an event's detail", {_VALUE})
        if isinstance(item, str):
            detail[name] = field.text(_VALUE, most=limits.MAX_EVENT_TEXT)
        else:
            detail[name] = field.integer(_VALUE, least=-limits.MAX_INTEGER)
    return detail
