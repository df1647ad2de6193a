"""What the script of `/l` reads: JSON without anything that the page does not show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from undisc_node.services.browsing_rows import Access, AccessRow, SessionRow
from undisc_node.services.link_looks import Looked
from undisc_node.services.patient_rows import PatientShare
from undisc_node.services.patient_views import Copy, Named, Overview, Shown, ShownStudy
from undisc_node.web.rendering import Json, base64_text, moment, moment_ms, moment_or_none
from undisc_protocol.capability.delegation import COMMAND_READ, read_delegation
from undisc_protocol.did import Did


def looked_json(looked: Looked) -> Json:
    """Render what a link is."""
    return {
        "kind": looked.kind,
        "problem": looked.problem,
        "passcode": looked.passcode,
        "contact": looked.contact,
        "attempts": looked.attempts,
        "expires": moment(looked.expires) if looked.expires else None,
        "download": looked.may_copy,
    }


def session_json(row: SessionRow) -> Json:
    """Render a session that was just begun."""
    return {"kind": row.kind, "until": moment_ms(row.until_ms), "test": row.test}


def overview_json(found: Overview) -> Json:
    """Render everything that the patient's page shows."""
    return {
        "patient": found.patient,
        "language": found.language,
        "until": moment(found.until) if found.until else None,
        "key": {
            "did": found.key.did,
            "kind": found.key.kind,
            "software": found.key.software,
            "replaced": found.key.retired_ms is not None,
        },
        "signer": found.signer,
        "codes": found.codes,
        "studies": [_study_json(one) for one in found.studies],
        "shares": [shown_json(one) for one in found.shares],
        "named": [_named_json(one) for one in found.named],
        "practices": [{"name": one.name, "did": one.did} for one in found.practices],
    }


def _study_json(one: ShownStudy) -> Json:
    study, grant = one.study, one.grant
    return {
        "id": study.id.hex(),
        "description": study.description,
        "date": study.study_date,
        "modalities": list(study.modalities),
        "images": study.instances,
        "series": [
            {"name": part.name.hex(), "modality": part.modality, "images": part.images}
            for part in one.parts
        ],
        # What the browser needs in order to sign a share that stands on the grant.
        "grant": None
        if grant is None or grant.revoked_ms is not None
        else {
            "subject": read_delegation(grant.token).subject,
            "created": grant.created_ms // 1000,
            "expires": grant.expires,
        },
    }


def shown_json(one: Shown) -> Json:
    """Render what was given to one recipient."""
    link, first = one.link, one.parts[0] if one.parts else None
    return {
        "id": one.shared.id.hex(),
        "label": one.shared.label,
        "audience": one.shared.audience,
        "to": "practice" if one.peer else "link",
        "practice": one.peer.name if one.peer else "",
        "state": one.state,
        "studies": [part.study.hex() for part in one.parts],
        "download": first is not None and first.command == COMMAND_READ,
        "passcode": link is not None and link.passcode is not None,
        "contact": one.shared.contact,
        "uses": link.uses if link else None,
        "max_uses": link.max_uses if link else None,
        "created": moment_ms(one.shared.created_ms),
        "expires": moment(first.expires) if first else None,
        "ends": first.expires if first else 0,
        "tested": moment_or_none(one.shared.tested_ms),
        "copies": [_copy_json(copy) for copy in one.copies],
    }


def made_json(shared: PatientShare, offers: Sequence[bytes]) -> Json:
    """Render a share that was just made."""
    return {"id": shared.id.hex(), "offers": [base64_text(one) for one in offers]}


def _copy_json(one: Copy) -> Json:
    return {
        "name": one.name,
        "heard": moment_or_none(one.heard_ms),
        # Words of the page: `copy_waiting`, `copy_kept_law` and the like.
        "says": "_".join(filter(None, ("copy", one.does.replace("-", "_"), one.why)))
        if one.does
        else ("copy_silent" if one.is_over else "copy_waiting"),
        "passed": one.passed,
    }


def _named_json(one: Named) -> Json:
    return {
        "name": one.name,
        "studies": [grant.study.hex() for grant in one.grants],
        "active": any(grant.revoked_ms is None for grant in one.grants),
        "copies": [_copy_json(copy) for copy in one.copies],
    }


def accesses_json(
    rows: Sequence[AccessRow], shares: Mapping[Did, str], studies: Mapping[bytes, str], own: Did
) -> list[Json]:
    """Render who did what.

    Args:
        rows: The accesses.
        shares: By recipient, what the patient calls it.
        studies: By study, its description.
        own: The patient's key of this session.
    """
    emergencies = {row.link for row in rows if row.kind is Access.GIVEN}
    others = {*shares, *emergencies}
    return [
        {
            "at": moment_ms(row.at_ms),
            "what": row.kind,
            "with": shares.get(row.link, ""),
            "self": row.link == own or (row.link not in others and row.node is None),
            "emergency": row.link in emergencies,
            "study": studies.get(row.study, "") if row.study else "",
            "who": row.who,
            "practice": row.node is not None,
        }
        for row in rows
    ]
