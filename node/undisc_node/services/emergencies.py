"""Images given out in an emergency: a second person is told, and so is the patient.

Nobody waits for a consent that cannot be asked for. But who gives something out in an emergency
does not stay alone with it: it waits in the queue until somebody else has looked at it, those whom
the practice has named get an e-mail, and the patient gets a message where one can be sent, and
reads it in the list of who looked. Where there is nobody else at all, nothing is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from undisc_node.services.browsing_rows import Access, AccessRow
from undisc_node.services.contacts import Contact
from undisc_node.services.desk_rows import ChannelKind
from undisc_node.services.errors import Refused
from undisc_node.services.message_rows import MessageKind
from undisc_node.services.messaging import Messaging
from undisc_node.services.model import Grant, Peer, Study
from undisc_node.services.offer_rows import OutgoingOffer
from undisc_node.services.ports import Catalog, Records
from undisc_node.services.queue_rows import QueueRow, facts_of
from undisc_node.services.queueing import Close, Decision, Queueing
from undisc_protocol.capability.delegation import COMMAND_READ

EMERGENCY: Final = "emergency-access"
"""Kind of rows of the queue."""
_ASKED_BY: Final = "asked by"
_LINK: Final = "a link that opens once"
_VISITS: Final = 200  # of one patient that are looked at


class Emergencies:
    """Tells of images given out in an emergency.

    Args:
        catalog: Rows.
        queueing: The queue.
        messaging: Sends messages.
        told: E-mail addresses of those who are told.
        language: Of those messages.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        queueing: Queueing,
        messaging: Messaging,
        told: Sequence[str],
        language: str = "en",
    ) -> None:
        self._catalog = catalog
        self._queueing = queueing
        self._messaging = messaging
        self._told = [Contact(ChannelKind.EMAIL, address) for address in told]
        self._language = language
        queueing.register(EMERGENCY, self)

    def given(
        self, records: Records, grant: Grant, study: Study, peer: Peer | None, actor: str
    ) -> None:
        """Tell of it, within the change that gives it out.

        Raises:
            Refused: `nobody_to_tell`: there is no second person.
        """
        if not self._told and not any(
            one.disabled_ms is None and one.name != actor for one in records.staff.list()
        ):
            raise Refused(
                "there is no second person who could be told of it",
                code="nobody_to_tell",
                hint="name somebody under messages.emergency, or make a second account:"
                " undisc staff add",
            )
        records.browsing.note(
            AccessRow(
                grant.created_ms,
                Access.GIVEN,
                grant.audience,
                study.id,
                None,
                grant.staff,
                peer.id if peer else None,
            )
        )
        if peer is not None and grant.command == COMMAND_READ:
            # Nobody carries a file about in an emergency: the other node is told by itself.
            at_ms = grant.created_ms
            records.offers.put_outgoing(
                OutgoingOffer(grant.id, peer.id, study.id, at_ms, attempts=0, next_ms=at_ms)
            )
        until = datetime.fromtimestamp(grant.expires, UTC).strftime("%Y-%m-%d %H:%M UTC")
        self._queueing.put(
            records,
            EMERGENCY,
            grant.id.hex(),
            study=study.id,
            facts=facts_of(
                {
                    "staff": grant.staff,
                    "reason": grant.purpose,
                    "to": peer.name if peer else _LINK,
                    "until": until,
                    _ASKED_BY: actor,
                    "grant": grant.id.hex()[:8],
                }
            ),
        )
        for contact in self._told:
            self._messaging.queue(
                records, MessageKind.EMERGENCY, grant.id, contact, language=self._language
            )
        for visit in records.visits.list(patient=study.patient.id, limit=_VISITS):
            belongs = any(
                row.belongs and row.study == study.id for row in records.visits.studies(visit.id)
            )
            if study.patient.id and belongs and visit.closed_ms is None:
                self._messaging.queue_for_patient(
                    records, MessageKind.EMERGENCY_PATIENT, grant.id, visit.id
                )

    def decisions(self, row: QueueRow) -> Mapping[str, Decision]:
        """Name what may be done about images that were given out."""
        del row
        return {"seen": Decision("you have looked at it; take it back with: undisc grants revoke")}

    def resolve(self, row: QueueRow, decision: str, value: str, actor: str, close: Close) -> None:
        """Take down that a second person has looked at it.

        Raises:
            Refused: It is the one who gave it out.
        """
        del decision, value
        if any(fact.name == _ASKED_BY and fact.here == actor for fact in row.facts):
            raise Refused(
                "whoever gave it out cannot be the second person who looks at it",
                code="same_person",
                hint="let somebody else do it, under their own account",
            )
        with self._catalog.change() as records:
            close(records, f"seen by {actor}")
