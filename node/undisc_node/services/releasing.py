"""What follows from a yes without anybody clicking: studies are released, practices get grants.

Each study of a visit is released by itself, by the practice's rule. Then every practice that the
patient names gets a direct grant on it, once, with the hash of the consent. What cannot be done yet
(a practice that is not trusted, a study that is held) is tried again; after a crash the same rounds
find the same work. While a restore is not confirmed nothing is granted: a withdrawal may be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.consent_rows import Consent, Recipient, Visit, VisitGrant, VisitStudy
from undisc_node.services.consent_rows import Decider as Who
from undisc_node.services.errors import Conflict, NotFound, ServiceError
from undisc_node.services.grant_making import signed_grant
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.model import Basis, Grant, Peer, PeerState, Study, StudyState
from undisc_node.services.offering import Offering
from undisc_node.services.ports import Catalog, Clock, Entropy, Records
from undisc_node.services.standing import is_unconfirmed
from undisc_node.services.visiting import Visiting
from undisc_protocol import limits
from undisc_protocol.capability.delegation import Meta

_MINUTE_MS: Final = 60_000
_REMEMBERED: Final = 4_096  # studies without a final report, so that each is read once as it is
_NODE: Final = "undisc-node"
PURPOSE: Final = "named by the patient"


class When(StrEnum):
    """When a study of a visit is released."""

    MINUTES = "minutes"  # some minutes after it settled
    REPORT = "report"  # when its report is final
    CLICK = "click"  # when somebody says so


@dataclass(frozen=True, slots=True)
class ReadyOffer:
    """An offer for a practice that the patient named.

    Attributes:
        made: For whom and what.
        grant: The grant.
        offer: The offer, signed a moment ago.
    """

    made: VisitGrant
    grant: Grant
    offer: bytes


class Releasing:
    """Releases the studies of visits.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        entropy: Nonces.
        own: Who we are.
        offering: Makes offers.
        visiting: Knows whether a study still agrees with its visit.
        has_final_report: Tells whether a study has a report that is final.
        when: The practice's rule.
        minutes: How many, for `minutes`.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        own: OwnIdentity,
        offering: Offering,
        visiting: Visiting,
        has_final_report: Callable[[bytes], bool],
        when: When,
        minutes: int,
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._entropy = entropy
        self._own = own
        self._offering = offering
        self._visiting = visiting
        self._has_final_report = has_final_report
        self._when = when
        self._minutes_ms = minutes * _MINUTE_MS
        self._unreported: dict[bytes, int] = {}  # study -> its latest arrival when it had none

    # --- By itself --------------------------------------------------------------------------------

    def release_due(self) -> int:
        """Release what is due and grant what is released; return how many grants were made.

        Raises:
            ServiceError: Something of it failed; the rest was done, and the next round tries again.
        """
        with self._catalog.look() as records:
            if is_unconfirmed(records):
                return 0
            rows = [(row, records.studies.get(row.study)) for row in records.visits.unfinished()]
        made, problem = 0, None
        for row, study in rows:
            try:
                if study is None or row.released_ms is not None or self._is_due(study):
                    made += self._advance(row)
            except ServiceError as failure:
                problem = failure
        if problem is not None:
            raise problem
        return made

    def _is_due(self, study: Study) -> bool:
        if study.settled_ms is None or study.state is not StudyState.ACTIVE:
            return False
        match self._when:
            case When.MINUTES:
                return self._clock.now_ms() >= study.settled_ms + self._minutes_ms
            case When.REPORT:
                return self._is_reported(study)
            case When.CLICK:
                return False

    def _is_reported(self, study: Study) -> bool:
        if self._unreported.get(study.id) == study.arrived_ms:
            return False
        if self._has_final_report(study.id):
            self._unreported.pop(study.id, None)
            return True
        if len(self._unreported) >= _REMEMBERED:
            self._unreported.clear()
        self._unreported[study.id] = study.arrived_ms
        return False

    def _advance(self, row: VisitStudy) -> int:
        """Take a study as far as it can go now; a round that changes nothing writes nothing."""
        with self._catalog.look() as records:
            if row.released_ms is not None and not self._has_work(records, row):
                return 0
        with self._catalog.change() as records:
            if is_unconfirmed(records):
                return 0
            return self._go_on(records, row)

    def _has_work(self, records: Records, row: VisitStudy) -> bool:
        study, visit = records.studies.get(row.study), records.visits.get(row.visit)
        consent = records.consents.get(visit.consent) if visit else None
        if study is None or consent is None or not consent.holds(self._clock.now_ms()):
            return True
        if study.state is not StudyState.ACTIVE:
            return False
        wanted = list(_ungranted(records, row, consent))
        return not wanted or any(_may_fetch(peer) for _, peer in wanted)

    def _go_on(self, records: Records, row: VisitStudy) -> int:
        now_ms = self._clock.now_ms()
        study, visit = records.studies.get(row.study), records.visits.get(row.visit)
        consent = records.consents.get(visit.consent) if visit else None
        current = next(
            (one for one in records.visits.studies(row.visit) if one.study == row.study), row
        )
        if not current.belongs or current.done_ms is not None:
            return 0
        if study is None or visit is None or consent is None or not consent.holds(now_ms):
            records.visits.put_study(replace(current, done_ms=now_ms))
            return 0
        if study.state is not StudyState.ACTIVE:
            return 0
        if not current.by and not self._visiting.fits(records, visit, study):
            self._visiting.let_wait(records, visit, study)  # it was corrected since it joined
            return 0
        if current.released_ms is None:
            current = replace(current, released_ms=now_ms)
            self._note(records, visit, study, _NODE)
        made = self._grant(records, current, study, consent)
        left = any(True for _ in _ungranted(records, current, consent))
        records.visits.put_study(replace(current, done_ms=None if left else now_ms))
        return made

    def _grant(self, records: Records, row: VisitStudy, study: Study, consent: Consent) -> int:
        made = 0
        for recipient, peer in list(_ungranted(records, row, consent)):
            if peer is None or not _may_fetch(peer):
                continue
            grant = self._signed(study, consent, recipient, peer)
            records.grants.add(grant)
            records.visits.add_grant(VisitGrant(row.visit, study.id, peer.id, grant.id))
            self._journal.note(
                records,
                "grant.created",
                who=auditing.user(_NODE),
                what=[*auditing.about_study(study), auditing.about_security("grant", grant.id)],
                why=PURPOSE,
                detail={
                    "basis": grant.basis.value,
                    "staff": grant.staff,
                    "audience": grant.audience,
                    "command": grant.command,
                    "consent": consent.id.hex(),
                },
            )
            made += 1
        return made

    def _signed(self, study: Study, consent: Consent, recipient: Recipient, peer: Peer) -> Grant:
        said, now_ms = consent.statement, self._clock.now_ms()
        assert said.ends is not None  # noqa: S101 - `holds` was asked
        basis = Basis.PATIENT if said.decider is Who.SELF else Basis.PROXY
        return signed_grant(
            self._own,
            audience=peer.did,
            study=study.id,
            command=recipient.command,
            meta=Meta(basis=basis, consent=consent.id),
            nonce=self._entropy.random(limits.MIN_NONCE),
            expires=min(said.ends, now_ms // 1000 + limits.GRANT_LIFETIME),
            staff=said.witness,
            purpose=PURPOSE,
            now_ms=now_ms,
        )

    # --- A person decides -------------------------------------------------------------------------

    def release(self, visit_id: bytes, actor: str) -> int:
        """Release every study of a visit now; return how many were not released before.

        Raises:
            NotFound: No such visit.
            Conflict: There is nothing to release, or no consent to release it on.
        """
        now_ms = self._clock.now_ms()
        with self._catalog.change() as records:
            visit = records.visits.get(visit_id)
            if visit is None:
                raise NotFound("no such visit")
            consent = records.consents.get(visit.consent)
            if consent is None or not consent.holds(now_ms):
                raise Conflict(
                    "the patient said no, or the consent has ended or was withdrawn",
                    code="consent_ended",
                    hint="record a new consent: undisc consents record",
                )
            rows = [row for row in records.visits.studies(visit_id) if row.belongs]
            if not rows:
                raise Conflict(
                    "no study belongs to this visit yet",
                    code="visit_empty",
                    hint="it joins by itself when it settles, or waits: undisc queue list",
                )
            fresh = [row for row in rows if row.released_ms is None]
            for row in fresh:
                records.visits.put_study(replace(row, released_ms=now_ms, released_by=actor))
                study = records.studies.get(row.study)
                if study is not None:
                    self._note(records, visit, study, actor)
        self.release_due()
        return len(fresh)

    def offers(self, visit_id: bytes) -> Sequence[ReadyOffer]:
        """Make the offers of a visit's grants that can be used now."""
        now = self._clock.now_ms() // 1000
        with self._catalog.look() as records:
            suspended = records.restored.suspended()
            found = [
                (made, grant)
                for made in records.visits.grants(visit_id)
                if (grant := records.grants.get(made.grant)) is not None
                and grant.revoked_ms is None
                and grant.expires > now
                and grant.id not in suspended
            ]
        return [
            ReadyOffer(made, grant, self._offering.make([grant.token])) for made, grant in found
        ]

    def _note(self, records: Records, visit: Visit, study: Study, actor: str) -> None:
        self._journal.note(
            records,
            "visit.released",
            who=auditing.user(actor),
            what=[
                *auditing.about_study(study),
                auditing.about_security("consent", visit.consent),
            ],
            detail={"visit": visit.id.hex()},
        )


def _may_fetch(peer: Peer | None) -> bool:
    return peer is not None and peer.state is PeerState.TRUSTED and "fetch" in peer.scopes


def _ungranted(
    records: Records, row: VisitStudy, consent: Consent
) -> Iterator[tuple[Recipient, Peer | None]]:
    """Yield the named practices that have no grant yet and may still get one."""
    granted = {one.node for one in records.visits.grants(row.visit) if one.study == row.study}
    for recipient in consent.statement.recipients:
        peer = records.peers.get(recipient.node)
        is_gone = peer is None or peer.state is PeerState.REVOKED
        if recipient.node not in granted and not is_gone:
            yield recipient, peer
