"""The instances that a caller of DICOMweb may see: looked up anew with every request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from undisc_node.services.contents import Contents, Located
from undisc_node.services.dicomweb.scope import Allowed
from undisc_node.services.errors import NotFound
from undisc_node.services.model import Study, StudyState
from undisc_node.services.ports import Catalog, Packs, Records


@dataclass(frozen=True, slots=True)
class Held:
    """A study as one caller may see it.

    Attributes:
        study: Its row.
        series: Its current instances by Series Instance UID, in the order of their numbers.
        whole: Whether that is all there is.
    """

    study: Study
    series: Mapping[str, Sequence[Located]]
    whole: bool

    @property
    def instances(self) -> Sequence[Located]:
        """All instances, series after series."""
        return [one for series in self.series.values() for one in series]


class Holdings:
    """Looks up studies, series and instances within what a caller may see.

    Args:
        catalog: Rows.
        packs: Names of series.
        contents: What is inside studies.
    """

    def __init__(self, *, catalog: Catalog, packs: Packs, contents: Contents) -> None:
        self._catalog = catalog
        self._packs = packs
        self._contents = contents

    def held(self, allowed: Allowed, study_uid: str) -> Held:
        """Return a study.

        Raises:
            NotFound: There is none, it is held or withdrawn, or the caller may not see it; which of
                these is not told.
        """
        with self._catalog.look() as records:
            study = records.studies.find_uid(study_uid)
            if (
                study is None
                or study.state is not StudyState.ACTIVE
                or not allowed.has_study(study.id)
            ):
                raise nothing()
            return self.within(records, allowed, study)

    def within(self, records: Records, allowed: Allowed, study: Study) -> Held:
        """Return what a caller may see of a study whose row was looked up."""
        contents = self._contents.of(records, study.id)
        names = allowed.series.get(study.id)
        main = next(iter(records.studies.packs(study.id)), None)
        by_series: dict[str, list[Located]] = {}
        for located in contents.current.values():
            by_series.setdefault(located.stored.header.series_uid, []).append(located)
        seen = {
            uid: sorted(found, key=_place)
            for uid, found in by_series.items()
            if names is None or (main is not None and self._packs.series_name(main, uid) in names)
        }
        return Held(study, seen, whole=len(seen) == len(by_series))

    def study(self, allowed: Allowed, study_uid: str) -> Sequence[Located]:
        """Return every instance of a study, for an answer that claims to be the study.

        Raises:
            NotFound: As `held`, or the caller may see a part of it only.
        """
        held = self.held(allowed, study_uid)
        if not held.whole:
            raise NotFound("not all of this may be seen", hint="ask for its series one by one")
        return held.instances

    def series(self, allowed: Allowed, study_uid: str, series_uid: str) -> Sequence[Located]:
        """Return the instances of a series; raises as `held`."""
        found = self.held(allowed, study_uid).series.get(series_uid)
        if found is None:
            raise nothing()
        return found

    def instance(self, allowed: Allowed, study_uid: str, series_uid: str, sop_uid: str) -> Located:
        """Return one instance; raises as `held`."""
        for located in self.series(allowed, study_uid, series_uid):
            if located.stored.header.sop_uid == sop_uid:
                return located
        raise nothing()


def nothing() -> NotFound:
    """Say that there is nothing, whatever the reason."""
    return NotFound("there is no such study, series or instance here")


def _place(located: Located) -> tuple[int, str]:
    header = located.stored.header
    return header.number, header.sop_uid
