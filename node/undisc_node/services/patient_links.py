"""The link that a visit with a yes gives to its patient: made at release, sealed until claimed.

One link for each visit. Its key, P0, is the audience of a grant (`/img`) on every released study,
also on those that join later. Secret and code are kept sealed until somebody claims the link, so
that delivery can be tried again and the desk can print it again; then nobody here has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.consent_rows import Consent, Decider, Visit
from undisc_node.services.desk_rows import VisitPin
from undisc_node.services.errors import Conflict, NotFound, ServiceError
from undisc_node.services.grant_making import signed_grant
from undisc_node.services.identity import OwnIdentity
from undisc_node.services.model import Basis, Grant, StudyState
from undisc_node.services.passcodes import Passcodes
from undisc_node.services.patient_rows import KeyKind, PatientGrant, PatientKey
from undisc_node.services.ports import Catalog, Clock, Entropy, Records
from undisc_node.services.revoking import revoke_within
from undisc_node.services.standing import is_unconfirmed
from undisc_protocol import limits
from undisc_protocol.capability.delegation import COMMAND_ALL, Meta
from undisc_protocol.did import Did
from undisc_protocol.keys import (
    KEY_SIZE,
    SEAL_NONCE,
    code_handle,
    link_key,
    open_patient_link,
    seal_patient_link,
)
from undisc_protocol.link import write_link
from undisc_protocol.link_code import CODE_RANDOM, write_code
from undisc_protocol.log import Subject

_NODE: Final = "undisc-node"
_ROUND: Final = 200  # visits and grants of one round; the next one is seconds later
_PIN_DIGITS: Final = 6
PURPOSE: Final = "the patient's own copy and shares"


@dataclass(frozen=True, slots=True)
class Handout:
    """What is handed to a patient. Never log it.

    Attributes:
        visit: The visit's id.
        link: The link as text.
        code: What is typed where a link cannot be clicked.
        expires: Until when it opens something, seconds; 0 if nothing is granted to it yet.
        language: In which the patient was asked, such as `es`.
    """

    visit: bytes
    link: str = field(repr=False)
    code: str = field(repr=False)
    expires: int
    language: str


@dataclass(frozen=True, slots=True)
class PatientAccess:
    """How a patient gets in.

    Attributes:
        keys: The visit's keys, oldest first.
        pin: The PIN's row, or None when none was chosen.
    """

    keys: Sequence[PatientKey]
    pin: VisitPin | None

    @property
    def link(self) -> PatientKey | None:
        """The link that can be handed out, or None: none was made, or it was claimed."""
        return next((one for one in reversed(self.keys) if one.sealed is not None), None)

    @property
    def claimed_ms(self) -> int | None:
        """When a browser took the link over for the last time, or None."""
        browsers = [one for one in self.keys if one.kind is KeyKind.BROWSER]
        return browsers[-1].created_ms if browsers else None


class PatientLinks:
    """Makes, hands out and replaces patients' links.

    Args:
        catalog: Rows.
        journal: The log.
        clock: Time.
        entropy: Secrets, codes, nonces.
        own: Who we are; its first address stands in links.
        passcodes: Hashes PINs.
        key_encryption_key: Seals what waits to be claimed.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        own: OwnIdentity,
        passcodes: Passcodes,
        key_encryption_key: bytes,
    ) -> None:
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._entropy = entropy
        self._own = own
        self._passcodes = passcodes
        self._kek = key_encryption_key

    # --- By itself --------------------------------------------------------------------------------

    def make_due(self) -> int:
        """Make the links of visits that were released, and the grants they lack; count both.

        Raises:
            ServiceError: Something of it failed; the rest was done, and the next round tries again.
        """
        with self._catalog.look() as records:
            if is_unconfirmed(records):
                return 0
            visits = records.patients.keyless(limit=_ROUND)
        made, problem = 0, None
        for visit in visits if self._own.urls else ():
            try:
                made += self._first_link(visit)
            except ServiceError as failure:
                problem = failure
        with self._catalog.look() as records:
            wanted = records.patients.ungranted(limit=_ROUND)
        for did, study in wanted:
            try:
                made += self._grant_one(did, study)
            except ServiceError as failure:
                problem = failure
        if problem is not None:
            raise problem
        return made

    def _first_link(self, visit_id: bytes) -> int:
        with self._catalog.change() as records:
            visit = records.visits.get(visit_id)
            consent = _consent_of(records, visit)
            if visit is None or consent is None or not consent.holds(self._clock.now_ms()):
                return 0
            if records.patients.keys(visit_id):
                return 0
            self._add_link(records, visit, _NODE)
        return 1

    def _grant_one(self, did: Did, study_id: bytes) -> int:
        with self._catalog.look() as records:
            study = records.studies.get(study_id)
            if study is None or study.state is not StudyState.ACTIVE:
                return 0
        with self._catalog.change() as records:
            key = records.patients.key(did)
            if is_unconfirmed(records) or key is None or key.retired_ms is not None:
                return 0
            return self.grant_within(records, did, key.visit, study_id)

    def grant_within(self, records: Records, did: Did, visit_id: bytes, study_id: bytes) -> int:
        """Grant a study of a visit to a key within an open change; return 1 if it was done."""
        grant = self.grant_to(records, did, visit_id, study_id, PURPOSE, _NODE)
        if grant is None:
            return 0
        records.patients.add_grant(PatientGrant(did, study_id, grant.id))
        return 1

    def grant_to(
        self,
        records: Records,
        did: Did,
        visit_id: bytes,
        study_id: bytes,
        purpose: str,
        actor: str,
    ) -> Grant | None:
        """Grant a study of a visit on its consent to any key; None when nothing can be granted."""
        now_ms = self._clock.now_ms()
        visit, study = records.visits.get(visit_id), records.studies.get(study_id)
        consent = _consent_of(records, visit)
        if study is None or study.state is not StudyState.ACTIVE:
            return None
        if consent is None or not consent.holds(now_ms):
            return None
        said = consent.statement
        assert said.ends is not None  # noqa: S101 - `holds` was asked
        grant = signed_grant(
            self._own,
            audience=did,
            study=study_id,
            command=COMMAND_ALL,
            meta=Meta(
                basis=Basis.PATIENT if said.decider is Decider.SELF else Basis.PROXY,
                consent=consent.id,
            ),
            nonce=self._entropy.random(limits.MIN_NONCE),
            expires=min(said.ends, now_ms // 1000 + limits.GRANT_LIFETIME),
            staff=said.witness,
            purpose=purpose,
            now_ms=now_ms,
        )
        records.grants.add(grant)
        self._journal.note(
            records,
            "grant.created",
            who=auditing.user(actor),
            what=[*auditing.about_study(study), auditing.about_security("grant", grant.id)],
            why=purpose,
            detail={
                "basis": grant.basis.value,
                "staff": grant.staff,
                "audience": did,
                "command": grant.command,
                "consent": consent.id.hex(),
            },
        )
        return grant

    def _add_link(self, records: Records, visit: Visit, actor: str) -> PatientKey:
        secret = self._entropy.random(KEY_SIZE)
        code = write_code(self._entropy.random(CODE_RANDOM))
        did = link_key(secret).did
        key = PatientKey(
            did=did,
            visit=visit.id,
            kind=KeyKind.LINK,
            sealed=seal_patient_link(
                self._kek, secret, code, link=did, nonce=self._entropy.random(SEAL_NONCE)
            ),
            handle=code_handle(self._kek, code),
            software=False,
            created_ms=self._clock.now_ms(),
        )
        records.patients.add_key(key)
        self.note(records, "patient_link.made", key, actor)
        return key

    # --- Handing out ------------------------------------------------------------------------------

    def access(self, visit_id: bytes) -> PatientAccess:
        """Return how the patient of a visit gets in."""
        with self._catalog.look() as records:
            return PatientAccess(records.patients.keys(visit_id), records.wishes.pin(visit_id))

    def handout(self, visit_id: bytes) -> Handout:
        """Return what is handed to the patient of a visit.

        Raises:
            NotFound: `no_link`: nothing was released yet.
            Conflict: `link_claimed`: a browser has taken it over; the desk makes a new one.
        """
        keys = self.access(visit_id)
        if not keys.keys:
            raise NotFound(
                "the visit has no link yet",
                code="no_link",
                hint="it is made when the first study is released: undisc visits release",
            )
        if keys.link is None or keys.link.sealed is None:
            raise Conflict(
                "the link was claimed by the patient's browser, and is not kept here any more",
                code="link_claimed",
                hint="make a new one: undisc visits link VISIT --new",
            )
        did = keys.link.did
        secret, code = open_patient_link(self._kek, keys.link.sealed, link=did)
        with self._catalog.look() as records:
            grants = [records.grants.get(one.grant) for one in records.patients.grants(did)]
            consent = _consent_of(records, records.visits.get(visit_id))
        return Handout(
            visit=visit_id,
            link=write_link(self._own.urls[0], secret),
            code=code,
            expires=max((one.expires for one in grants if one), default=0),
            language=consent.statement.language if consent else "en",
        )

    def reissue(self, visit_id: bytes, actor: str) -> Handout:
        """Make a new link for a visit: lost phone, lost letter, wrong address.

        An earlier link that nobody claimed is ended at once: somebody else may have it. A browser's
        key stays until the new link is claimed, and shares stay alive.

        Raises:
            NotFound: No such visit.
            Conflict: There is no consent to give something on, or the node has no address.
        """
        now_ms = self._clock.now_ms()
        if not self._own.urls:
            raise Conflict(
                "the node has no address under which a browser reaches it",
                code="no_address",
                hint="set public.urls",
            )
        with self._catalog.change() as records:
            visit = records.visits.get(visit_id)
            consent = _consent_of(records, visit)
            if visit is None:
                raise NotFound("no such visit")
            if consent is None or not consent.holds(now_ms):
                raise Conflict(
                    "the patient said no, or the consent has ended or was withdrawn",
                    code="consent_ended",
                    hint="record a new consent: undisc consents record",
                )
            for key in records.patients.keys(visit_id):
                if key.kind is KeyKind.LINK and key.ended_ms is None:
                    self.end_within(records, key, actor)
            made = self._add_link(records, visit, actor)
            for row in records.visits.studies(visit_id):
                if row.belongs and row.released_ms is not None:
                    self.grant_within(records, made.did, visit_id, row.study)
        return self.handout(visit_id)

    def end_within(self, records: Records, key: PatientKey, actor: str) -> None:
        """End a key that somebody else may have: its sessions, and its grants with their shares."""
        now_ms = self._clock.now_ms()
        records.patients.retire(key.did, now_ms, ended=True)
        records.browsing.close_of_link(key.did, now_ms)
        for made in records.patients.grants(key.did):
            grant = records.grants.get(made.grant)
            if grant is not None:
                revoke_within(records, self._journal, grant, actor, now_ms)
        self.note(records, "patient_link.ended", key, actor)

    # --- PIN --------------------------------------------------------------------------------------

    def set_pin(self, visit_id: bytes, pin: str, actor: str) -> None:
        """Set the PIN of a visit, also before there is a link; attempts begin anew.

        Raises:
            NotFound: No such visit.
            Invalid: Too short or too long.
        """
        kept = self._passcodes.keep(pin)
        with self._catalog.change() as records:
            visit = records.visits.get(visit_id)
            if visit is None:
                raise NotFound("no such visit")
            records.wishes.put_pin(VisitPin(visit_id, kept))
            self._note_visit(records, "patient_link.pin_set", visit, actor)

    def draw_pin(self, visit_id: bytes, actor: str) -> str:
        """Set a random PIN of six digits, and return it; it is shown once."""
        drawn = int.from_bytes(self._entropy.random(8), "big") % 10**_PIN_DIGITS
        pin = f"{drawn:0{_PIN_DIGITS}}"
        self.set_pin(visit_id, pin, actor)
        return pin

    def reopen(self, visit_id: bytes, actor: str) -> None:
        """Allow new attempts at the PIN, after too many wrong ones.

        Raises:
            NotFound: No PIN was chosen.
        """
        with self._catalog.change() as records:
            visit = records.visits.get(visit_id)
            if visit is None or records.wishes.pin(visit_id) is None:
                raise NotFound("the visit has no PIN", hint="set one: undisc visits pin VISIT")
            records.wishes.reopen(visit_id)
            self._note_visit(records, "patient_link.reopened", visit, actor)

    # --- The log ----------------------------------------------------------------------------------

    def note(self, records: Records, kind: str, key: PatientKey, actor: str) -> None:
        """Log something about a key."""
        visit = records.visits.get(key.visit)
        patient = visit.patient.id if visit else ""
        self._journal.note(
            records,
            kind,
            who=auditing.user(actor),
            what=[*_patient(patient), auditing.about_security("link", key.id)],
            detail={
                "visit": key.visit.hex(),
                "kept": key.kind.value,
                "software": int(key.software),
            },
        )

    def _note_visit(self, records: Records, kind: str, visit: Visit, actor: str) -> None:
        self._journal.note(
            records,
            kind,
            who=auditing.user(actor),
            what=_patient(visit.patient.id),
            detail={"visit": visit.id.hex()},
        )


def _patient(number: str) -> Sequence[Subject]:
    return [Subject(kind=1, role=1, idtype="2", id=number, name="")] if number else []


def _consent_of(records: Records, visit: Visit | None) -> Consent | None:
    return records.consents.get(visit.consent) if visit else None
