"""Browser sessions and patients' keys in memory; part of `support.memory_catalog`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from support.memory_tables import Part
from undisc_node.services.browsing_rows import Access, AccessRow, SessionRow
from undisc_node.services.consent_rows import Decision
from undisc_node.services.errors import Conflict
from undisc_node.services.patient_rows import PatientGrant, PatientKey, PatientShare
from undisc_protocol.did import Did


class Browsing(Part):
    def get(self, session: bytes) -> SessionRow | None:
        return self._now.browser_sessions.get(session)

    def add(self, row: SessionRow) -> None:
        self._new.browser_sessions[row.hash] = row

    def close(self, session: bytes, at_ms: int) -> None:
        row = self._new.browser_sessions.get(session)
        if row is not None and row.ended_ms is None:
            self._new.browser_sessions[session] = replace(row, ended_ms=at_ms)

    def close_of_link(self, link: Did, at_ms: int) -> int:
        alive = [
            row
            for row in self._new.browser_sessions.values()
            if row.link == link and row.ended_ms is None and row.until_ms > at_ms
        ]
        for row in alive:
            self.close(row.hash, at_ms)
        return len(alive)

    def forget(self, until_ms: int) -> None:
        rows = self._new.browser_sessions
        for key in [row.hash for row in rows.values() if row.until_ms <= until_ms]:
            del rows[key]

    def note(self, access: AccessRow) -> bool:
        same = (access.session, access.kind, access.study)
        if access.session is not None and any(
            (one.session, one.kind, one.study) == same for one in self._now.accesses
        ):
            return False
        self._new.accesses.append(access)
        return True

    def noted(self, session: bytes, kind: Access, study: bytes) -> bool:
        wanted = (session, kind, study)
        return any((one.session, one.kind, one.study) == wanted for one in self._now.accesses)

    def accesses(self, links: Sequence[Did], *, limit: int = 1_000) -> Sequence[AccessRow]:
        return [one for one in reversed(self._now.accesses) if one.link in links][:limit]

    def accesses_of(self, studies: Sequence[bytes], *, limit: int = 1_000) -> Sequence[AccessRow]:
        return [one for one in reversed(self._now.accesses) if one.study in studies][:limit]


class Patients(Part):
    def key(self, did: Did) -> PatientKey | None:
        return self._now.patient_keys.get(did)

    def keys(self, visit: bytes) -> Sequence[PatientKey]:
        found = [one for one in self._now.patient_keys.values() if one.visit == visit]
        return sorted(found, key=lambda one: one.created_ms)

    def by_handle(self, handle: bytes) -> PatientKey | None:
        found = (one for one in self._now.patient_keys.values() if one.handle == handle)
        return next(found, None)

    def add_key(self, key: PatientKey) -> None:
        if key.did in self._new.patient_keys:
            raise Conflict("the key is on record already")
        self._new.patient_keys[key.did] = key

    def retire(self, did: Did, at_ms: int, *, ended: bool) -> None:
        key = self._new.patient_keys[did]
        self._new.patient_keys[did] = replace(
            key,
            sealed=None,
            handle=None if ended else key.handle,
            retired_ms=key.retired_ms if key.retired_ms is not None else at_ms,
            ended_ms=key.ended_ms if key.ended_ms is not None or not ended else at_ms,
        )

    def _released(self) -> list[tuple[bytes, bytes]]:
        visits = self._now.visits
        return [
            (row.visit, row.study)
            for row in self._now.visit_studies.values()
            if visits[row.visit].decision is Decision.YES
            and visits[row.visit].closed_ms is None
            and row.belongs
            and row.released_ms is not None
        ]

    def keyless(self, *, limit: int) -> Sequence[bytes]:
        found = dict.fromkeys(visit for visit, _ in self._released() if not self.keys(visit))
        return list(found)[:limit]

    def ungranted(self, *, limit: int) -> Sequence[tuple[Did, bytes]]:
        return [
            (key.did, study)
            for visit, study in self._released()
            for key in self.keys(visit)
            if key.retired_ms is None and (key.did, study) not in self._now.patient_grants
        ][:limit]

    def grants(self, did: Did) -> Sequence[PatientGrant]:
        found = [one for one in self._now.patient_grants.values() if one.key == did]
        return sorted(found, key=lambda one: one.study)

    def add_grant(self, grant: PatientGrant) -> None:
        if (grant.key, grant.study) in self._new.patient_grants:
            raise Conflict("there is a grant already")
        self._new.patient_grants[grant.key, grant.study] = grant

    def share(self, share: bytes) -> PatientShare | None:
        return self._now.patient_shares.get(share)

    def shares(self, visit: bytes) -> Sequence[PatientShare]:
        return self._newest([one for one in self._all() if one.visit == visit])

    def shares_to(self, audience: Did) -> Sequence[PatientShare]:
        return self._newest([one for one in self._all() if one.audience == audience])

    def _all(self) -> list[PatientShare]:
        return list(self._now.patient_shares.values())

    @staticmethod
    def _newest(found: list[PatientShare]) -> Sequence[PatientShare]:
        found.reverse()
        return sorted(found, key=lambda one: one.created_ms, reverse=True)

    def add_share(self, share: PatientShare) -> None:
        if any(part not in self._now.shares for part in share.parts):
            raise Conflict("a part is not on record")
        self._new.patient_shares[share.id] = replace(share, parts=tuple(sorted(share.parts)))

    def add_part(self, share: bytes, part: bytes) -> None:
        if part not in self._now.shares:
            raise Conflict("a part is not on record")
        known = self._new.patient_shares[share]
        parts = tuple(sorted({*known.parts, part}))
        self._new.patient_shares[share] = replace(known, parts=parts)

    def tested(self, share: bytes, at_ms: int) -> None:
        known = self._new.patient_shares[share]
        self._new.patient_shares[share] = replace(known, tested_ms=at_ms)
