"""What a session shows is what its shares cover at that moment, and each look is written down."""

from __future__ import annotations

import pytest

from support.memory_reader import JANE, instance
from undisc_node.services.browsing_rows import Access, BrowserSession, Kind, Opened, SessionRow
from undisc_node.services.contents import Contents
from undisc_node.services.dicomweb.asking import read_question
from undisc_node.services.dicomweb.attributes import Level
from undisc_node.services.dicomweb.descriptions import Descriptions
from undisc_node.services.dicomweb.holdings import Holdings
from undisc_node.services.dicomweb.model import Described, Extent, Pixels
from undisc_node.services.dicomweb.rendering import Rendering, Wish
from undisc_node.services.dicomweb.retrieving import PDF, Retrieving
from undisc_node.services.dicomweb.searching import Searching
from undisc_node.services.errors import Invalid, NotFound, Refused
from undisc_node.services.viewing.looking import Looking
from undisc_node.services.viewing.session import allowed_of
from undisc_node.services.viewing.taking import Taking
from undisc_protocol.did import Did

HERS, OTHER = "1.2.1", "1.2.2"
LINK = Did("did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH")
READ, VIEW = "/img/read", "/img/view"


class Describing:
    """Describes every instance as an image of three frames."""

    document = b""

    def describe(self, stream, size):
        attributes = {
            "0008103E": {"vr": "LO", "Value": ["<b>bold</b>"]},
            "00420012": {"vr": "LO", "Value": ["text/html"]},
        }
        pixels = Pixels(at=0, length=6, bits=16, samples=1, rows=1, columns=1, frames=3)
        bulk = {"00420011": Extent(0, size)}
        return Described(attributes, "1.2.840.10008.1.2.1", pixels, bulk)


class Work:
    """Renders nothing, and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def run(self, task, request, **_):
        self.asked.append(request)
        return b"image"


class Sessions:
    """Keeps what was noted."""

    def __init__(self):
        self.noted = []

    def note(self, session, what, study):
        if (what, study) not in self.noted:
            self.noted.append((what, study))


class House:
    def __init__(self, practice):
        for uid in (HERS, OTHER):
            for series in (1, 2):
                for number in (1, 2):
                    practice.store(instance(number, study_uid=uid, series=series, patient=JANE))
        contents = Contents(packs=practice.packs)
        descriptions = Descriptions(packs=practice.packs, describer=Describing())
        holdings = Holdings(catalog=practice.catalog, packs=practice.packs, contents=contents)
        self.retrieving = Retrieving(
            packs=practice.packs, holdings=holdings, descriptions=descriptions
        )
        self.searching = Searching(
            catalog=practice.catalog, holdings=holdings, descriptions=descriptions
        )
        self.work, self.sessions, self.practice = Work(), Sessions(), practice
        self.looking = Looking(
            catalog=practice.catalog,
            holdings=holdings,
            retrieving=self.retrieving,
            rendering=Rendering(retrieving=self.retrieving, work=self.work),
            reports_of=lambda _: [],
            sessions=self.sessions,
        )
        with practice.catalog.look() as records:
            self.hers = records.studies.find_uid(HERS)
            self.other = records.studies.find_uid(OTHER)
            (pack,) = records.studies.packs(self.hers.id)
        self.series = [practice.packs.series_name(pack, f"{HERS}.{one}") for one in (1, 2)]

    def session(self, *, series=(), command=READ):
        row = SessionRow(
            b"h" * 32, Kind.SHARE, LINK, None, 1, "Dr Weiss", test=False, created_ms=0, until_ms=1
        )
        opened = Opened(self.hers.id, tuple(series), command, b"g" * 32, b"s" * 32, 10**10)
        return BrowserSession(row, (opened,))


@pytest.fixture
def house(alone):
    return House(alone)


def first_uid(house, series=1):
    found = house.retrieving.visible(allowed_of(house.session()), HERS, f"{HERS}.{series}")
    return found[0].stored.header.sop_uid


def test_the_page_shows_what_was_shared_and_nothing_of_the_same_patient_beside_it(house):
    (shown,) = house.looking.studies(house.session())
    assert shown.study.uid == HERS
    assert [one.uid for one in shown.series] == [f"{HERS}.1", f"{HERS}.2"]
    assert shown.whole
    assert house.sessions.noted == [(Access.VIEWED, house.hers.id)]


def test_frames_are_counted_one_by_one_and_asked_for_by_position(house):
    enhanced = "1.2.840.10008.5.1.4.1.1.2.1"
    house.practice.store(instance(3, study_uid=HERS, series=4, patient=JANE, sop_class=enhanced))
    (shown,) = house.looking.studies(house.session())
    assert {one.uid: one.images for one in shown.series} == {
        f"{HERS}.1": 2, f"{HERS}.2": 2, f"{HERS}.4": 3,
    }  # fmt: skip
    for series, images in ((f"{HERS}.1", 2), (f"{HERS}.4", 3)):
        for position in range(1, images + 1):
            shown_image = house.looking.image(house.session(), HERS, series, position, Wish())
            assert shown_image == b"image"
        with pytest.raises(NotFound) as caught:
            house.looking.image(house.session(), HERS, series, images + 1, Wish())
        assert caught.value.reason == "no_frame"


def test_a_share_of_one_series_cannot_read_another(house):
    """By whatever door: page, image, frames, description, search, bulk data, copy."""
    part = house.session(series=[house.series[0]])
    allowed = allowed_of(part)
    (shown,) = house.looking.studies(part)
    assert [one.uid for one in shown.series] == [f"{HERS}.1"]
    assert not shown.whole
    sop = first_uid(house, series=2)
    for door in (
        lambda: house.looking.image(part, HERS, f"{HERS}.2", 1, Wish()),
        lambda: house.looking.text(part, HERS, f"{HERS}.2", sop),
        lambda: house.looking.document(part, HERS, f"{HERS}.2", sop),
        lambda: house.retrieving.frames(allowed, HERS, f"{HERS}.2", sop, [1]),
        lambda: house.retrieving.described(allowed, HERS, f"{HERS}.2", sop),
        lambda: house.retrieving.instances(allowed, HERS, f"{HERS}.2", sop),
        lambda: house.retrieving.bulk(allowed, HERS, f"{HERS}.2", sop, "00420011"),
        lambda: house.retrieving.instances(allowed, HERS),
        # The right series cannot be used to name the other's instance.
        lambda: house.retrieving.frames(allowed, HERS, f"{HERS}.1", sop, [1]),
    ):
        with pytest.raises(NotFound):
            door()
    question = read_question([], Level.INSTANCE, lambda _: None)
    found = house.searching.instances(allowed, question, "", HERS)
    assert {one["0020000E"]["Value"][0] for one in found.results} == {f"{HERS}.1"}


def test_another_study_of_the_patient_is_as_if_it_were_not_there(house):
    session = house.session()
    for door in (
        lambda: house.looking.image(session, OTHER, f"{OTHER}.1", 1, Wish()),
        lambda: house.looking.saw(session, OTHER),
        lambda: house.looking.still(session, OTHER),
        lambda: house.retrieving.described(allowed_of(session), OTHER),
    ):
        with pytest.raises(NotFound):
            door()
    assert house.sessions.noted == []


def test_only_looking_gives_images_and_nothing_as_it_is_stored(house):
    """No instance, no description, no frame, no bulk data, no copy; and no attribute on request."""
    session = house.session(command=VIEW)
    allowed, sop = allowed_of(session), first_uid(house)
    assert house.looking.image(session, HERS, f"{HERS}.1", 1, Wish()) == b"image"
    assert house.looking.studies(session)
    names = (HERS, f"{HERS}.1", sop)
    for door in (
        lambda: house.retrieving.instances(allowed, *names),
        lambda: house.retrieving.instances(allowed, HERS),
        lambda: house.retrieving.described(allowed, *names),
        lambda: house.retrieving.frames(allowed, *names, [1]),
        lambda: house.retrieving.bulk(allowed, *names, "00420011"),
        lambda: house.retrieving.bulk(allowed, *names, "7FE00010"),
        lambda: Taking(looking=house.looking, media=None, sessions=house.sessions).medium(
            session, lambda: session
        ),
    ):
        with pytest.raises(Refused) as caught:
            door()
        assert caught.value.reason == "view_only"
    question = read_question(
        [("includefield", "00420012"), ("includefield", "all")], Level.INSTANCE, lambda _: None
    )
    found = house.searching.instances(allowed, question, "", HERS)
    assert found.results
    assert not any("00420012" in one for one in found.results)


def test_a_held_study_is_gone_from_every_door_at_once(house):
    session = house.session()
    assert house.looking.studies(session)
    house.practice.studies.hold(house.hers.id, "wrong patient", "ada")
    assert house.looking.studies(session) == []
    with pytest.raises(NotFound):
        house.looking.still(session, HERS)
    with pytest.raises(NotFound):
        house.looking.image(session, HERS, f"{HERS}.1", 1, Wish())


def test_the_media_type_that_a_document_claims_is_believed_only_if_it_is_pdf(house):
    """A stored text/html, served as it claims, would be a page of ours."""
    part = house.retrieving.bulk(
        allowed_of(house.session()), HERS, f"{HERS}.1", first_uid(house), "00420011"
    )
    assert part.media_type == "application/octet-stream"
    assert part.media_type != PDF


def test_what_is_no_report_is_not_shown_as_one(house):
    for door in (house.looking.text, house.looking.document):
        with pytest.raises(NotFound):
            door(house.session(), HERS, f"{HERS}.1", first_uid(house))
    assert house.sessions.noted == []


class Medium:
    """Three pieces of a MiB."""

    zip_size = 3 * 2**20

    def zip(self):
        for _ in range(3):
            yield bytes(2**20)


class Media:
    def of(self, found):
        self.found = found
        return Medium()


def test_a_copy_holds_what_was_shared_and_is_written_down_before_it_leaves(house):
    media = Media()
    taking = Taking(looking=house.looking, media=media, sessions=house.sessions)
    part = house.session(series=[house.series[1]])
    size, pieces = taking.medium(part, lambda: part)
    assert house.sessions.noted == [(Access.COPIED, house.hers.id)]
    ((study, instances),) = media.found
    assert study.uid == HERS
    assert {one.stored.header.series_uid for one in instances} == {f"{HERS}.2"}
    assert sum(map(len, pieces)) == size


def test_a_revocation_stops_a_copy_between_two_slices(house):
    taking = Taking(looking=house.looking, media=Media(), sessions=house.sessions)
    session, asked = house.session(), []

    def still():
        asked.append(1)
        if len(asked) > 1:
            raise Refused("over", code="session_over")
        return session

    _, pieces = taking.medium(session, still)
    assert len(next(pieces)) == 2**20
    with pytest.raises(Refused):
        next(pieces)


def test_a_report_that_only_says_it_is_a_pdf_is_refused(house, monkeypatch):
    session = house.session()
    pdf = "1.2.840.10008.5.1.4.1.1.104.1"
    house.practice.store(instance(9, study_uid=HERS, series=3, patient=JANE, sop_class=pdf))
    (located,) = house.retrieving.visible(allowed_of(session), HERS, f"{HERS}.3")
    with pytest.raises(Invalid) as caught:
        house.looking.document(session, HERS, f"{HERS}.3", located.stored.header.sop_uid)
    assert caught.value.reason == "not_pdf"
