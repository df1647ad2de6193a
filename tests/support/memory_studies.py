"""Studies and packs in memory; part of `support.memory_catalog`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from support.memory_archives import forget_study
from support.memory_media import forget_media
from support.memory_tables import Part
from undisc_node.services.errors import Conflict
from undisc_node.services.model import Pack, PackRole, Study, StudyState, Tombstone
from undisc_node.services.sender_model import STRANGER
from undisc_node.services.study_search import StudyFacts, StudySearch


class Studies(Part):
    def get(self, study: bytes) -> Study | None:
        return self._now.studies.get(study)

    def find_uid(self, uid: str) -> Study | None:
        return next((one for one in self._now.studies.values() if one.uid == uid), None)

    def of_accession(self, accession: str) -> Sequence[Study]:
        found = [one for one in self._now.studies.values() if accession == one.accession != ""]
        return sorted(found, key=lambda one: one.created_ms)

    def list(
        self,
        *,
        text: str = "",
        patient: str = "",
        state: StudyState | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> Sequence[Study]:
        found = [
            one
            for one in self._now.studies.values()
            if _visible(one)
            and (state is None or one.state is state)
            and text.casefold() in _search(one)
            and patient in ("", one.patient.id)
        ]
        found.reverse()
        found.sort(key=lambda one: one.arrived_ms, reverse=True)
        return found[offset : offset + limit]

    def search(
        self, wanted: StudySearch, *, limit: int = 100, offset: int = 0
    ) -> Sequence[tuple[Study, StudyFacts | None]]:
        facts = self._now.study_facts
        found = [
            (one, facts.get(one.id))
            for one in self._now.studies.values()
            if wanted.matches(one, facts.get(one.id))
        ]
        found.sort(key=lambda one: (one[0].study_date, one[0].study_time, one[0].id), reverse=True)
        return found[offset : offset + limit]

    def put_facts(self, facts: StudyFacts) -> None:
        self._new.study_facts[facts.study] = facts

    def undescribed(self, limit: int) -> Sequence[Study]:
        facts = self._now.study_facts
        return [
            one
            for one in self._now.studies.values()
            if one.settled_ms is not None
            and (one.id not in facts or facts[one.id].described_ms != one.arrived_ms)
        ][:limit]

    def starting(self, prefix: str) -> Sequence[Study]:
        found = [
            one
            for one in self._now.studies.values()
            if one.id.hex().startswith(prefix) and _visible(one)
        ]
        return sorted(found, key=lambda one: one.id)[:2]

    def counts(self) -> Mapping[str, int]:
        studies = [one for one in self._now.studies.values() if _visible(one)]
        states = {state: sum(one.state is state for one in studies) for state in StudyState}
        return {
            **states,
            "unsettled": sum(one.settled_ms is None for one in studies),
            "waiting": sum(one.waiting > 0 for one in studies),
        }

    def unsettled(self, quiet_since_ms: int) -> Sequence[Study]:
        quiet = [
            one
            for one in self._now.studies.values()
            if one.settled_ms is None and one.arrived_ms <= quiet_since_ms and _visible(one)
        ]
        return sorted(quiet, key=lambda one: one.arrived_ms)

    def held_by(self, sender: str) -> int:
        return sum(one.size for one in self._now.studies.values() if one.sender == sender)

    def without_permission(self, quiet_since_ms: int, *, limit: int) -> Sequence[Study]:
        due = {one.study for one in self._now.fetches.values() if one.receipt_due}
        due |= {one.study for one in self._now.deliveries.values() if one.state.goes_on}
        found = [
            one
            for one in self._now.studies.values()
            if not (one.kept or one.waiting or one.id in due)
            and one.state is not StudyState.HELD
            and one.settled_ms is not None
            and self.quiet_since(one.id) <= quiet_since_ms
        ]
        return sorted(found, key=lambda one: one.arrived_ms)[:limit]

    def quiet_since(self, study: bytes) -> int:
        row = self._now.studies.get(study)
        if row is None:
            return 0
        ends = [
            min(
                one.expires * 1000, one.expires * 1000 if one.revoked_ms is None else one.revoked_ms
            )
            for one in self._now.grants.values()
            if one.study == study
        ]
        return max(row.arrived_ms, row.settled_ms or row.arrived_ms, *ends, 0)

    def put(self, study: Study) -> None:
        twin = self.find_uid(study.uid)
        if twin is not None and twin.id != study.id:
            raise Conflict("another study has this UID")
        self._new.studies[study.id] = study

    def grow(self, study: Study, packs: Iterable[Pack]) -> None:
        known = self._new.studies.get(study.id)
        if known is None or any(pack.id not in self._new.packs for pack in packs):
            raise Conflict("a study or pack that is not there cannot grow")
        self._new.studies[study.id] = replace(
            known,
            instances=study.instances,
            size=study.size,
            waiting=study.waiting,
            arrived_ms=study.arrived_ms,
            settled_ms=study.settled_ms,
        )
        for pack in packs:
            self._new.packs[pack.id] = replace(
                self._new.packs[pack.id], length=pack.length, index_at=pack.index_at
            )

    def remove(self, study: bytes, at_ms: int) -> None:
        for pack in [one for one in self._new.packs.values() if one.study == study]:
            self.remove_pack(pack.id, at_ms)
        self._new.studies.pop(study, None)
        forget_study(self._new, study)
        self._new.study_facts.pop(study, None)
        forget_media(self._new, study)

    def packs(self, study: bytes, role: PackRole = PackRole.MAIN) -> Sequence[Pack]:
        return [one for one in self._now.packs.values() if one.study == study and one.role is role]

    def all_packs(self) -> Sequence[Pack]:
        return list(self._now.packs.values())

    def has_pack(self, pack: bytes) -> bool:
        return pack in self._now.packs

    def put_pack(self, pack: Pack) -> None:
        if pack.id in self._new.tombstones:
            raise Conflict("an erased pack cannot come back")
        self._new.packs[pack.id] = pack

    def remove_pack(self, pack: bytes, at_ms: int) -> None:
        removed = self._new.packs.pop(pack, None)
        if removed is not None:
            self._new.tombstones[pack] = Tombstone(pack, removed.study, at_ms)

    def tombstones(self) -> Mapping[bytes, Tombstone]:
        return dict(self._now.tombstones)

    def bury(self, tombstones: Iterable[Tombstone]) -> None:
        for one in tombstones:
            if one.pack in self._new.packs:
                self.remove_pack(one.pack, one.at_ms)
                if not any(pack.study == one.study for pack in self._new.packs.values()):
                    self._new.studies.pop(one.study, None)
                    forget_study(self._new, one.study)
                    forget_media(self._new, one.study)
            self._new.tombstones.setdefault(one.pack, one)


def _visible(study: Study) -> bool:
    """Tell whether it is not in quarantine."""
    return not study.sender.startswith(STRANGER)


def _search(study: Study) -> str:
    patient = study.patient
    return f"{patient.name}\n{patient.id}\n{study.accession}\n{study.uid}".casefold()
