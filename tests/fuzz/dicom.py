"""Targets: what modalities, discs and file systems bring."""

from __future__ import annotations

import struct
from functools import partial

from pynetdicom import build_context
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE

from fuzz.seeds import samples
from fuzz.target import Target
from support.parties import label
from undisc_node.dicom import association as association  # noqa: PLC0414 - silences the libraries
from undisc_node.dicom import part10, text
from undisc_node.dicom.guard import Admission, Bounds, Gate, Violation
from undisc_node.dicom.reader import FactReader
from undisc_node.dicom.sources import BytesSource
from undisc_node.services.errors import Invalid
from undisc_protocol.pack import ObjectHeader, StudyHeader

_LONGEST = 8_192
CODES = {
    "not_dicom", "dicomdir", "truncated", "bad_encoding", "bad_order", "bad_uid", "too_complex",
    "too_deflated", "no_study_uid", "no_series_uid", "no_sop_uid", "no_sop_class",
}  # fmt: skip
_WANTED = (
    0x00020002, 0x00020003, 0x00020010, 0x00080005, 0x00080016, 0x00080018, 0x00080020, 0x00080050,
    0x00080060, 0x00081030, 0x00100010, 0x00100020, 0x00100021, 0x00100030, 0x00100040, 0x0020000D,
    0x0020000E, 0x00200013, 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD, 0x7FE00010,
)  # fmt: skip
WORDS = (
    *(struct.pack("<HH", tag >> 16, tag & 0xFFFF) for tag in _WANTED),
    *(struct.pack(">HH", tag >> 16, tag & 0xFFFF) for tag in _WANTED),
    *(b"AE AS CS DA IS LO OB OW PN SH SQ TM UI UN UT UL".split()),
    b"\xff\xff\xff\xff",
    b"DICM",
    b"1.2.840.10008.1.2",
    b"1.2.840.10008.1.2.1.99",
    b"ISO_IR 192",
    b"ISO 2022 IR 87",
    b"\x1b$B",
    b"\x1b(J",
    b"\x1b$)C",
)
_TERMS = (
    b"", b"ISO_IR 100", b"ISO_IR 192", b"GB18030", b"GBK", b"ISO 2022 IR 6\\ISO 2022 IR 87",
    b"\\ISO 2022 IR 149", b"\\ISO 2022 IR 58", b"ISO 2022 IR 13\\ISO 2022 IR 87", b"ISO_IR 166",
    b"ISO 2022 IR 100\\ISO 2022 IR 144", b"\\ISO 2022 IR 159",
)  # fmt: skip
_BOUNDS = Bounds(associate_pdu=512, data_pdu=512, command=256, data_set=1_024, memory=2_048)


def known(refusal):
    assert refusal.reason in CODES, f"the code {refusal.reason} is not documented"
    raise refusal


def _facts(data):
    """What is accepted fits into the headers of a pack, and can be shown."""
    try:
        facts = FactReader().facts(BytesSource(data))
    except Invalid as refusal:
        known(refusal)
    patient = facts.patient
    for value in (patient.name, patient.id, patient.issuer, patient.birth_date, patient.sex,
                  facts.study_date, facts.study_time, facts.accession, facts.description,
                  facts.modality):  # fmt: skip
        assert text.clean(value) == value
    StudyHeader(
        label("study", 16),
        facts.study_uid,
        patient,
        facts.study_date,
        facts.study_time,
        facts.accession,
        facts.description,
        1,
    ).encode()
    ObjectHeader(
        id=label("object", 16),
        key=label("key"),
        codec="raw",
        size=len(data),
        hash=label("hash"),
        series_uid=facts.series_uid,
        sop_uid=facts.sop_uid,
        sop_class=facts.sop_class,
        syntax=facts.transfer_syntax,
        modality=facts.modality,
        number=facts.number,
        sender="import",
        replaces=None,
        at_ms=1,
    ).encode()


def _frame(data):
    """The boundary lies within the file, and what we compose ends exactly there."""
    source = BytesSource(data)
    try:
        with source.open() as stream:
            frame = part10.read_frame(stream, source.size)
            assert stream.tell() == frame.data_set_at <= len(data)
    except Invalid as refusal:
        known(refusal)
    if frame.sop_class and frame.sop_uid:
        head = part10.compose_part10(
            sop_class=frame.sop_class,
            sop_uid=frame.sop_uid,
            transfer_syntax=frame.transfer_syntax,
            calling_ae=data[-16:].decode("latin-1"),
        )
        assert part10.split_part10(BytesSource(head, b"\x08\0\x05\0\0\0\0\0")) == len(head)


def _text(data):
    """Decoding never fails; the first byte chooses the character sets."""
    sets = text.character_sets(_TERMS[data[0] % len(_TERMS)] if data else b"")
    shown = text.decode(data[1:], sets)
    assert len(shown) <= text.MAX_TEXT
    assert text.clean(shown) == shown
    shown.encode()
    text.character_sets(data)
    uid = text.read_uid(data)
    assert uid is None or text.is_uid(uid)


class _Connection:
    """A connection that brings these bytes, a few at a time."""

    def __init__(self, data, most):
        self._data = data
        self._most = most

    def settimeout(self, seconds):
        assert seconds > 0

    def setsockopt(self, *_):
        pass

    def recv_into(self, buffer):
        count = min(len(buffer), len(self._data), self._most)
        buffer[:count] = self._data[:count]
        self._data = self._data[count:]
        return count


def _shown_fragments(pdu):
    """Take apart what the library would get; fails if it is not whole."""
    at = 6
    while at < len(pdu):
        length, _, control = struct.unpack_from(">LBB", pdu, at)
        yield control, pdu[at + 6 : at + 4 + length]
        at += 4 + length
    assert at == len(pdu)


def _pdus(data):
    """Whatever comes, the library sees whole PDUs without data sets, and memory is given back."""
    admission = Admission(_BOUNDS)
    gate = Gate(_Connection(data, 1 + len(data) % 97), bounds=_BOUNDS, admission=admission,
                monotonic=lambda: 0.0)  # fmt: skip
    held = 0
    try:
        while pdu := gate.read():
            assert len(pdu) == 6 + int.from_bytes(pdu[2:6], "big")
            if pdu[0] != 4:
                continue
            fragments = list(_shown_fragments(pdu))
            for control, fragment in fragments:
                assert control & 1 or (control & 2 and fragment == b"\0\0")
            if any(control & 3 == 2 for control, _ in fragments):
                held = len(gate.take_data_set())
                assert held <= _BOUNDS.data_set
                gate.message_done()
                assert admission._memory == 0
    finally:
        gate.message_done()
        assert admission._memory == 0


def _pdu(kind, body):
    return struct.pack(">BxL", kind, len(body)) + body


def _value(control, body):
    return struct.pack(">LBB", 2 + len(body), 1, control) + body


def _pdu_streams():
    associate = _pdu(1, bytes(68))
    yield associate + _pdu(4, _value(3, b"command") + _value(2, b"data")) + _pdu(5, bytes(4))
    yield (
        associate
        + _pdu(4, _value(1, b"com") + _value(3, b"mand"))
        + _pdu(4, _value(0, bytes(100)))
        + _pdu(4, _value(2, bytes(100)))
    )
    yield associate + _pdu(7, bytes(4))


def _associate(data):
    """The library may fail on what the guard lets through, but not slowly."""
    A_ASSOCIATE_RQ().decode(data)


def _associates():
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = "CT1", "UNDISC"
    contexts = [build_context("1.2.840.10008.5.1.4.1.1.2"), build_context("1.2.840.10008.1.1")]
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    primitive.presentation_context_definition_list = contexts
    primitive.user_information = []
    request = A_ASSOCIATE_RQ()
    request.from_primitive(primitive)
    yield request.encode()


TARGETS = [
    Target(
        "dicom-facts", _facts, partial(samples, _LONGEST), (Invalid,), longest=_LONGEST,
        words=WORDS,
    ),
    Target(
        "dicom-frame", _frame, partial(samples, 1_024), (Invalid,), longest=1_024, words=WORDS
    ),
    Target(
        "dicom-text",
        _text,
        lambda: [bytes((number,)) + b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"
                 for number in range(len(_TERMS))],
        (),
        longest=512,
        words=WORDS,
    ),
    Target("dicom-pdus", _pdus, _pdu_streams, (Violation,), longest=4_096),
    Target("dicom-associate", _associate, _associates, (Exception,), longest=65_536),
]  # fmt: skip
