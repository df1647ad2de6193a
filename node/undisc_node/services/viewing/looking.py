"""What the light page shows: studies with their series, one image at a time, reports.

Everything is looked up anew within what the session may see; nothing of a request is trusted but
as a name to look for. Images are made in a limited worker, as JPEG or WebP: no stored byte leaves
here but a report that is a PDF.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from undisc_node.services.browsing_rows import Access, BrowserSession
from undisc_node.services.contents import Located
from undisc_node.services.dicomweb.holdings import Held, Holdings, nothing
from undisc_node.services.dicomweb.model import number_of, text_of
from undisc_node.services.dicomweb.rendering import Rendering, Wish
from undisc_node.services.dicomweb.retrieving import Part, Retrieving
from undisc_node.services.dicomweb.scope import view_only
from undisc_node.services.errors import Invalid, NotFound, ServiceError
from undisc_node.services.model import Study, StudyState
from undisc_node.services.ports import Catalog
from undisc_node.services.report_facts import REPORT_CLASSES, ShownReport
from undisc_node.services.viewing.report_text import Line, lines_of
from undisc_node.services.viewing.session import Sessions, allowed_of

MOST_DESCRIBED: Final = 500  # instances of a series whose number of frames is read
_PDF_STARTS: Final = b"%PDF-"
_PDF_WITHIN: Final = 1_024  # bytes in which a PDF begins (ISO 32000-1 Annex H, note 13)
PDF_CLASS: Final = "1.2.840.10008.5.1.4.1.1.104.1"
_CDA_CLASS: Final = "1.2.840.10008.5.1.4.1.1.104.2"
_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."
_ONE_FRAME: Final = frozenset(
    _STORAGE + one for one in ("1", "1.1", "1.2", "2", "4", "6.1", "7", "128")
)
"""SOP classes with exactly one frame: CR, DX, MG, CT, MR, US, SC, PT (PS3.3 §A)."""


@dataclass(frozen=True, slots=True)
class ShownSeries:
    """A series on the page.

    Attributes:
        uid: Its Series Instance UID.
        number: Series Number (0020,0011), 0 when it has none.
        modality: What made it.
        description: What it calls itself.
        images: How many images it has, frames counted one by one.
        others: Instances that are no images.
    """

    uid: str
    number: int
    modality: str
    description: str
    images: int
    others: int


@dataclass(frozen=True, slots=True)
class ShownStudy:
    """A study on the page.

    Attributes:
        study: Its row.
        series: What may be seen of it, without reports.
        reports: Reports, the newest first, replaced ones behind.
        whole: Whether that is all there is.
    """

    study: Study
    series: Sequence[ShownSeries]
    reports: Sequence[ShownReport]
    whole: bool


class Looking:
    """Shows what a session may see.

    Args:
        catalog: Rows.
        holdings: What is there.
        retrieving: Descriptions and documents.
        rendering: Makes images.
        reports_of: Lists the reports of a study by its id.
        sessions: Writes down who saw what.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        holdings: Holdings,
        retrieving: Retrieving,
        rendering: Rendering,
        reports_of: Callable[[bytes], Sequence[ShownReport]],
        sessions: Sessions,
    ) -> None:
        self._catalog = catalog
        self._holdings = holdings
        self._retrieving = retrieving
        self._rendering = rendering
        self._reports_of = reports_of
        self._sessions = sessions

    def held(self, session: BrowserSession) -> Sequence[Held]:
        """Return the studies that may be seen now, newest first; held ones are not among them."""
        found = []
        with self._catalog.look() as records:
            for name in session.studies:
                study = records.studies.get(name)
                if study is not None and study.state is StudyState.ACTIVE:
                    found.append(self._holdings.within(records, allowed_of(session), study))
        found.sort(key=lambda one: (one.study.study_date, one.study.study_time), reverse=True)
        return [one for one in found if one.series]

    def studies(self, session: BrowserSession) -> Sequence[ShownStudy]:
        """Return what the page shows, and write down that it was opened."""
        shown = []
        for held in self.held(session):
            self._sessions.note(session, Access.VIEWED, held.study.id)
            series = [self._series(uid, found) for uid, found in held.series.items()]
            reports = [
                one for one in self._reports_of(held.study.id) if one.series_uid in held.series
            ]
            shown.append(
                ShownStudy(
                    study=held.study,
                    series=sorted(
                        (one for one in series if one is not None), key=lambda one: one.number
                    ),
                    reports=reports,
                    whole=held.whole,
                )
            )
        return shown

    def _series(self, uid: str, found: Sequence[Located]) -> ShownSeries | None:
        """Describe a series; None for one that holds reports only."""
        found = [one for one in found if one.stored.header.sop_class not in REPORT_CLASSES]
        if not found:
            return None
        images = sum(frames for _, frames in self._frames(found))
        try:
            said = self._retrieving.description(found[0]).attributes
        except ServiceError:
            said = {}  # a damaged instance must not hide all the others
        return ShownSeries(
            uid=uid,
            number=number_of(said, "00200011"),
            modality=found[0].stored.header.modality,
            description=text_of(said, "0008103E"),
            images=images,
            others=sum(1 for _, frames in self._frames(found) if not frames),
        )

    def _frames(self, found: Sequence[Located]) -> Iterator[tuple[Located, int]]:
        """Yield each instance with the number of its frames."""
        looked = 0
        for located in found:
            if located.stored.header.sop_class in _ONE_FRAME or looked == MOST_DESCRIBED:
                yield located, 1
                continue
            looked += 1
            try:
                pixels = self._retrieving.description(located).pixels
            except ServiceError:
                pixels = None
            yield located, pixels.frames if pixels is not None else 0

    def image(
        self, session: BrowserSession, study: str, series: str, position: int, wish: Wish
    ) -> bytes:
        """Make one image of a series.

        Args:
            session: Who looks.
            study: Study Instance UID.
            series: Series Instance UID.
            position: Which one, from 1; frames count one by one.
            wish: How it shall look.

        Raises:
            NotFound: There is none that the session may see.
            Invalid: It cannot be decoded within the limits.
        """
        left = position
        found = self._retrieving.visible(allowed_of(session), study, series)
        found = [one for one in found if one.stored.header.sop_class not in REPORT_CLASSES]
        for located, frames in self._frames(found):
            if 1 <= left <= frames:
                self.saw(session, study)
                return self._rendering.frame(study, located, left, wish)
            left -= frames
        raise NotFound("the series has no such image", code="no_frame")

    def saw(self, session: BrowserSession, study_uid: str, what: Access = Access.VIEWED) -> None:
        """Write down that something of a study is about to leave.

        Raises:
            NotFound: Nothing of it may be seen.
            Refused: It may only be looked at.
        """
        study = self.still(session, study_uid)
        if what is Access.COPIED and not session.may_copy(study.id):
            raise view_only()
        self._sessions.note(session, what, study.id)

    def still(self, session: BrowserSession, study_uid: str) -> Study:
        """Return a study if something of it may be seen at this moment.

        Raises:
            NotFound: It may not.
        """
        with self._catalog.look() as records:
            study = records.studies.find_uid(study_uid)
        if study is None or study.state is not StudyState.ACTIVE or study.id not in session.studies:
            raise nothing()
        return study

    def text(self, session: BrowserSession, study: str, series: str, sop: str) -> Sequence[Line]:
        """Return what a structured report says.

        Raises:
            NotFound: There is no such report that the session may see.
        """
        located = self._report(session, study, series, sop)
        if located.stored.header.sop_class in {PDF_CLASS, _CDA_CLASS}:
            raise nothing()
        return lines_of(self._retrieving.description(located).attributes)

    def document(self, session: BrowserSession, study: str, series: str, sop: str) -> Part:
        """Return a report that is a PDF, as it is stored.

        Raises:
            NotFound: There is no such report that the session may see.
            Invalid: `not_pdf`: it says it is one, and is something else.
        """
        located = self._report(session, study, series, sop)
        part = self._rendering.document(study, located)
        if part is None:
            raise nothing()
        first = next(part.chunks, b"")
        if _PDF_STARTS not in first[:_PDF_WITHIN]:
            raise Invalid("the report is not the PDF that it says it is", code="not_pdf")
        return Part(part.media_type, "", part.length, chain((first,), part.chunks))

    def _report(self, session: BrowserSession, study: str, series: str, sop: str) -> Located:
        (located,) = self._retrieving.visible(allowed_of(session), study, series, sop)
        if located.stored.header.sop_class not in REPORT_CLASSES:
            raise nothing()
        self.saw(session, study)
        return located
