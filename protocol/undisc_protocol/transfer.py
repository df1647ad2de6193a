"""The fetch state machine (SPEC.md §6.8): events in, effects out, no clock and no network.

Rules:

1. `TABLE` is the whole machine: (state, what happened) → (next state, what to do now, in order).
2. What is not in the table must not happen. If a peer's message brought it, that is `OutOfOrder`;
   otherwise our own code is wrong, and that is `LocalProtocolError`. The state stays as it was.
3. An event becomes what happened by counting only: which objects are still missing, and how often
   the transfer broke since something was last gained.
4. A break (no answer, busy, ticket over) is followed by a wait of 1, 2, 4… 60 seconds and a fresh
   request. The tenth break without an object or chunk gained pauses the fetch; a person continues.
5. A refusal that time does not heal, and anything that does not authenticate, fails the fetch.
6. Once the study is published nothing undoes it: only its receipt may still be due.
7. DONE is reached only when every object was stored, the study published and the receipt taken.

Whoever drives it performs the effects in order and reports what came of each:

    effects = deque(machine.step(Begin()))
    while effects:
        for event in perform(effects.popleft()):  # Ask -> Answered, Refused or Broken, and so on
            effects.extend(machine.step(event))

`Move` reports one `ObjectStored` for each object, and `Broken` only after every stream has stopped.
`Wait` and the last effect (`Rest`, `Finish`, `Fail`) report nothing. One thread at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import Final, TypeAlias

from undisc_protocol import limits
from undisc_protocol.errors import (
    BadTicket,
    Busy,
    LocalProtocolError,
    OutOfOrder,
    RemoteFault,
    RemoteProtocolError,
    Replayed,
    Suspended,
    Unreachable,
    WrongAnswer,
)
from undisc_protocol.transfer_events import (
    FROM_PEER,
    Answered,
    Ask,
    Begin,
    Broken,
    Effect,
    Event,
    Fail,
    Finish,
    Halted,
    Move,
    ObjectStored,
    Publish,
    Published,
    ReceiptTaken,
    Refused,
    Rest,
    SendReceipt,
    TicketEnded,
    Wait,
)

__all__ = [
    "HEALED_BY_TIME",
    "TABLE",
    "Answered",
    "Ask",
    "Begin",
    "Broken",
    "Effect",
    "Event",
    "Fail",
    "FetchMachine",
    "Finish",
    "Halted",
    "Happened",
    "Move",
    "ObjectStored",
    "Publish",
    "Published",
    "ReceiptTaken",
    "Refused",
    "Rest",
    "SendReceipt",
    "State",
    "TicketEnded",
    "Wait",
]


class State(Enum):
    """How far a fetch has come."""

    READY = auto()  # nothing asked yet
    ASKED = auto()  # a request is out, or about to go out after a wait
    MOVING = auto()  # bytes are coming in, or everything is here and being published
    STORED = auto()  # the study is published; its receipt is not acknowledged yet
    DONE = auto()  # published and acknowledged
    PAUSED = auto()  # stopped; continues when a person or a restart begins it again
    FAILED = auto()  # refused or tampered with; never continues


# --- The table ---------------------------------------------------------------------------------


class Happened(Enum):
    """An event after counting (rule 3)."""

    BEGUN = auto()
    GRANTED = auto()  # answered, and objects are missing
    NOTHING_LEFT = auto()  # answered, and every object is here already
    NOTHING_GRANTED = auto()  # answered without any object, and none is here
    ONE_STORED = auto()  # stored, and more are missing
    LAST_STORED = auto()  # stored, and none is missing
    PUBLISHED = auto()
    RECEIPT_TAKEN = auto()
    BROKE = auto()  # a break, or a refusal that time heals
    BROKE_TOO_OFTEN = auto()  # the tenth without anything gained
    REFUSED = auto()  # for good
    HALTED = auto()


_Row: TypeAlias = tuple[State, tuple[type[Effect], ...]]

TABLE: Final[Mapping[tuple[State, Happened], _Row]] = MappingProxyType(
    {
        (State.READY, Happened.BEGUN): (State.ASKED, (Ask,)),
        (State.READY, Happened.HALTED): (State.PAUSED, (Rest,)),
        (State.ASKED, Happened.GRANTED): (State.MOVING, (Move,)),
        (State.ASKED, Happened.NOTHING_LEFT): (State.MOVING, (Publish,)),
        (State.ASKED, Happened.NOTHING_GRANTED): (State.FAILED, (Fail,)),
        (State.ASKED, Happened.BROKE): (State.ASKED, (Wait, Ask)),
        (State.ASKED, Happened.BROKE_TOO_OFTEN): (State.PAUSED, (Rest,)),
        (State.ASKED, Happened.REFUSED): (State.FAILED, (Fail,)),
        (State.ASKED, Happened.HALTED): (State.PAUSED, (Rest,)),
        (State.MOVING, Happened.ONE_STORED): (State.MOVING, ()),
        (State.MOVING, Happened.LAST_STORED): (State.MOVING, (Publish,)),
        (State.MOVING, Happened.PUBLISHED): (State.STORED, (SendReceipt,)),
        (State.MOVING, Happened.BROKE): (State.ASKED, (Wait, Ask)),
        (State.MOVING, Happened.BROKE_TOO_OFTEN): (State.PAUSED, (Rest,)),
        (State.MOVING, Happened.REFUSED): (State.FAILED, (Fail,)),
        (State.MOVING, Happened.HALTED): (State.PAUSED, (Rest,)),
        (State.STORED, Happened.RECEIPT_TAKEN): (State.DONE, (Finish,)),
        (State.STORED, Happened.BEGUN): (State.STORED, (SendReceipt,)),
        (State.STORED, Happened.BROKE): (State.STORED, (Wait, SendReceipt)),
        (State.STORED, Happened.BROKE_TOO_OFTEN): (State.STORED, (Rest,)),
        (State.STORED, Happened.REFUSED): (State.STORED, (Rest,)),
        (State.STORED, Happened.HALTED): (State.STORED, (Rest,)),
        (State.PAUSED, Happened.BEGUN): (State.ASKED, (Ask,)),
    }
)

HEALED_BY_TIME: Final = (Unreachable, Busy, Suspended, RemoteFault, Replayed, BadTicket)
"""Refusals that count as a break; every other one is for good."""


# --- The machine -------------------------------------------------------------------------------


class FetchMachine:
    """One fetch.

    Args:
        complete: Ids of objects that are here whole from before a restart.
        published: Whether the study was published before a restart, so that only its receipt is
            due.
    """

    def __init__(
        self, *, complete: frozenset[bytes] = frozenset(), published: bool = False
    ) -> None:
        self._state = State.STORED if published else State.READY
        self._complete = set(complete)
        self._missing: set[bytes] = set()
        self._breaks = 0
        self._gained = False

    @property
    def state(self) -> State:
        """How far it has come."""
        return self._state

    @property
    def missing(self) -> frozenset[bytes]:
        """Ids of granted objects that are not here whole yet."""
        return frozenset(self._missing)

    def step(self, event: Event) -> tuple[Effect, ...]:
        """Take an event; return what to do now, in order.

        Raises:
            OutOfOrder: A peer's message came where none of its kind is expected.
            LocalProtocolError: Our own code reported what cannot have happened.
        """
        happened, error = self._reading(event)
        row = TABLE.get((self._state, happened))
        if row is None:
            raise self._unexpected(event)
        self._remember(event)
        self._state, effects = row
        return tuple(self._effect(kind, error) for kind in effects)

    def _reading(self, event: Event) -> tuple[Happened, RemoteProtocolError | None]:
        """Say what an event means by the counts so far (rule 3); changes nothing."""
        match event:
            case Begin():
                return Happened.BEGUN, None
            case Answered(objects):
                return self._answered(objects)
            case Refused(error):
                if isinstance(error, HEALED_BY_TIME):
                    return self._broke(gained=False), None
                return Happened.REFUSED, error
            case Broken(gained) | TicketEnded(gained):
                return self._broke(gained=gained), None
            case ObjectStored(object_id):
                if object_id not in self._missing:
                    raise self._unexpected(event)
                last = len(self._missing) == 1
                return Happened.LAST_STORED if last else Happened.ONE_STORED, None
            case Published():
                if self._missing:
                    raise LocalProtocolError("a study was published while objects are missing")
                return Happened.PUBLISHED, None
            case ReceiptTaken():
                return Happened.RECEIPT_TAKEN, None
            case Halted():
                return Happened.HALTED, None

    def _answered(self, objects: frozenset[bytes]) -> tuple[Happened, RemoteProtocolError | None]:
        if not objects and not self._complete:
            return Happened.NOTHING_GRANTED, WrongAnswer("an answer grants no object at all")
        if objects <= self._complete:
            return Happened.NOTHING_LEFT, None
        return Happened.GRANTED, None

    def _broke(self, *, gained: bool) -> Happened:
        often = self._breaks_after(gained=gained) >= limits.MAX_BREAKS
        return Happened.BROKE_TOO_OFTEN if often else Happened.BROKE

    def _breaks_after(self, *, gained: bool) -> int:
        return 1 if gained or self._gained else self._breaks + 1

    def _remember(self, event: Event) -> None:
        """Update the counts after an event that the table allows."""
        match event:
            case Answered(objects):
                self._missing = set(objects - self._complete)
            case ObjectStored(object_id):
                self._missing.remove(object_id)
                self._complete.add(object_id)
                self._gained = True
            case Broken(gained) | TicketEnded(gained):
                self._breaks, self._gained = self._breaks_after(gained=gained), False
            case Refused():
                self._breaks, self._gained = self._breaks_after(gained=False), False
            case Begin() | Published():
                self._breaks, self._gained = 0, False
            case ReceiptTaken() | Halted():
                pass

    def _effect(self, kind: type[Effect], error: RemoteProtocolError | None) -> Effect:
        if kind is Wait:
            return Wait(min(limits.LONGEST_WAIT, limits.FIRST_WAIT << (self._breaks - 1)))
        if kind is Fail:
            return Fail(error if error is not None else RemoteFault("the fetch failed"))
        return kind()  # type: ignore[call-arg]

    def _unexpected(self, event: Event) -> OutOfOrder | LocalProtocolError:
        problem = f"{type(event).__name__} does not fit the state {self._state.name}"
        return OutOfOrder(problem) if isinstance(event, FROM_PEER) else LocalProtocolError(problem)
