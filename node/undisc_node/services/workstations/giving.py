"""Chooses what a workstation retrieves, and says when it left (C-MOVE and C-GET, PS3.4 §C.4.2).

Which way the instances go, and what becomes of each, is told by whoever sends them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import MINOR_FAILURE, SUCCESS, Journal
from undisc_node.services.contents import Located, StoredSource
from undisc_node.services.dicomweb.asking import MOST_UIDS
from undisc_node.services.dicomweb.holdings import Holdings
from undisc_node.services.dicomweb.scope import Allowed
from undisc_node.services.errors import Invalid, NotFound
from undisc_node.services.model import Study, StudyState
from undisc_node.services.ports import Catalog, Packs, Source
from undisc_node.services.study_search import StudySearch, has_wildcard
from undisc_node.services.workstations.asking import (
    PATIENT_ID,
    SERIES_UID,
    SOP_UID,
    STUDY_UID,
    Identifier,
    Level,
)

MOST_INSTANCES: Final = 65_535
"""Instances of one retrieval: Number of Remaining Sub-operations has 16 bits (PS3.7 §9.3.3.2)."""
MOST_STUDIES: Final = 500
"""Studies of one patient that are retrieved at once."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """An instance that is to be given.

    Attributes:
        study: The row of its study.
        located: Where it lies.
    """

    study: Study
    located: Located


class Giving:
    """Chooses instances, and hands out their bytes.

    Args:
        catalog: Rows.
        packs: Bytes.
        holdings: What may be seen.
        journal: The log.
    """

    def __init__(
        self, *, catalog: Catalog, packs: Packs, holdings: Holdings, journal: Journal
    ) -> None:
        self._catalog = catalog
        self._packs = packs
        self._holdings = holdings
        self._journal = journal

    def choose(self, asked: Identifier) -> Sequence[Chosen]:
        """Return what a retrieval means; nothing where there is no such thing to be seen.

        Raises:
            Invalid: `bad_query`: unique keys are missing, or mean too much.
        """
        _check(asked)
        series, sops = set(asked.list_of(SERIES_UID)), set(asked.list_of(SOP_UID))
        patient = asked.keys.get(PATIENT_ID, "")
        chosen: list[Chosen] = []
        for uid in self._studies(asked, patient):
            try:
                held = self._holdings.held(Allowed(), uid)
            except NotFound:  # or held, or withdrawn: it does not leave
                continue
            if patient not in ("", held.study.patient.id):
                continue
            chosen += [
                Chosen(held.study, one)
                for one in held.instances
                if (not series or one.stored.header.series_uid in series)
                and (not sops or one.stored.header.sop_uid in sops)
            ]
            if len(chosen) > MOST_INSTANCES:
                raise _bad(f"that is more than {MOST_INSTANCES} images at once")
        return chosen

    def _studies(self, asked: Identifier, patient: str) -> Sequence[str]:
        """Return the Study Instance UIDs to look into."""
        if asked.level is not Level.PATIENT:
            return asked.list_of(STUDY_UID)
        with self._catalog.look() as records:
            wanted = StudySearch(patient_id=patient)
            rows = records.studies.search(wanted, limit=MOST_STUDIES + 1)
        if len(rows) > MOST_STUDIES:
            raise _bad(f"that patient has more than {MOST_STUDIES} studies")
        return [study.uid for study, _ in rows]

    def source(self, one: Chosen) -> Source:
        """Return the bytes of an instance, if its study may still leave.

        Raises:
            NotFound: It was held, withdrawn or erased meanwhile.
        """
        with self._catalog.look() as records:
            study = records.studies.get(one.study.id)
        if study is None or study.state is not StudyState.ACTIVE:
            raise NotFound("the study does not leave any more")
        return StoredSource(self._packs, one.located)

    def begin(self, chosen: Sequence[Chosen], *, who: str, address: str, to: str) -> None:
        """Write into the log that instances leave, before the first one does.

        Args:
            chosen: All of them.
            who: Name of the workstation that asked.
            address: Where it asked from.
            to: AE title to which they go.
        """
        with self._catalog.change() as records:
            for study, count in _by_study(chosen).values():
                self._journal.note(
                    records,
                    "retrieve.begun",
                    who=auditing.workstation(who, address),
                    what=auditing.about_study(study),
                    detail={"images": count, "to": to},
                )

    def end(
        self,
        chosen: Sequence[Chosen],
        given: Mapping[bytes, int],
        *,
        who: str,
        address: str,
        to: str,
    ) -> None:
        """Write into the log how many left; arguments as for `begin`.

        Args:
            chosen: All of them.
            given: By the id of a study, how many of its instances were taken.
            who: Name of the workstation that asked.
            address: Where it asked from.
            to: AE title to which they went.
        """
        with self._catalog.change() as records:
            for study, count in _by_study(chosen).values():
                taken = given.get(study.id, 0)
                self._journal.note(
                    records,
                    "retrieve.ended",
                    who=auditing.workstation(who, address),
                    what=auditing.about_study(study),
                    outcome=SUCCESS if taken == count else MINOR_FAILURE,
                    detail={"images": taken, "missing": count - taken, "to": to},
                )


def _by_study(chosen: Sequence[Chosen]) -> dict[bytes, tuple[Study, int]]:
    counted: dict[bytes, tuple[Study, int]] = {}
    for one in chosen:
        _, count = counted.get(one.study.id, (one.study, 0))
        counted[one.study.id] = one.study, count + 1
    return counted


def _check(asked: Identifier) -> None:
    """See that the unique keys say what is meant (PS3.4 §C.4.2.2.1).

    Raises:
        Invalid: They do not.
    """
    studies, series, sops = map(asked.list_of, (STUDY_UID, SERIES_UID, SOP_UID))
    patient = asked.keys.get(PATIENT_ID, "")
    if has_wildcard(patient) or "\\" in patient:
        raise _bad("the patient of a retrieval is one number, without wildcards")
    if max(map(len, (studies, series, sops))) > MOST_UIDS:
        raise _bad(f"a retrieval names more than {MOST_UIDS} UIDs")
    complete = {
        Level.PATIENT: bool(patient),
        Level.STUDY: bool(studies) and not series and not sops,
        Level.SERIES: len(studies) == 1 and bool(series) and not sops,
        Level.IMAGE: len(studies) == 1 and bool(sops),
    }
    if not complete[asked.level]:
        raise _bad("a retrieval names what it is for, and one thing of each level above")


def _bad(message: str) -> Invalid:
    return Invalid(message, code="bad_query")
