"""An HL7 version 2 message as text fields: header, character set, separators, escapes.

python-hl7 cuts a message into segments, fields, repetitions, components and subcomponents. What it
gets is bounded and checked before: it makes an object of every part, and trusts the header. Its own
`unescape` is not used, because it writes the field (a patient's name) into the log when an escape
sequence is wrong, and knows no character sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import hl7

from undisc_node.services.errors import Invalid

MAX_SEGMENTS: Final = 10_000  # a report of 100 pages, one line each, has half of that
MAX_PARTS: Final = 50_000  # separators of one message: each becomes an object of about 500 bytes
MAX_CONTROL: Final = 199  # characters of MSH-10; HL7 2.9 §2.13.9.10
MAX_FIELD: Final = 256  # characters of a field that is no report; the catalog holds no more

_HEAD: Final = re.compile(rb"MSH(.)(.)(.)(.)(.)(#?)\1", re.DOTALL)
_CODECS: Final = {  # HL7 table 0211
    "ASCII": "ascii",
    "8859/1": "latin-1",
    **{f"8859/{number}": f"iso8859-{number}" for number in (2, 3, 4, 5, 6, 7, 8, 9, 15)},
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "ISO IR6": "ascii",
    "ISO IR14": "shift_jis",
    "ISO IR87": "iso2022_jp",
    "ISO IR159": "iso2022_jp_2",
    "GB 18030-2000": "gb18030",
    "KS X 1001": "euc_kr",
    "BIG-5": "big5",
}
_ESCAPES: Final = {"E": "\\", "F": "|", "S": "^", "T": "&", "R": "~", "P": "#"}


@dataclass(frozen=True, slots=True)
class Header:
    """What a message says about itself.

    Attributes:
        separators: Field, component, repetition, escape and subcomponent separator.
        application: MSH-3, first part.
        facility: MSH-4, first part.
        kind: MSH-9, such as `ORU^R01`.
        control: MSH-10.
        processing: MSH-11: `P`, `T` or `D`.
        version: MSH-12.
    """

    separators: str
    application: str
    facility: str
    kind: str
    control: str
    processing: str
    version: str

    @property
    def sender(self) -> str:
        """Who sent it, by its own words."""
        return f"{self.application}|{self.facility}"


class Segment:
    """One segment; fields are counted from 1, as in the standard.

    Args:
        parts: What python-hl7 made of it.
        codec: Character set of the message.
        separators: Those of the message.
    """

    def __init__(self, parts: Any, codec: str, separators: str) -> None:
        self._parts = parts
        self._codec = codec
        self._separators = separators

    @property
    def name(self) -> str:
        """Its three letters."""
        return _first(self._parts[0]) if self._parts else ""

    def repetitions(self, field: int) -> Sequence[Any]:
        """Return the repetitions of a field; empty for an absent one."""
        if field >= len(self._parts):
            return ()
        return [one for one in self._parts[field] if one != ""]

    def text(self, field: int, component: int = 1, subcomponent: int = 1) -> str:
        """Return a part of the first repetition of a field, at most `MAX_FIELD` characters."""
        return self.part(next(iter(self.repetitions(field)), ""), component, subcomponent)

    def part(self, repetition: Any, component: int, subcomponent: int = 1) -> str:
        """Return a component of a repetition; one line, without control characters."""
        raw = self.raw(repetition, component, subcomponent)
        if raw == '""':  # "delete what you have": we have nothing
            return ""
        line = unescape(raw[: 4 * MAX_FIELD], self._separators, self._codec)
        return " ".join(_printable(line).split())[:MAX_FIELD]

    def raw(self, repetition: Any, component: int, subcomponent: int = 1) -> str:
        """Return a component as it came, however long."""
        return _first(_at(_at(repetition, component), subcomponent))

    def lines(self, field: int) -> Iterator[str]:
        """Yield the lines of a text field (TX, FT, ST): repetitions, and line breaks in them."""
        for repetition in self._parts[field] if field < len(self._parts) else ():
            text = unescape(str(repetition), self._separators, self._codec)
            for line in re.split(r"\r\n|\r|\n", text):
                yield _printable(line).rstrip()


@dataclass(frozen=True, slots=True)
class Hl7Message:
    """A message that could be read.

    Attributes:
        header: What it says about itself.
        segments: All of its segments, the header first.
    """

    header: Header
    segments: tuple[Segment, ...]

    def first(self, name: str) -> Segment | None:
        """Return the first segment of a name."""
        return next((one for one in self.segments if one.name == name), None)


class Unreadable(Invalid):
    """A message that cannot be read, and what HL7 calls that.

    Attributes:
        header: What could be read of its header, or None.
        condition: Code of HL7 table 0357.
        place: Where, as an ERL location: `MSH^1^9`; empty for the whole message.
        reject: Whether it is refused as such (AR), and not for what it says (AE).
    """

    def __init__(
        self,
        message: str,
        *,
        header: Header | None,
        condition: str,
        place: str = "",
        reject: bool = False,
    ) -> None:
        super().__init__(message)
        self.header = header
        self.condition = condition
        self.place = place
        self.reject = reject


def read_header(raw: bytes) -> Header:
    """Read a message's first segment, without any library.

    Raises:
        Unreadable: It does not begin as a message does.
    """
    found = _HEAD.match(raw)
    separators = b"".join(found.groups()[:5]).decode("latin-1") if found else ""
    if (
        len(set(separators)) != len("|^~\\&")
        or not separators.isascii()
        or not separators.isprintable()
        or any(one.isalnum() or one in ' "' for one in separators)
    ):
        raise Unreadable(
            "the message does not begin with a header", header=None, condition="100", reject=True
        )
    line = re.split(rb"[\r\n]", raw[: 16 * MAX_FIELD], maxsplit=1)[0].decode("latin-1")
    fields = line.split(separators[0])

    def field(number: int) -> str:
        text = fields[number - 1][:MAX_FIELD] if number <= len(fields) else ""
        return "".join(one for one in text if one.isascii() and one.isprintable()).strip()

    def component(number: int) -> str:
        return field(number).split(separators[1])[0][:MAX_FIELD]

    return Header(
        separators=separators,
        application=component(3),
        facility=component(4),
        kind="^".join(field(9).split(separators[1])[:2]),
        control=field(10),
        processing=component(11),
        version=component(12),
    )


def read_message(raw: bytes) -> Hl7Message:
    """Read a whole message.

    Raises:
        Unreadable: It is none, is too complicated, or has bytes outside its character set.
    """
    header = read_header(raw)
    if not 0 < len(header.control) <= MAX_CONTROL:
        raise Unreadable(
            "the message has no control id", header=header, condition="101", place="MSH^1^10"
        )
    ends = raw.replace(b"\r\n", b"\r")
    if b"\r" not in ends:
        ends = ends.replace(b"\n", b"\r")
    ends = ends.strip(b"\r\n \0")
    parts = sum(ends.count(one.encode()) for one in header.separators)
    if ends.count(b"\r") >= MAX_SEGMENTS or parts > MAX_PARTS:
        raise Unreadable("the message has too many parts", header=header, condition="207")
    codec = _codec(ends, header)
    try:
        text = ends.decode(codec)
    except UnicodeDecodeError:
        raise Unreadable(
            "the message has bytes outside its character set",
            header=header,
            condition="102",
            place="MSH^1^18",
        ) from None
    try:
        parsed = hl7.parse(text)
    except (ValueError, IndexError, AssertionError, KeyError, hl7.HL7Exception):
        raise Unreadable("the message is no HL7", header=header, condition="100") from None
    segments = tuple(Segment(one, codec, header.separators) for one in parsed)
    return Hl7Message(header, segments)


def _codec(raw: bytes, header: Header) -> str:
    """Return the codec of MSH-18; what is not said is UTF-8 where that fits, else Latin 1."""
    fields = re.split(rb"[\r\n]", raw, maxsplit=1)[0].decode("latin-1").split(header.separators[0])
    named = fields[17].split(header.separators[2]) if len(fields) > 17 else []  # noqa: PLR2004 - MSH-18
    words = [word.strip().upper() for word in named if word.strip()]
    if not words:
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            return "latin-1"
        return "utf-8"
    if "ISO IR159" in words or "ISO IR87" in words:
        return "iso2022_jp_2"  # contains the others
    if words[0] not in _CODECS:
        raise Unreadable(
            "the message has a character set that is not known",
            header=header,
            condition="103",
            place="MSH^1^18",
        )
    return _CODECS[words[0]]


def unescape(text: str, separators: str, codec: str) -> str:
    r"""Replace escape sequences (HL7 2.9 §2.7): separators, `\.br\`, `\X0D0A\`; others go.

    An escape character that begins no sequence stays as it is.
    """
    escape = separators[3]
    if escape not in text:
        return text
    meant = {
        **_ESCAPES,
        "E": escape,
        "F": separators[0],
        "S": separators[1],
        "R": separators[2],
        "T": separators[4],
    }
    mark = re.escape(escape)

    def replaced(found: re.Match[str]) -> str:
        word = found[1]
        if word in meant:
            return meant[word]
        if word.startswith(("X", "x")) and re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", word[1:]):
            return bytes.fromhex(word[1:]).decode(codec, "replace")
        if word.startswith((".br", ".sp", ".ce")):
            return "\n"
        if re.fullmatch(r"\.(?:in|ti|sk)[+-]?\d*", word):
            return " "
        if re.fullmatch(r"[HN]|\.(?:fi|nf)|[CMZ][0-9A-Za-z]*", word):
            return "\N{REPLACEMENT CHARACTER}" if word[0] in "CM" else ""
        return found[0]

    return re.sub(f"{mark}([^{mark}\r\n]{{1,64}}){mark}", replaced, text)


def _printable(line: str) -> str:
    kept = (one if one.isprintable() else " " for one in line)
    return "".join(kept)


def _at(parts: Any, number: int) -> Any:
    """Return a part counted from 1; a plain text is its own first part."""
    if isinstance(parts, str):
        return parts if number == 1 else ""
    return parts[number - 1] if number <= len(parts) else ""


def _first(parts: Any) -> str:
    while not isinstance(parts, str):
        parts = parts[0] if parts else ""
    return parts
