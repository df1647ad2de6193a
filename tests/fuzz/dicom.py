"""Targets: what modalities, discs and file systems bring."""

from __future__ import annotations

import struct
from functools import partial

from fuzz.seeds import samples
from fuzz.target import Target
from support.parties import label
from undisc_node.dicom import part10, text
from undisc_node.dicom.dimse import negotiation
from undisc_node.dicom.dimse.commands import (
    Command,
    Counts,
    Request,
    decode_command,
    encode_command,
)
from undisc_node.dicom.dimse.messages import CommandReceived, Messages
from undisc_node.dicom.reader import FactReader
from undisc_node.dicom.sources import BytesSource
from undisc_node.dicom.upper_layer import (
    NEED_DATA,
    AssociationRequested,
    Connection,
    DataReceived,
    PduBounds,
    ReleaseRequested,
    RemoteViolation,
    Side,
    pdu,
)
from undisc_node.dicom.upper_layer.user_information import (
    CommonExtended,
    Extended,
    Identity,
    Role,
    UserInformation,
)
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
_BOUNDS = PduBounds(associate=1_024, data=512)


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


def _read_stream(data, portion):
    """Read a stream as the port does; return what it was told and what it would send."""
    connection, messages, told = Connection(Side.ACCEPTOR, _BOUNDS), Messages(), []
    sent, kept = b"", b""
    refusal = None
    try:
        for start in range(0, len(data), portion):
            connection.receive_data(data[start : start + portion])
            while (event := connection.next_event()) is not NEED_DATA:
                if isinstance(event, AssociationRequested):
                    connection.accept(negotiation.answer(event.request, max_length=512))
                elif isinstance(event, ReleaseRequested):
                    connection.confirm_release()
                elif isinstance(event, DataReceived):
                    received = messages.take(event)
                    if isinstance(received, CommandReceived):
                        told.append(received)
                    elif received is not None:
                        kept += bytes(received.data)
                        if received.is_last:
                            told.append(kept)
                            kept = b""
                    continue
                told.append(event)
    except RemoteViolation as violation:
        connection.violate(violation)
        refusal = violation
    sent = b"".join(bytes(part) for part in connection.data_to_send())
    return told, sent, refusal


def _pdus(data):
    """However it is cut, a stream means the same, and only our own refusals come of it."""
    whole, pieces = _read_stream(data, len(data) or 1), _read_stream(data, 1 + len(data) % 97)
    assert whole[:2] == pieces[:2]
    assert str(whole[2]) == str(pieces[2])
    if whole[2] is not None:
        raise whole[2]


def _pdu(kind, body):
    return struct.pack(">BxL", kind, len(body)) + body


def _value(control, body):
    return struct.pack(">LBB", 2 + len(body), 1, control) + body


def _request():
    contexts = [
        pdu.ProposedContext(1, "1.2.840.10008.5.1.4.1.1.2", ("1.2.840.10008.1.2",)),
        pdu.ProposedContext(3, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",)),
    ]
    user = UserInformation(
        max_length=16_384,
        class_uid="2.25.1",
        version_name="X",
        operations=(1, 1),
        roles=(Role("1.2", user=True, provider=False),),
        extended=(Extended("1.2", b"x"),),
        common_extended=(CommonExtended("1.2", "1.3", ("1.4",)),),
        identity=Identity(2, answer_wanted=True, primary=b"name", secondary=b"word"),
    )
    return pdu.encode_request(pdu.AssociateRequest("UNDISC", "CT1", tuple(contexts), user))


def _pdu_streams():
    associate = _request()
    store = encode_command(Command(Request.STORE, 1, sop_class="1.2", instance="1.3",
                                   has_data_set=True))  # fmt: skip
    echo = encode_command(Command(Request.ECHO, 2))
    yield associate + _pdu(4, _value(3, store) + _value(2, b"data")) + _pdu(5, bytes(4))
    yield (
        associate
        + _pdu(4, _value(1, store[:9]) + _value(3, store[9:]))
        + _pdu(4, _value(0, bytes(100)))
        + _pdu(4, _value(2, bytes(100)) + _value(3, echo))
    )
    yield associate + _pdu(7, bytes(4))


def _associate(data):
    """What is accepted encodes again to what decodes to the same."""
    request = pdu.decode_request(memoryview(data))
    assert pdu.decode_request(memoryview(pdu.encode_request(request))[6:]) == request
    answered = negotiation.answer(request, max_length=512)
    read = pdu.decode_accept(memoryview(pdu.encode_accept(answered))[6:])
    assert len(read.contexts) == len(request.contexts)


def _command(data):
    """What is accepted encodes again to what decodes to the same."""
    command = decode_command(data)
    again = decode_command(encode_command(command))
    if command.field in {one | kind for one in Request for kind in (0, 0x8000)}:
        assert (again.field, again.has_data_set) == (command.field, command.has_data_set)
    encode_command(command.answer(0x0110, "no"))


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
    Target("dicom-pdus", _pdus, _pdu_streams, (RemoteViolation,), longest=4_096),
    Target("dicom-associate", _associate, lambda: [_request()[6:]], (RemoteViolation,)),
    Target(
        "dicom-command",
        _command,
        lambda: [encode_command(Command(Request.STORE, 1, sop_class="1.2", has_data_set=True)),
                 encode_command(Command(Request.MOVE, 1).answer(0, counts=Counts(1, 2, 3, 4)))],
        (RemoteViolation,),
        longest=512,
    ),
]  # fmt: skip
