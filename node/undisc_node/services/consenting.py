"""The decision at check-in: recorded once, signed, and withdrawn as easily as given.

A yes opens a visit, to which studies belong that come now or later. A no is a record too: it also
opens a visit, whose studies are sent to nobody and leave. A withdrawal ends, in one change, every
grant that names the consent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from undisc_node.services import auditing, consent_rules, consent_statement
from undisc_node.services.auditing import Journal
from undisc_node.services.consent_rows import (
    Consent,
    ConsentText,
    Decision,
    Recipient,
    Statement,
    Visit,
)
from undisc_node.services.consent_rules import Wish
from undisc_node.services.errors import Conflict, Invalid, NotFound
from undisc_node.services.finding import by_prefix
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.model import Grant, PeerState
from undisc_node.services.ports import Catalog, Clock, ConsentTexts, Entropy, Records
from undisc_node.services.revoking import revoke_within
from undisc_node.services.visit_matching import same_person
from undisc_node.services.visiting import Visiting
from undisc_protocol.capability.delegation import COMMAND_READ, COMMAND_VIEW, read_delegation
from undisc_protocol.log import Subject

_ID_DIGITS: Final = 64  # hex digits of a consent's id
MAX_WHY: Final = 500  # characters of a reason for a withdrawal; fits a line of the log


Also = Callable[[Records, Consent, Visit], None]
"""Something that is recorded together with a decision, or not at all."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What a withdrawal ended.

    Attributes:
        consent: The consent, withdrawn.
        grants: Grants that were ended by it now.
    """

    consent: Consent
    grants: Sequence[Grant]


class Consenting:
    """Records consents and takes them back.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        entropy: Ids and salts.
        own: Who we are.
        texts: What people are shown.
        visiting: Joins studies to what is opened.
        days: How long a consent lasts when nothing else is said.
        majority_years: At which age a person decides alone.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        own: OwnIdentity,
        texts: ConsentTexts,
        visiting: Visiting,
        days: int,
        majority_years: int,
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._entropy = entropy
        self._own = own
        self._texts = texts
        self._visiting = visiting
        self._days = days
        self._majority_years = majority_years

    # --- Texts ------------------------------------------------------------------------------------

    def texts(self) -> Sequence[ConsentText]:
        """List the texts that are shown now, one for each language."""
        found = (self._texts.get(language) for language in self._texts.languages())
        return [text for text in found if text is not None]

    def text(self, language: str) -> ConsentText:
        """Return the text that is shown now in a language.

        Raises:
            NotFound: There is none in this language.
        """
        text = self._texts.get(language)
        if text is None:
            known = ", ".join(self._texts.languages())
            raise NotFound(
                "there is no text in that language", code="no_text", hint=f"there is: {known}"
            )
        return text

    # --- Deciding ---------------------------------------------------------------------------------

    def check(self, wish: Wish) -> int:
        """Check a decision that is about to be asked for; return when a yes would end, seconds.

        Raises:
            Invalid: Something is missing, or cannot be.
        """
        now_ms = self._clock.now_ms()
        today = self._today(now_ms)
        consent_rules.check(wish, today)
        consent_rules.scope_of(wish, today)
        return consent_rules.end_of(
            wish, now=now_ms // 1000, days=self._days, majority_years=self._majority_years
        )

    def record(self, wish: Wish, actor: str, also: Also | None = None) -> tuple[Consent, Visit]:
        """Record a decision and open its visit; durable on return.

        Args:
            wish: What was decided.
            actor: Who takes it down.
            also: What else is true with it, done within the same change.

        Raises:
            Invalid: Something is missing, or cannot be.
            NotFound: There is no text in that language.
            Conflict: A no, while a yes about the same order stands.
        """
        now_ms = self._clock.now_ms()
        today = self._today(now_ms)
        consent_rules.check(wish, today)
        text = self.text(wish.language)
        consent = consent_statement.sign(self._statement(wish, text, today, now_ms), self._own.key)
        said = consent.statement
        visit = Visit(
            id=self._entropy.random(16),
            consent=consent.id,
            decision=said.decision,
            patient=said.patient,
            scope=said.scope,
            opened_ms=now_ms,
        )
        with self._catalog.change() as records:
            if said.decision is Decision.NO:
                self._check_no(records, visit)
            self._check_recipients(records, said.recipients)
            records.consents.add_text(text)
            records.consents.add(consent)
            records.visits.put(visit)
            self._note(records, "consent.recorded", consent, actor)
            self._visiting.opened(records, visit)
            if also is not None:
                also(records, consent, visit)
        return consent, visit

    def _statement(self, wish: Wish, text: ConsentText, today: date, now_ms: int) -> Statement:
        ends = None
        if wish.decision is Decision.YES:
            ends = consent_rules.end_of(
                wish, now=now_ms // 1000, days=self._days, majority_years=self._majority_years
            )
        return Statement(
            practice=self._own.identity.node_id,
            decision=wish.decision,
            patient=wish.patient,
            decider=wish.decider,
            decider_name=wish.decider_name or wish.patient.name,
            authority=wish.authority.strip(),
            scope=consent_rules.scope_of(wish, today),
            recipients=tuple(
                Recipient(peer.id, peer.name, command) for peer, command in wish.recipients
            ),
            language=text.language,
            version=text.version,
            text=text.hash,
            method=wish.method,
            witness=wish.witness.strip(),
            evidence=wish.evidence.strip(),
            at_ms=now_ms,
            ends=ends,
            salt=self._entropy.random(32),
        )

    def _check_no(self, records: Records, visit: Visit) -> None:
        """Let nobody believe that a no ends an earlier yes: a withdrawal does, and says what."""
        for accession in visit.scope.orders:
            for other in records.visits.open_for("", accession):
                consent = records.consents.get(other.consent)
                stands = consent is not None and consent.holds(self._clock.now_ms())
                if stands and same_person(other.patient, visit.patient):
                    raise Conflict(
                        "a yes about the same order stands",
                        code="consent_stands",
                        hint=f"take it back: undisc consents withdraw {other.consent.hex()[:8]}",
                    )

    @staticmethod
    def _check_recipients(records: Records, recipients: Sequence[Recipient]) -> None:
        for one in recipients:
            if one.command not in (COMMAND_READ, COMMAND_VIEW):
                raise Invalid(f"a practice may {COMMAND_READ} or {COMMAND_VIEW}")
            peer = records.peers.get(one.node)
            if peer is None or peer.state is PeerState.REVOKED:
                raise Conflict(
                    "a named practice is no peer of this node, or was revoked",
                    code="peer_not_trusted",
                    hint="see them with `undisc peers list`",
                )

    def withdraw(self, consent_id: bytes, why: str, actor: str) -> Withdrawn:
        """Take a consent back, and everything that rests on it; again changes nothing.

        Raises:
            NotFound: No such consent.
        """
        now_ms = self._clock.now_ms()
        with self._catalog.change(vital=True) as records:
            consent = records.consents.get(consent_id)
            if consent is None:
                raise NotFound("no such consent")
            if consent.withdrawn_ms is not None:
                return Withdrawn(consent, ())
            records.consents.withdraw(consent_id, now_ms, actor, why.strip()[:MAX_WHY])
            visit = records.visits.of_consent(consent_id)
            ended = self._end(records, consent_id, visit, actor, now_ms) if visit else ()
            withdrawn = records.consents.get(consent_id) or consent
            self._note(records, "consent.withdrawn", withdrawn, actor, grants=len(ended))
        return Withdrawn(withdrawn, ended)

    def _end(
        self, records: Records, consent_id: bytes, visit: Visit, actor: str, now_ms: int
    ) -> Sequence[Grant]:
        ended = []
        for row in records.visits.studies(visit.id):
            if row.done_ms is None:
                records.visits.put_study(replace(row, done_ms=now_ms))
            for grant in records.grants.list(study=row.study):
                meta = read_delegation(grant.token).meta
                if grant.revoked_ms is None and meta is not None and meta.consent == consent_id:
                    ended.append(revoke_within(records, self._journal, grant, actor, now_ms))
        records.visits.put(replace(visit, closed_ms=now_ms))
        self._visiting.closed(records, visit)
        return ended

    # --- Showing ----------------------------------------------------------------------------------

    def find(self, prefix: str) -> Consent:
        """Return a consent by a unique beginning of its id.

        Raises:
            NotFound: None.
            Conflict: Several.
        """
        wanted = prefix.strip().lower()
        usable = 0 < len(wanted) <= _ID_DIGITS and set(wanted) <= set("0123456789abcdef")
        with self._catalog.look() as records:
            rows = records.consents.starting(wanted) if usable else []
        return by_prefix(wanted, rows, "consent")

    def list(self, patient: str, limit: int) -> Sequence[Consent]:
        """List consents, newest first."""
        with self._catalog.look() as records:
            return records.consents.list(patient=patient, limit=limit)

    def text_of(self, consent: Consent) -> ConsentText:
        """Return the very words that a consent was about.

        Raises:
            NotFound: They are not on record.
        """
        with self._catalog.look() as records:
            text = records.consents.text(consent.statement.text)
        if text is None:
            raise NotFound("the text of this consent is not on record", code="no_text")
        return text

    @staticmethod
    def _today(now_ms: int) -> date:
        return datetime.fromtimestamp(now_ms / 1000).astimezone().date()

    def _note(
        self, records: Records, kind: str, consent: Consent, actor: str, **detail: int
    ) -> None:
        said = consent.statement
        patient = Subject(kind=1, role=1, idtype="2", id=said.patient.id, name="")
        self._journal.note(
            records,
            kind,
            who=auditing.user(actor),
            what=[patient, auditing.about_security("consent", consent.id)],
            why=consent.withdrawn_why,
            detail={
                "decision": said.decision.value,
                "decider": said.decider.value,
                "witness": said.witness,
                "text": f"{said.language} {said.version}",
                **detail,
            },
        )
