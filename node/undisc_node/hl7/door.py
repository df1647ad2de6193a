"""One message from its bytes to its acknowledgement.

Acknowledged means durable: AA is written after the commit, never before. A message that is told
again (same sender, same control id, same bytes) is acknowledged again and changes nothing; another
message under a control id that was used is refused, so that it is noticed and not lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from hashlib import sha256
from typing import Final, Protocol

from undisc_node.hl7 import reading
from undisc_node.hl7.answering import acknowledge
from undisc_node.hl7.message import Hl7Message, Unreadable, read_message
from undisc_node.services.department_rows import Message, Order, PatientChange, Report
from undisc_node.services.errors import Conflict, Invalid, ServiceError, Unavailable
from undisc_node.services.ports import Clock, Entropy

_VERSIONS: Final = "2."  # HL7 version 3 is another language
_CONTROL: Final = 8  # random bytes of our own control ids

log = logging.getLogger("undisc.hl7")


class Department(Protocol):
    """Takes in what a message says, durably, and the message with it."""

    def known(self, message: Message) -> bool:
        """Tell whether this very message was taken in before.

        Raises:
            Conflict: Another message was, under the same control id.
        """

    def take_orders(self, orders: list[Order], message: Message) -> None:
        """Keep orders."""

    def take_reports(self, reports: list[Report], message: Message) -> None:
        """Attach reports, or let them wait."""

    def take_change(self, change: PatientChange, message: Message) -> None:
        """Let a changed identity wait for a person."""


class Hl7Door:
    """Answers messages.

    Args:
        department: Where they go.
        clock: Time.
        entropy: Our own control ids.
        counted: Is told the kind and the outcome of each message.
    """

    def __init__(
        self,
        *,
        department: Department,
        clock: Clock,
        entropy: Entropy,
        counted: Callable[[str, str], None] = lambda _kind, _code: None,
    ) -> None:
        self._department = department
        self._clock = clock
        self._entropy = entropy
        self._counted = counted

    def answer(self, raw: bytes, address: str) -> bytes:
        """Take a message in and return its acknowledgement; synchronous, runs in a thread.

        Args:
            raw: Bytes of one frame.
            address: Where it came from, for lines of log.
        """
        header = None
        code, condition, place, text = "AA", "0", "", ""
        try:
            message = read_message(raw)
            header = message.header
            self._take(message, raw)
        except Unreadable as problem:
            header = problem.header or header
            code = "AR" if problem.reject else "AE"
            condition, place, text = problem.condition, problem.place, str(problem)
        except Conflict as problem:
            code, condition, text = "AE", "205", str(problem)
        except Invalid as problem:
            code, condition, text = "AE", "102", str(problem)
        except Unavailable as problem:
            code, condition, text = "AR", "207", f"{problem}; send it again later"
        except ServiceError as problem:
            code, condition, text = "AR", "207", str(problem)
        except Exception:
            # A sender that gets no answer sends the same bytes for ever, and nothing behind them.
            log.exception("a message stopped on a mistake of this node")
            code, condition, text = "AR", "207", "the node made a mistake; its log says where"
        kind = header.kind if header else ""
        if code != "AA":
            log.warning("HL7: a message from %s was answered %s: %s", address, code, text)
        self._counted(kind, code)
        return acknowledge(
            header,
            code,
            now_ms=self._clock.now_ms(),
            number=self._entropy.random(_CONTROL).hex(),
            condition=condition,
            place=place,
            text=text,
        )

    def _take(self, message: Hl7Message, raw: bytes) -> None:
        header, now_ms = message.header, self._clock.now_ms()
        if not header.version.startswith(_VERSIONS) and header.version:
            raise self._refused(message, "203", "MSH^1^12", "that version is not understood")
        if header.processing == "T":
            raise self._refused(
                message, "202", "MSH^1^11", "messages of training must not reach a node in use"
            )
        row = Message(header.sender, header.control, sha256(raw).digest(), now_ms)
        if self._department.known(row):
            return
        if header.kind in reading.ORDERS:
            self._department.take_orders(reading.read_orders(message, now_ms), row)
        elif header.kind in reading.REPORTS:
            self._department.take_reports(reading.read_reports(message, now_ms), row)
        elif header.kind in reading.UPDATES | reading.MERGES:
            self._department.take_change(reading.read_change(message), row)
        else:
            known = header.kind.split("^")[0] in {"ORM", "OMG", "OMI", "ORU", "ADT"}
            raise self._refused(
                message,
                "201" if known else "200",
                "MSH^1^9",
                "this kind of message is not taken here",
            )

    @staticmethod
    def _refused(message: Hl7Message, condition: str, place: str, text: str) -> Unreadable:
        return Unreadable(
            text, header=message.header, condition=condition, place=place, reject=True
        )
