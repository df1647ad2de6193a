"""Builds what reaches people: one-time codes, messages, print-outs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from undisc_node.config import Settings
from undisc_node.config.outgoing import gateway, mail_server
from undisc_node.notify.email import Mailer
from undisc_node.notify.printing import ApartPrinter
from undisc_node.notify.sending import Channels
from undisc_node.notify.text_gateway import TextGateway
from undisc_node.notify.wording import PackagedWording
from undisc_node.services.auditing import Journal
from undisc_node.services.desk_rows import ChannelKind
from undisc_node.services.emergencies import Emergencies
from undisc_node.services.ended_permissions import PERMISSION_ENDED
from undisc_node.services.errors import Conflict, NotFound
from undisc_node.services.message_rows import VisitLink
from undisc_node.services.messaging import KEPT_MS, Messaging
from undisc_node.services.patient_links import PatientLinks
from undisc_node.services.patient_sharing import SendLink
from undisc_node.services.ports import Catalog, Clock, Entropy
from undisc_node.services.queueing import Queueing
from undisc_node.services.reaching import Reaching
from undisc_node.services.second_step import SendCode
from undisc_node.services.sending_now import Appearance, SendingNow
from undisc_node.services.use_notices import UseNotices
from undisc_node.wiring.duties import Duty

_ANNOUNCE_SECONDS: Final = 2.0  # how often links that became ready are looked for
_SEND_SECONDS: Final = 2.0  # how often messages that are due are looked for
_TELL_SECONDS: Final = 15.0  # how often uses are looked for of which patients want to hear
_FORGET_SECONDS: Final = 6 * 3_600.0
_REMIND_SECONDS: Final = 3_600.0  # how often what lapses in two weeks is looked for


@dataclass(frozen=True, slots=True)
class MessageParts:
    """What was built.

    Attributes:
        messaging: Queues and sends messages.
        reaching: Knows where patients want their links.
        use_notices: Tells patients of uses.
        emergencies: Tells of images given out in an emergency.
        uses: Use cases of the admin socket, by their names there.
        duties: What is done again and again.
    """

    messaging: Messaging
    reaching: Reaching
    use_notices: UseNotices
    emergencies: Emergencies
    uses: Mapping[str, Any]
    duties: tuple[Duty, ...]


class HandedOutLinks:
    """Implements `ports.KnowsVisitLinks` with what patients' links can be handed out.

    Args:
        links: Makes and hands out patients' links.
    """

    def __init__(self, links: PatientLinks) -> None:
        self._links = links

    def link_of(self, visit: bytes) -> VisitLink | None:
        """Return the link of a visit, once it opens something and until it is claimed."""
        try:
            given = self._links.handout(visit)
        except (NotFound, Conflict):
            return None
        if not given.expires:
            return None  # made a moment ago; its grants follow
        return VisitLink(
            text=given.link,
            page=given.link.partition("#")[0],
            code=given.code,
            expires=given.expires,
            pin=self._links.access(visit).pin is not None,
        )


@dataclass(frozen=True, slots=True)
class Outlets:
    """The ways on which this node can send something.

    Attributes:
        sender: Hands messages over.
        now: Sends what somebody waits for.
        appearance: How the practice shows itself.
    """

    sender: Channels
    now: SendingNow
    appearance: Appearance

    @property
    def send_code(self) -> SendCode | None:
        """Sends one-time codes; None where this node sends nothing."""
        kinds = (ChannelKind.EMAIL, ChannelKind.TEXT)
        return self.now.code if any(self.sender.carries(kind) for kind in kinds) else None

    @property
    def send_link(self) -> SendLink | None:
        """Sends links that patients share; None where this node sends nothing."""
        return self.now.share if self.send_code is not None else None


def build_outlets(settings: Settings, *, clock: Clock, entropy: Entropy) -> Outlets:
    """Build it from the settings; nothing is connected yet."""
    texts, server = gateway(settings), mail_server(settings)
    sender = Channels(
        mailer=Mailer(server, now=lambda: clock.now_ms() / 1000) if server else None,
        gateway=TextGateway(texts) if texts else None,
        recognises=texts is not None and texts.recognises,
    )
    appearance = Appearance(
        settings.messages_practice or settings.name, settings.messages_phone or settings.contact
    )
    return Outlets(
        sender=sender,
        now=SendingNow(
            sender=sender, wording=PackagedWording(), entropy=entropy, appearance=appearance
        ),
        appearance=appearance,
    )


def build_messages(
    settings: Settings,
    *,
    catalog: Catalog,
    journal: Journal,
    clock: Clock,
    entropy: Entropy,
    patient_links: PatientLinks,
    outlets: Outlets,
    queueing: Queueing,
) -> MessageParts:
    """Build what queues messages, and knows where patients want their links."""
    links = HandedOutLinks(patient_links)
    messaging = Messaging(
        catalog=catalog,
        journal=journal,
        clock=clock,
        entropy=entropy,
        sender=outlets.sender,
        wording=PackagedWording(),
        links=links,
        appearance=outlets.appearance,
    )
    use_notices = UseNotices(catalog=catalog, journal=journal, clock=clock, messaging=messaging)
    reaching = Reaching(
        catalog=catalog,
        journal=journal,
        clock=clock,
        sender=outlets.sender,
        links=links,
        printer=ApartPrinter(settings.messages_paper),
        appearance=outlets.appearance,
    )
    return MessageParts(
        messaging=messaging,
        reaching=reaching,
        use_notices=use_notices,
        emergencies=Emergencies(
            catalog=catalog,
            queueing=queueing,
            messaging=messaging,
            told=settings.messages_emergency,
        ),
        uses={
            "messaging": messaging,
            "reaching": reaching,
            "sending_now": outlets.now,
            "use_notices": use_notices,
        },
        duties=(
            Duty("announcing links", _ANNOUNCE_SECONDS, messaging.announce),
            Duty("sending messages", _SEND_SECONDS, messaging.work),
            Duty("reminding patients", _REMIND_SECONDS, messaging.remind),
            Duty("telling patients of uses", _TELL_SECONDS, use_notices.tell),
            Duty("forgetting finished messages", _FORGET_SECONDS, messaging.forget),
            Duty(
                "forgetting what became of copies",
                _FORGET_SECONDS,
                lambda: queueing.forget(PERMISSION_ENDED, KEPT_MS),
            ),
        ),
    )
