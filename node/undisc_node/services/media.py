"""Studies as a medium that any DICOM system reads: IHE PDI, as files or as one ZIP stream.

Nothing of a study is kept in memory but the start of one instance at a time and a few hundred
bytes for its directory record. Names on the medium are counted, never taken from an object. Image
bytes leave as they came; only a preamble is emptied that could be another program's file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Final, cast

from undisc_node.services import auditing, media_pages, zipping
from undisc_node.services.auditing import Journal
from undisc_node.services.contents import Contents, Located, StoredSource
from undisc_node.services.errors import Conflict, NotFound
from undisc_node.services.media_pages import Shown
from undisc_node.services.model import Study, StudyState
from undisc_node.services.ports import (
    Branch,
    Catalog,
    Clock,
    Entropy,
    Leaf,
    MediumComposer,
    Packs,
    Trunk,
)
from undisc_node.services.zipping import Member

HEAD: Final = 1 << 20  # bytes of an instance in which its directory record's values are looked for
MAX_FILES: Final = 200_000  # on one medium; its DICOMDIR then has 70 MB
_FILE_SET: Final = "UNDISC"
_UID_ROOT: Final = "2.25."  # a UUID as a UID (PS3.5 §B.2)


@dataclass(frozen=True, slots=True)
class OpenMedium:
    """A medium that is ready to be written.

    Attributes:
        members: Its files, DICOMDIR first, in the order in which a disc should have them.
        made_ms: When it was prepared.
    """

    members: Sequence[Member]
    made_ms: int

    @property
    def zip_size(self) -> int:
        """Bytes of it as a ZIP file."""
        return zipping.size_of(self.members)

    def zip(self) -> Iterator[bytes]:
        """Yield it as a ZIP file.

        Raises:
            Damaged: Stored bytes do not authenticate.
        """
        return zipping.write(self.members, at_seconds=self.made_ms / 1000)


class Media:
    """Makes media.

    Args:
        catalog: Rows.
        packs: Bytes.
        contents: What is inside studies.
        composer: Makes directory records.
        journal: The log.
        clock: Time.
        entropy: Names the DICOMDIR.
        practice: The practice's name, for the pages.
        version: Of undisc, for the pages.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        packs: Packs,
        contents: Contents,
        composer: MediumComposer,
        journal: Journal,
        clock: Clock,
        entropy: Entropy,
        practice: str,
        version: str,
    ) -> None:
        self._catalog = catalog
        self._packs = packs
        self._contents = contents
        self._composer = composer
        self._journal = journal
        self._clock = clock
        self._entropy = entropy
        self._practice = practice
        self._version = version

    def open(self, studies: Sequence[bytes], actor: str) -> OpenMedium:
        """Prepare a medium; reads the start of every instance.

        Args:
            studies: Ids of what goes onto it, in order.
            actor: Who asks for it, for the log.

        Raises:
            NotFound: No such study.
            Conflict: A study is held or withdrawn, has no images, or there are too many files.
            Damaged: Stored bytes do not authenticate.
        """
        found = [self._study(study) for study in studies]
        medium = self.of(found)
        self._note([study for study, _ in found], actor)
        return medium

    def of(self, found: Sequence[tuple[Study, Sequence[Located]]]) -> OpenMedium:
        """Prepare a medium with these instances of studies; reads the start of each.

        What leaves is not written down here, and whether it may is not looked at.

        Args:
            found: Studies in order, each with those of its instances that go onto the medium.

        Raises:
            Conflict: There are too many files.
            Damaged: Stored bytes do not authenticate.
        """
        if sum(len(instances) for _, instances in found) > MAX_FILES:
            raise Conflict(f"a medium holds at most {MAX_FILES} files", code="medium_full")
        made_ms = self._clock.now_ms()
        trunks, members, shown = list[Trunk](), list[Member](), list[Shown]()
        counted = count(1)
        for number, (study, instances) in enumerate(found, 1):
            trunk, files = self._trunk(study, instances, number)
            pdfs = [self._report(one, next(counted)) for one in _with_reports(files)]
            trunks.append(trunk)
            members += [self._member(parts, leaf, located) for parts, leaf, located in files]
            members += pdfs
            series = [(one.leaves[0][1].header.modality, len(one.leaves)) for one in trunk.series]
            shown.append(Shown(study, series, [pdf.name for pdf in pdfs]))
        uid = _UID_ROOT + str(int.from_bytes(self._entropy.random(16)))
        pages = (
            ("DICOMDIR", self._composer.directory(uid, _FILE_SET, trunks)),
            ("README.TXT", media_pages.readme(self._practice, made_ms, self._version)),
            ("INDEX.HTM", media_pages.index(self._practice, made_ms, self._version)),
            ("IHE_PDI/CONTENT.HTM", media_pages.content(shown)),
        )
        return OpenMedium([*(_page(name, page) for name, page in pages), *members], made_ms)

    def _study(self, study_id: bytes) -> tuple[Study, Sequence[Located]]:
        with self._catalog.look() as records:
            study = records.studies.get(study_id)
            if study is None:
                raise NotFound("no such study")
            contents = self._contents.of(records, study_id)
        if study.state is not StudyState.ACTIVE:
            raise Conflict(
                f"the study is {study.state}: nothing of it leaves this node", code=study.state
            )
        if not contents.current:
            raise Conflict("the study has no images", code="no_instances")
        return study, list(contents.current.values())

    def _trunk(
        self, study: Study, instances: Sequence[Located], number: int
    ) -> tuple[Trunk, list[tuple[tuple[str, ...], Leaf, Located]]]:
        """Prepare every instance of a study, series by series as they arrived."""
        series: dict[str, list[Located]] = {}
        for located in instances:
            series.setdefault(located.stored.header.series_uid, []).append(located)
        files: list[tuple[tuple[str, ...], Leaf, Located]] = []
        branches: list[Branch] = []
        for place, found in enumerate(series.values(), 1):
            leaves: list[tuple[tuple[str, ...], Leaf]] = []
            ordered = sorted(found, key=lambda one: one.stored.header.number)
            for number_in, located in enumerate(ordered, 1):
                parts = ("DICOM", f"ST{number:06}", f"SE{place:06}", f"IM{number_in:06}")
                leaf = self._composer.leaf(
                    self._head(located), located.stored.header, study, (place, number_in)
                )
                leaves.append((parts, leaf))
                files.append((parts, leaf, located))
            branches.append(Branch(leaves))
        return Trunk(study, branches), files

    def _head(self, located: Located) -> bytes:
        source = StoredSource(self._packs, located)
        with source.open() as stream:
            return stream.read(HEAD)

    def _member(self, parts: tuple[str, ...], leaf: Leaf, located: Located) -> Member:
        return Member("/".join(parts), leaf.size, partial(self._instance, leaf, located))

    def _instance(self, leaf: Leaf, located: Located) -> Iterator[bytes]:
        yield leaf.start
        yield from _slice(
            self._packs.read(located.pack, located.stored), leaf.skip, leaf.header.size
        )

    def _report(self, file: tuple[Leaf, Located], number: int) -> Member:
        leaf, located = file
        at, length = cast("tuple[int, int]", leaf.report)
        return Member(
            f"REPORTS/RP{number:06}.PDF",
            length,
            lambda: _slice(self._packs.read(located.pack, located.stored), at, at + length),
        )

    def _note(self, studies: Sequence[Study], actor: str) -> None:
        with self._catalog.change() as records:
            for study in studies:
                self._journal.note(
                    records,
                    "study.exported",
                    who=auditing.user(actor),
                    what=auditing.about_study(study),
                    detail={"instances": study.instances},
                )


def _with_reports(
    files: Sequence[tuple[tuple[str, ...], Leaf, Located]],
) -> Iterator[tuple[Leaf, Located]]:
    return ((leaf, located) for _, leaf, located in files if leaf.report is not None)


def _page(name: str, content: bytes) -> Member:
    return Member(name, len(content), lambda: (content,))


def _slice(chunks: Iterator[bytes], start: int, stop: int) -> Iterator[bytes]:
    """Yield the bytes `[start, stop)`; reads to the end, so that the whole is verified."""
    at = 0
    for chunk in chunks:
        piece = chunk[max(0, start - at) : max(0, stop - at)]
        at += len(chunk)
        if piece:
            yield piece
