"""What this node holds: find, show, read, hold, release, withdraw, delete."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock

from undisc_node.services import auditing
from undisc_node.services.auditing import Journal
from undisc_node.services.contents import Contents, Located, StudyContents
from undisc_node.services.errors import Conflict, Invalid, NotFound
from undisc_node.services.finding import by_prefix
from undisc_node.services.model import Fetch, Pack, PackRole, Receipt, Study, StudyState
from undisc_node.services.ports import Catalog, Clock, Packs, Records, Stored
from undisc_node.services.preambles import leaving
from undisc_node.services.telling import tell_all, tell_released
from undisc_protocol.notice import NoticeKind

MAX_REASON = 500  # characters of a reason; fits the log
_ID_DIGITS = 32  # hex digits of a study's id


@dataclass(frozen=True, slots=True)
class StudyDetail:
    """A study, its instances, where it came from and who has a copy.

    Attributes:
        study: The row.
        current: Instances that are served, in order of arrival.
        superseded: Instances replaced by later ones.
        waiting: Arrivals that wait for the administrator.
        fetches: How it was brought from another node.
        receipts: Who confirmed to have stored it.
        series_names: By Series Instance UID, the 16-byte name of each series in capabilities.
    """

    study: Study
    current: Sequence[Stored]
    superseded: Sequence[Stored]
    waiting: Sequence[Stored]
    fetches: Sequence[Fetch]
    receipts: Sequence[Receipt]
    series_names: Mapping[str, bytes]


class Studies:
    """The administrator's view of the studies.

    Args:
        catalog: Rows.
        packs: Bytes.
        contents: What is inside studies.
        journal: The log.
        clock: Time.
        writing: Held while packs of any study change.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        packs: Packs,
        contents: Contents,
        journal: Journal,
        clock: Clock,
        writing: Lock,
    ) -> None:
        self._catalog = catalog
        self._packs = packs
        self._contents = contents
        self._journal = journal
        self._clock = clock
        self._writing = writing

    def find(self, name: str) -> Study:
        """Return the study of an id, a unique prefix of one, or a Study Instance UID.

        Raises:
            NotFound: No study, or the prefix is too short.
            Conflict: Several studies begin with the prefix.
        """
        with self._catalog.look() as records:
            if "." in name:
                study = records.studies.find_uid(name)
                if study is not None:
                    return study
            prefix = name.strip().lower()
            is_prefix = len(prefix) <= _ID_DIGITS and set(prefix) <= set("0123456789abcdef")
            return by_prefix(prefix, records.studies.starting(prefix) if is_prefix else [], "study")

    def list(
        self, text: str, patient: str, state: StudyState | None, limit: int, offset: int
    ) -> Sequence[Study]:
        """List studies, newest first; see `StudyRecords.list`."""
        with self._catalog.look() as records:
            return records.studies.list(
                text=text, patient=patient, state=state, limit=limit, offset=offset
            )

    def detail(self, study_id: bytes) -> StudyDetail:
        """Return everything known about a study.

        Raises:
            NotFound: No such study.
            Damaged: A header in its packs does not open.
        """
        with self._catalog.look() as records:
            study = records.studies.get(study_id)
            if study is None:
                raise NotFound("no such study")
            contents = self._contents.of(records, study_id)
            fetches = records.fetches.list(study=study_id)
            receipts = records.fetches.receipts(study_id)
            main = next(iter(records.studies.packs(study_id)), None)

        def plain(located: Sequence[Located]) -> Sequence[Stored]:
            return [one.stored for one in located]

        return StudyDetail(
            study=study,
            current=plain(list(contents.current.values())),
            superseded=plain(contents.superseded),
            waiting=plain(contents.waiting),
            fetches=fetches,
            receipts=receipts,
            series_names=self._series_names(main, contents),
        )

    def _series_names(self, main: Pack | None, contents: StudyContents) -> Mapping[str, bytes]:
        uids = {located.stored.header.series_uid for located in contents.current.values()}
        return {uid: self._packs.series_name(main, uid) for uid in uids} if main else {}

    def read(self, study_id: bytes, object_id: bytes) -> tuple[int, Iterator[bytes]]:
        """Return size and bytes of one instance, whatever its state, as they may leave the node.

        They are what was received, but for a preamble that is no TIFF head (`preambles`).

        Raises:
            NotFound: No such study or instance.
            Damaged: While iterating: stored bytes do not authenticate.
        """
        with self._catalog.look() as records:
            if records.studies.get(study_id) is None:
                raise NotFound("no such study")
            contents = self._contents.of(records, study_id)
        everything = (*contents.current.values(), *contents.superseded, *contents.waiting)
        for located in everything:
            if located.stored.header.id == object_id:
                chunks = leaving(self._packs.read(located.pack, located.stored))
                return located.stored.header.size, chunks
        raise NotFound("the study has no such instance")

    def hold(self, study_id: bytes, reason: str, actor: str) -> Study:
        """Stop every byte of a study at once, until it is released."""
        return self._stop(study_id, StudyState.HELD, reason, actor)

    def withdraw(self, study_id: bytes, reason: str, actor: str) -> Study:
        """Stop every byte of a study for good; it stays here."""
        return self._stop(study_id, StudyState.WITHDRAWN, reason, actor)

    def _stop(self, study_id: bytes, state: StudyState, reason: str, actor: str) -> Study:
        if not 0 < len(reason.strip()) <= MAX_REASON:
            raise Invalid(
                f"a reason of 1 to {MAX_REASON} characters is needed",
                hint="say why, for the log: --reason TEXT",
            )
        with self._catalog.change(vital=True) as records:
            study = records.studies.get(study_id)
            if study is None:
                raise NotFound("no such study")
            if study.state is StudyState.WITHDRAWN:
                raise Conflict("the study is withdrawn already", code="withdrawn")
            stopped = replace(study, state=state, reason=reason.strip())
            records.studies.put(stopped)
            now_ms = self._clock.now_ms()
            ended = records.tickets.drop(study=study_id, at_ms=now_ms)
            held = state is StudyState.HELD
            tell_all(records, study_id, NoticeKind.HELD if held else NoticeKind.WITHDRAWN, now_ms)
            self._journal.note(
                records,
                f"study.{state}",
                who=auditing.user(actor),
                what=auditing.about_study(study),
                why=reason.strip(),
                detail={"transfers_stopped": ended},
            )
            return stopped

    def release(self, study_id: bytes, actor: str) -> Study:
        """End a hold.

        Raises:
            Conflict: The study is not held, or arrivals of another patient still wait.
        """
        with self._catalog.change() as records:
            study = records.studies.get(study_id)
            if study is None:
                raise NotFound("no such study")
            if study.state is not StudyState.HELD:
                raise Conflict(f"the study is {study.state}, not held", code="not_held")
            if study.waiting:
                raise Conflict(
                    f"{study.waiting} arrivals of this study wait for a decision",
                    code="waiting",
                    hint="look with 'undisc studies show', then 'undisc studies resolve'",
                )
            if records.queue.list(study=study_id, limit=1):
                raise Conflict(
                    "something about this study waits for a decision",
                    code="waiting",
                    hint="look with 'undisc queue list', then 'undisc queue resolve'",
                )
            released = replace(study, state=StudyState.ACTIVE, reason="")
            records.studies.put(released)
            tell_released(records, study_id, self._clock.now_ms())
            self._journal.note(
                records,
                "study.released",
                who=auditing.user(actor),
                what=auditing.about_study(study),
            )
            return released

    def keep(self, study_id: bytes, wanted: bool, actor: str) -> Study:  # noqa: FBT001 - the API's own field
        """Let a study stay though nobody has a permission for it, or let it leave again.

        Raises:
            NotFound: No such study.
        """
        with self._catalog.change() as records:
            study = records.studies.get(study_id)
            if study is None:
                raise NotFound("no such study")
            if study.kept is wanted:
                return study
            changed = replace(study, kept=wanted)
            records.studies.put(changed)
            self._journal.note(
                records,
                "study.kept" if wanted else "study.let_go",
                who=auditing.user(actor),
                what=auditing.about_study(study),
            )
            return changed

    def delete(self, study_id: bytes, actor: str) -> None:
        """Erase a study: its rows go, its keys are destroyed, its packs unlinked. No way back.

        A crash in between leaves tombstones, and the next start erases what they name.

        Raises:
            NotFound: No such study.
        """
        if not self.delete_if(study_id, lambda _records, _study: True, actor, ""):
            raise NotFound("no such study")

    def delete_if(
        self,
        study_id: bytes,
        condition: Callable[[Records, Study], bool],
        actor: str,
        why: str,
        *,
        noted: bool = True,
    ) -> bool:
        """Erase a study if a condition holds within the very change; tell whether it was erased.

        Args:
            study_id: The study.
            condition: Looks at its row.
            actor: Who erases it.
            why: The reason, for the log.
            noted: Write a line of the log; False when the condition writes one of its own.
        """
        with self._writing:
            with self._catalog.change(vital=True) as records:
                study = records.studies.get(study_id)
                if study is None or not condition(records, study):
                    return False
                packs = [
                    pack.id for role in PackRole for pack in records.studies.packs(study_id, role)
                ]
                now_ms = self._clock.now_ms()
                records.tickets.drop(study=study_id, at_ms=now_ms)
                records.studies.remove(study_id, now_ms)
                if noted:
                    self._journal.note(
                        records,
                        "study.deleted",
                        who=auditing.user(actor),
                        what=auditing.about_study(study),
                        why=why,
                    )
            self._contents.forget(study_id)
            for pack in packs:
                self._packs.erase(pack)
        return True
