"""Cases of SPEC.md §6.8: the fetch state machine, driven by events as text."""

from __future__ import annotations

from collections.abc import Iterator

from vectorfile import Vector

from undisc_protocol.errors import OutOfOrder


def cases() -> Iterator[Vector]:
    """Yield every case."""

    def case(row: str, name: str, comment: str, events: str, state: str, effects: str) -> Vector:
        return Vector(
            section="6.8", row=row, name=name, what="fetch", expect=None, comment=comment,
            headers={"events": events}, results={"state": state, "effects": effects},
        )  # fmt: skip

    def refused(name: str, comment: str, events: str) -> Vector:
        return Vector(
            section="6.8", row="R01", name=name, what="fetch", expect=OutOfOrder, comment=comment,
            headers={"events": events},
        )  # fmt: skip

    moving = "begin, answered a b"
    stored = f"{moving}, stored a, stored b"
    published = f"{stored}, published"
    yield case("A1", "ask", "it begins by asking", "begin", "ASKED", "ask")
    yield case("A1", "move", "two objects are granted", moving, "MOVING", "move")
    yield case("A1", "one", "one of two is here", f"{moving}, stored b", "MOVING", "nothing")
    yield case("A1", "publish", "both are here", stored, "MOVING", "publish")
    yield case("A1", "receipt", "the study is published", published, "STORED", "send-receipt")
    yield case("A1", "done", "the receipt is taken", f"{published}, receipt-taken", "DONE",
               "finish")  # fmt: skip
    yield case("A2", "break", "a break is followed by a second of waiting",
               f"{moving}, broken", "ASKED", "wait 1, ask")  # fmt: skip
    yield case("A2", "ticket", "a ticket that ended is a break", f"{moving}, ticket-ended", "ASKED",
               "wait 1, ask")  # fmt: skip
    yield case("A2", "busy", "a refusal that time heals is a break", "begin, refused busy", "ASKED",
               "wait 1, ask")  # fmt: skip
    seven = "begin" + ", broken" * 7
    yield case("A2", "minute", "waits double up to a minute", seven, "ASKED", "wait 60, ask")
    nine = "begin" + ", broken" * 9
    yield case("A2", "ninth", "the ninth break still waits", nine, "ASKED", "wait 60, ask")
    yield case("A2", "gained", "a chunk gained starts the count again",
               f"{nine}, broken gained", "ASKED", "wait 1, ask")  # fmt: skip
    yield case("A2", "object", "an object gained starts the count again",
               f"{nine}, answered a b, stored a, broken", "ASKED", "wait 1, ask")  # fmt: skip
    yield case("A3", "tenth", "the tenth break in a row pauses", f"{nine}, broken", "PAUSED",
               "rest")  # fmt: skip
    yield case("A3", "no-progress", "an answer alone is no progress",
               f"{nine}, answered a, broken", "PAUSED", "rest")  # fmt: skip
    yield case("A3", "halted", "a full disk pauses", f"{moving}, halted", "PAUSED", "rest")
    yield case("A3", "continued", "a person continues", f"{nine}, broken, begin", "ASKED", "ask")
    again = f"{moving}, stored a, broken, answered b, stored b"
    yield case("A4", "rest-of-it", "only what is missing is brought", again, "MOVING", "publish")
    yield case("A4", "nothing-left", "everything is here when the answer comes",
               f"{stored}, broken, answered", "MOVING", "publish")  # fmt: skip
    yield case("A5", "revoked", "a refusal for good", "begin, refused revoked", "FAILED",
               "fail revoked")  # fmt: skip
    yield case("A5", "tampered", "a chunk that does not authenticate",
               f"{moving}, refused tampered", "FAILED", "fail tampered")  # fmt: skip
    yield case("A5", "no-objects", "an answer without any object", "begin, answered", "FAILED",
               "fail wrong_answer")  # fmt: skip
    yield case("A6", "lost-receipt", "a lost receipt is sent again", f"{published}, broken",
               "STORED", "wait 1, send-receipt")  # fmt: skip
    yield case("A6", "refused-receipt", "a refused receipt undoes nothing",
               f"{published}, refused revoked", "STORED", "rest")  # fmt: skip
    yield case("A6", "again", "the receipt is tried again later",
               f"{published}, refused revoked, begin", "STORED", "send-receipt")  # fmt: skip
    yield refused("unasked", "an answer before anything was asked", "answered a")
    yield refused("second-answer", "a second answer", f"{moving}, answered a")
    yield refused("early-receipt", "a receipt is taken that was not sent",
                  f"{moving}, receipt-taken")  # fmt: skip
    yield refused("after-the-end", "a refusal after all is done",
                  f"{published}, receipt-taken, refused revoked")  # fmt: skip
