"""Taking notices about studies that were fetched from the sender (SPEC.md §6.11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal, Refusals
from undisc_node.services.doubts import Doubts
from undisc_node.services.ended_permissions import EndedPermissions, fetches_of
from undisc_node.services.following import recognise
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.model import Fetch, FetchState, Patient, Peer, PeerState
from undisc_node.services.ports import Catalog, Clock, Records, Reply
from undisc_node.services.replying import reply_to
from undisc_protocol.answer import request_hash
from undisc_protocol.errors import UnknownRecipient
from undisc_protocol.notice import (
    Acknowledgement,
    Does,
    Notice,
    NoticeKind,
    acknowledge_notice,
    read_notice,
)


class AsksAgain(Protocol):
    """Asks a holder for what has been added to a study."""

    def again(self, earlier: Fetch) -> Fetch:
        """Fetch the difference with the capability of an earlier fetch."""


class Heeding:
    """Takes notices and answers what is done about them.

    Args:
        catalog: Rows.
        fetching: Asks for the difference.
        rename: Lets a changed identity wait for a person, within a change: records, local study,
            identity, who says so; tells whether something waits now.
        ended: Decides about copies whose permission was taken back.
        doubts: Lets a person decide about copies of what its holder holds.
        journal: The log.
        refusals: Counts what is refused to strangers.
        clock: Time.
        own: Who we are.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        fetching: AsksAgain,
        rename: Callable[[Records, bytes, Patient, str], bool],
        ended: EndedPermissions,
        doubts: Doubts,
        journal: Journal,
        refusals: Refusals,
        clock: Clock,
        own: OwnIdentity,
    ) -> None:
        self._catalog = catalog
        self._fetching = fetching
        self._rename = rename
        self._ended = ended
        self._doubts = doubts
        self._journal = journal
        self._refusals = refusals
        self._clock = clock
        self._own = own

    def take(self, body: bytes) -> Reply:
        """Take a sealed notice in; answer with signed bytes.

        Args:
            body: The HTTP body as received.
        """
        return reply_to(
            body,
            self._taken,
            key=self._own.key,
            clock=self._clock,
            refusals=self._refusals,
            busy="the node cannot take notices at the moment",
        )

    def _now(self) -> int:
        return self._clock.now_ms() // 1000

    def _taken(self, body: bytes) -> bytes:
        notice = read_notice(body, box=self._own.box, own=self._own.id, now=self._now())
        peer = recognise(self._catalog, self._journal, self._clock, notice.sender)
        if peer is None or not _may_tell(peer, notice.kind):
            raise UnknownRecipient("the telling node is not a trusted peer")
        return acknowledge_notice(
            self._own.key,
            notice,
            self._do(peer, notice),
            request=request_hash(body),
            at=self._now(),
        )

    def _fetched(self, peer: Peer, notice: Notice) -> Fetch | None:
        """Return the newest fetch that brought the study, if the study is still here."""
        with self._catalog.look() as records:
            for fetch in fetches_of(records, peer.id, notice.study):
                if fetch.state is FetchState.DONE and fetch.study is not None:
                    return fetch if records.studies.get(fetch.study) else None
        return None

    def _do(self, peer: Peer, notice: Notice) -> Acknowledgement:
        if notice.kind in (NoticeKind.ENDED, NoticeKind.WITHDRAWN):
            return self._ended.hear(peer, notice)
        earlier = self._fetched(peer, notice)
        return Acknowledgement(
            Does.NOTHING if earlier is None else self._concerned(peer, notice, earlier)
        )

    def _concerned(self, peer: Peer, notice: Notice, earlier: Fetch) -> Does:
        does = Does.NOTHING
        if notice.kind is NoticeKind.GROWN:
            self._fetching.again(earlier)
            does = Does.ASKS
        with self._catalog.change(vital=True) as records:
            study = earlier.study or b""
            if notice.patient is not None and self._rename(
                records, study, notice.patient, f"peer:{peer.name}"
            ):
                does = Does.DECIDES
            if notice.kind is NoticeKind.HELD and self._doubts.held(records, study, peer):
                does = Does.DECIDES
            if notice.kind is NoticeKind.RELEASED:
                self._doubts.released(records, study, peer)
            row = records.studies.get(study)
            if does is not Does.NOTHING:
                self._journal.note(
                    records,
                    "notice.taken",
                    who=auditing.other_node(peer),
                    what=auditing.about_study(row) if row else (),
                    detail={"kind": notice.kind.value, "does": does.value},
                )
        return does


def _may_tell(peer: Peer, kind: NoticeKind) -> bool:
    """Tell whether a peer is listened to: that it takes something back, also while suspended."""
    heard = (PeerState.TRUSTED, PeerState.SUSPENDED)
    return peer.state is PeerState.TRUSTED or (kind is NoticeKind.ENDED and peer.state in heard)
