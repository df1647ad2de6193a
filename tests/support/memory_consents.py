"""Consents and visits in memory; part of `support.memory_catalog`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from support.memory_tables import Part
from undisc_node.services.consent_rows import (
    Consent,
    ConsentText,
    Decision,
    Visit,
    VisitGrant,
    VisitStudy,
)
from undisc_node.services.errors import Conflict, NotFound


class Consents(Part):
    def get(self, consent: bytes) -> Consent | None:
        return self._now.consents.get(consent)

    def list(self, *, patient: str = "", limit: int = 100) -> Sequence[Consent]:
        found = [
            one for one in self._now.consents.values() if patient in ("", one.statement.patient.id)
        ]
        found.reverse()
        return sorted(found, key=lambda one: one.statement.at_ms, reverse=True)[:limit]

    def starting(self, prefix: str) -> Sequence[Consent]:
        found = [one for one in self._now.consents.values() if one.id.hex().startswith(prefix)]
        return sorted(found, key=lambda one: one.id)[:2]

    def add(self, consent: Consent) -> None:
        known = consent.id in self._new.consents
        if known or consent.statement.text not in self._new.consent_texts:
            raise Conflict("the consent is on record already, or its text is not")
        self._new.consents[consent.id] = consent

    def withdraw(self, consent: bytes, at_ms: int, by: str, why: str) -> None:
        known = self._new.consents.get(consent)
        if known is None:
            raise NotFound("no such consent")
        if known.withdrawn_ms is None:
            self._new.consents[consent] = replace(
                known, withdrawn_ms=at_ms, withdrawn_by=by, withdrawn_why=why
            )

    def text(self, text_hash: bytes) -> ConsentText | None:
        return self._now.consent_texts.get(text_hash)

    def add_text(self, text: ConsentText) -> None:
        self._new.consent_texts.setdefault(text.hash, text)


class Visits(Part):
    def get(self, visit: bytes) -> Visit | None:
        return self._now.visits.get(visit)

    def of_consent(self, consent: bytes) -> Visit | None:
        found = (one for one in self._now.visits.values() if one.consent == consent)
        return next(found, None)

    def list(self, *, patient: str = "", limit: int = 100) -> Sequence[Visit]:
        found = [one for one in self._now.visits.values() if patient in ("", one.patient.id)]
        found.reverse()
        return sorted(found, key=lambda one: one.opened_ms, reverse=True)[:limit]

    def starting(self, prefix: str) -> Sequence[Visit]:
        found = [one for one in self._now.visits.values() if one.id.hex().startswith(prefix)]
        return sorted(found, key=lambda one: one.id)[:2]

    def _open(self) -> Sequence[Visit]:
        found = [one for one in self._now.visits.values() if one.closed_ms is None]
        return sorted(found, key=lambda one: one.opened_ms)

    def open_for(self, patient: str, accession: str) -> Sequence[Visit]:
        return [
            one
            for one in self._open()
            if one.patient.id == patient != "" or accession in one.scope.orders
        ]

    def empty_since(self, opened_ms: int) -> Sequence[Visit]:
        full = {visit for visit, _ in self._now.visit_studies}
        return [one for one in self._open() if one.opened_ms >= opened_ms and one.id not in full]

    def put(self, visit: Visit) -> None:
        known = self.get(visit.id)
        if known is not None and known.closed_ms not in (None, visit.closed_ms):
            raise Conflict("a visit whose consent was withdrawn stays closed")
        orders = {*visit.scope.orders, *(known.scope.orders if known else ())}
        scope = replace(visit.scope, orders=tuple(sorted(orders)))
        self._new.visits[visit.id] = replace(visit, scope=scope)

    def _rows(self) -> Sequence[VisitStudy]:
        rows = self._now.visit_studies.values()
        return sorted(rows, key=lambda one: (one.at_ms, one.visit, one.study))

    def studies(self, visit: bytes) -> Sequence[VisitStudy]:
        return [one for one in self._rows() if one.visit == visit]

    def of_study(self, study: bytes) -> Sequence[VisitStudy]:
        return [one for one in self._rows() if one.study == study]

    def unfinished(self) -> Sequence[VisitStudy]:
        return [one for one in self._rows() if one.belongs and one.done_ms is None]

    def put_study(self, row: VisitStudy) -> None:
        self._new.visit_studies[row.visit, row.study] = row

    def refused(self, *, limit: int) -> Sequence[bytes]:
        open_visits = {one.id: one.decision for one in self._open()}

        def said(study: bytes) -> set[Decision]:
            rows = [one for one in self.of_study(study) if one.belongs]
            return {open_visits[one.visit] for one in rows if one.visit in open_visits}

        found = [one.study for one in self._rows() if one.study in self._now.studies]
        refused = [one for one in dict.fromkeys(found) if said(one) == {Decision.NO}]
        return refused[:limit]

    def grants(self, visit: bytes) -> Sequence[VisitGrant]:
        found = [one for one in self._now.visit_grants.values() if one.visit == visit]
        return sorted(found, key=lambda one: (one.study, one.node))

    def add_grant(self, grant: VisitGrant) -> None:
        key = grant.visit, grant.study, grant.node
        if key in self._new.visit_grants:
            raise Conflict("there is a grant already")
        self._new.visit_grants[key] = grant
