"""Studies that grow just now, so that an arrival need not look its study up again.

While a study is sent, nothing but its own arrivals changes the catalog, and what they made of it is
known. So what was read is kept until something else has changed the catalog, whatever it was:

- `Catalog.changes` tells: it is read before anything is looked up, and once more within the change
  that an arrival makes, where it stands still;
- a change of an arrival's own moves it by one, which is expected; by more, and all is forgotten.

Not for several threads: whoever adds instances holds the one lock for that (`Receiving`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from undisc_node.services.contents import Contents, StudyContents
from undisc_node.services.model import Pack, PackRole, Study
from undisc_node.services.ports import Catalog

_MOST: Final = 32  # studies; as many as whose contents are remembered, and connections of a sender


@dataclass(frozen=True, slots=True)
class StudyAtHand:
    """What an arrival needs to know.

    Attributes:
        study: Its row; None while there is none.
        contents: What is inside.
        packs: The oldest pack of each role, which grows.
    """

    study: Study | None = None
    contents: StudyContents = field(default_factory=StudyContents)
    packs: Mapping[PackRole, Pack] = field(default_factory=dict)


class StudiesAtHand:
    """Remembers them.

    Args:
        catalog: Rows.
        contents: What is inside studies.
    """

    def __init__(self, *, catalog: Catalog, contents: Contents) -> None:
        self._catalog = catalog
        self._contents = contents
        self._known: OrderedDict[str, StudyAtHand] = OrderedDict()
        self._as_of = -1

    def find(self, uid: str) -> StudyAtHand:
        """Return what is known of a study by its UID, from memory or from the catalog."""
        changes = self._catalog.changes
        if changes != self._as_of:
            self._known.clear()
            self._as_of = changes
        known = self._known.get(uid)
        if known is None:
            known = self._look(uid)
            self._keep(uid, known)
        return known

    @property
    def are_current(self) -> bool:
        """Whether nothing else has changed the catalog; only within a change is that an answer."""
        return self._catalog.changes == self._as_of

    def grown(self, uid: str, known: StudyAtHand) -> None:
        """Take note of an own change that was committed, within which `are_current` was true."""
        self._as_of += 1
        self._keep(uid, known)

    def _look(self, uid: str) -> StudyAtHand:
        with self._catalog.look() as records:
            study = records.studies.find_uid(uid)
            if study is None:
                return StudyAtHand()
            contents = self._contents.of(records, study.id)
            packs = ((role, records.studies.packs(study.id, role)) for role in PackRole)
            return StudyAtHand(study, contents, {role: some[0] for role, some in packs if some})

    def _keep(self, uid: str, known: StudyAtHand) -> None:
        self._known[uid] = known
        self._known.move_to_end(uid)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
