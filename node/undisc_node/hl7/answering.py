"""Acknowledgements in original mode (HL7 2.9 §2.9.2): AA, AE or AR, with MSA and ERR.

| code | when |
|---|---|
| AA | what the message says is durable here, or was before |
| AE | it cannot be taken in for what it says; sending it again does not help |
| AR | a kind of message that is not taken, or the node cannot store anything now: send it later |
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from undisc_node.hl7.message import Header

OK: Final = "0"
_MEANINGS: Final = {  # HL7 table 0357
    "0": "Message accepted",
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "205": "Duplicate key identifier",
    "206": "Application record locked",
    "207": "Application internal error",
}
_PLAIN: Final = "|^~\\&"


def acknowledge(
    header: Header | None,
    code: str,
    *,
    now_ms: int,
    number: str,
    condition: str = OK,
    place: str = "",
    text: str = "",
) -> bytes:
    """Write an acknowledgement with the separators of the message it answers.

    Args:
        header: Of the message; None when it has none.
        code: `AA`, `AE` or `AR`.
        now_ms: The time now.
        number: Our own control id.
        condition: Of HL7 table 0357.
        place: Where the problem is, as ERL: `MSH^1^9`.
        text: A sentence for whoever reads the sender's log; no patient data.
    """
    marks = header.separators if header else _PLAIN
    bar, hat = marks[0], marks[1]
    at = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%d%H%M%S+0000")
    event = [*header.kind.split("^"), ""][1] if header else ""
    kind = hat.join(["ACK", event, "ACK"]) if event else "ACK"
    version = header.version if header and header.version else "2.5.1"
    to = (header.application, header.facility) if header else ("", "")
    first = ["MSH", marks[1:], "UNDISC", "", *to, at, "", kind, number, "P", version]
    if version >= "2.5":
        first += [""] * 5 + ["UNICODE UTF-8"]
    lines = [bar.join(first), bar.join(["MSA", code, header.control if header else ""])]
    if code != "AA":
        meaning = hat.join([condition, _MEANINGS[condition], "HL70357"])
        said = "".join(" " if one in marks else one for one in text if one.isprintable())
        where = hat.join(place.split("^"))
        lines.append(bar.join(["ERR", "", where, meaning, "E", "", "", "", said]))
    return ("\r".join(lines) + "\r").encode()
