"""Where a patient wants the link of a visit: taken down at check-in, changed, printed.

E-mail and text messages are not encrypted: whoever chooses them has to accept that first (45 CFR
164.524, HHS FAQ 2060), and the log says that they did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.consent_rows import Decision, Visit
from undisc_node.services.contacts import Contact
from undisc_node.services.desk_rows import Channel, ChannelKind
from undisc_node.services.errors import Conflict, Invalid, NotFound
from undisc_node.services.ports import (
    Catalog,
    Clock,
    DrawsPrintouts,
    KnowsVisitLinks,
    Records,
    SendsMessages,
)
from undisc_node.services.sending_now import Appearance


class Reaching:
    """Takes down where patients want their links, and prints them.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        sender: Knows on which channels something can be sent.
        links: Knows the links of visits.
        printer: Draws sheets.
        appearance: How the practice shows itself.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        clock: Clock,
        sender: SendsMessages,
        links: KnowsVisitLinks,
        printer: DrawsPrintouts,
        appearance: Appearance,
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._sender = sender
        self._links = links
        self._printer = printer
        self._appearance = appearance

    def check(self, contacts: Sequence[Contact], *, warned: bool) -> None:
        """Check where a link is to go before anything is recorded.

        Args:
            contacts: As `contacts.read_contact` made them.
            warned: Whether the patient accepted that these ways are not encrypted.

        Raises:
            Invalid: Too many, or the warning was not accepted.
            Conflict: This node cannot send anything on one of the channels.
        """
        if len({one.channel for one in contacts}) < len(contacts):
            raise Invalid("a link goes to one e-mail address and one number at most")
        open_ways = [one for one in contacts if one.channel is not ChannelKind.PRINT]
        for one in open_ways:
            if not self._sender.carries(one.channel):
                raise Conflict(
                    f"this node cannot send anything by {one.channel}",
                    code="channel_not_set",
                    hint="an administrator sets it up: docs/howto/deliver-links.md",
                )
        if open_ways and not warned:
            raise Invalid(
                "e-mail and text messages are not encrypted, and the patient has not accepted that",
                code="not_warned",
                hint="read the warning to them, or print the link",
            )

    def choose(
        self, visit_id: bytes, contacts: Sequence[Contact], *, warned: bool, actor: str
    ) -> Sequence[Channel]:
        """Take down where the link of a visit is to go; replaces what was said before.

        Raises:
            Invalid: As `check`.
            Conflict: As `check`, or the visit has no link because the patient said no.
            NotFound: No such visit.
        """
        self.check(contacts, warned=warned)
        with self._catalog.change() as records:
            visit = records.visits.get(visit_id)
            if visit is None:
                raise NotFound("no such visit")
            return self.choose_within(records, visit, contacts, actor=actor)

    def choose_within(
        self, records: Records, visit: Visit, contacts: Sequence[Contact], *, actor: str
    ) -> Sequence[Channel]:
        """Take it down within the change that records the consent; `check` was called before."""
        if visit.decision is Decision.NO or visit.closed_ms is not None:
            raise Conflict(
                "nothing is sent for this visit: the patient said no, or took the consent back",
                code="consent_ended",
            )
        consent = records.consents.get(visit.consent)
        language = consent.statement.language if consent else "en"
        now_ms = self._clock.now_ms()
        for kind in ChannelKind:
            records.wishes.drop_channel(visit.id, kind)
        for one in contacts:
            is_plain = one.channel is not ChannelKind.PRINT
            records.wishes.put_channel(
                Channel(
                    visit=visit.id,
                    kind=one.channel,
                    address=one.to,
                    language=language,
                    accepted_ms=now_ms if is_plain else None,
                    by=actor,
                    at_ms=now_ms,
                )
            )
        ways = ", ".join(sorted(one.channel for one in contacts))
        self._note(records, "visit.contacts", visit, actor, ways)
        return records.wishes.channels(visit.id)

    def contacts(self, visit_id: bytes) -> Sequence[Channel]:
        """List where the link of a visit goes."""
        with self._catalog.look() as records:
            return records.wishes.channels(visit_id)

    def printed(self, visit_id: bytes, language: str, actor: str) -> bytes:
        """Draw the sheet that opens a visit.

        Args:
            visit_id: The visit.
            language: BCP 47 tag; empty for the language of the consent.
            actor: Who prints it.

        Raises:
            NotFound: No such visit.
            Conflict: It has no link that could be handed out.
        """
        with self._catalog.look() as records:
            visit = records.visits.get(visit_id)
            consent = records.consents.get(visit.consent) if visit else None
        if visit is None or consent is None:
            raise NotFound("no such visit")
        link = self._links.link_of(visit_id)
        if link is None:
            raise Conflict(
                "the visit has no link to hand out: nothing was released yet, or it was claimed",
                code="no_visit_link",
                hint="see what it waits for: undisc visits show",
            )
        sheet = self._printer.draw(
            language or consent.statement.language,
            replace(
                self._appearance.facts,
                link=link.text,
                page=link.page,
                code=link.code,
                ends=link.expires,
                pin=link.pin,
            ),
        )
        with self._catalog.change() as records:
            self._note(records, "visit.printed", visit, actor, "print")
        return sheet

    def _note(self, records: Records, kind: str, visit: Visit, actor: str, ways: str) -> None:
        self._journal.note(
            records,
            kind,
            who=auditing.user(actor),
            what=[auditing.about_security("consent", visit.consent)],
            detail={"visit": visit.id.hex(), "ways": ways},
        )
