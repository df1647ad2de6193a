"""Keys and shares of patients: implements `ports.PatientRecords`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from undisc_node.services.patient_rows import (
    KeyKind,
    PatientGrant,
    PatientKey,
    PatientShare,
)
from undisc_node.storage.session import Session
from undisc_node.storage.statements import Columns
from undisc_protocol.did import Did

_KEYS: Final = Columns.of(
    "patient_keys", "did visit kind sealed handle software created_ms retired_ms ended_ms"
)
_SHARES: Final = Columns.of(
    "patient_shares", "id visit audience label contact created_ms tested_ms"
)
_RELEASED: Final = (
    "FROM visit_studies AS one JOIN visits ON visits.id = one.visit"
    " WHERE visits.decision = 'yes' AND visits.closed_ms IS NULL"
    " AND one.belongs AND one.released_ms IS NOT NULL"
)


class PatientTable:
    """Keys and shares of patients within one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # --- Keys -------------------------------------------------------------------------------------

    def key(self, did: Did) -> PatientKey | None:
        """Return a key, or None."""
        return next(iter(self._keys("WHERE did = ?", did)), None)

    def keys(self, visit: bytes) -> Sequence[PatientKey]:
        """List the keys of a visit, oldest first."""
        return self._keys("WHERE visit = ? ORDER BY created_ms, rowid", visit)

    def by_handle(self, handle: bytes) -> PatientKey | None:
        """Return the link whose code has this keyed hash, or None."""
        return next(iter(self._keys("WHERE handle = ?", handle)), None)

    def add_key(self, key: PatientKey) -> None:
        """Record a new key.

        Raises:
            Conflict: It is on record already.
        """
        self._session.write(
            _KEYS.insert(),
            (
                key.did,
                key.visit,
                key.kind,
                key.sealed,
                key.handle,
                key.software,
                key.created_ms,
                key.retired_ms,
                key.ended_ms,
            ),
        )

    def retire(self, did: Did, at_ms: int, *, ended: bool) -> None:
        """Let a key be replaced, or end it; its sealed secret and its code are forgotten."""
        self._session.write(
            "UPDATE patient_keys SET sealed = NULL, handle = iif(?3, NULL, handle),"
            " retired_ms = ifnull(retired_ms, ?1),"
            " ended_ms = ifnull(ended_ms, iif(?3, ?1, NULL)) WHERE did = ?2",
            (at_ms, did, ended),
        )

    # --- Grants -----------------------------------------------------------------------------------

    def keyless(self, *, limit: int) -> Sequence[bytes]:
        """List open visits of a yes that have released studies and never had a key."""
        rows = self._session.rows(
            f"SELECT DISTINCT one.visit {_RELEASED} AND NOT EXISTS"  # noqa: S608 - a constant
            " (SELECT 1 FROM patient_keys WHERE patient_keys.visit = one.visit) LIMIT ?",
            (limit,),
        )
        return [row[0] for row in rows]

    def ungranted(self, *, limit: int) -> Sequence[tuple[Did, bytes]]:
        """List keys in use of open visits, each with a released study not granted to it."""
        rows = self._session.rows(
            "SELECT did, study FROM (SELECT patient_keys.did AS did, one.study AS study"  # noqa: S608 - a constant
            f" {_RELEASED.replace(' WHERE', ' JOIN patient_keys USING (visit) WHERE')}"
            " AND patient_keys.retired_ms IS NULL) AS wanted"
            " WHERE NOT EXISTS (SELECT 1 FROM patient_grants WHERE patient_grants.did = wanted.did"
            " AND patient_grants.study = wanted.study) LIMIT ?",
            (limit,),
        )
        return [(Did(did), study) for did, study in rows]

    def grants(self, did: Did) -> Sequence[PatientGrant]:
        """List the grants to a key, by study."""
        rows = self._session.rows(
            "SELECT did, study, grant_id FROM patient_grants WHERE did = ? ORDER BY study", (did,)
        )
        return [PatientGrant(Did(key), study, grant) for key, study, grant in rows]

    def add_grant(self, grant: PatientGrant) -> None:
        """Note a grant.

        Raises:
            Conflict: There is one for this key and study already.
        """
        self._session.write(
            "INSERT INTO patient_grants (did, study, grant_id) VALUES (?, ?, ?)",
            (grant.key, grant.study, grant.grant),
        )

    # --- Shares -----------------------------------------------------------------------------------

    def share(self, share: bytes) -> PatientShare | None:
        """Return what was shared with one click, or None."""
        return next(iter(self._shares("WHERE id = ?", share)), None)

    def shares(self, visit: bytes) -> Sequence[PatientShare]:
        """List what was shared of a visit, newest first."""
        return self._shares("WHERE visit = ? ORDER BY created_ms DESC, rowid DESC", visit)

    def shares_to(self, audience: Did) -> Sequence[PatientShare]:
        """List what was shared with a recipient, newest first."""
        return self._shares("WHERE audience = ? ORDER BY created_ms DESC, rowid DESC", audience)

    def add_share(self, share: PatientShare) -> None:
        """Record it with its parts, which must be on record."""
        self._session.write(
            _SHARES.insert(),
            (
                share.id,
                share.visit,
                share.audience,
                share.label,
                share.contact,
                share.created_ms,
                share.tested_ms,
            ),
        )
        for part in share.parts:
            self.add_part(share.id, part)

    def add_part(self, share: bytes, part: bytes) -> None:
        """Add a part to what was shared; the part must be on record."""
        self._session.write(
            "INSERT INTO patient_share_parts (share, of) VALUES (?, ?)", (part, share)
        )

    def tested(self, share: bytes, at_ms: int) -> None:
        """Note that the patient tried it to the end."""
        self._session.write("UPDATE patient_shares SET tested_ms = ? WHERE id = ?", (at_ms, share))

    # --- Rows -------------------------------------------------------------------------------------

    def _keys(self, rest: str, value: object) -> Sequence[PatientKey]:
        return [_key(row) for row in self._session.rows(_KEYS.select(rest), (value,))]

    def _shares(self, rest: str, value: object) -> Sequence[PatientShare]:
        return [
            PatientShare(id_, visit, Did(audience), label, contact, self._parts(id_), *times)
            for id_, visit, audience, label, contact, *times in self._session.rows(
                _SHARES.select(rest), (value,)
            )
        ]

    def _parts(self, share: bytes) -> tuple[bytes, ...]:
        rows = self._session.rows(
            "SELECT share FROM patient_share_parts WHERE of = ? ORDER BY share", (share,)
        )
        return tuple(row[0] for row in rows)


def _key(row: Any) -> PatientKey:
    did, visit, kind, sealed, handle, software, *times = row
    return PatientKey(Did(did), visit, KeyKind(kind), sealed, handle, bool(software), *times)
