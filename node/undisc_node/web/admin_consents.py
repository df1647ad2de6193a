"""Consents and visits on the admin socket."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from aiohttp import web

from undisc_node.services.consent_rows import (
    Consent,
    ConsentText,
    Covers,
    Decider,
    Decision,
    Method,
    Visit,
    VisitStudy,
)
from undisc_node.services.consent_rules import MAX_DAYS, Wish
from undisc_node.services.errors import Invalid
from undisc_node.services.model import Patient, Study
from undisc_node.services.ports import Records
from undisc_node.services.visiting import VisitDetail
from undisc_node.web import keys
from undisc_node.web.admin_answers import answer, changes, names_in, reads
from undisc_node.web.admin_messages import take_contacts
from undisc_node.web.admin_uses import AdminUses
from undisc_node.web.fields import Fields, query_number, read_fields
from undisc_node.web.rendering import (
    Json,
    Names,
    base64_text,
    grant_json,
    moment,
    moment_ms,
    moment_or_none,
    patient_json,
)
from undisc_protocol.capability.delegation import COMMAND_READ, COMMAND_VIEW

_DAY: Final = 86_400  # seconds
_MOST: Final = 1_000  # rows of one answer


def text_json(text: ConsentText) -> Json:
    """Render a text that people are shown."""
    return {
        "language": text.language,
        "version": text.version,
        "sha256": text.hash.hex(),
        "text": text.text,
    }


def _consent_state(consent: Consent, now_ms: int) -> str:
    if consent.withdrawn_ms is not None:
        return "withdrawn"
    if consent.statement.decision is Decision.NO:
        return "refused"
    return "active" if consent.holds(now_ms) else "expired"


def consent_json(consent: Consent, now_ms: int) -> Json:
    """Render a consent."""
    said = consent.statement
    return {
        "id": consent.id.hex(),
        "state": _consent_state(consent, now_ms),
        "decision": said.decision,
        "patient": patient_json(said.patient),
        "decider": said.decider,
        "decider_name": said.decider_name,
        "authority": said.authority,
        "scope": {
            "covers": said.scope.covers,
            "orders": list(said.scope.orders),
            "first": said.scope.first,
            "last": said.scope.last,
            "later_reports": True,
        },
        "recipients": [
            {"peer": one.node.hex(), "name": one.name, "command": one.command}
            for one in said.recipients
        ],
        "text": {"language": said.language, "version": said.version, "sha256": said.text.hex()},
        "method": said.method,
        "witness": said.witness,
        "evidence": said.evidence,
        "recorded": moment_ms(said.at_ms),
        "ends": None if said.ends is None else moment(said.ends),
        "withdrawn": moment_or_none(consent.withdrawn_ms),
        "withdrawn_by": consent.withdrawn_by,
        "withdrawn_why": consent.withdrawn_why,
        "signer": consent.signer,
    }


def _visit_study_json(row: VisitStudy, study: Study | None) -> Json:
    return {
        "study": row.study.hex(),
        "description": study.description if study else "",
        "study_date": study.study_date if study else "",
        "here": study is not None,
        "belongs": row.belongs,
        "by": row.by,
        "since": moment_ms(row.at_ms),
        "released": moment_or_none(row.released_ms),
        "released_by": row.released_by,
    }


def visit_json(detail: VisitDetail, now_ms: int) -> Json:
    """Render a visit."""
    visit = detail.visit
    return {
        "id": visit.id.hex(),
        "consent": visit.consent.hex(),
        "state": _consent_state(detail.consent, now_ms),
        "decision": visit.decision,
        "patient": patient_json(visit.patient),
        "covers": visit.scope.covers,
        "first": visit.scope.first,
        "last": visit.scope.last,
        "accessions": list(detail.accessions),
        "opened": moment_ms(visit.opened_ms),
        "studies": [_visit_study_json(row, study) for row, study in detail.studies],
    }


def _recipients_json(detail: VisitDetail, names: Names, now_ms: int) -> list[Json]:
    """Render whom the patient named, each with what they were given."""
    return [
        {
            "peer": one.node.hex(),
            "name": names.of_node(one.node) or one.name,
            "command": one.command,
            "grants": [
                grant_json(grant, names, now_ms)
                for made, grant in detail.grants
                if made.node == one.node
            ],
        }
        for one in detail.consent.statement.recipients
    ]


# --- Consents -------------------------------------------------------------------------------------


async def texts(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/consent-texts: what people are shown now, in every language."""
    return await answer(
        request, lambda uses, _: {"texts": [text_json(one) for one in uses.consenting.texts()]}
    )


async def show_text(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/consent-texts/{language}: what people are shown now in a language."""
    language = request.match_info["language"]
    return await answer(
        request, lambda uses, _: {"text": text_json(uses.consenting.text(language))}
    )


def _patient(fields: Fields) -> Patient:
    return Patient(
        name=fields.text("patient_name", optional=True),
        id=fields.text("patient_id", optional=True),
        issuer=fields.text("patient_issuer", optional=True),
        birth_date=fields.text("birth_date", optional=True).replace("-", ""),
        sex=fields.text("sex", optional=True),
    )


def _ends(fields: Fields, now_ms: int) -> int | None:
    at, days = fields.moment("ends"), fields.number("days")
    if at is not None and days is not None:
        raise Invalid("give ends or days, not both")
    if days is None:
        return at
    if days > MAX_DAYS:
        raise Invalid(f"a consent lasts at most {MAX_DAYS} days", code="bad_end")
    return now_ms // 1000 + days * _DAY


async def record(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/consents: record a decision; it opens a visit."""
    fields = await read_fields(request)
    named = fields.texts("peers")
    command = COMMAND_VIEW if fields.flag("view_only", default=False) else COMMAND_READ
    ends = _ends(fields, request.app[keys.ADMIN].clock.now_ms())
    wish = Wish(
        decision=fields.choice("decision", Decision),
        patient=_patient(fields),
        decider=fields.choice("decider", Decider),
        decider_name=fields.text("decider_name", optional=True),
        authority=fields.text("authority", optional=True),
        covers=fields.choice("covers", Covers),
        orders=fields.texts("orders"),
        first=fields.text("first", optional=True).replace("-", ""),
        last=fields.text("last", optional=True).replace("-", ""),
        recipients=(),
        language=fields.text("language"),
        method=fields.choice("method", Method),
        witness=fields.text("witness"),
        evidence=fields.text("evidence", optional=True),
        ends=ends,
    )
    contacts, warned = take_contacts(fields)
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        uses.reaching.check(contacts, warned=warned)

        def also(records: Records, _consent: Consent, visit: Visit) -> None:
            if contacts:
                uses.reaching.choose_within(records, visit, contacts, actor=actor)

        recipients = tuple((uses.peering.find(one), command) for one in named)
        consent, visit = uses.consenting.record(replace(wish, recipients=recipients), actor, also)
        return _with_visit(uses, consent, visit)

    return await answer(request, work)


def _with_visit(uses: AdminUses, consent: Consent, visit: Visit | None) -> Json:
    now_ms = uses.clock.now_ms()
    return {
        "consent": consent_json(consent, now_ms),
        "visit": visit_json(uses.visiting.detail(visit.id), now_ms) if visit else None,
    }


async def list_consents(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/consents: newest first; of a patient id, or all."""
    patient = request.query.get("patient", "")
    limit = max(1, query_number(request, "limit", default=100, most=_MOST))

    def work(uses: AdminUses, _actor: str) -> Json:
        now_ms = uses.clock.now_ms()
        found = uses.consenting.list(patient, limit)
        return {"consents": [consent_json(one, now_ms) for one in found]}

    return await answer(request, work)


async def show_consent(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/consents/{consent}: with its visit, the words, and the signed record."""
    name = request.match_info["consent"]

    def work(uses: AdminUses, _actor: str) -> Json:
        consent = uses.consenting.find(name)
        return {
            **_with_visit(uses, consent, uses.visiting.of_consent(consent.id)),
            "text": text_json(uses.consenting.text_of(consent)),
            "record": base64_text(consent.record),
        }

    return await answer(request, work)


async def withdraw(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/consents/{consent}/withdraw: at once, and all that rests on it."""
    name = request.match_info["consent"]
    fields = await read_fields(request)
    why = fields.text("why", optional=True)
    fields.done()

    def work(uses: AdminUses, actor: str) -> Json:
        done = uses.consenting.withdraw(uses.consenting.find(name).id, why, actor)
        names, now_ms = names_in(uses), uses.clock.now_ms()
        return {
            "consent": consent_json(done.consent, now_ms),
            "ended": [grant_json(grant, names, now_ms) for grant in done.grants],
        }

    return await answer(request, work)


# --- Visits ---------------------------------------------------------------------------------------


async def list_visits(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/visits: newest first; of a patient id, or all."""
    patient = request.query.get("patient", "")
    limit = max(1, query_number(request, "limit", default=100, most=_MOST))

    def work(uses: AdminUses, _actor: str) -> Json:
        now_ms = uses.clock.now_ms()
        return {"visits": [visit_json(one, now_ms) for one in uses.visiting.list(patient, limit)]}

    return await answer(request, work)


def _visit_answer(uses: AdminUses, visit_id: bytes) -> Json:
    detail, now_ms = uses.visiting.detail(visit_id), uses.clock.now_ms()
    return {
        "visit": visit_json(detail, now_ms),
        "recipients": _recipients_json(detail, names_in(uses), now_ms),
    }


async def show_visit(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/visits/{visit}: its studies, whom the patient named, and their grants."""
    name = request.match_info["visit"]
    return await answer(request, lambda uses, _: _visit_answer(uses, uses.visiting.find(name).id))


async def release(request: web.Request) -> web.StreamResponse:
    """POST /admin/v1/visits/{visit}/release: give its studies to those whom the patient named."""
    name = request.match_info["visit"]
    (await read_fields(request)).done()

    def work(uses: AdminUses, actor: str) -> Json:
        visit = uses.visiting.find(name)
        released = uses.releasing.release(visit.id, actor)
        return {**_visit_answer(uses, visit.id), "released": released}

    return await answer(request, work)


async def offers(request: web.Request) -> web.StreamResponse:
    """GET /admin/v1/visits/{visit}/offers: a signed offer for each grant that can be used."""
    name = request.match_info["visit"]

    def work(uses: AdminUses, _actor: str) -> Json:
        visit, names = uses.visiting.find(name), names_in(uses)
        return {
            "offers": [
                {
                    "peer": one.made.node.hex(),
                    "peer_name": names.of_node(one.made.node),
                    "study": one.made.study.hex(),
                    "grant": one.grant.id.hex(),
                    "offer": base64_text(one.offer),
                }
                for one in uses.releasing.offers(visit.id)
            ]
        }

    return await answer(request, work)


ROUTES: Final = (
    reads("/admin/v1/consent-texts", texts),
    reads("/admin/v1/consent-texts/{language}", show_text),
    changes("/admin/v1/consents", record),
    reads("/admin/v1/consents", list_consents),
    reads("/admin/v1/consents/{consent}", show_consent),
    changes("/admin/v1/consents/{consent}/withdraw", withdraw),
    reads("/admin/v1/visits", list_visits),
    reads("/admin/v1/visits/{visit}", show_visit),
    changes("/admin/v1/visits/{visit}/release", release),
    reads("/admin/v1/visits/{visit}/offers", offers),
)
