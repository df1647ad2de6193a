"""Rows as JSON: ids as lower-case hex, times as RFC 3339 in UTC, bytes as base64."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final, Literal

from undisc_node.services.media_model import Medium
from undisc_node.services.model import (
    AWAY,
    Fetch,
    FetchState,
    Grant,
    Patient,
    Peer,
    Receipt,
    Share,
    Study,
)
from undisc_node.services.ports import Stored
from undisc_node.services.studies import StudyDetail
from undisc_node.web.admin_uses import Progress
from undisc_protocol import limits
from undisc_protocol.capability import envelope
from undisc_protocol.did import Did, fingerprint_words
from undisc_protocol.errors import ProtocolError, class_of_code
from undisc_protocol.identity import read_identity_record
from undisc_protocol.log import Event

Json = dict[str, object]

_COMES: Final = "nothing to do: it goes on by itself when the other node comes"
_PROBLEM: Final = re.compile(r"([a-z][a-z0-9_]*): (.*)", re.DOTALL)


def moment(seconds: float) -> str:
    """Write a time, whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_ms(milliseconds: int) -> str:
    """Write a time that is kept in milliseconds."""
    return moment(milliseconds // 1000)


def moment_or_none(milliseconds: int | None) -> str | None:
    """Write a time that may not have come yet."""
    return None if milliseconds is None else moment_ms(milliseconds)


def base64_text(data: bytes) -> str:
    """Write bytes in standard base64."""
    return base64.b64encode(data).decode()


def base64url_text(data: bytes) -> str:
    """Write bytes in base64url without padding, as links carry them."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Names:
    """Names of peers, by id and by did:key, for rows that only hold those."""

    def __init__(self, peers: Sequence[Peer]) -> None:
        self._by_id = {peer.id: peer.name for peer in peers}
        self._by_did = {did: peer.name for peer in peers for did in _dids(peer)}

    def of_node(self, node_id: bytes) -> str | None:
        """Return the name of a node, or None when it is no peer of ours."""
        return self._by_id.get(node_id)

    def of_did(self, did: Did) -> str | None:
        """Return the name of the node with that key, or None when it is no peer of ours."""
        return self._by_did.get(did)


def _dids(peer: Peer) -> Iterator[Did]:
    """Yield every name of a peer: what was given to a former key is the peer's still."""
    yield peer.did
    for record in peer.records[:-1]:
        yield read_identity_record(record).key


def patient_json(patient: Patient) -> Json:
    """Render whom a study is about."""
    return dict(asdict(patient))


def medium_json(medium: Medium) -> Json:
    """Render a medium that studies came from."""
    return {
        "id": medium.id.hex(),
        "kind": medium.kind,
        "label": medium.label,
        "file_set": medium.file_set,
        "creator": medium.creator,
        "by": medium.actor,
        "at": moment_ms(medium.at_ms),
    }


def study_json(study: Study) -> Json:
    """Render a study."""
    return {
        "id": study.id.hex(),
        "uid": study.uid,
        "patient": patient_json(study.patient),
        "study_date": study.study_date,
        "study_time": study.study_time,
        "accession": study.accession,
        "description": study.description,
        "modalities": list(study.modalities),
        "sender": study.sender,
        "instances": study.instances,
        "bytes": study.size,
        "waiting": study.waiting,
        "state": study.state,
        "reason": study.reason,
        "created": moment_ms(study.created_ms),
        "arrived": moment_ms(study.arrived_ms),
        "settled": moment_or_none(study.settled_ms),
        "kept": study.kept,
    }


def detail_json(detail: StudyDetail, names: Names, media: Sequence[Medium] = ()) -> Json:
    """Render a study with its instances, where it came from and who has a copy."""
    return {
        "study": study_json(detail.study),
        "instances": [
            *(_instance_json(stored, "current", detail) for stored in detail.current),
            *(_instance_json(stored, "superseded", detail) for stored in detail.superseded),
            *(_instance_json(stored, "waiting", detail) for stored in detail.waiting),
        ],
        "provenance": [
            {
                "fetch": fetch.id.hex(),
                "peer": fetch.peer.hex(),
                "peer_name": names.of_node(fetch.peer),
                "capability": fetch.capability.hex(),
                "at": moment_or_none(fetch.ended_ms),
            }
            for fetch in detail.fetches
        ],
        "receipts": [_receipt_json(receipt, names) for receipt in detail.receipts],
        "media": [medium_json(medium) for medium in media],
    }


def _instance_json(
    stored: Stored, state: Literal["current", "superseded", "waiting"], detail: StudyDetail
) -> Json:
    header = stored.header
    series = detail.series_names.get(header.series_uid)
    return {
        "id": header.id.hex(),
        "sop_uid": header.sop_uid,
        "sop_class": header.sop_class,
        "series_uid": header.series_uid,
        "series": series.hex() if series else None,
        "transfer_syntax": header.syntax,
        "modality": header.modality,
        "number": header.number,
        "bytes": header.size,
        "blake3": header.hash.hex(),
        "sender": header.sender,
        "state": state,
    }


def _receipt_json(receipt: Receipt, names: Names) -> Json:
    return {
        "id": receipt.id.hex(),
        "peer": receipt.peer.hex(),
        "peer_name": names.of_node(receipt.peer),
        "objects": receipt.objects,
        "bytes": receipt.size,
        "at": moment_ms(receipt.at_ms),
    }


def peer_json(peer: Peer) -> Json:
    """Render another node."""
    return {
        "id": peer.id.hex(),
        "words": list(fingerprint_words(peer.id)),
        "did": peer.did,
        "name": peer.name,
        "state": peer.state,
        "scopes": list(peer.scopes),
        "urls": list(peer.addresses),
        "added": moment_ms(peer.added_ms),
        "card_expires": _card_expires(peer.card),
    }


def _card_expires(card: bytes) -> str | None:
    """Read when a card that was verified on arrival ends; it may have ended since."""
    try:
        opened = envelope.read(card, tag=envelope.TAG_STATUS, limit=limits.MAX_STATUS_CARD)
    except ProtocolError:
        return None
    expires = opened.payload.get("exp")
    return moment(expires) if isinstance(expires, int) else None


def _state(row: Grant | Share, now_ms: int, suspended: Collection[bytes]) -> str:
    if row.revoked_ms is not None:
        return "revoked"
    if row.expires * 1000 <= now_ms:
        return "expired"
    return "suspended" if row.id in suspended else "active"


def grant_json(grant: Grant, names: Names, now_ms: int, suspended: Collection[bytes] = ()) -> Json:
    """Render a grant; `suspended` holds the ids of what waits for confirmation after a restore."""
    return {
        "id": grant.id.hex(),
        "study": grant.study.hex(),
        "audience": grant.audience,
        "peer_name": names.of_did(grant.audience),
        "command": grant.command,
        "basis": grant.basis,
        "staff": grant.staff,
        "purpose": grant.purpose,
        "created": moment_ms(grant.created_ms),
        "expires": moment(grant.expires),
        "revoked": moment_or_none(grant.revoked_ms),
        "state": _state(grant, now_ms, suspended),
    }


def share_json(share: Share, names: Names, now_ms: int, suspended: Collection[bytes] = ()) -> Json:
    """Render a share; `suspended` holds the ids of what waits for confirmation after a restore."""
    return {
        "id": share.id.hex(),
        "grant": share.grant.hex(),
        "study": share.study.hex(),
        "audience": share.audience,
        "peer_name": names.of_did(share.audience),
        "command": share.command,
        "series": [name.hex() for name in share.series],
        "created": moment_ms(share.created_ms),
        "expires": moment(share.expires),
        "revoked": moment_or_none(share.revoked_ms),
        "state": _state(share, now_ms, suspended),
    }


def fetch_json(fetch: Fetch, progress: Progress, names: Names) -> Json:
    """Render a fetch and how far it has come."""
    taken = "taken" if fetch.state is FetchState.DONE else "none"
    return {
        "id": fetch.id.hex(),
        "peer": fetch.peer.hex(),
        "peer_name": names.of_node(fetch.peer),
        "state": "waiting" if fetch.waits_for_holder else fetch.state,
        "problem": problem_json(fetch.problem or progress.problem),
        "next_try": moment_or_none(progress.next_try_ms),
        "study": None if fetch.study is None else fetch.study.hex(),
        "objects": fetch.objects,
        "objects_done": progress.objects_done,
        "bytes": fetch.size,
        "bytes_done": progress.bytes_done,
        "mb_per_s": round(progress.mb_per_s, 1),
        "reused_bytes": progress.reused_bytes,
        "created": moment_ms(fetch.created_ms),
        "ended": moment_or_none(fetch.ended_ms),
        "receipt": "due" if fetch.receipt_due else taken,
    }


def problem_json(problem: str) -> Json | None:
    """Take `code: sentence` apart; None when all is well."""
    if not problem:
        return None
    found = _PROBLEM.fullmatch(problem)
    code, message = (found[1], found[2]) if found else ("failed", problem)
    hint = _COMES if code == AWAY else class_of_code(code).hint
    return {"code": code, "message": message, "hint": hint}


def event_json(number: int, event: Event | None) -> Json:
    """Render a line of the log; of an erased one only its number is left."""
    if event is None:
        return {"number": number, "erased": True}
    return {
        "number": number,
        "at": moment_ms(event.at),
        "type": event.type,
        "id": event.id,
        "action": event.action,
        "outcome": event.outcome,
        "who": [asdict(actor) for actor in event.who],
        "what": [asdict(subject) for subject in event.what],
        "why": event.why,
        "detail": dict(event.detail),
    }
