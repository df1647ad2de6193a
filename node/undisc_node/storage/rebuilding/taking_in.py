"""Reads packs that no row names, study by study, and saves the rows that follow from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.contents import Contents
from undisc_node.services.errors import ServiceError
from undisc_node.services.model import FetchState, PackRole
from undisc_node.services.ports import Clock, Entropy, Records
from undisc_node.services.rebuilding import FoundPack, Told, rebuild_study
from undisc_node.services.stopping import stop_transfers
from undisc_node.services.sweeping import finish
from undisc_node.storage.catalog import SqliteCatalog
from undisc_node.storage.checking.leftovers import pack_files
from undisc_node.storage.checking.problems import (
    RESTORE_KEYRING,
    RESTORE_PACK,
    Level,
    Problem,
    pack_problem,
    short,
)
from undisc_node.storage.keyring import Keyring
from undisc_node.storage.packs.store import PackStore
from undisc_node.storage.rebuilding.found import Found, find_pack, read_study_header
from undisc_node.storage.rebuilding.told import Remains

_AT_ONCE: Final = 100  # studies saved in one change; each change is synced
_OPEN: Final = (FetchState.RUNNING, FetchState.PAUSED)
_WHO: Final = "undisc-node"


class TakingIn:
    """Takes packs into a catalog.

    Args:
        home: The home.
        catalog: Where the rows go.
        keyring: Opens the packs.
        journal: Its log.
        clock: Time.
        entropy: For the pack store; nothing is drawn.
        progress: Is told how many of how many packs were looked at.

    Attributes:
        studies: How many studies were made, or grew.
        packs: How many packs were taken in.
        held: How many of the studies wait for a person's decision.
        empty: Packs in which nothing was ever stored.
        problems: What could not be taken in, or only in part.
    """

    def __init__(
        self,
        *,
        home: Path,
        catalog: SqliteCatalog,
        keyring: Keyring,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        progress: Callable[[int, int], None],
    ) -> None:
        self._home = home
        self._catalog = catalog
        self._keyring = keyring
        self._journal = journal
        self._clock = clock
        self._progress = progress
        self._store = PackStore(home, keyring=keyring, entropy=entropy)
        self._contents = Contents(packs=self._store)
        self.studies = self.packs = self.held = 0
        self.empty: set[bytes] = set()
        self.problems: list[Problem] = []

    def take_in(self, remains: Remains, *, but: frozenset[bytes]) -> None:
        """Make rows for every pack in place that no row, open fetch or tombstone names.

        Args:
            remains: What a damaged catalog still says.
            but: Packs to leave alone.
        """
        groups = self._by_study(but)
        total, done = sum(map(len, groups.values())), 0
        uids = sorted(groups)
        for start in range(0, len(uids), _AT_ONCE):
            batch = uids[start : start + _AT_ONCE]
            found = [list(self._found(groups[uid], remains)) for uid in batch]
            with self._catalog.change() as records:
                for packs in found:
                    if packs:
                        self._save(records, packs, remains.told)
            finish(self._catalog, self._store)
            done += sum(len(groups[uid]) for uid in batch)
            self._progress(done, total)

    def _by_study(self, but: frozenset[bytes]) -> Mapping[str, Sequence[bytes]]:
        """Sort packs that are not named by the Study Instance UID in their headers."""
        with self._catalog.look() as records:
            named = {pack.id for pack in records.studies.all_packs()}
            named |= records.studies.tombstones().keys()
            named |= {one.pack for one in records.fetches.list() if one.pack and one.state in _OPEN}
        groups: dict[str, list[bytes]] = defaultdict(list)
        files, _ = pack_files(self._home)
        for pack in sorted(files - named - but):
            path = self._file(pack)
            if not path.exists():
                continue  # staged: a fetch brings it again
            try:
                header = read_study_header(path, pack, self._keyring.get(pack))
            except ServiceError as fault:
                hint = RESTORE_KEYRING if fault.reason == "key_destroyed" else RESTORE_PACK
                sentence = f"it cannot be taken in, and stays where it is: {fault}"
                self.problems.append(pack_problem("pack_not_taken", pack, sentence, hint))
            else:
                groups[header.uid].append(pack)
        return groups

    def _file(self, pack: bytes) -> Path:
        return self._home / "packs" / pack.hex()

    def _found(self, packs: Sequence[bytes], remains: Remains) -> Iterator[FoundPack]:
        for pack in packs:
            committed = remains.lengths.get(pack, 0)
            try:
                found = find_pack(
                    self._file(pack), pack, self._keyring.get(pack), committed=committed
                )
            except (ServiceError, OSError) as fault:
                sentence = f"it cannot be taken in, and stays where it is: {fault}"
                self.problems.append(pack_problem("pack_not_taken", pack, sentence))
                continue
            self._tell(found)
            if found.pack.stored:
                yield found.pack

    def _tell(self, found: Found) -> None:
        pack = found.pack.id
        if found.holes:
            sentence = "headers in it are damaged; its index stands in for them"
            self.problems.append(pack_problem("header_damaged", pack, sentence))
        if found.left_out:
            sentence = (
                f"pack {short(pack)}: the last {found.left_out} bytes do not open and are left out"
            )
            hint = (
                "a crash in the middle of an arrival leaves such bytes; copy the file before the"
                " node starts if you want to keep them, since the next arrival overwrites them"
            )
            self.problems.append(Problem("end_left_out", Level.WARN, sentence, hint, pack=pack))
        if not found.pack.stored and not found.left_out:
            self.empty.add(pack)  # begun, and nothing in it was ever acknowledged
        elif not found.pack.stored:
            self.problems.append(pack_problem("pack_not_taken", pack, "nothing in it opens"))

    def _save(self, records: Records, packs: Sequence[FoundPack], told: Told) -> None:
        known = records.studies.find_uid(packs[0].header.uid)
        before = self._contents.of(records, known.id) if known else None
        made = rebuild_study(packs, told, known=known, contents=before)
        records.studies.put(made.study)
        for row in made.packs:
            records.studies.put_pack(row)
        waiting = sum(row.role is PackRole.WAITING for row in made.packs)
        self._journal.note(
            records,
            "study.rebuilt",
            who=auditing.user(_WHO),
            what=auditing.about_study(made.study),
            detail={"packs": len(made.packs), "waiting": waiting},
        )
        if known is not None:
            stop_transfers(
                self._journal,
                records,
                known,
                made.study,
                replaced=len(made.packs),
                who=auditing.user(_WHO),
                at_ms=self._clock.now_ms(),
            )
            self._contents.forget(known.id)
        self.studies += 1
        self.packs += len(made.packs)
        self.held += waiting > 0
