"""Answers the questions of workstations: reads the identifier, finds the operation, and logs.

Who may ask is decided anew for each question; at the request for an association it only decides
what is offered.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from undisc_node.dicom.describing import describe_data_set
from undisc_node.dicom.dimse import statuses
from undisc_node.dicom.dimse.commands import Request
from undisc_node.dicom.providing.asked import Asked
from undisc_node.dicom.providing.counting import Tally
from undisc_node.dicom.providing.dialogue import Dialogue, Gone
from undisc_node.dicom.providing.finding import Finds, answer_query
from undisc_node.dicom.providing.getting import give_back
from undisc_node.dicom.providing.moving import Destinations, send_on, unknown
from undisc_node.dicom.providing.roots import MODELS
from undisc_node.services.errors import Refused, ServiceError
from undisc_node.services.workstations.asking import Identifier, read_identifier
from undisc_node.services.workstations.giving import Chosen, Giving

_ANSWER_SECONDS: Final = 120.0  # for an instance; a workstation may have to sync its disk


class Provider:
    """Provides queries and retrievals on the DICOM port.

    Args:
        finds: Answers queries.
        gives: Chooses and hands out instances.
        destinations: Finds where an AE title is.
        logger: Where to write lines without patient data.
    """

    def __init__(
        self,
        *,
        finds: Finds,
        gives: Giving,
        destinations: Destinations,
        logger: logging.Logger | None = None,
    ) -> None:
        self._finds = finds
        self._gives = gives
        self._destinations = destinations
        self._log = logger or logging.getLogger(__name__)

    def answer(self, asked: Asked, dialogue: Dialogue) -> None:
        """Answer a question, to its end; runs in a thread.

        Raises:
            Gone: The connection has ended, or must.
        """
        try:
            self._answer(asked, dialogue)
        except Gone:
            raise
        except ServiceError as refusal:
            if dialogue.is_within:
                raise Gone(f"an instance broke off: {refusal.reason}") from refusal
            self._log.warning(
                "DICOM: question of %s refused: %s (%s)", asked.name, refusal, refusal.reason
            )
            status = statuses.of_refused_question(refusal)
            dialogue.finish(asked.command.answer(status, str(refusal)))

    def _answer(self, asked: Asked, dialogue: Dialogue) -> None:
        model = MODELS[asked.sop_class]
        if not asked.may_query:
            raise Refused("this workstation may not query", code="may_not_query")
        if asked.command.field != model.operation or asked.command.sop_class != asked.sop_class:
            dialogue.finish(asked.command.answer(statuses.CLASS_NOT_SUPPORTED))
            return
        attributes = describe_data_set(asked.identifier, asked.syntax)
        identifier = read_identifier(attributes, patient_root=model.patient_root)
        if model.operation is Request.FIND:
            answer_query(self._finds, asked, identifier, dialogue)
        else:
            self._retrieve(asked, identifier, dialogue)

    def _retrieve(self, asked: Asked, identifier: Identifier, dialogue: Dialogue) -> None:
        """Give what was asked for; every instance that left is in the log, whatever happens."""
        is_move = asked.command.field == Request.MOVE
        called = self._destinations(asked.command.destination) if is_move else None
        if is_move and called is None:
            status, comment = unknown(asked)
            self._log.warning("DICOM: %s asked to send to an unknown AE title", asked.name)
            dialogue.finish(asked.command.answer(status, comment))
            return
        chosen = self._gives.choose(identifier)
        tally = Tally(chosen, asked)
        to = asked.command.destination if is_move else asked.ae_title
        self._gives.begin(chosen, who=asked.name, address=asked.address, to=to)
        try:
            if called is not None:
                send_on(self._gives, asked, called, chosen, tally, dialogue)
            else:
                give_back(self._gives, asked, chosen, tally, dialogue, seconds=_ANSWER_SECONDS)
        finally:
            self._gives.end(chosen, tally.given, who=asked.name, address=asked.address, to=to)
            self._say(asked, chosen, tally)
        tally.finish(dialogue, cancelled=dialogue.is_cancelled and tally.remaining > 0)

    def _say(self, asked: Asked, chosen: Sequence[Chosen], tally: Tally) -> None:
        """Write a line for the operator."""
        self._log.info(
            "DICOM: %s got %d of %d objects%s",
            asked.name,
            tally.sent,
            len(chosen),
            f"; {tally.reasons}" if tally.reasons else "",
        )
