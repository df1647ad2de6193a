"""A node's viewer with real storage, real decoders and a real public listener, in this process.

Only who holds which cookie is made up: `open` gives a cookie for what a link would have opened, and
`revoke` takes it back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from support.media_house import MediaHouse
from undisc_node.dicom.report_objects import ReportObjects
from undisc_node.dicom.workers.pool import WorkerPool
from undisc_node.services.browsing_rows import Access, BrowserSession, Kind, Opened, SessionRow
from undisc_node.services.contents import StoredSource
from undisc_node.services.dicomweb.rendering import TASK
from undisc_node.services.errors import Invalid, Refused
from undisc_node.services.report_facts import REPORT_CLASSES, ShownReport, ordered
from undisc_node.wiring.dicomweb import build_dicomweb
from undisc_node.wiring.viewer import build_viewer
from undisc_protocol.did import Did
from unit.web import fakes
from unit.web.conftest import running_node

LINK = Did("did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH")
READ, VIEW = "/img/read", "/img/view"


class MadeSessions:
    """Sessions by cookie; keeps what was noted."""

    def __init__(self) -> None:
        self.known: dict[str, BrowserSession] = {}
        self.noted: list[tuple[str, Access, bytes]] = []
        self.made = 0

    def session_of(self, cookie: str) -> BrowserSession:
        """Return the session, or refuse."""
        if cookie not in self.known:
            raise Refused("this page was open for too long, or was closed", code="session_over")
        return self.known[cookie]

    def note(self, session: BrowserSession, what: Access, study: bytes) -> None:
        """Keep it."""
        line = (session.row.name, what, study)
        if line not in self.noted:
            self.noted.append(line)


@dataclass
class ViewerHouse:
    """What was built.

    Attributes:
        house: Storage.
        sessions: Who holds which cookie.
        port: Of the public listener.
    """

    house: MediaHouse
    sessions: MadeSessions
    port: int = 0

    @property
    def url(self) -> str:
        """Where a browser goes."""
        return f"http://127.0.0.1:{self.port}"

    def store(self, contents: Sequence[bytes]) -> bytes:
        """Take files of one study in; return the study's id."""
        return [self.house.store(one) for one in contents][-1].study

    def open(
        self,
        study: bytes,
        *,
        series: Sequence[str] = (),
        command: str = READ,
        name: str = "Dr Weiss",
    ) -> str:
        """Let a link have opened a study, or some series of it; return the cookie."""
        with self.house.catalog.look() as records:
            (pack,) = records.studies.packs(study)
        names = tuple(self.house.packs.series_name(pack, uid) for uid in series)
        self.sessions.made += 1
        cookie = f"cookie-{self.sessions.made}"
        hashed = cookie.encode().ljust(32, b".")
        until_ms = self.house.clock.now_ms() + 3_600_000
        row = SessionRow(
            hashed, Kind.SHARE, LINK, None, 1, name, test=False, created_ms=0, until_ms=until_ms
        )
        opened = Opened(study, names, command, b"g" * 32, b"s" * 32, 10**10)
        self.sessions.known[cookie] = BrowserSession(row, (opened,))
        return cookie

    def revoke(self, cookie: str) -> None:
        """Take back what a cookie opened."""
        del self.sessions.known[cookie]

    def reports_of(self, study: bytes) -> Sequence[ShownReport]:
        """List the reports of a study."""
        with self.house.catalog.look() as records:
            current = self.house.contents.of(records, study).current
        shown = []
        for located in current.values():
            header = located.stored.header
            if header.sop_class in REPORT_CLASSES:
                try:
                    facts = ReportObjects().read(StoredSource(self.house.packs, located))
                except Invalid:
                    facts = None
                shown.append(
                    ShownReport(
                        header.id, header.sop_uid, header.sop_class, header.series_uid,
                        header.sender, header.at_ms, facts,
                    )
                )  # fmt: skip
        return ordered(shown)


@contextmanager
def viewer_house(folder: Path) -> Iterator[ViewerHouse]:
    """Build it, open its doors, and close everything at the end."""
    house, sessions = MediaHouse(folder / "house"), MadeSessions()
    made = ViewerHouse(house, sessions)
    work = WorkerPool({TASK: "undisc_node.dicom.rendering:render"})
    try:
        dicomweb, _ = build_dicomweb(
            catalog=house.catalog,
            packs=house.packs,
            contents=house.contents,
            receiving=house.receiving,
            work=work,
            entropy=house.entropy,
        )
        viewer = build_viewer(
            catalog=house.catalog,
            packs=house.packs,
            contents=house.contents,
            dicomweb=dicomweb,
            reports_of=made.reports_of,
            media=house.media,
            sessions=sessions,
        )
        public = replace(fakes.public_uses(), viewer=viewer)
        with running_node(folder, public=public) as node:
            made.port = node.opened.public[1]
            yield made
    finally:
        work.close()
        house.close()
