"""The state machine of PS3.8 §9.2, whole, in one table.

Two rules:

1. Everything that decides whether an event may happen now, and where it leads, is in this file.
2. This file does not know what an action does; `connection` does that.

`TABLE` is written as table 9-10 of the standard is: a row for each event, a column for each state,
and in each cell the action and the state that follows. A dot means that the event cannot happen in
that state; asking for it is a mistake of this program. Where two states follow, the action chooses:
AE-6 whether the request can be accepted at all, AR-8 by our role.

In Sta13 nothing that arrives matters any more, so `connection` drops it unread: the cells of Sta13
for events 3 to 13 and 19 are here because the standard has them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class State(IntEnum):
    """Where a connection is (PS3.8 table 9-1 to 9-5)."""

    IDLE = 1
    AWAITING_REQUEST = 2
    AWAITING_LOCAL_ANSWER = 3
    AWAITING_TRANSPORT = 4
    AWAITING_ANSWER = 5
    ESTABLISHED = 6
    AWAITING_RELEASE_REPLY = 7
    AWAITING_LOCAL_RELEASE_REPLY = 8
    COLLISION_REQUESTOR_TO_REPLY = 9
    COLLISION_ACCEPTOR_AWAITING = 10
    COLLISION_REQUESTOR_AWAITING = 11
    COLLISION_ACCEPTOR_TO_REPLY = 12
    AWAITING_CLOSE = 13


class Happening(IntEnum):
    """What can happen (PS3.8 table 9-10, the rows)."""

    ASSOCIATE = 1
    TRANSPORT_OPENED = 2
    ACCEPT_PDU = 3
    REJECT_PDU = 4
    TRANSPORT_ACCEPTED = 5
    REQUEST_PDU = 6
    ACCEPT = 7
    REJECT = 8
    DATA = 9
    DATA_PDU = 10
    RELEASE = 11
    RELEASE_REQUEST_PDU = 12
    RELEASE_REPLY_PDU = 13
    CONFIRM_RELEASE = 14
    ABORT = 15
    ABORT_PDU = 16
    TRANSPORT_CLOSED = 17
    TIMED_OUT = 18
    BAD_PDU = 19


TABLE: Final = """
     1       2      3      4      5      6      7         8      9      10       11     12     13
1    AE-1:4  .      .      .      .      .      .         .      .      .        .      .      .
2    .       .      .      AE-2:5 .      .      .         .      .      .        .      .      .
3    .       AA-1:13 AA-8:13 .    AE-3:6 AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-6:13
4    .       AA-1:13 AA-8:13 .    AE-4:1 AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-6:13
5    AE-5:2  .      .      .      .      .      .         .      .      .        .      .      .
6    .       AE-6:3/13 AA-8:13 .  AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-7:13
7    .       .      AE-7:6 .      .      .      .         .      .      .        .      .      .
8    .       .      AE-8:13 .     .      .      .         .      .      .        .      .      .
9    .       .      .      .      .      DT-1:6 .         AR-7:8 .      .        .      .      .
10   .       AA-1:13 AA-8:13 .    AA-8:13 DT-2:6 AR-6:7   AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-6:13
11   .       .      .      .      .      AR-1:7 .         .      .      .        .      .      .
12   .       AA-1:13 AA-8:13 .    AA-8:13 AR-2:8 AR-8:9/10 AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-6:13
13   .       AA-1:13 AA-8:13 .    AA-8:13 AA-8:13 AR-3:1  AA-8:13 AA-8:13 AR-10:12 AR-3:1 AA-8:13 AA-6:13
14   .       .      .      .      .      .      .         AR-4:13 AR-9:11 .      .      AR-4:13 .
15   .       .      AA-1:13 AA-2:1 AA-1:13 AA-1:13 AA-1:13 AA-1:13 AA-1:13 AA-1:13 AA-1:13 AA-1:13 .
16   .       AA-2:1 AA-3:1 .      AA-3:1 AA-3:1 AA-3:1    AA-3:1 AA-3:1 AA-3:1   AA-3:1 AA-3:1 AA-2:1
17   .       AA-5:1 AA-4:1 AA-4:1 AA-4:1 AA-4:1 AA-4:1    AA-4:1 AA-4:1 AA-4:1   AA-4:1 AA-4:1 AR-5:1
18   .       AA-2:1 .      .      .      .      .         .      .      .        .      .      AA-2:1
19   .       AA-1:13 AA-8:13 .    AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-8:13 AA-7:13
"""  # noqa: E501 - as wide as in the standard

Cell = tuple[str, tuple[State, ...]]
"""An action by its name in the standard, and the state or states that can follow."""


def _read(table: str) -> dict[tuple[Happening, State], Cell]:
    states, *rows = (line.split() for line in table.strip().splitlines())
    cells: dict[tuple[Happening, State], Cell] = {}
    for number, *row in rows:
        for state, cell in zip(states, row, strict=True):
            if cell != ".":
                action, _, following = cell.partition(":")
                after = tuple(State(int(one)) for one in following.split("/"))
                cells[Happening(int(number)), State(int(state))] = (action, after)
    return cells


CELLS: Final = _read(TABLE)
