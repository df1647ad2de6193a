"""Values, streams and readings of the DICOM upper layer for tests."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from undisc_node.dicom.upper_layer import (
    NEED_DATA,
    Connection,
    DataReceived,
    RemoteViolation,
    Side,
    pdu,
)
from undisc_node.dicom.upper_layer.events import AssociationRequested, ReleaseRequested
from undisc_node.dicom.upper_layer.user_information import (
    CommonExtended,
    Extended,
    Identity,
    Role,
    UserInformation,
)

uids = st.lists(st.integers(0, 10**9), min_size=1, max_size=5).map(
    lambda parts: ".".join(map(str, parts))
)
titles = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=16)
user_information = st.builds(
    UserInformation,
    max_length=st.one_of(st.just(0), st.integers(64, 2**32 - 1)),
    class_uid=st.one_of(st.just(""), uids),
    version_name=titles,
    operations=st.one_of(st.none(), st.tuples(st.integers(0, 65_535), st.integers(0, 65_535))),
    roles=st.lists(st.builds(Role, uids, st.booleans(), st.booleans()), max_size=3).map(tuple),
    extended=st.lists(st.builds(Extended, uids, st.binary(max_size=9)), max_size=3).map(tuple),
    common_extended=st.lists(
        st.builds(CommonExtended, uids, uids, st.lists(uids, max_size=3).map(tuple)), max_size=2
    ).map(tuple),
    identity=st.one_of(
        st.none(),
        st.builds(
            Identity,
            st.integers(0, 255),
            st.booleans(),
            st.binary(max_size=9),
            st.binary(max_size=9),
        ),
    ),
    identity_answer=st.one_of(st.none(), st.binary(max_size=9)),
)
numbers = st.lists(st.sampled_from(range(1, 256, 2)), max_size=6, unique=True)


@st.composite
def requests(draw) -> pdu.AssociateRequest:
    contexts = tuple(
        pdu.ProposedContext(number, draw(uids), tuple(draw(st.lists(uids, min_size=1, max_size=4))))
        for number in draw(numbers)
    )
    return pdu.AssociateRequest(
        draw(titles), draw(titles), contexts, draw(user_information), draw(uids)
    )


@st.composite
def accepts(draw) -> pdu.AssociateAccept:
    contexts = []
    for number in draw(numbers):
        answer = draw(st.integers(0, 4))
        contexts.append(pdu.ContextResult(number, answer, draw(uids) if answer == 0 else ""))
    return pdu.AssociateAccept(
        draw(titles), draw(titles), tuple(contexts), draw(user_information), draw(uids)
    )


def a_request(*, contexts: int = 2, max_length: int = 16_384) -> pdu.AssociateRequest:
    return pdu.AssociateRequest(
        "UNDISC",
        "CT1",
        tuple(
            pdu.ProposedContext(2 * number + 1, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",))
            for number in range(contexts)
        ),
        UserInformation(max_length, "2.25.1", "TEST"),
    )


def accepting(request: pdu.AssociateRequest, *, max_length: int = 131_072) -> pdu.AssociateAccept:
    """Accept everything."""
    return pdu.AssociateAccept(
        request.called,
        request.calling,
        tuple(pdu.ContextResult(one.id, 0, one.transfer_syntaxes[0]) for one in request.contexts),
        UserInformation(max_length, "2.25.2"),
    )


def fragment(data: bytes, *, context: int = 1, command: bool = False, last: bool = False) -> bytes:
    control = (1 if command else 0) | (2 if last else 0)
    return struct.pack(">LBB", len(data) + 2, context, control) + data


def data_pdu(*fragments: bytes) -> bytes:
    return pdu.frame(pdu.Kind.DATA, b"".join(fragments))


class Reading:
    """An acceptor that says yes to everything and notes what it was told."""

    def __init__(self, bounds=None) -> None:
        self.connection = Connection(Side.ACCEPTOR, bounds)
        self.events: list[object] = []
        self.sent = b""
        self.violation: RemoteViolation | None = None

    def take(self, data: bytes) -> None:
        self.connection.receive_data(data)
        self._look()

    def end(self) -> None:
        self.connection.receive_end()
        self._look()

    def _look(self) -> None:
        try:
            while (event := self.connection.next_event()) is not NEED_DATA:
                self._note(event)
        except RemoteViolation as violation:
            assert self.violation is None, "told twice"
            self.violation = violation
        self.sent += b"".join(self.connection.data_to_send())

    def _note(self, event) -> None:
        if isinstance(event, DataReceived):
            self._note_data(event)
            return
        self.events.append(event)
        if isinstance(event, AssociationRequested):
            self.connection.accept(accepting(event.request))
        elif isinstance(event, ReleaseRequested):
            self.connection.confirm_release()

    def _note_data(self, event: DataReceived) -> None:
        """Join the pieces of one command or data set: where they were cut does not matter."""
        before = self.events[-1] if self.events else None
        if (
            isinstance(before, tuple)
            and before[:2] == (event.context, event.is_command)
            and not before[2]
        ):
            self.events[-1] = (*before[:2], event.is_last, before[3] + bytes(event.data))
        else:
            self.events.append((event.context, event.is_command, event.is_last, bytes(event.data)))
